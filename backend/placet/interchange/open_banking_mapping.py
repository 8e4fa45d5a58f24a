"""UK Open Banking's account-access consent to a request here, and a receipt of ours to one there.

Both ways what has a counterpart is mapped, and all else is listed: docs/reference/consent-systems.md has the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from placet.core.hashing import sha256
from placet.core.receipts import ReceiptFacts
from placet.core.values import parse, to_hex
from placet.interchange.exports import Exported, demand_placed
from placet.interchange.jws import checked_signature
from placet.interchange.open_banking import (
    AccessStatus,
    AccountAccessConsent,
    PascalForeign,
    Permissions,
    read_account_access_consent,
)
from placet.interchange.requests import ConsentRequest, Unmatched
from placet.interchange.values import Instant, first_second, last_second, no_counterpart, written_second

MEANS: Mapping[AccessStatus, str | None] = {
    AccessStatus.AWAU: "asked",
    AccessStatus.AUTH: "given",
    AccessStatus.RJCT: None,
    AccessStatus.CANC: None,
    AccessStatus.EXPD: "expired",
}
"""A status there in our words. `CANC` does not say whether the person or the bank ended it, and a no is not kept."""
SAYS: Mapping[str, AccessStatus | None] = {
    "given": AccessStatus.AUTH,
    "withdrawn": AccessStatus.CANC,
    "revoked": AccessStatus.CANC,
    "expired": AccessStatus.EXPD,
    "exhausted": None,
}
"""A receipt's status in words there: `COND`, consumed, is a payment's alone."""
CANCELLED = {
    "withdrawn": {"StatusReasonCode": "CN01", "StatusReasonDescription": "withdrawn by the data subject"},
    "revoked": {"StatusReasonCode": "CN01", "StatusReasonDescription": "revoked by the data provider"},
}
"""Why it is cancelled: the code says that it is, and the description by whom, which no code does."""
UNMATCHED = (
    Unmatched(member="Data.Permissions", why="an offer names columns"),
    Unmatched(member="Data.TransactionFromDateTime", why="an offer is of a table as it is"),
    Unmatched(member="Data.TransactionToDateTime", why="an offer is of a table as it is"),
    Unmatched(member="Data.StatusReason", why="a request stands, and needs no reason"),
)
"""Members that nothing here says, where they are there."""
NOT_SAID = (
    "purpose",
    "operations and recipes",
    "columns",
    "output, smallest group and other bounds",
    "data life",
    "institutions that take part, and auditors",
    "notice and its language",
    "begin",
    "number of uses",
    "block of the status",
)
"""What a consent of ours says and no member of theirs does."""


class AccessTerms(PascalForeign):
    """What an account-access consent must say and no consent of ours does: its author's word, by their own names."""

    permissions: Permissions
    transaction_from_date_time: Instant | None = None
    transaction_to_date_time: Instant | None = None


def from_open_banking(raw: bytes, key: bytes | None = None, detached: str | None = None) -> ConsentRequest:
    """A request, out of a consent's file. With `key` (PEM) the bank's `detached` signature over the file is demanded.
    ConsentError for a status from which nothing can be asked; InputError, LimitError, SignatureError."""
    consent = read_account_access_consent(raw)
    signature = checked_signature(None, raw, key, detached)
    data = consent.data
    means = MEANS[data.status]
    if means not in ("asked", "given"):
        raise no_counterpart("a consent of this status", "what an owner may still sign", data.status.value)
    there = {f"Data.{name}" for name in data.to_json()}
    end = data.expiration_date_time
    return parse(
        ConsentRequest,
        {
            "system": "uk-open-banking",
            "artefact": sha256(raw),
            "reference": data.consent_id,
            "status": data.status.value,
            "means": means,
            "signature": signature,
            "not_before": first_second(data.creation_date_time),
            "not_after": None if end is None else last_second(end),
            "unmatched": [one for one in UNMATCHED if one.member in there],
        },
        what="the request",
    )


def to_open_banking(facts: ReceiptFacts, terms: AccessTerms) -> Exported:
    """The account-access consent of a receipt's consent, as of the receipt's block. ConsentError for a status without a
    word there, and for a consent that the chain never held."""
    given = demand_placed(facts)
    status, consent = SAYS[facts.status], facts.consent
    if status is None:
        raise no_counterpart("the consent's status", "UK Open Banking", facts.status)
    updated = given.at if facts.ended is None else facts.ended.at
    ours: dict[str, Any] = {
        "ConsentId": to_hex(consent.id),
        "CreationDateTime": written_second(given.at),
        "Status": status.value,
        "StatusUpdateDateTime": written_second(consent.not_after if facts.status == "expired" else updated),
        "ExpirationDateTime": written_second(consent.not_after),
    }
    if facts.ended is not None:
        ours |= {"StatusReason": [CANCELLED[facts.ended.how]]}
    theirs = terms.to_json()
    artefact = AccountAccessConsent.model_validate({"Data": ours | theirs, "Risk": {}})
    return Exported(
        artefact=artefact,
        from_consent=tuple(ours),
        from_author=tuple(theirs),
        not_said=NOT_SAID,
        as_of=facts.as_of,
    )
