"""Every language says the same things: the same keys, and the same blanks to fill in."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from pydantic import ValidationError

from placet.core.consent import CompactConsent, Consent, demand_derived
from placet.core.errors import ConsentError
from placet.core.languages import LANGUAGES, Language, Words, words_of
from placet.core.offers import Scope
from placet.core.purposes import Operation
from placet.core.values import from_hex
from placet.core.wording import Wording

from .notice_vectors import FILE, document

VECTORS = json.loads(FILE.read_text(encoding="utf-8"))
NAMES = {from_hex(address): name for address, name in VECTORS["names"].items()}


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def flat(words: Words) -> dict[str, set[str]]:
    tables = words._asdict()
    return {f"{table}.{key}": blanks(text) for table, texts in tables.items() for key, text in texts.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_words_with_the_same_blanks(language: Language) -> None:
    assert flat(words_of(language)) == flat(words_of("en"))
    texts = [text for table in words_of(language) for text in table.values()]
    assert all(text and text == text.strip() for text in texts if text not in (", ", "、"))
    assert len(set(texts)) == len(texts)


def test_every_output_and_operation_has_words() -> None:
    words = words_of("en")
    assert tuple(words.outputs) == Scope.model_fields["output"].annotation.__args__  # type: ignore[union-attr]
    assert set(words.operations) == {flag.name for flag in Operation}
    assert set(words.gaps) <= set(words.outputs)


def test_the_vectors_are_what_is_derived() -> None:
    assert document() == VECTORS


@pytest.mark.parametrize("number", range(len(VECTORS["cases"])))
def test_words_in_bulk_are_the_same_and_of_one_language(number: int) -> None:
    case: dict[str, Any] = VECTORS["cases"][number]
    consent, scope = Consent.model_validate(case["consent"]), Scope.model_validate(case["scope"])
    wording = Wording(consent.offer, scope, NAMES.__getitem__)
    assert wording.consent_id(consent.fields) == consent.id == from_hex(case["id"])
    assert CompactConsent.of(consent).expand(consent.offer, scope, NAMES.__getitem__) == consent
    demand_derived(consent, scope, NAMES.__getitem__)
    for language in LANGUAGES:
        if language != consent.details.language:
            other = consent.model_copy(update={"details": consent.details.model_copy(update={"language": language})})
            with pytest.raises(ConsentError, match="does not say"):
                demand_derived(other, scope, NAMES.__getitem__)


def test_an_unknown_language_is_refused() -> None:
    case = VECTORS["cases"][0]["consent"]
    with pytest.raises(ValidationError):
        Consent.model_validate(case | {"details": case["details"] | {"language": "fr"}})
