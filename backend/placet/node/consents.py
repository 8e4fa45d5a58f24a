"""Consents at this node: drafts, acceptance, what their owners may see. All functions are synchronous but `accept`."""

from __future__ import annotations

import asyncio
import functools
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from placet.core.consent import (
    NO_ENROLMENT,
    CompactConsent,
    Consent,
    Offer,
    Scope,
    demand_derived,
    derive,
    enrolment_hash,
    notice,
)
from placet.core.errors import ConsentError, InputError, NotFoundError
from placet.core.merkle import batch_levels, batch_proof
from placet.core.signatures import Verifiers
from placet.core.values import to_hex
from placet.node import models
from placet.node.intake import Entry
from placet.node.models import ConsentStatus
from placet.node.service import Node
from placet.node.state import batches, consents, now, reading, withdrawals
from placet.node.taking import take_in

PAGE = 100
_SCAN = 1_000
_NONE = bytes(20)


def texts(node: Node, offer: Offer, scope: Scope) -> models.Texts:
    """The words of any consent to this offer."""
    details = derive(
        _NONE,
        offer,
        scope,
        node.trust.name,
        not_before=0,
        not_after=0,
        first_opening=0,
        uses=1,
        enrolment=NO_ENROLMENT,
        salt=bytes(32),
    ).details
    return models.Texts(**{name: getattr(details, name) for name in models.Texts.model_fields})


def draft(node: Node, asked: models.DraftRequest) -> models.Draft:
    """A consent that covers the offer's next `uses` openings, ready to be signed. ConsentError, InputError."""
    offer = node.offer(asked.offer)
    scope = node.scopes.of(offer)
    if scope.personal == (asked.enrolment is None or asked.enrolment == NO_ENROLMENT):
        raise _needs_enrolment() if scope.personal else _no_enrolment()
    if asked.not_before > asked.not_after or asked.not_after < now():
        raise InputError("the time window makes no sense", expected="notBefore ≤ notAfter, and notAfter in the future")
    first_opening = node.chain.offer(asked.offer).openings
    if first_opening + asked.uses >= 2**32:
        raise InputError("too many uses", expected=f"less than {2**32 - first_opening}", found=asked.uses)
    consent = derive(
        asked.owner,
        offer,
        scope,
        node.trust.name,
        not_before=asked.not_before,
        not_after=asked.not_after,
        first_opening=first_opening,
        uses=asked.uses,
        enrolment=asked.enrolment or NO_ENROLMENT,
        salt=secrets.token_bytes(32),
    )
    return models.Draft(
        id=consent.id,
        consent=consent,
        notice=notice(offer, scope, node.trust.name, asked.not_before, asked.not_after, asked.uses),
        typed_data=consent.typed_data(node.deployment.consents),
    )


async def accept(node: Node, submission: models.Submission) -> models.Accepted:
    """Take a signed consent on: vault first, then this node's queue for the chain. The same id again changes nothing.

    Raises ConsentError, SignatureError, LimitError, and ChainError while the chain is lost.
    """
    known, route = await asyncio.to_thread(_examine, node, submission)
    if known is not None:
        return known
    await node.intake.enter(Entry(submission, route), functools.partial(take_in, node))
    return models.Accepted(id=submission.consent.id, status=ConsentStatus.PENDING)


def _examine(node: Node, submission: models.Submission) -> tuple[models.Accepted | None, str]:
    """All checks that need no vault; what is known already, and the route to the chain."""
    consent = submission.consent
    scope = node.own_offer(consent.offer)
    demand_derived(consent, scope, node.trust.name)
    domain = node.deployment.consents
    digest = domain.digest(consent.id)
    batched = Verifiers(node.chain.verifiers.p256).accepts(consent.owner, digest, submission.signature)
    if not batched:
        node.chain.verifiers.demand("the consent", consent.owner, digest, submission.signature)
    known = _known(node, consent.id)
    if known is not None:
        return known, ""
    node.demand_chain()
    _demand_usable(node, consent)
    if scope.personal:
        if not batched:
            raise ConsentError(
                "a person's consent can't be a contract's yet",
                expected="an owner with an ECDSA or a P-256 key, whose signature stays what it is",
                found=to_hex(consent.owner),
                remedy="consent with the key of a wallet, or with a passkey",
                code="consent.contract",
            )
        _demand_enrolled(node, submission, scope)
    elif submission.enrolment is not None or consent.details.enrolment != NO_ENROLMENT:
        raise _no_enrolment()
    elif consent.owner != node.address:
        raise ConsentError(
            "only the institution itself consents for its own data",
            expected=to_hex(node.address),
            found=to_hex(consent.owner),
            code="consent.owner",
        )
    return None, "batch" if scope.personal else "grant"


def _known(node: Node, consent: bytes) -> models.Accepted | None:
    try:
        row = find(node, consent)
    except NotFoundError:
        return None
    return models.Accepted(id=consent, status=_View(node).status(row))


def _demand_usable(node: Node, consent: Consent) -> None:
    at = now()
    if consent.not_after < at:
        raise ConsentError(
            "the consent has expired", expected=f"notAfter ≥ {at}", found=consent.not_after, code="consent.expired"
        )
    if consent.id in node.ended(consent.offer.id):
        raise ConsentError(
            "the consent was withdrawn or revoked",
            remedy="ask for a fresh draft and sign that",
            code="consent.withdrawn",
        )
    with reading(node.engine) as connection:
        asked = sa.select(withdrawals.c.consent).where(
            withdrawals.c.consent == consent.id, withdrawals.c.state != "refused"
        )
        if connection.execute(asked).first() is not None:
            raise ConsentError("the consent is being withdrawn", remedy="sign a fresh one", code="consent.withdrawn")
    openings = node.openings(consent.offer.id)
    if consent.opens_before <= openings:
        raise ConsentError(
            "the consent is exhausted before it is given",
            expected=f"an end above opening {openings}",
            found=consent.opens_before,
            remedy="ask for a fresh draft and sign that",
            code="consent.exhausted",
        )


def _demand_enrolled(node: Node, submission: models.Submission, scope: Scope) -> None:
    given, consent = submission.enrolment, submission.consent
    if given is None or consent.details.enrolment == NO_ENROLMENT:
        raise _needs_enrolment()
    if given.subject != consent.details.enrolment:
        raise ConsentError(
            "the enrolment is not the one in the consent",
            expected=to_hex(consent.details.enrolment),
            found=to_hex(given.subject),
            code="consent.enrolment",
        )
    if given.enroller not in (scope.enrollers or (scope.provider,)):
        raise ConsentError(
            "the offer does not accept this enroller",
            expected="an enroller that the offer's scope lists",
            found=to_hex(given.enroller),
            code="consent.enroller",
        )
    digest = node.deployment.consents.digest(enrolment_hash(consent.owner, given.subject))
    Verifiers(frozenset()).demand("the enrolment", given.enroller, digest, given.signature)
    if given.opening.commitment != given.subject:
        raise ConsentError("the opening does not open the enrolment", code="consent.opening")


def find(node: Node, consent: bytes) -> sa.RowMapping:
    """A consent's row. NotFoundError."""
    with reading(node.engine) as connection:
        row = connection.execute(sa.select(consents).where(consents.c.id == consent)).mappings().first()
    if row is None:
        raise unknown()
    return row


def unknown() -> NotFoundError:
    """The same for a consent that isn't here and for one of somebody else."""
    return NotFoundError(
        "this node knows no such consent of yours",
        remedy="ask the node that took it, signed by the consent's own key",
        code="not-found.consent",
    )


def compact(row: sa.RowMapping) -> CompactConsent:
    """A row as the compact consent."""
    return CompactConsent(**{name: row[name] for name in CompactConsent.model_fields})


def full(node: Node, row: sa.RowMapping) -> Consent:
    """A row as the full consent, with the words that were signed."""
    offer = node.offer(bytes(row["offer"]))
    return compact(row).expand(offer, node.scopes.of(offer), node.trust.name)


def show(node: Node, consent: bytes, owner: bytes | None) -> models.ConsentAnswer:
    """A consent for its owner, or for the institution (None). NotFoundError if it is somebody else's."""
    row = find(node, consent)
    if owner is not None and bytes(row["owner"]) != owner:
        raise unknown()
    return _View(node).show(row)


def listing(node: Node, owner: bytes | None, status: ConsentStatus | None, cursor: bytes | None) -> models.ConsentPage:
    """Up to `PAGE` consents in the order of their ids, of one owner or (None) of all."""
    asked = sa.select(consents).where(consents.c.id > (cursor or b"")).order_by(consents.c.id).limit(_SCAN)
    if owner is not None:
        asked = asked.where(consents.c.owner == owner)
    with reading(node.engine) as connection:
        rows = connection.execute(asked).mappings().all()
    view = _View(node)
    found: list[models.ConsentAnswer] = []
    for row in rows:
        if len(found) == PAGE:
            return models.ConsentPage(consents=found, cursor=found[-1].id)
        if status is None or view.status(row) is status:
            found.append(view.show(row))
    return models.ConsentPage(consents=found, cursor=bytes(rows[-1]["id"]) if len(rows) == _SCAN else None)


@functools.lru_cache(maxsize=32)
def _levels(leaves: bytes) -> list[list[bytes]]:
    return batch_levels(split(leaves))


def split(joined: bytes) -> list[bytes]:
    """32-byte values from their concatenation."""
    return [joined[i : i + 32] for i in range(0, len(joined), 32)]


def proof_of(leaves: bytes, consent: bytes) -> list[bytes]:
    """Siblings from a consent's leaf to the root of a batch (leaves concatenated)."""
    return batch_proof(_levels(leaves), split(leaves).index(consent))


def batch_of(node: Node, number: int) -> sa.RowMapping:
    """A batch's row."""
    with reading(node.engine) as connection:
        return connection.execute(sa.select(batches).where(batches.c.id == number)).mappings().one()


@dataclass
class _View:
    """One look at the node for a whole answer: what the chain says of an offer is asked once."""

    node: Node

    def __post_init__(self) -> None:
        self._dead = functools.cache(self.node.ended)
        self._openings = functools.cache(lambda offer: self.node.chain.offer(offer).openings)

    def status(self, row: sa.RowMapping) -> ConsentStatus:
        consent, offer = bytes(row["id"]), bytes(row["offer"])
        dead = self._dead(offer).get(consent)
        if dead is not None:
            return ConsentStatus.REVOKED if dead.kind == "revoked" else ConsentStatus.WITHDRAWN
        if self._withdrawing(consent):
            return ConsentStatus.WITHDRAWING
        own = ConsentStatus(row["status"])
        if own is ConsentStatus.REFUSED:
            return own
        if row["not_after"] < now():
            return ConsentStatus.EXPIRED
        if own is ConsentStatus.GIVEN and row["first_opening"] + row["uses"] <= self._openings(offer):
            return ConsentStatus.EXHAUSTED
        return own

    def _withdrawing(self, consent: bytes) -> bool:
        with reading(self.node.engine) as connection:
            asked = sa.select(withdrawals.c.consent).where(
                withdrawals.c.consent == consent, withdrawals.c.state != "refused"
            )
            return connection.execute(asked).first() is not None

    def show(self, row: sa.RowMapping) -> models.ConsentAnswer:
        consent = bytes(row["id"])
        batch = None
        if row["batch"] is not None:
            held = batch_of(self.node, row["batch"])
            batch = models.BatchProof(
                root=bytes(held["root"]), proof=proof_of(bytes(held["leaves"]), consent), block=held["block"]
            )
        return models.ConsentAnswer(
            id=consent,
            status=self.status(row),
            offer=bytes(row["offer"]),
            consent=compact(row),
            leaf=consent,
            batch=batch,
            block=row["block"],
            error=row["error"],
        )


def _needs_enrolment() -> ConsentError:
    return ConsentError(
        "a person's consent needs an enrolment",
        expected="the subject commitment of an enrolment by an enroller that the offer's scope lists",
        code="consent.unenrolled",
    )


def _no_enrolment() -> ConsentError:
    return ConsentError("an institution's consent for its own data has no enrolment", code="consent.enrolment")
