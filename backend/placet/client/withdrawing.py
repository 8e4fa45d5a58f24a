"""A company's withdrawal of the consent for a document: at once, also while its client runs in the same folder.

It takes part in nothing: no plan is signed, no job goes on. The transaction goes into the folder's outbox; the client
that runs there sends it, or, where none does, this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from placet.client.company import alone
from placet.core.consent import Status, withdrawal_hash
from placet.core.errors import ChainError, Reverted
from placet.jobs.documents import Documents
from placet.node.config import NodeSettings
from placet.node.service import open_node

_LOOK = 0.2
_OVER = (Status.WITHDRAWN, Status.REVOKED)


async def withdraw(settings: NodeSettings, consent: bytes, *, seconds: float) -> None:
    """Until the withdrawal is on chain; nothing is done where it is there already. NotFoundError for a consent that is
    none of this folder's, Reverted if the contract refuses, ChainError after `seconds` (it is not lost)."""
    node = open_node(settings)
    await asyncio.to_thread(node.chain.check)
    record = Documents(settings.folder / "documents").of(consent)
    full = record.consent.expand(record.offer, record.scope, node.trust.name)
    signature = node.keys.signer.sign(node.deployment.consents.digest(withdrawal_hash(consent)))
    intent, until = f"withdraw:{consent.hex()}:0", time.monotonic() + seconds
    node.sender.submit(intent, node.calls.withdraw(full.grant(), signature), node.keys.recorder.address)
    try:
        with alone(settings) as mine:
            sending = asyncio.create_task(node.sender.run()) if mine else None
            try:
                while (await asyncio.to_thread(node.chain.consent, consent)).status not in _OVER:
                    outcome = node.sender.outcome(intent)
                    if isinstance(outcome, Reverted):
                        raise outcome
                    if time.monotonic() > until:
                        raise ChainError(
                            "the withdrawal is not confirmed yet", expected=f"within {seconds:g} s", remedy="again"
                        )
                    await asyncio.sleep(_LOOK)
            finally:
                if sending is not None:
                    sending.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await sending
    finally:
        node.engine.dispose()
