"""Whether a consent is admitted: pure checks, in the order in which they are listed in `admit`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from placet.core.batch_file import BatchRow
from placet.core.consent import CompactConsent, ConsentFields
from placet.core.eip712 import Domain
from placet.core.enrolment import NO_ENROLMENT, AnyEnrolment, BatchedEnrolment, EnrolmentOpening, demand_enrolled
from placet.core.errors import ConsentError, NotFoundError
from placet.core.ids import ConsentId
from placet.core.lawful import Breach
from placet.core.offers import Names, Scope
from placet.core.purposes import operation_words
from placet.core.signatures import Verifiers
from placet.core.values import Signature, Value, to_hex
from placet.core.wording import Wording
from placet.vault.chain_view import OfferFacts
from placet.vault.schema import DatasetInfo


class Submission(Value):
    """A consent handed in, without the words that follow from its offer. No enrolment for a named consent."""

    consent: CompactConsent
    signature: Signature
    enrolment: AnyEnrolment | None = None
    opening: EnrolmentOpening | None = None

    @classmethod
    def of_row(cls, row: BatchRow) -> Submission:
        """A batch file's row."""
        return cls(
            consent=CompactConsent.of(row.consent),
            signature=row.signature,
            enrolment=row.enrolment(),
            opening=row.opened(),
        )


if TYPE_CHECKING:
    from placet.vault.columns import RowSubjects

Tag = Callable[[str], bytes]
"""A subject to its keyed tag."""


@dataclass(frozen=True)
class AdmissionContext:
    """What `admit` needs besides the submission. `enrollers`: whose word counts for this offer."""

    facts: OfferFacts
    scope: Scope
    names: Names
    enrollers: Collection[bytes]
    institution: bytes
    domain: Domain
    verifiers: Verifiers
    now: int
    dead: Collection[bytes]
    tag: Tag
    subjects: RowSubjects
    """Of the offer's table, by their tags."""

    def knows(self, subject: str) -> bool:
        return self.tag(subject) in self.subjects


def demand_offer(facts: OfferFacts, scope: Scope, dataset: DatasetInfo, institution: bytes, names: Names) -> None:
    """ConsentError unless this institution made the offer, the scope is the offer's, and the table has its columns, is
    the persons' or the institution's as the scope says, and has the identifiers, of the kind, and the amounts, of the
    decimals, that the scope says."""
    if facts.provider != institution or scope.provider != institution:
        raise ConsentError("the offer is another institution's", expected=to_hex(institution), code="consent.provider")
    if scope.personal is not dataset.personal:
        raise ConsentError(
            "offer and table disagree on whose data these are",
            expected="persons'" if dataset.personal else "the institution's own",
            found="persons'" if scope.personal else "the institution's own",
            remedy="who imports a table of the institution's own says so: placet vault import --own",
            code="consent.personal",
        )
    for breach in table_breaches(scope, dataset):
        raise breach.error(ConsentError, "consent")
    operation_words(facts.offer.operations)
    try:
        Wording(facts.offer, scope, names)
    except NotFoundError as error:
        raise ConsentError(error.message, found=error.found, remedy=error.remedy, code="consent.stranger") from None


_ANEW = "make a new offer of the table as it is: placet offer make"


def table_breaches(scope: Scope, dataset: DatasetInfo) -> Iterator[Breach]:
    """Where the table as it is now, which may have been imported again since the offer was made, has not the columns,
    the kind of identifier or the decimals that the owners were shown."""
    absent = [column for column in scope.columns if column not in dataset.columns]
    if absent:
        yield Breach(
            "columns",
            "the scope names columns that the table has not",
            expected=", ".join(dataset.columns),
            found=", ".join(absent),
        )
    table = dataset.table
    if dataset.origin is not None:
        return
    if (scope.identifier, scope.namespace) != (table.identifier, table.namespace):
        yield Breach(
            "namespace",
            "the scope says another kind of identifier than the table has",
            expected=f"{table.identifier}, of the kind {table.namespace}",
            found=f"{scope.identifier}, of the kind {scope.namespace}",
            remedy=_ANEW,
        )
    declared = {name: number for name, number in dataset.decimals.items() if name in scope.columns}
    if declared != scope.decimals:
        yield Breach(
            "decimals",
            "offer and table disagree on the decimals of amounts",
            expected=_decimals(declared),
            found=_decimals(scope.decimals),
            remedy=_ANEW,
        )


def _decimals(by_column: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {number}" for name, number in sorted(by_column.items())) or "none"


def admit(submission: Submission, wording: Wording, situation: AdmissionContext) -> ConsentId:
    """The id of a consent that is admitted.

    Raises SignatureError or ConsentError: the owner signed exactly the words that follow from offer and scope; a person
    is enrolled by somebody whose word counts, the enrolment opens to a subject, the table has that
    subject; an institution grants its own data itself; not expired, exhausted, withdrawn or revoked.
    """
    consent = submission.consent
    identity = wording.consent_id(consent.fields)
    digest = situation.domain.digest(identity)
    # Persons reach the chain in batches, which take no ERC-1271 owners, since their validity can change.
    verifiers = situation.verifiers.asking(None) if situation.scope.personal else situation.verifiers
    verifiers.demand("the consent", consent.owner, digest, submission.signature)
    if situation.scope.personal:
        _demand_enrolled(submission, situation)
    else:
        _demand_own(submission, situation)
    _demand_alive(identity, consent, situation)
    return identity


def _demand_enrolled(submission: Submission, situation: AdmissionContext) -> None:
    enrolment, opening, consent = submission.enrolment, submission.opening, submission.consent
    if enrolment is None or opening is None or consent.enrolment == NO_ENROLMENT:
        raise ConsentError("a person's consent needs an enrolment and its opening", code="consent.unenrolled")
    if enrolment.subject != consent.enrolment:
        raise ConsentError(
            "the enrolment is not the one in the consent",
            expected=to_hex(consent.enrolment),
            found=to_hex(enrolment.subject),
            code="consent.enrolment",
        )
    if isinstance(enrolment, BatchedEnrolment):
        raise ConsentError(
            "an enrolment in a batch comes with a batch of consents",
            expected="the enroller's signature for this key alone",
            remedy="take it in by a batch file: placet batch import --enrolments FILE",
            code="consent.enrolment",
        )
    if enrolment.enroller not in situation.enrollers:
        raise ConsentError(
            "the offer does not accept this enroller",
            expected="an enroller that the offer's scope names, and the vault's trust list for its kind of identifier",
            found=to_hex(enrolment.enroller),
            code="consent.enroller",
        )
    demand_enrolled(
        consent.owner,
        enrolment.enroller,
        enrolment.subject,
        enrolment.signature,
        namespace=situation.scope.namespace,
        domain=situation.domain,
    )
    if opening.commitment != enrolment.subject:
        raise ConsentError("the opening does not open the enrolment", code="consent.opening")
    if not situation.knows(opening.subject):
        raise _stranger()


def admit_checked(identity: ConsentId, row: BatchRow, is_known: bool, situation: AdmissionContext) -> None:
    """What is left to check of a batch file's row whose words, signatures and enrolment are known to be good.
    `is_known`: has the table this subject?"""
    if row.opening is None:
        raise ConsentError("a person's consent needs an enrolment and its opening", code="consent.unenrolled")
    if not is_known:
        raise _stranger()
    _demand_alive(identity, row.consent, situation)


def _stranger() -> ConsentError:
    return ConsentError("the dataset has no row of this person", code="consent.subject")


def _demand_own(submission: Submission, situation: AdmissionContext) -> None:
    if submission.enrolment is not None or submission.opening is not None:
        raise ConsentError("an institution's consent has no enrolment", code="consent.enrolment")
    if submission.consent.enrolment != NO_ENROLMENT:
        raise ConsentError("an institution's consent has no enrolment", expected="zero", code="consent.enrolment")
    if submission.consent.owner != situation.institution:
        raise ConsentError(
            "only the institution itself consents for its own data",
            expected=to_hex(situation.institution),
            found=to_hex(submission.consent.owner),
            code="consent.owner",
        )


def _demand_alive(identity: ConsentId, consent: CompactConsent | ConsentFields, situation: AdmissionContext) -> None:
    if identity in situation.dead:
        raise ConsentError("the consent was withdrawn or revoked", code="consent.withdrawn")
    if consent.not_after < situation.now:
        raise ConsentError(
            "the consent has expired",
            expected=f"not_after ≥ {situation.now}",
            found=consent.not_after,
            code="consent.expired",
        )
    if consent.first_opening + consent.uses <= situation.facts.openings:
        raise ConsentError(
            "the consent is exhausted",
            expected=f"an end above opening {situation.facts.openings}",
            found=consent.first_opening + consent.uses,
            code="consent.exhausted",
        )
