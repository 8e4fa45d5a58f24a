"""Consent ids of one offer in bulk: what `derive` gives, with everything hashed once that the consents share."""

from __future__ import annotations

import functools

from placet.core import eip712
from placet.core.consent import ConsentFields, consent_id
from placet.core.errors import ConsentError
from placet.core.hashing import keccak, sha256
from placet.core.ids import ConsentId
from placet.core.languages import ENGLISH, Language
from placet.core.notice import notice_frame, window_words
from placet.core.offers import Names, Offer, Scope, offer_words

_DETAILS = eip712.DETAILS.type_hash


class Wording:
    """The words of an offer, in each language. ConsentError, or NotFoundError for a stranger, where offer and scope
    have none."""

    def __init__(self, offer: Offer, scope: Scope, names: Names) -> None:
        self._offer, self._scope, self._names = offer, scope, names
        self._frames: dict[Language, _Frame] = {}
        self._frame(ENGLISH)

    def consent_id(self, consent: ConsentFields) -> ConsentId:
        """Equal to `derive(consent, offer, scope, names).id`. ConsentError where that has none."""
        owner, not_before, not_after, first_opening, uses, enrolment, salt, language = consent
        if not_before > not_after or first_opening + uses >= 2**32:
            raise ConsentError("the consent's times or uses make no sense", code="consent.window")
        frame = self._frame(language)
        details = keccak(frame.texts, frame.notice_hash(not_before, not_after, uses), enrolment, salt)
        return consent_id(owner, self._offer.id, not_before, not_after, first_opening, uses, details)

    def _frame(self, language: Language) -> _Frame:
        frame = self._frames.get(language)
        if frame is None:
            frame = self._frames[language] = _Frame(self._offer, self._scope, self._names, language)
        return frame


class _Frame:
    """One language's."""

    def __init__(self, offer: Offer, scope: Scope, names: Names, language: Language) -> None:
        texts = (language, *offer_words(offer, scope, names, language))
        self.texts = b"".join((_DETAILS, *(eip712.text(text) for text in texts)))
        self._language: Language = language
        self._around = notice_frame(offer, scope, names, language)
        self.notice_hash = functools.lru_cache(maxsize=1024)(self._hash_notice)

    def _hash_notice(self, not_before: int, not_after: int, uses: int) -> bytes:
        before, after = self._around
        return sha256(f"{before}{window_words(not_before, not_after, uses, self._language)}{after}".encode())
