"""The account-access consent of UK Open Banking's Read/Write API v4, as text and as values: `OBReadConsentResponse1`.

Status and permissions are those of OBL's code sets; a reason is any code of `OBExternalStatusReason1Code`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator
from pydantic.alias_generators import to_pascal

from placet.core.values import U32, line, parse
from placet.interchange.values import Foreign, Instant, Word

MAX_CONSENT = 64 << 10
"""Bytes of a consent's file."""


class AccessStatus(StrEnum):
    """`OBInternalConsentStatus1Code`, as far as it is an account-access consent's."""

    AWAU = "AWAU"
    AUTH = "AUTH"
    RJCT = "RJCT"
    CANC = "CANC"
    EXPD = "EXPD"


class Permission(StrEnum):
    """`OBInternalPermissions1Code`."""

    READ_ACCOUNTS_BASIC = "ReadAccountsBasic"
    READ_ACCOUNTS_DETAIL = "ReadAccountsDetail"
    READ_BALANCES = "ReadBalances"
    READ_BENEFICIARIES_BASIC = "ReadBeneficiariesBasic"
    READ_BENEFICIARIES_DETAIL = "ReadBeneficiariesDetail"
    READ_DIRECT_DEBITS = "ReadDirectDebits"
    READ_OFFERS = "ReadOffers"
    READ_PAN = "ReadPAN"
    READ_PARTY = "ReadParty"
    READ_PARTY_PSU = "ReadPartyPSU"
    READ_PRODUCTS = "ReadProducts"
    READ_SCHEDULED_PAYMENTS_BASIC = "ReadScheduledPaymentsBasic"
    READ_SCHEDULED_PAYMENTS_DETAIL = "ReadScheduledPaymentsDetail"
    READ_STANDING_ORDERS_BASIC = "ReadStandingOrdersBasic"
    READ_STANDING_ORDERS_DETAIL = "ReadStandingOrdersDetail"
    READ_STATEMENTS_BASIC = "ReadStatementsBasic"
    READ_STATEMENTS_DETAIL = "ReadStatementsDetail"
    READ_TRANSACTIONS_BASIC = "ReadTransactionsBasic"
    READ_TRANSACTIONS_CREDITS = "ReadTransactionsCredits"
    READ_TRANSACTIONS_DEBITS = "ReadTransactionsDebits"
    READ_TRANSACTIONS_DETAIL = "ReadTransactionsDetail"


REASONS = {
    "CN01": "the authorisation is cancelled",
    "U028": "the person has to authenticate again",
    "U033": "the authorisation failed",
    "U035": "the consent was consumed already",
    "U036": "the authorisation was not completed",
    "U037": "the authorisation failed",
    "U038": "the consent was consumed",
    "U040": "several have to authorise, and not all have",
    "U042": "another reason, which can't be told",
}
"""What a reader is told of the codes that are about consents; of others their own description alone."""


class PascalForeign(Foreign):
    model_config = ConfigDict(alias_generator=to_pascal)


class StatusReason(PascalForeign):
    """`OBStatusReason`."""

    status_reason_code: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,4}$")] | None = None
    status_reason_description: Annotated[str, *line(500)] | None = None
    path: Annotated[str, *line(500)] | None = None


Permissions = Annotated[tuple[Permission, ...], Field(min_length=1, max_length=len(Permission))]


class AccessConsentData(PascalForeign):
    """What is consented to, and how it stands. Without `expiration_date_time` it has no end."""

    consent_id: Word
    creation_date_time: Instant
    status: AccessStatus
    status_reason: Annotated[tuple[StatusReason, ...], Field(max_length=16)] | None = None
    status_update_date_time: Instant
    permissions: Permissions
    expiration_date_time: Instant | None = None
    transaction_from_date_time: Instant | None = None
    transaction_to_date_time: Instant | None = None

    @model_validator(mode="after")
    def _sane(self) -> AccessConsentData:
        if len(set(self.permissions)) != len(self.permissions):
            raise ValueError("each permission once")
        begin, end = self.transaction_from_date_time, self.transaction_to_date_time
        if begin is not None and end is not None and begin > end:
            raise ValueError("TransactionFromDateTime is after TransactionToDateTime")
        return self


class Risk(Foreign):
    """`OBRisk2`: an object without members, demanded by v4.0.0."""


_Url = Annotated[str, *line(2_000)]


class PageLinks(PascalForeign):
    self_: Annotated[_Url, Field(alias="Self")]
    first: _Url | None = None
    prev: _Url | None = None
    next: _Url | None = None
    last: _Url | None = None


class PageMeta(PascalForeign):
    total_pages: U32 | None = None
    first_available_date_time: Instant | None = None
    last_available_date_time: Instant | None = None


class AccountAccessConsent(PascalForeign):
    """`OBReadConsentResponse1`. Drafts after v4.0.0 leave `Risk` out, so that it may be missing."""

    data: AccessConsentData
    risk: Risk | None = None
    links: PageLinks | None = None
    meta: PageMeta | None = None


def read_account_access_consent(raw: bytes) -> AccountAccessConsent:
    """A consent's file. InputError, LimitError."""
    return parse(AccountAccessConsent, raw, limit=MAX_CONSENT, what="the account-access consent")
