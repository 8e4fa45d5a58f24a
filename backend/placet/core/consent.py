"""What an owner says yes to, in words and in hashes: offers, scopes, consents, enrolments, withdrawals.

Everything that an owner's wallet shows is *derived* from the offer, its opened scope and the trust list, so that a
consent can't say something else than its offer. The compact form leaves the derivable parts out.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from enum import IntEnum
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from placet.core import eip712
from placet.core.errors import ConsentError, InputError
from placet.core.hashing import document_hash, keccak, sha256
from placet.core.ids import ConsentId, DatasetId, OfferId
from placet.core.purposes import PURPOSES, operation_words, purpose_id
from placet.core.times import flaw_of_time
from placet.core.values import (
    U32,
    U48,
    ZERO32,
    Address,
    BigUint,
    Bytes32,
    Name,
    Signature,
    Signer,
    Text,
    Value,
    invalid,
    to_hex,
)

_EPOCH = datetime.date(1970, 1, 1)
_CONSENT = eip712.CONSENT.type_hash

Names = Callable[[bytes], str]
"""An institution's address to its name for people; raises NotFoundError."""


class Status(IntEnum):
    """A consent's status as the contract stores it; DPV's words. Expired and exhausted follow from time and uses."""

    NONE = 0
    GIVEN = 1
    WITHDRAWN = 2
    REVOKED = 3


class Reason(IntEnum):
    """Why `ConsentRegistry.check` says no; the contract's `Reason`."""

    OK = 0
    UNKNOWN_OFFER = 1
    UNKNOWN_CONSENT = 2
    WITHDRAWN = 3
    REVOKED = 4
    NOT_YET_VALID = 5
    EXPIRED = 6
    NOT_YET_OPEN = 7
    EXHAUSTED = 8
    WRONG_OFFER = 9
    WRONG_CONSUMER = 10
    WRONG_PURPOSE = 11
    WRONG_OPERATION = 12


class Subjects(IntEnum):
    """Whom a dataset's rows are about; the contract's `Subjects`. The provider says it once, at the registration.

    PERSONS: a row is used only under its own person's consent. OWN: the provider consents for all rows at once. UNKNOWN
    is a dataset that nobody registered.
    """

    UNKNOWN = 0
    PERSONS = 1
    OWN = 2

    @classmethod
    def of(cls, personal: bool) -> Subjects:
        """As a scope or a vault's table says it."""
        return cls.PERSONS if personal else cls.OWN

    @property
    def words(self) -> str:
        return {self.UNKNOWN: "nobody knows whose", self.PERSONS: "persons'", self.OWN: "the institution's own"}[self]


class Offer(Value):
    """What may be asked of a dataset; `scope` is the hash of a `Scope` document."""

    dataset: DatasetId
    consumer: Address
    purpose: Bytes32
    operations: U32
    scope: Bytes32

    @cached_property
    def id(self) -> OfferId:
        """EIP-712 struct hash."""
        return OfferId(eip712.OFFER.hash(self))


def _none(value: object) -> bool:
    return value is None


class Scope(Value):
    """An offer's scope, opened. `personal` false means that the data belong to the institution itself.

    `smallest_gap`, in the smallest unit of the column that is added up, is for levels: no two edges are closer, not of
    different jobs either, since every edge is a multiple of it. A scope without one has no such field, so that its hash
    is what it was before there was any.
    """

    type: Literal["placet.scope"] = "placet.scope"
    version: Literal[1] = 1
    title: Text
    provider: Address
    purpose: Text
    columns: Annotated[tuple[Name, ...], Field(min_length=1, max_length=64)]
    output: Literal["total", "level", "aggregate", "association", "score", "rows", "matches", "comparison"]
    smallest_group: U32 = 1
    smallest_gap: Annotated[Annotated[BigUint, Field(gt=0, lt=2**63)] | None, Field(exclude_if=_none)] = None
    recipes: Annotated[tuple[Name, ...], Field(min_length=1, max_length=16)]
    parties: Annotated[tuple[Address, ...], Field(min_length=1, max_length=16)]
    enrollers: Annotated[tuple[Address, ...], Field(max_length=16)] = ()
    personal: bool = True
    salt: Bytes32

    @model_validator(mode="after")
    def _known_purpose(self) -> Scope:
        if self.purpose not in PURPOSES:
            raise ValueError("purpose is not one of the known DPV purposes")
        return self

    @model_validator(mode="after")
    def _gap_of_levels(self) -> Scope:
        if self.smallest_gap is not None and self.output != "level":
            raise ValueError("a smallest gap is between levels, so the output is level")
        return self

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the document, as it stands in the offer."""
        return document_hash(self)


_OUTPUT_WORDS = {
    "total": "one total per person over all parties",
    "level": "one level per person, by the total over all parties, and not the total",
    "aggregate": "counts, sums and means over groups of people",
    "association": "counts, sums and means over groups of people, and sums of products with another institution's data",
    "score": "one score per person",
    "rows": "single records",
    "matches": "which records match",
    "comparison": "the whole comparison, which holds both documents' text",
}


def _output(scope: Scope) -> str:
    words = _OUTPUT_WORDS[scope.output]
    if scope.smallest_gap is None:
        return words
    return f"{words}; levels begin at multiples of {scope.smallest_gap} of the data's smallest unit"


class OfferWords(NamedTuple):
    """What a wallet shows of every consent to one offer: the texts of its `Details`."""

    dataset: str
    consumer: str
    purpose: str
    columns: str
    output: str
    parties: str


class ConsentFields(NamedTuple):
    """What tells a consent from the others to its offer; the rest follows from offer, scope and trust list.

    Times are Unix seconds. The values are unchecked until a `Consent` or a `CompactConsent` is made of them.
    """

    owner: bytes
    not_before: int
    not_after: int
    first_opening: int
    uses: int
    enrolment: bytes
    salt: bytes


class Grant(NamedTuple):
    """The contract's `Grant`: a consent with hashes in place of texts."""

    owner: bytes
    offer: OfferId
    not_before: int
    not_after: int
    first_opening: int
    uses: int
    details: bytes


class Details(Value):
    """The words that a wallet shows with a consent."""

    dataset: str
    consumer: str
    purpose: str
    columns: str
    output: str
    parties: str
    notice: Bytes32
    enrolment: Bytes32
    salt: Bytes32

    @cached_property
    def hash(self) -> bytes:
        """EIP-712 struct hash."""
        return eip712.DETAILS.hash(self)


class Consent(Value):
    """One owner's yes to one offer, in full, as it is signed; for openings first_opening ≤ k < first_opening + uses."""

    owner: Signer
    offer: Offer
    not_before: U48
    not_after: U48
    first_opening: U32
    uses: Annotated[int, Field(ge=1, lt=2**32, strict=True)]
    details: Details

    @model_validator(mode="after")
    def _sane(self) -> Consent:
        if self.not_before > self.not_after:
            raise ValueError("not_before is after not_after")
        if self.first_opening + self.uses >= 2**32:
            raise ValueError("first_opening + uses must stay below 2^32")
        return self

    @cached_property
    def id(self) -> ConsentId:
        """EIP-712 struct hash."""
        return consent_id(*self.grant())

    @property
    def opens_before(self) -> int:
        """The first opening that this consent no longer covers."""
        return self.first_opening + self.uses

    @property
    def fields(self) -> ConsentFields:
        """What tells it from the other consents to its offer."""
        return ConsentFields(
            self.owner,
            self.not_before,
            self.not_after,
            self.first_opening,
            self.uses,
            self.details.enrolment,
            self.details.salt,
        )

    def grant(self) -> Grant:
        """What the contract stores."""
        return Grant(
            self.owner,
            self.offer.id,
            self.not_before,
            self.not_after,
            self.first_opening,
            self.uses,
            self.details.hash,
        )

    def typed_data(self, domain: eip712.Domain) -> dict[str, Any]:
        """The argument of `eth_signTypedData_v4`, with the members' names as the EIP-712 type has them."""
        return domain.typed_data("Consent", {to_camel(name): value for name, value in self.to_json().items()})


@functools.lru_cache(maxsize=256)
def _owner_hash(owner: bytes) -> bytes:
    return keccak(owner)


def consent_id(
    owner: bytes, offer: OfferId, not_before: int, not_after: int, first_opening: int, uses: int, details: bytes
) -> ConsentId:
    """A consent's id from hashes alone, as the contract computes it."""
    times, openings = not_before << 256 | not_after, first_opening << 256 | uses
    return ConsentId(
        keccak(_CONSENT, _owner_hash(owner), offer, times.to_bytes(64, "big"), openings.to_bytes(64, "big"), details)
    )


def withdrawal_hash(consent: ConsentId) -> bytes:
    """EIP-712 struct hash of a withdrawal."""
    return eip712.WITHDRAWAL.of(consent)


def withdrawal_typed_data(consent: ConsentId, domain: eip712.Domain) -> dict[str, Any]:
    """What a wallet signs to withdraw."""
    return domain.typed_data("Withdrawal", {"consent": to_hex(consent)})


FIRST_EPOCH = bytes(24)
"""The epoch of an offer of which no proven consent has ended, and the head of an empty list of unproven ends."""


def withdrawal_head(head: bytes, consent: ConsentId) -> bytes:
    """The next head (24 bytes) of a list of ended consents: an offer's proven ones, whose head is its epoch, or those
    that were unproven when they came."""
    return keccak(head, consent)[:24]


def notice(offer: Offer, scope: Scope, names: Names, not_before: int, not_after: int, uses: int) -> str:
    """The plain words that an owner reads before signing; its SHA-256 stands in the consent."""
    before, after = notice_frame(offer, scope, names)
    return f"{before}{window_words(not_before, not_after, uses)}{after}"


def notice_frame(offer: Offer, scope: Scope, names: Names) -> tuple[str, str]:
    """What stands before and after the `window_words` in every notice of an offer."""
    consumer = names(offer.consumer)
    others = ", ".join(names(p) for p in scope.parties)
    before = (
        f"You allow {names(scope.provider)} to let your data in “{scope.title}” be used for {consumer}.",
        f"Which data: {', '.join(scope.columns)}.",
        f"What for: {PURPOSES[scope.purpose]} ({scope.purpose}).",
        f"How: {operation_words(offer.operations)}; recipe {', '.join(scope.recipes)}.",
        f"What {consumer} gets: {_output(scope)}"
        + (f", never for fewer than {scope.smallest_group} people together." if scope.smallest_group > 1 else "."),
        f"Institutions that take part: {others}.",
    )
    after = (
        "You can withdraw at any time. A computation that has already been sealed is not undone by it.",
        "On the public chain this consent is a number that leads back to nobody.",
    )
    return "".join(f"{line}\n" for line in before), "".join(f"\n{line}" for line in after)


def window_words(not_before: int, not_after: int, uses: int) -> str:
    """The one line of a notice that differs between consents to an offer."""
    return f"From {_when(not_before)} until {_when(not_after)}, at most {uses} time{'s' if uses != 1 else ''}."


def _when(timestamp: int) -> str:
    day, second = divmod(timestamp, 86_400)
    minute, second = divmod(second, 60)
    return f"{_date(day)} {minute // 60:02}:{minute % 60:02}:{second:02} UTC"


@functools.lru_cache(maxsize=4096)
def _date(day: int) -> str:
    """The date so many days after 1 January 1970."""
    flaw = flaw_of_time(86_400 * day)
    if flaw is not None:
        raise InputError("a time out of range", expected="Unix seconds up to the year 9999", found=flaw)
    return (_EPOCH + datetime.timedelta(day)).isoformat()


def offer_words(offer: Offer, scope: Scope, names: Names) -> OfferWords:
    """The texts that offer and scope stand for. ConsentError if they don't belong together; NotFoundError for an
    institution without a name."""
    if scope.hash != offer.scope:
        raise ConsentError("the scope is not this offer's", expected=to_hex(offer.scope), found=to_hex(scope.hash))
    if purpose_id(scope.purpose) != offer.purpose:
        raise ConsentError("the scope names another purpose than the offer", found=scope.purpose)
    return OfferWords(
        dataset=f"{scope.title}, kept by {names(scope.provider)}",
        consumer=names(offer.consumer),
        purpose=f"{PURPOSES[scope.purpose]} ({scope.purpose})",
        columns=", ".join(scope.columns),
        output=_output(scope),
        parties=", ".join(names(p) for p in scope.parties),
    )


def derive(fields: ConsentFields, offer: Offer, scope: Scope, names: Names) -> Consent:
    """The only consent that says exactly what `offer` and `scope` say. ConsentError if they don't belong together,
    InputError for fields that no consent can have."""
    texts = offer_words(offer, scope, names)
    words = notice(offer, scope, names, fields.not_before, fields.not_after, fields.uses)
    details = Details(
        **texts._asdict(),
        notice=sha256(words.encode()),
        enrolment=fields.enrolment,
        salt=fields.salt,
    )
    try:
        return Consent(
            owner=fields.owner,
            offer=offer,
            not_before=fields.not_before,
            not_after=fields.not_after,
            first_opening=fields.first_opening,
            uses=fields.uses,
            details=details,
        )
    except ValidationError as error:
        raise invalid("Consent", error) from None


def demand_derived(consent: Consent, scope: Scope, names: Names) -> None:
    """ConsentError if the consent's words are not those of its offer."""
    honest = derive(consent.fields, consent.offer, scope, names)
    for field in Details.model_fields:
        if getattr(honest.details, field) != getattr(consent.details, field):
            raise ConsentError(
                f"the consent's “{field}” does not say what its offer says",
                expected=_shown(getattr(honest.details, field)),
                found=_shown(getattr(consent.details, field)),
                remedy="ask for a fresh draft and sign that",
                code="consent.altered",
            )


def _shown(value: object) -> str:
    return to_hex(value) if isinstance(value, bytes) else str(value)[:200]


class CompactConsent(Value):
    """A consent without what follows from its offer and scope: the form that is stored, batched and audited."""

    owner: Signer
    not_before: U48
    not_after: U48
    first_opening: U32
    uses: Annotated[int, Field(ge=1, lt=2**32, strict=True)]
    enrolment: Bytes32
    salt: Bytes32

    @classmethod
    def of(cls, consent: Consent | ConsentFields) -> CompactConsent:
        """InputError for fields that no consent can have."""
        fields = consent.fields if isinstance(consent, Consent) else consent
        try:
            return cls(**fields._asdict())
        except ValidationError as error:
            raise invalid("CompactConsent", error) from None

    @property
    def fields(self) -> ConsentFields:
        return ConsentFields(
            self.owner, self.not_before, self.not_after, self.first_opening, self.uses, self.enrolment, self.salt
        )

    def expand(self, offer: Offer, scope: Scope, names: Names) -> Consent:
        """The full consent; its id shows whether offer, scope and names are the ones that were signed."""
        return derive(self.fields, offer, scope, names)


class Enrolment(Value):
    """An enroller's signature that ties an owner's key to a subject commitment."""

    enroller: Address
    subject: Bytes32
    signature: Signature


class EnrolmentOpening(Value):
    """What opens a subject commitment: for the provider's vault alone. Never logged, never on chain."""

    subject: Annotated[str, Field(min_length=1, max_length=256)]
    salt: Bytes32

    def __repr__(self) -> str:
        return "EnrolmentOpening(…)"

    __str__ = __repr__

    @property
    def commitment(self) -> bytes:
        return subject_commitment(self.subject, self.salt)


def subject_commitment(subject: str, salt: bytes) -> bytes:
    """H(subject, salt): SHA-256("placet.subject/1" ‖ salt ‖ UTF-8 subject)."""
    if len(salt) != 32:
        raise InputError("a subject's salt has 32 bytes", found=f"{len(salt)} bytes")
    return sha256(b"placet.subject/1", salt, subject.encode())


def enrolment_hash(owner: bytes, subject: bytes) -> bytes:
    """EIP-712 struct hash of an enrolment."""
    return eip712.ENROLMENT.of(owner, subject)


NO_ENROLMENT = ZERO32
"""`Details.enrolment` of an institution's consent for its own data."""
