"""Consent ids of one offer in bulk: what `derive` gives, with everything hashed once that the consents share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from placet.core import eip712
from placet.core.consent import AnyFields, ConsentFields, consent_id
from placet.core.errors import ConsentError, InputError
from placet.core.hashing import keccak_256
from placet.core.ids import ConsentId
from placet.core.languages import ENGLISH, Language
from placet.core.notice import notice_frame, when, window_until, window_words
from placet.core.offers import Names, Offer, Scope, offer_words

_BLOCK = 136
"""Bytes that Keccak-256 takes up at a time."""
_DETAILS = eip712.DETAILS.type_hash


class Wording:
    """The words of an offer, in each language. ConsentError, or NotFoundError for a stranger, where offer and scope
    have none."""

    def __init__(self, offer: Offer, scope: Scope, names: Names) -> None:
        self._offer, self._scope, self._names = offer, scope, names
        self._id = offer.id
        self._frames: dict[Language, _Frame] = {}
        self._frame(ENGLISH)

    def consent_id(self, consent: ConsentFields) -> ConsentId:
        """Equal to `derive(consent, offer, scope, names).id`. ConsentError where that has none."""
        identity = self.ids((consent,))[0]
        if identity is None:
            window_words(consent.not_before, consent.not_after, consent.uses, consent.language)
            raise ConsentError("the consent's times or uses make no sense", code="consent.window")
        return identity

    def ids(self, consents: Iterable[AnyFields]) -> list[ConsentId | None]:
        """The same of many; None where one has no id. What the last one had too is not hashed again."""
        frames, offer, ids = self._frames, self._id, list[ConsentId | None]()
        last, begun = None, keccak_256()
        for owner, not_before, not_after, first_opening, uses, enrolment, salt, language in consents:
            if not_before > not_after or first_opening + uses >= 2**32:
                ids.append(None)
                continue
            if last != (window := (not_before, not_after, uses, language)):
                frame = frames.get(language) or self._frame(language)
                try:
                    begun = frame.details(not_before, not_after, uses)
                except InputError:
                    ids.append(None)
                    continue
                last = window
            details = begun.copy()
            details.update(enrolment + salt)
            ids.append(consent_id(owner, offer, not_before, not_after, first_opening, uses, details.digest()))
        return ids

    def _frame(self, language: Language) -> _Frame:
        frame = self._frames[language] = _Frame(self._offer, self._scope, self._names, language)
        return frame


class _Frame:
    """One language's."""

    def __init__(self, offer: Offer, scope: Scope, names: Names, language: Language) -> None:
        texts = (language, *offer_words(offer, scope, names, language))
        words = b"".join((_DETAILS, *(eip712.text(text) for text in texts)))
        self._begun, self._rest = keccak_256(words[:_BLOCK]), words[_BLOCK:]
        self._language: Language = language
        before, after = notice_frame(offer, scope, names, language)
        self._before, self._after = hashlib.sha256(before.encode()), after

    def details(self, not_before: int, not_after: int, uses: int) -> Any:
        """The hash of the details as far as the notice; what stands before a notice's window is hashed once for all."""
        before, after = window_until(not_after, uses, self._language)
        notice = self._before.copy()
        notice.update(f"{before}{when(not_before)}{after}{self._after}".encode())
        begun = self._begun.copy()
        begun.update(self._rest + notice.digest())
        return begun
