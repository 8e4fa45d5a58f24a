"""Consent ids of one offer in bulk: what `derive` gives, with everything hashed once that the consents share."""

from __future__ import annotations

import functools

from placet.core import eip712
from placet.core.consent import CompactConsent, Names, Offer, Scope, consent_id, derive, notice_frame, window_words
from placet.core.errors import ConsentError
from placet.core.hashing import keccak, sha256
from placet.core.values import ZERO32

_DETAILS = eip712.DETAILS.type_hash


class Wording:
    """The words of an offer. ConsentError, or NotFoundError for a stranger, where offer and scope have none."""

    def __init__(self, offer: Offer, scope: Scope, names: Names) -> None:
        details = derive(
            bytes(20),
            offer,
            scope,
            names,
            not_before=0,
            not_after=0,
            first_opening=0,
            uses=1,
            enrolment=ZERO32,
            salt=ZERO32,
        ).details
        texts = (details.dataset, details.consumer, details.purpose, details.columns, details.output, details.parties)
        self._offer = offer.id
        self._texts = b"".join((_DETAILS, *(eip712.text(text) for text in texts)))
        self._frame = notice_frame(offer, scope, names)
        self._notice = functools.lru_cache(maxsize=1024)(self._hash_notice)

    def _hash_notice(self, not_before: int, not_after: int, uses: int) -> bytes:
        before, after = self._frame
        return sha256(f"{before}{window_words(not_before, not_after, uses)}{after}".encode())

    def consent_id(self, consent: CompactConsent) -> bytes:
        """Equal to `consent.expand(offer, scope, names).id`. ConsentError where that has none."""
        return self.identity(
            consent.owner,
            consent.not_before,
            consent.not_after,
            consent.first_opening,
            consent.uses,
            consent.enrolment,
            consent.salt,
        )

    def identity(
        self,
        owner: bytes,
        not_before: int,
        not_after: int,
        first_opening: int,
        uses: int,
        enrolment: bytes,
        salt: bytes,
    ) -> bytes:
        """`consent_id` from a compact consent's fields."""
        if not_before > not_after or first_opening + uses >= 2**32:
            raise ConsentError("the consent's times or uses make no sense", code="consent.window")
        details = keccak(self._texts, self._notice(not_before, not_after, uses), enrolment, salt)
        return consent_id(owner, self._offer, not_before, not_after, first_opening, uses, details)
