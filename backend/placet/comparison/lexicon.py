"""The documents' own words: the terms they define, and the names and roles of their parties."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from placet.comparison.definitions import definitions

_ROLES: Final = (
    "agent", "affiliate", "assignee", "assignor", "bank", "borrower", "buyer", "carrier", "client", "company",
    "consultant", "contractor", "controller", "creditor", "customer", "debtor", "discloser", "distributor",
    "employee", "employer", "franchisee", "franchisor", "guarantor", "insured", "insurer", "landlord", "lender",
    "lessee", "lessor", "licensee", "licensor", "manufacturer", "operator", "owner", "partner", "processor",
    "provider", "purchaser", "recipient", "reseller", "seller", "shareholder", "sponsor", "subcontractor",
    "subprocessor", "supplier", "tenant", "trustee", "user", "vendor",
)  # fmt: skip
_ROLE_PHRASES: Final = (
    "disclosing party",
    "receiving party",
    "indemnifying party",
    "indemnified party",
    "protected party",
)
GENERIC: Final = re.compile(
    r"\b(?:either|each|neither|both|any|other|one|no|third)\s(?:party|parties)\b", re.IGNORECASE
)


_Inside = tuple[Mapping[int, str], Mapping[int, str]]


class Lexicon:
    """Finds terms and parties in a text's words, the longest first. Plurals and possessives are the same term."""

    def __init__(self, before: Sequence[str], after: Sequence[str], inside: _Inside = ({}, {})) -> None:
        """The texts of both sides' clauses, and of the sub-clauses of those that end open."""
        self.defined = (tuple(definitions(before, inside[0])), tuple(definitions(after, inside[1])))
        roles = {d.term for side in self.defined for d in side if d.role}
        self._phrases: dict[str, list[tuple[tuple[str, ...], str, str]]] = defaultdict(list)
        for role in _ROLES:
            self._add(role.capitalize(), "party")
        for phrase in (*(p.title() for p in _ROLE_PHRASES), *sorted(roles)):
            self._add(phrase, "party")
        for term in sorted({d.term for side in self.defined for d in side} - roles):
            if term.lower() not in _ROLES and term.lower() not in _ROLE_PHRASES:
                self._add(term, "term")
        for phrases in self._phrases.values():
            phrases.sort(key=lambda phrase: (-len(phrase[0]), phrase))

    def _add(self, phrase: str, kind: str) -> None:
        words = tuple(stem(word) for word in phrase.split())
        entry = (words, kind, phrase)
        if words and entry not in self._phrases[words[0]]:
            self._phrases[words[0]].append(entry)

    def find(self, text: str) -> Iterator[tuple[str, str, int, int]]:
        """Kind (`party` or `term`), the phrase as it is defined, from and to."""
        places = [match.span() for match in re.finditer(r"[^\W_][\w&'./-]*", text)]
        words = [stem(text[start:end]) for start, end in places]
        n = 0
        while n < len(words):
            size = 1
            for phrase, kind, shown in self._phrases.get(words[n], ()):
                if tuple(words[n : n + len(phrase)]) == phrase:
                    size = len(phrase)
                    yield kind, shown, places[n][0], places[n + size - 1][1]
                    break
            n += size


def stem(word: str) -> str:
    """Without what makes a plural or a possessive; case stays, since defined terms are capitalised."""
    word = word.rstrip("./-'")
    for ending in ("'s", "s'"):
        word = word.removesuffix(ending) if len(word) > 4 else word
    if word.endswith("ies") and len(word) > 5:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word
