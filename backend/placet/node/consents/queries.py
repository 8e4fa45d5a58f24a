"""Consents at this node: drafts, and what their owners may see. How they come in: `admission`."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from placet.core.consent import CompactConsent, Consent, ConsentFields, derive
from placet.core.enrolment import NO_ENROLMENT
from placet.core.errors import ConsentError, InputError, NotFoundError
from placet.core.ids import BatchRoot, ConsentId, OfferId
from placet.core.languages import Language
from placet.core.merkle import batch_levels, batch_proof
from placet.core.notice import notice
from placet.core.offers import Offer, Scope, offer_words
from placet.node.consents import models
from placet.node.consents.models import ConsentStatus
from placet.node.service import Node
from placet.node.state import batches, consents, now, reading, withdrawals

PAGE = 100
_SCAN = 1_000
Row = Mapping[Any, Any]
"""A consent as the table has it, or as `lookup` makes it of what the vault has."""


def texts(node: Node, offer: Offer, scope: Scope, language: Language) -> models.Texts:
    """The words of any consent to this offer."""
    return models.Texts(**offer_words(offer, scope, node.trust.name, language)._asdict())


def draft(node: Node, request: models.DraftRequest) -> models.DraftResponse:
    """A consent that covers the offer's next `uses` openings, ready to be signed. ConsentError, InputError."""
    offer = node.offer(request.offer)
    scope = node.scopes.of(offer)
    if scope.personal == (request.enrolment is None or request.enrolment == NO_ENROLMENT):
        raise needs_enrolment() if scope.personal else no_enrolment()
    if request.not_before > request.not_after or request.not_after < now():
        raise InputError(
            "the time window makes no sense", expected="not_before ≤ not_after, and not_after in the future"
        )
    first_opening = node.chain.offer(request.offer).openings
    if first_opening + request.uses >= 2**32:
        raise InputError("too many uses", expected=f"less than {2**32 - first_opening}", found=request.uses)
    fields = ConsentFields(
        owner=request.owner,
        not_before=request.not_before,
        not_after=request.not_after,
        first_opening=first_opening,
        uses=request.uses,
        enrolment=request.enrolment or NO_ENROLMENT,
        salt=secrets.token_bytes(32),
        language=request.language,
    )
    consent = derive(fields, offer, scope, node.trust.name)
    return models.DraftResponse(
        id=consent.id,
        consent=consent,
        notice=notice(
            offer, scope, node.trust.name, request.not_before, request.not_after, request.uses, request.language
        ),
        typed_data=consent.typed_data(node.deployment.consents),
    )


def status_of(node: Node, row: Row) -> ConsentStatus:
    """A row's status, with what the chain says."""
    return _View(node).status(row)


def find(node: Node, consent: ConsentId) -> sa.RowMapping | None:
    """A consent's row; None if it did not come over this node's API."""
    with reading(node.engine) as connection:
        return connection.execute(sa.select(consents).where(consents.c.id == consent)).mappings().first()


def unknown() -> NotFoundError:
    """The same for a consent that isn't here and for one of somebody else."""
    return NotFoundError(
        "this node knows no such consent of yours",
        remedy="ask the node that took it, signed by the consent's own key",
        code="not-found.consent",
    )


def compact(row: Row) -> CompactConsent:
    """A row as the compact consent."""
    return CompactConsent(**{name: row[name] for name in CompactConsent.model_fields})


def full(node: Node, row: Row) -> Consent:
    """A row as the full consent, with the words that were signed."""
    offer = node.offer(OfferId(row["offer"]))
    return compact(row).expand(offer, node.scopes.of(offer), node.trust.name)


def show(node: Node, row: Row) -> models.ConsentResponse:
    """A consent, with what its owner needs to check it."""
    return _View(node).show(row)


def listing(node: Node, status: ConsentStatus | None, cursor: ConsentId | None) -> models.ConsentPage:
    """Up to `PAGE` of the consents that came over the API, in the order of their ids."""
    query = sa.select(consents).where(consents.c.id > (cursor or b"")).order_by(consents.c.id).limit(_SCAN)
    with reading(node.engine) as connection:
        rows = connection.execute(query).mappings().all()
    return page_of(node, rows, status, more=len(rows) == _SCAN)


def page_of(node: Node, rows: Sequence[Row], status: ConsentStatus | None, *, more: bool) -> models.ConsentPage:
    """The first `PAGE` of these rows; `more`: there may be others above them."""
    view = _View(node)
    page: list[models.ConsentResponse] = []
    for row in rows:
        if len(page) == PAGE:
            return models.ConsentPage(consents=page, cursor=page[-1].id)
        if status is None or view.status(row) is status:
            page.append(view.show(row))
    return models.ConsentPage(consents=page, cursor=ConsentId(rows[-1]["id"]) if more else None)


@functools.lru_cache(maxsize=32)
def _levels(leaves: bytes) -> list[list[bytes]]:
    return batch_levels(ids_of(leaves))


def ids_of(leaves: bytes) -> list[ConsentId]:
    """A batch's consents from its leaves, concatenated."""
    return [ConsentId(leaf) for leaf in split(leaves)]


def split(joined: bytes) -> list[bytes]:
    """32-byte values from their concatenation."""
    return [joined[i : i + 32] for i in range(0, len(joined), 32)]


def proof_of(leaves: bytes, consent: ConsentId) -> list[bytes]:
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

    def status(self, row: Row) -> ConsentStatus:
        """The chain's word where it has one, else what this node's queue says of it."""
        consent, offer = ConsentId(row["id"]), OfferId(row["offer"])
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

    def _withdrawing(self, consent: ConsentId) -> bool:
        with reading(self.node.engine) as connection:
            query = sa.select(withdrawals.c.consent).where(
                withdrawals.c.consent == consent, withdrawals.c.state != "refused"
            )
            return connection.execute(query).first() is not None

    def show(self, row: Row) -> models.ConsentResponse:
        """The consent with its proof, where it is in a batch."""
        consent = ConsentId(row["id"])
        return models.ConsentResponse(
            id=consent,
            status=self.status(row),
            offer=OfferId(row["offer"]),
            consent=compact(row),
            leaf=consent,
            batch=self._place(row, consent),
            block=row["block"],
            error=row["error"],
        )

    def _place(self, row: Row, consent: ConsentId) -> models.BatchProof | None:
        batch = row if row["batch"] is None else batch_of(self.node, row["batch"])
        if batch.get("root") is None:
            return None
        leaves = batch["leaves"]
        return models.BatchProof(
            root=BatchRoot(batch["root"]),
            proof=None if leaves is None else proof_of(bytes(leaves), consent),
            block=batch["block"],
        )


def needs_enrolment() -> ConsentError:
    """For a person's consent without one."""
    return ConsentError(
        "a person's consent needs an enrolment",
        expected="the subject commitment of an enrolment by an enroller that the offer's scope lists",
        code="consent.unenrolled",
    )


def no_enrolment() -> ConsentError:
    """For an institution's consent with one."""
    return ConsentError("an institution's consent for its own data has no enrolment", code="consent.enrolment")
