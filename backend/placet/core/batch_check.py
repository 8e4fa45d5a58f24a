"""What makes a batch's row good, of one and of many: pure, without the batches of enrolments that rows rely on."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import NamedTuple

from placet.core.batch_file import BatchRow, at_row
from placet.core.eip712 import Domain
from placet.core.enrolment import (
    NO_ENROLMENT,
    accepted_enrollers,
    demand_enrolled,
    enrolment_hash,
    is_enrolled,
    is_root,
    subject_commitment,
)
from placet.core.enrolment_batch import BatchName, Claim, enrolment_leaf
from placet.core.errors import ConsentError, InputError, PlacetError
from placet.core.ids import BatchRoot, ConsentId
from placet.core.merkle import batch_root
from placet.core.offers import Offer, Scope
from placet.core.signature_forms import is_in_form
from placet.core.signatures import Verifiers
from placet.core.trust import TrustList
from placet.core.values import to_hex
from placet.core.wording import Wording


class RowCheck:
    """What makes a row good, in the order of `demand`. ConsentError where offer and scope do not fit."""

    def __init__(self, offer: Offer, scope: Scope, domain: Domain, verifiers: Verifiers, trust: TrustList) -> None:
        if not scope.personal:
            raise ConsentError("a batch holds persons' consents", expected="a scope of personal data")
        self._wording = Wording(offer, scope, trust.name)
        self._domain = domain
        self._verifiers = verifiers
        self._enrollers = accepted_enrollers(scope, trust)
        self._namespace = scope.namespace

    def in_form(self, row: BatchRow) -> BatchRow:
        """The row with its signatures in the form that a batch file has, from one that has them as wallets write them.
        SignatureError for a signature that has another form and is nobody's; others are not checked."""
        owner, enrolment = row.consent.owner, row.consent.enrolment
        digest = self._domain.digest
        if not is_in_form(owner, row.signature):
            signature = self._verifiers.normal("the consent", owner, digest(self.identity(row)), row.signature)
            row = row._replace(signature=signature)
        if not is_root(row.enrolled) and not is_in_form(row.enroller, row.enrolled):
            of_enroller = digest(enrolment_hash(owner, self._namespace, enrolment))
            proof = self._verifiers.normal("the enrolment", row.enroller, of_enroller, row.enrolled)
            row = row._replace(enrolled=proof)
        return row

    def demand(self, row: BatchRow) -> ConsentId:
        """The consent's id. The enroller is one of the offer's; the opening, where it is there, opens the enrolment;
        the owner signed exactly the words that follow from the offer; the enroller signed for this owner's key, or
        names a batch of enrolments, which is not looked into here (`Checked.claims`)."""
        if row.consent.enrolment == NO_ENROLMENT:
            raise ConsentError("a person's consent needs an enrolment", code="consent.unenrolled")
        if row.enroller not in self._enrollers:
            raise ConsentError(
                "the offer does not accept this enroller",
                expected="an enroller that the offer's scope and the trust list name",
                found=to_hex(row.enroller),
                code="consent.enroller",
            )
        if row.opening is not None and subject_commitment(*row.opening) != row.consent.enrolment:
            raise ConsentError("the opening does not open the enrolment", code="consent.opening")
        identity = self.identity(row)
        owner, enrolment = row.consent.owner, row.consent.enrolment
        self._verifiers.demand("the consent", owner, self._domain.digest(identity), row.signature)
        if not is_root(row.enrolled):
            demand_enrolled(
                owner, row.enroller, enrolment, row.enrolled, namespace=self._namespace, domain=self._domain
            )
        return identity

    def identity(self, row: BatchRow) -> ConsentId:
        """The consent's id alone, without any check of signatures."""
        return self._wording.consent_id(row.consent)

    def accepted(self, rows: Sequence[BatchRow]) -> list[ConsentId | None]:
        """What `demand` says of each of many rows, but None in place of an error."""
        ids = self._wording.ids([row[0] for row in rows])
        digests = self._domain.digests(identity or NO_ENROLMENT for identity in ids)
        signed = self._verifiers.accept_many([row[0][0] for row in rows], digests, [row[1] for row in rows])
        enrollers, namespace, domain = self._enrollers, self._namespace, self._domain
        return [
            identity
            if is_signed
            and (subject := consent[5]) != NO_ENROLMENT
            and enroller in enrollers
            and (opening is None or subject_commitment(*opening) == subject)
            and (is_root(enrolled) or is_enrolled(consent[0], enroller, subject, enrolled, namespace, domain))
            else None
            for identity, is_signed, (consent, _, enroller, enrolled, opening) in zip(ids, signed, rows, strict=True)
        ]


class Checked(NamedTuple):
    """Rows that are good if the batches of enrolments that they name hold what they claim of them."""

    ids: list[ConsentId]
    root: BatchRoot
    """Of the batch tree over them."""
    claims: dict[BatchName, Claim]


def check_rows(check: RowCheck, rows: Sequence[BatchRow], first: int) -> Checked:
    """What some rows say, the first being number `first`. InputError names the first bad one."""
    accepted = check.accepted(rows)
    ids = [identity for identity in accepted if identity is not None]
    if len(ids) < len(rows) or not all(map(operator.lt, ids, ids[1:])):
        ids = _demanded(check, accepted, rows, first)
    claims, last, claim = dict[BatchName, Claim](), (b"", b""), Claim([], [])
    for place, (consent, _, enroller, enrolled, _) in enumerate(rows):
        if is_root(enrolled):
            if last != (name := (enroller, enrolled)):
                last, claim = name, claims.setdefault(name, Claim([], []))
            claim.places.append(place)
            claim.leaves.append(enrolment_leaf(consent[0], consent[5]))
    return Checked(ids, batch_root(ids), claims)


def _demanded(
    check: RowCheck, ids: Sequence[ConsentId | None], rows: Sequence[BatchRow], first: int
) -> list[ConsentId]:
    """Their ids, each there and ascending. InputError names the first row that is not good."""
    good = list[ConsentId]()
    for number, (identity, row) in enumerate(zip(ids, rows, strict=True), first):
        try:
            good.append(check.demand(row) if identity is None else identity)
            if len(good) > 1:
                demand_above(*good[-2:])
        except PlacetError as error:
            raise at_row(number, error) from None
    return good


def demand_above(last: ConsentId, identity: ConsentId) -> None:
    """InputError unless consent ids ascend."""
    if last >= identity:
        raise InputError(
            "a consent stands twice" if last == identity else "the consents are not in ascending order of their ids",
            expected=f"an id above {to_hex(last)}",
            found=to_hex(identity),
            code="batch.order",
        )
