"""Withdrawals: any node relays any owner's, at once.

Gas is spent on free keys' word here, so there are three budgets that can't eat each other: consents that this node took
(each can be withdrawn once), consents that the chain shows to be real, and all others.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import sqlalchemy as sa

from placet.core.consent import Consent
from placet.core.errors import InputError, NotFoundError, PlacetError
from placet.core.ids import NO_BATCH, BatchRoot, ConsentId
from placet.core.merkle import batch_verify
from placet.core.values import to_hex
from placet.core.withdrawal import withdrawal_hash, withdrawal_typed_data
from placet.node.consents import models, relay
from placet.node.consents import queries as held
from placet.node.consents.models import ConsentStatus
from placet.node.http.limits import DAY, MINUTE, Budget, spend
from placet.node.service import Node
from placet.node.state import insert_new, now, reading, withdrawals


def draft(node: Node, consent: ConsentId) -> models.WithdrawalDraft:
    """What the owner signs; it follows from the id alone, so it tells nobody anything."""
    return models.WithdrawalDraft(typed_data=withdrawal_typed_data(consent, node.deployment.consents))


@dataclass(frozen=True)
class _Signed:
    """A withdrawal whose signature is good, in its one form; `cheap`: shown without asking the owner's contract.
    `consent` is in full, and `row` what this node has of it."""

    consent: Consent
    row: sa.RowMapping | None
    given: models.Withdrawal
    signature: bytes
    cheap: bool


async def accept(node: Node, identity: ConsentId, given: models.Withdrawal, client: str) -> models.ConsentAccepted:
    """Check a withdrawal of the address `client` and submit it at once. The same again changes nothing, unless the
    owner's contract refused it before.

    Raises SignatureError, NotFoundError, InputError, LimitError, and ChainError while the chain is lost.
    """
    run = asyncio.get_running_loop().run_in_executor
    consent, row = await run(node.withdrawing, _known, node, identity, given)
    digest = node.deployment.consents.digest(withdrawal_hash(identity))
    form = node.signers.of_key(consent.owner, digest, given.signature)
    cheap = form is not None
    if form is None:
        # An address pays for a question to the chain, and for nothing else before its signature is known to be good:
        # what others send from the same address must not stop a person's withdrawal.
        node.clients.take("requests", client, node.settings.limits.requests_per_client_minute)
        form = await node.signers.normal(client, "the withdrawal", consent.owner, digest, given.signature)
    return await run(node.withdrawing, _submit, node, _Signed(consent, row, given, form, cheap), client)


def _known(node: Node, identity: ConsentId, given: models.Withdrawal) -> tuple[Consent, sa.RowMapping | None]:
    row = held.find(node, identity)
    return _consent(node, identity, row, given), row


def _submit(node: Node, signed: _Signed, client: str) -> models.ConsentAccepted:
    consent, row = signed.consent, signed.row
    identity = consent.id
    whose = "withdrawals" if row is not None else "withdrawals of consents that came with them"
    node.clients.take(whose, client, node.settings.limits.withdrawals_per_client_minute)
    ended = node.ended(consent.offer.id).get(identity)
    if ended is not None:
        return models.ConsentAccepted(id=identity, status=ConsentStatus(ended.kind))
    with reading(node.engine) as connection:
        earlier = connection.execute(sa.select(withdrawals).where(withdrawals.c.consent == identity)).mappings().first()
        if earlier is not None and earlier["state"] != "refused":
            return models.ConsentAccepted(id=identity, status=ConsentStatus.WITHDRAWING)
    node.demand_chain()
    place = _place(node, consent, row, signed.given)
    budget = _budget(node, consent, row, place, cheap=signed.cheap)
    batch, proof = place if place is not None else (None, None)
    entry = {
        "consent": identity,
        **consent.grant()._asdict(),
        "signature": signed.signature,
        "batch": batch,
        "proof": None if proof is None else b"".join(proof),
        "state": "written",
        "block": None,
        "attempts": 0 if earlier is None else earlier["attempts"] + 1,
        "retry_at": 0,
        "error": None,
        "created": now(),
    }
    with node.engine.begin() as connection:
        spend(connection, now(), budget)
        refused = (withdrawals.c.consent == identity) & (withdrawals.c.state == "refused")
        connection.execute(sa.delete(withdrawals).where(refused))
        insert_new(connection, withdrawals, entry)
        written = connection.execute(sa.select(withdrawals).where(withdrawals.c.consent == identity)).mappings().one()
    relay.withdraw(node, written)
    node.relaying.send()
    return models.ConsentAccepted(id=identity, status=ConsentStatus.WITHDRAWING)


def _consent(node: Node, identity: ConsentId, row: sa.RowMapping | None, given: models.Withdrawal) -> Consent:
    if row is not None:
        try:
            return held.full(node, row)
        except PlacetError:  # its scope document is lost or damaged
            if given.consent is None:
                raise
    if given.consent is None:
        raise NotFoundError(
            "this node does not know the consent",
            found=to_hex(identity),
            remedy="send the full consent with the withdrawal",
            code="not-found.consent",
        )
    if given.consent.id != identity:
        raise InputError("the consent is another one", expected=to_hex(identity), found=to_hex(given.consent.id))
    if given.consent.offer.id not in node.offers():
        raise NotFoundError("the consent's offer is not on this chain", found=to_hex(given.consent.offer.id))
    return given.consent


def _place(
    node: Node, consent: Consent, row: sa.RowMapping | None, given: models.Withdrawal
) -> tuple[BatchRoot, list[bytes]] | None:
    """The anchored batch that holds the consent, and the proof; None if there is none yet."""
    if row is not None and row["batch"] is not None:
        batch = held.batch_of(node, row["batch"])
        if batch["state"] != "anchored":
            return None
        return BatchRoot(batch["root"]), held.proof_of(bytes(batch["leaves"]), consent.id)
    root = given.batch
    if row is not None or root is None or root == NO_BATCH:
        return None
    if not batch_verify(root, consent.id, given.proof) or not node.chain.batch(consent.offer.id, root):
        raise InputError(
            "the proof does not show the consent in an anchored batch",
            expected="batch and proof as GET /v1/consents/{id} gives them",
            code="input.proof",
        )
    return root, list(given.proof)


def _budget(
    node: Node, consent: Consent, row: sa.RowMapping | None, place: tuple[BatchRoot, list[bytes]] | None, *, cheap: bool
) -> Budget:
    limits = node.settings.limits
    if row is not None:
        return Budget("withdraw:known", "withdrawals", limits.withdrawals_known_per_minute, MINUTE)
    # A contract may spend any amount of the relay's gas to check its owner's signature.
    if cheap and (place is not None or node.index.given(consent.id) is not None):
        return Budget("withdraw:proven", "withdrawals", limits.withdrawals_proven_per_minute, MINUTE)
    return Budget(
        "withdraw:unproven",
        "withdrawals of consents that the chain does not show",
        limits.withdrawals_unproven_per_day,
        DAY,
    )
