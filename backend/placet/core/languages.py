"""The languages in which an owner may read and sign a consent, and every word that one says. The words are data, in
`words/`, so that other programs derive the same texts from the same files."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from importlib import resources
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

Language = Literal["en", "de", "zh"]
"""BCP 47, the primary tag alone."""
LANGUAGES: tuple[Language, ...] = get_args(Language)
ENGLISH: Language = "en"
TAGS: Mapping[bytes, Language] = MappingProxyType({language.encode(): language for language in LANGUAGES})
"""Languages by their bytes in files."""


class Words(NamedTuple):
    """Of one language: purposes by IRI, operations by flag, outputs and smallest gaps by output, and sentences. What
    stands in braces is filled in."""

    purposes: Mapping[str, str]
    operations: Mapping[str, str]
    outputs: Mapping[str, str]
    gaps: Mapping[str, str]
    sentences: Mapping[str, str]

    def say(self, sentence: str, **values: object) -> str:
        """A sentence by its key, filled in."""
        return self.sentences[sentence].format_map(values)

    def list(self, texts: Iterable[str]) -> str:
        """Several texts beside each other."""
        return self.sentences["list"].join(texts)


@functools.cache
def words_of(language: Language) -> Words:
    """The words of a language."""
    text = (resources.files("placet.core") / "words" / f"{language}.json").read_text(encoding="utf-8")
    document = json.loads(text)
    tables = {name: MappingProxyType(document.pop(name)) for name in Words._fields[:-1]}
    return Words(**tables, sentences=MappingProxyType(document))
