"""A company's withdrawal of the consent for a document: at once, also while its client runs in the same folder.

It takes part in nothing: no plan is signed, no job goes on. The transaction goes into the folder's outbox; the client
that runs there sends it, or, where none does, this process, after whatever stood in that account's queue before it.
"""

from __future__ import annotations

import asyncio
import contextlib

from placet.chain.intents import next_try
from placet.chain.signals import listening
from placet.chain.threaded import ask_chain
from placet.company.company import alone
from placet.core.consent import Status
from placet.core.errors import ChainError, Reverted
from placet.core.ids import ConsentId
from placet.core.withdrawal import withdrawal_hash
from placet.node.config import NodeSettings
from placet.node.service import Node, open_node
from placet.recipes.contract_compare.documents import Documents

_LOOK = 1.0
"""Seconds between two looks where the endpoint pushes no blocks, and at the folder's lock: nothing tells when another
process lets go of it."""


async def withdraw(settings: NodeSettings, consent: ConsentId, *, seconds: float) -> None:
    """Until the withdrawal is confirmed on chain; nothing is sent where it is there already.

    NotFoundError for a consent that is none of this folder's, Reverted if the contract refuses, ChainError after
    `seconds` (it is not lost)."""
    node = await asyncio.to_thread(open_node, settings)
    try:
        await ask_chain(node.chain.check)
        record = Documents(settings.folder / "documents").of(consent)
        signature = node.keys.signer.sign(node.deployment.consents.digest(withdrawal_hash(consent)))
        intent = (await asyncio.to_thread(next_try, node.sender, f"withdraw:{consent.hex()}")).intent
        if not await ask_chain(_over, node, consent):
            call = node.calls.withdraw(record.grant(), signature)
            await asyncio.to_thread(node.sender.submit, intent, call, node.keys.recorder.address)
        async with asyncio.timeout(seconds), _Sending(settings, node) as sending:
            with listening(node.heads.arrived) as listener:
                while not await ask_chain(_over, node, consent):
                    sending.try_again()
                    node.sender.new_block()
                    outcome = await asyncio.to_thread(node.sender.outcome, intent)
                    if isinstance(outcome, Reverted):
                        raise outcome
                    await listener.wait(_LOOK)
    except TimeoutError:
        raise ChainError(
            "the withdrawal is not confirmed yet", expected=f"within {seconds:g} s", remedy="give the command again"
        ) from None
    finally:
        node.engine.dispose()


def _over(node: Node, consent: ConsentId) -> bool:
    """As of the network's depth."""
    state = node.chain.consent(consent, block=node.chain.confirmed())
    return state.status in (Status.WITHDRAWN, Status.REVOKED)


class _Sending:
    """Hears of new blocks, and sends what is in the outbox as soon as no other client of the folder does."""

    def __init__(self, settings: NodeSettings, node: Node) -> None:
        self._settings, self._node = settings, node
        self._held = contextlib.ExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._sends = False

    def try_again(self) -> None:
        if not self._sends:
            with contextlib.ExitStack() as trying:
                if trying.enter_context(alone(self._settings)):
                    self._held = trying.pop_all()
                    self._sends = True
                    self._tasks.append(asyncio.create_task(self._node.sender.run()))

    async def __aenter__(self) -> _Sending:
        self._tasks.append(asyncio.create_task(self._node.heads.run()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._held.close()
