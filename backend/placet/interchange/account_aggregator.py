"""The consent artefact of India's Account Aggregators, of ReBIT's API specification 2.0.0, as text and as values.

In: the answer to `GET /Consent/{id}`, whose `signedConsent` is a JWS with the detail in it, or with the detail as such;
and the body of `POST /Consent`, which asks for one. Out: the detail as such, for an Account Aggregator to sign.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from placet.core.errors import InputError
from placet.core.values import U32, line, parse
from placet.interchange.jws import MAX_JWS, Jws, read_jws
from placet.interchange.values import Foreign, Instant, Word

MAX_ARTEFACT = 128 << 10
"""Bytes of an artefact's file."""
_Code = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,39}$")]
_Amount = Annotated[int, Field(ge=0, le=9_999, strict=True)]


class AggregatorStatus(StrEnum):
    """Of a consent: `PENDING` and `REJECTED` are a request's, the others an artefact's."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


class AggregatorParty(Foreign):
    """An institution by its id in the ecosystem: an FIU, an FIP or an AA."""

    id: Word
    type: Literal["FIU", "FIP", "AA"] | None = None


class CustomerIdentifier(Foreign):
    category: Literal["STRONG", "WEAK", "ANCILLARY"] | None = None
    type: _Code
    value: Word


class Customer(Foreign):
    """The person, as his Account Aggregator names him."""

    id: Word
    identifiers: Annotated[tuple[CustomerIdentifier, ...] | None, Field(alias="Identifiers", max_length=16)] = None


class LinkedAccount(Foreign):
    fi_type: Annotated[_Code, Field(alias="fiType")]
    fip_id: Annotated[Word, Field(alias="fipId")]
    account_type: Annotated[_Code | None, Field(alias="accType")] = None
    link_number: Annotated[Word | None, Field(alias="linkRefNumber")] = None
    masked_number: Annotated[Word | None, Field(alias="maskedAccNumber")] = None


class PurposeCategory(Foreign):
    type: Word


class AggregatorPurpose(Foreign):
    """`code` is one of ReBIT's, 101 to 105 by now."""

    code: Annotated[str, Field(pattern=r"^[0-9]{3}$")]
    reference: Annotated[str | None, Field(alias="refUri"), *line(400)] = None
    text: Annotated[str | None, *line(400)] = None
    category: Annotated[PurposeCategory | None, Field(alias="Category")] = None


class DataRange(Foreign):
    """From when to when the financial information is."""

    begin: Annotated[Instant, Field(alias="from")]
    end: Annotated[Instant, Field(alias="to")]

    @model_validator(mode="after")
    def _in_order(self) -> DataRange:
        if self.begin > self.end:
            raise ValueError("from is after to")
        return self


class DataLife(Foreign):
    """How long the consumer may keep what it got. `INF`: without end, whatever the value."""

    unit: Literal["DAY", "MONTH", "YEAR", "INF"]
    value: _Amount


class Frequency(Foreign):
    """How often within a unit it is fetched."""

    unit: Literal["HOUR", "DAY", "MONTH", "YEAR", "INF"]
    value: _Amount


class DataFilter(Foreign):
    type: Literal["TRANSACTIONTYPE", "TRANSACTIONAMOUNT"]
    operator: Literal["=", "!=", ">", "<", ">=", "<="]
    value: Word


Mode = Literal["VIEW", "STORE", "QUERY", "STREAM"]
Kinds = Annotated[tuple[Literal["PROFILE", "SUMMARY", "TRANSACTIONS"], ...], Field(min_length=1, max_length=3)]
FiTypes = Annotated[tuple[_Code, ...], Field(min_length=1, max_length=64)]
Accounts = Annotated[tuple[LinkedAccount, ...], Field(max_length=64)]
Filters = Annotated[tuple[DataFilter, ...], Field(max_length=16)]


class ConsentDetail(Foreign):
    """What is consented to."""

    start: Annotated[Instant, Field(alias="consentStart")]
    expiry: Annotated[Instant, Field(alias="consentExpiry")]
    mode: Annotated[Mode, Field(alias="consentMode")]
    fetch_type: Annotated[Literal["ONETIME", "PERIODIC"], Field(alias="fetchType")]
    kinds: Annotated[Kinds, Field(alias="consentTypes")]
    fi_types: Annotated[FiTypes, Field(alias="fiTypes")]
    consumer: Annotated[AggregatorParty, Field(alias="DataConsumer")]
    provider: Annotated[AggregatorParty | None, Field(alias="DataProvider")] = None
    customer: Annotated[Customer, Field(alias="Customer")]
    accounts: Annotated[Accounts | None, Field(alias="Accounts")] = None
    purpose: Annotated[AggregatorPurpose, Field(alias="Purpose")]
    data_range: Annotated[DataRange, Field(alias="FIDataRange")]
    data_life: Annotated[DataLife, Field(alias="DataLife")]
    frequency: Annotated[Frequency, Field(alias="Frequency")]
    filters: Annotated[Filters | None, Field(alias="DataFilter")] = None

    @model_validator(mode="after")
    def _in_order(self) -> ConsentDetail:
        if self.start > self.expiry:
            raise ValueError("consentStart is after consentExpiry")
        return self


class ConsentUse(Foreign):
    log: Annotated[str, Field(alias="logUri"), *line(400)]
    count: U32
    last: Annotated[Instant | None, Field(alias="lastUseDateTime")] = None


class AggregatorConsent(Foreign):
    """A consent artefact with its status, or a request for one; its detail stands in the JWS or by itself."""

    version: Annotated[str, Field(alias="ver", pattern=r"^[0-9]{1,3}(\.[0-9]{1,3}){0,2}$")]
    timestamp: Instant | None = None
    transaction: Annotated[Word | None, Field(alias="txnid")] = None
    consent: Annotated[Word | None, Field(alias="consentId")] = None
    status: AggregatorStatus | None = None
    created: Annotated[Instant | None, Field(alias="createTimestamp")] = None
    signed: Annotated[str | None, Field(alias="signedConsent", min_length=1, max_length=MAX_JWS)] = None
    plain: Annotated[ConsentDetail | None, Field(alias="ConsentDetail")] = None
    use: Annotated[ConsentUse | None, Field(alias="ConsentUse")] = None

    @model_validator(mode="after")
    def _one_detail(self) -> AggregatorConsent:
        if (self.signed is None) == (self.plain is None):
            raise ValueError("expected signedConsent or ConsentDetail, one of both")
        if (self.consent is None) != (self.status is None):
            raise ValueError("an artefact has both consentId and status, a request neither")
        return self

    def standing(self) -> AggregatorStatus:
        """Of a request, that nobody has answered it."""
        return AggregatorStatus.PENDING if self.status is None else self.status

    def jws(self) -> Jws | None:
        """What its Account Aggregator signed, unchecked; None for a detail as such. InputError."""
        return None if self.signed is None else read_jws(self.signed)

    def detail(self) -> ConsentDetail:
        """InputError where what was signed is no detail."""
        if self.plain is not None:
            return self.plain
        jws = self.jws()
        if jws is None or jws.payload is None:
            raise InputError(
                "the signed consent is detached, and there is nothing beside it",
                expected="a JWS with its payload, or ConsentDetail",
                code="input.jws",
            )
        return parse(ConsentDetail, jws.payload, limit=MAX_ARTEFACT, what="the signed consent")


def read_aggregator_consent(raw: bytes) -> AggregatorConsent:
    """An artefact's file. InputError, LimitError."""
    return parse(AggregatorConsent, raw, limit=MAX_ARTEFACT, what="the consent artefact")
