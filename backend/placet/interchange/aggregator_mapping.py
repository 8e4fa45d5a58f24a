"""Account Aggregator's artefact to a request here, and a receipt of ours to an artefact there.

Both ways what has a counterpart is mapped, and all else is listed: docs/reference/consent-systems.md has the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from placet.core.hashing import sha256
from placet.core.offers import MAX_DATA_LIFE
from placet.core.receipts import ReceiptFacts
from placet.core.values import parse, to_hex
from placet.interchange.account_aggregator import (
    Accounts,
    AggregatorConsent,
    AggregatorParty,
    AggregatorPurpose,
    AggregatorStatus,
    Customer,
    DataLife,
    DataRange,
    Filters,
    FiTypes,
    Frequency,
    Kinds,
    Mode,
    read_aggregator_consent,
)
from placet.interchange.calendar_days import fewest_days
from placet.interchange.exports import Exported, demand_placed
from placet.interchange.jws import checked_signature
from placet.interchange.requests import ConsentRequest, Unmatched
from placet.interchange.values import Foreign, first_second, last_second, no_counterpart, written_second

VERSION = "2.0.0"
MEANS: Mapping[AggregatorStatus, str | None] = {
    AggregatorStatus.PENDING: "asked",
    AggregatorStatus.ACTIVE: "given",
    AggregatorStatus.PAUSED: None,
    AggregatorStatus.REVOKED: "withdrawn",
    AggregatorStatus.EXPIRED: "expired",
    AggregatorStatus.REJECTED: None,
}
"""A status there in our words. Nothing is paused here, and a no is not kept."""
SAYS: Mapping[str, AggregatorStatus | None] = {
    "given": AggregatorStatus.ACTIVE,
    "withdrawn": AggregatorStatus.REVOKED,
    "revoked": None,
    "expired": AggregatorStatus.EXPIRED,
    "exhausted": None,
}
"""A receipt's status in words there. `REVOKED` is the customer's own doing, so that a provider's has none."""
UNMATCHED = (
    Unmatched(member="consentMode", why="the consumer gets the result of a computation, and never the data"),
    Unmatched(member="consentTypes", why="an offer names columns"),
    Unmatched(member="fiTypes", why="an offer names columns"),
    Unmatched(member="DataConsumer", why="institutions are named by the trust list"),
    Unmatched(member="DataProvider", why="institutions are named by the trust list"),
    Unmatched(member="Customer", why="a person is named by his enrolment alone"),
    Unmatched(member="Accounts", why="rows are found by the person's identifier"),
    Unmatched(member="Purpose", why="ReBIT's codes are no purposes of the Data Privacy Vocabulary"),
    Unmatched(member="FIDataRange", why="an offer is of a table as it is"),
    Unmatched(member="DataFilter", why="an offer is of all rows of a person"),
)
"""Members of a detail that nothing here says, where they are there."""
_FREQUENCY = Unmatched(member="Frequency", why="uses are counted in all, and not within a time")
_USE = Unmatched(member="ConsentUse", why="what used a consent is what the chain holds")
_ENDLESS = Unmatched(member="DataLife", why="an offer's data life has an end")
NOT_SAID = (
    "operations and recipes",
    "output, smallest group and other bounds",
    "institutions that take part, and auditors",
    "purpose of the Data Privacy Vocabulary",
    "notice and its language",
    "how many uses are left",
    "block of the status",
)
"""What a consent of ours says and no member of an artefact does."""


class AggregatorTerms(Foreign):
    """What an artefact must say and no consent of ours does: its author's word, by the artefact's own names."""

    mode: Annotated[Mode, Field(alias="consentMode")]
    kinds: Annotated[Kinds, Field(alias="consentTypes")]
    fi_types: Annotated[FiTypes, Field(alias="fiTypes")]
    consumer: Annotated[AggregatorParty, Field(alias="DataConsumer")]
    provider: Annotated[AggregatorParty, Field(alias="DataProvider")]
    customer: Annotated[Customer, Field(alias="Customer")]
    accounts: Annotated[Accounts, Field(alias="Accounts")] = ()
    purpose: Annotated[AggregatorPurpose, Field(alias="Purpose")]
    data_range: Annotated[DataRange, Field(alias="FIDataRange")]
    frequency: Annotated[Frequency, Field(alias="Frequency")]
    filters: Annotated[Filters | None, Field(alias="DataFilter")] = None


def from_aggregator(raw: bytes, key: bytes | None = None, detached: str | None = None) -> ConsentRequest:
    """A request, out of an artefact's file. With `key` (PEM) its Account Aggregator's signature is demanded: that of
    `signedConsent`, or the `detached` one over the file. ConsentError for a status from which nothing can be asked;
    InputError, LimitError, SignatureError."""
    artefact = read_aggregator_consent(raw)
    signature = checked_signature(artefact.jws(), raw, key, detached)
    detail, standing = artefact.detail(), artefact.standing()
    means = MEANS[standing]
    if means not in ("asked", "given"):
        raise no_counterpart("a consent of this status", "what an owner may still sign", standing.value)
    there = detail.to_json()
    unmatched = [one for one in UNMATCHED if one.member in there]
    if detail.fetch_type == "PERIODIC":
        unmatched.append(_FREQUENCY)
    if artefact.use is not None:
        unmatched.append(_USE)
    life = _days(detail.data_life)
    if life is None:
        unmatched.append(_ENDLESS)
    return parse(
        ConsentRequest,
        {
            "system": "account-aggregator",
            "artefact": sha256(raw),
            "reference": artefact.consent,
            "status": standing.value,
            "means": means,
            "signature": signature,
            "not_before": first_second(detail.start),
            "not_after": last_second(detail.expiry),
            "uses": 1 if detail.fetch_type == "ONETIME" else None,
            "data_life": life,
            "purpose": detail.purpose.code,
            "unmatched": unmatched,
        },
        what="the request",
    )


def _days(life: DataLife) -> int | None:
    """The days that an artefact's data life has at the least, a month as short as one can be; None for no end.
    ConsentError for none at all: whoever gets a result has it for a day."""
    if life.unit == "INF":
        return None
    days = life.value if life.unit == "DAY" else fewest_days(life.value * (12 if life.unit == "YEAR" else 1))
    if not days:
        raise no_counterpart("a data life of nothing", "an offer, whose shortest is a day", f"{life.value} {life.unit}")
    return min(days, MAX_DATA_LIFE)


def to_aggregator(facts: ReceiptFacts, terms: AggregatorTerms) -> Exported:
    """The artefact of a receipt's consent, as of the receipt's block: for an Account Aggregator to sign, which this is
    not. ConsentError for a status without a word there, for an offer without a data life, and for a consent that the
    chain never held."""
    given = demand_placed(facts)
    status, consent, life = SAYS[facts.status], facts.consent, facts.scope.data_life
    if status is None:
        raise no_counterpart("the consent's status", "Account Aggregator", facts.status)
    if life is None:
        raise no_counterpart("an offer that says no data life", "Account Aggregator", "no data_life in its scope")
    ours = {
        "consentStart": written_second(consent.not_before),
        "consentExpiry": written_second(consent.not_after),
        "fetchType": "ONETIME" if consent.uses == 1 else "PERIODIC",
        "DataLife": {"unit": "DAY", "value": life},
    }
    theirs = terms.to_json()
    around = {
        "ver": VERSION,
        "timestamp": written_second(facts.created),
        "consentId": to_hex(consent.id),
        "status": status.value,
        "createTimestamp": written_second(given.at),
    }
    artefact = AggregatorConsent.model_validate({**around, "ConsentDetail": ours | theirs})
    return Exported(
        artefact=artefact,
        from_consent=(*around, *ours),
        from_author=tuple(theirs),
        not_said=(*NOT_SAID, *(() if consent.uses == 1 else ("number of uses",))),
        as_of=facts.as_of,
    )
