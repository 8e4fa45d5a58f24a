"""One owner's consent to one offer: its fields, its words and its hash.

Everything that an owner's wallet shows is *derived* from the offer, its opened scope and the trust list, so that a
consent can't say something else than its offer. The compact form leaves the derivable parts out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum
from functools import cached_property, partial
from typing import Annotated, Any, NamedTuple

from pydantic import Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from placet.core import eip712
from placet.core.errors import ConsentError
from placet.core.hashing import keccak_256, sha256
from placet.core.ids import ConsentId, OfferId
from placet.core.languages import ENGLISH, Language
from placet.core.notice import notice
from placet.core.offers import Names, Offer, Scope, offer_words
from placet.core.values import U32, U48, Bytes32, Signer, Value, invalid, to_hex

_CONSENT = eip712.CONSENT.type_hash


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
    language: Language = ENGLISH


AnyFields = tuple[bytes, int, int, int, int, bytes, bytes, Language]
"""The same, in that order, where a million go through: `ConsentFields`, or as a tuple."""


def many_fields(consents: Iterable[AnyFields]) -> Iterator[ConsentFields]:
    """Tuples under their names; in half of `_make`'s time, which looks at each one's length."""
    return map(partial(tuple.__new__, ConsentFields), consents)


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

    language: Language
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
            self.details.language,
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


_NUMBERS = struct.Struct(">24xQ24xQ28xI28xI")
"""Times and openings, each as a word."""


def consent_id(
    owner: bytes, offer: OfferId, not_before: int, not_after: int, first_opening: int, uses: int, details: bytes
) -> ConsentId:
    """A consent's id from hashes alone, as the contract computes it."""
    numbers = _NUMBERS.pack(not_before, not_after, first_opening, uses)
    return ConsentId(keccak_256(_CONSENT + details + offer + keccak_256(owner).digest() + numbers).digest())


def derive(fields: ConsentFields, offer: Offer, scope: Scope, names: Names) -> Consent:
    """The only consent that says exactly what `offer` and `scope` say. ConsentError if they don't belong together,
    InputError for fields that no consent can have."""
    texts = offer_words(offer, scope, names, fields.language)
    words = notice(offer, scope, names, fields.not_before, fields.not_after, fields.uses, fields.language)
    details = Details(
        language=fields.language,
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
    language: Language = ENGLISH

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
            self.owner,
            self.not_before,
            self.not_after,
            self.first_opening,
            self.uses,
            self.enrolment,
            self.salt,
            self.language,
        )

    def expand(self, offer: Offer, scope: Scope, names: Names) -> Consent:
        """The full consent; its id shows whether offer, scope and names are the ones that were signed."""
        return derive(self.fields, offer, scope, names)
