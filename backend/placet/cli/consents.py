"""`placet grant` and `revoke`: an institution's own yes, and its no for others."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from placet.cli.inputs import AsJson, NodeConfig, Timeout, read_consent, read_offer, read_span, when
from placet.cli.operator import EnsureTransaction, Operator
from placet.cli.output import emit, say, write_line
from placet.core.errors import ChainError, ConsentError

if TYPE_CHECKING:
    from placet.core.consent import Consent
    from placet.core.ids import OfferId


def grant(
    config: NodeConfig,
    offer: Annotated[str, typer.Option(help="The offer's id; one of the institution's own data (--own).")],
    until: Annotated[str, typer.Option(help="How long it holds, as in 90d.")] = "90d",
    uses: Annotated[int, typer.Option(min=1, help="For how many jobs.")] = 1,
    timeout: Timeout = 120,
    as_json: AsJson = False,
) -> None:
    """The institution's own consent for its own dataset, named on chain."""
    office = Operator(config)
    consent, status = asyncio.run(_grant(office, read_offer(offer), read_span(until), uses, timeout))
    from placet.core.values import to_hex

    if as_json:
        emit({"consent": to_hex(consent.id), "status": status, "not_after": consent.not_after})
    else:
        say(f"{status}, until {when(consent.not_after)}")
        write_line(to_hex(consent.id))


async def _grant(office: Operator, offer: OfferId, seconds: int, uses: int, timeout: float) -> tuple[Consent, str]:
    from dataclasses import replace

    from placet.core.signatures import Key
    from placet.owner.client import OwnerClient
    from placet.owner.keys import KeyKind, load_key

    secret = office.secret("signer")
    key = replace(load_key(KeyKind.SECP256K1, secret, office.deployment.p256_verifier.address), signer=office.address)
    async with OwnerClient(office.deployment, office.trust) as client:
        offered = await client.offer(office.api, offer)
        if offered.scope.personal:
            raise ConsentError("these data belong to persons", remedy="only their owners consent: placet owner grant")
        draft = await client.draft(offered, key.signer, not_after=int(time.time()) + seconds, uses=uses)
        signature = Key(secret).sign(office.deployment.consents.digest(draft.consent.id))
        status = await client.submit_own(office.api, draft.consent, signature)
        deadline = time.monotonic() + timeout
        while status != "given":
            if status == "refused":
                refused = await client.consent(office.api, key.signer, key, draft.consent.id)
                raise ChainError("the contract refused the consent", found=refused.error)
            if time.monotonic() > deadline:
                raise ChainError(
                    "the consent is not on chain yet", found=status, remedy="look again: placet offer list"
                )
            await asyncio.sleep(0.3)
            status = (await client.consent(office.api, key.signer, key, draft.consent.id)).status
        return draft.consent, status


def revoke(
    config: NodeConfig,
    consent: Annotated[str, typer.Argument(help="The consent's id.")],
    reason: Annotated[str, typer.Option(help="Why; its hash goes on chain, so keep the words.")],
    timeout: Timeout = 120,
) -> None:
    """Revoke a consent to one of the own offers, for ever: a lost key, a court. Owners withdraw by themselves."""
    from placet.core.consent import Status
    from placet.core.hashing import sha256
    from placet.core.merkle import batch_verify
    from placet.core.values import parse, to_hex
    from placet.node.consents.scopes import Scopes
    from placet.owner.answers import ConsentAnswer

    office = Operator(config)
    identity = read_consent(consent)
    answer = parse(ConsentAnswer, office.ask("GET", f"/v1/consents/{to_hex(identity)}"))
    offer = office.chain.offer(answer.offer).offer
    scope = Scopes(office.settings.path(office.settings.scopes)).of(offer)
    grant = answer.consent.expand(offer, scope, office.trust.name).grant()
    why = sha256(reason.encode())
    anchored = answer.batch is not None and office.chain.batch(answer.offer, answer.batch.root) > 0
    if answer.batch is not None and anchored and batch_verify(answer.batch.root, identity, answer.batch.proof):
        call = office.calls.revoke_batched(grant, why, answer.batch.root, answer.batch.proof)
    else:
        call = office.calls.revoke(grant, why)

    def ended() -> bool:
        return office.chain.consent(identity).status in (Status.WITHDRAWN, Status.REVOKED)

    name = f"revoke:{identity.hex()}:{call.data[:4].hex()}:{why.hex()[:16]}"
    office.send([EnsureTransaction(name, call, ended)], timeout)
    write_line(office.chain.consent(identity).status.name.lower())
