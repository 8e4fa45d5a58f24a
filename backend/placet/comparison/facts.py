"""What a clause says that can be compared as a value: amounts, dates, durations, duties and the rest. English."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from placet.comparison.lexicon import GENERIC, ORGANISATION, Lexicon
from placet.comparison.numerals import DIGITS, SPELLED, number, value

Kind = Literal[
    "amount",
    "percentage",
    "date",
    "duration",
    "number",
    "party",
    "term",
    "definition",
    "modal",
    "negation",
    "reference",
]

_CURRENCIES: Final = (
    "USD", "EUR", "GBP", "JPY", "CHF", "CNY", "RMB", "CAD", "AUD", "NZD", "HKD", "SGD", "INR", "SEK", "NOK", "DKK",
    "PLN", "CZK", "HUF", "BRL", "MXN", "ZAR", "KRW", "TRY", "AED", "SAR", "ILS", "THB",
)  # fmt: skip
_SYMBOLS: Final = {
    "us$": "USD", "u.s.$": "USD", "u.s. $": "USD", "a$": "AUD", "au$": "AUD", "c$": "CAD", "ca$": "CAD", "hk$": "HKD",
    "s$": "SGD", "nz$": "NZD", "$": "$", "€": "EUR", "£": "GBP", "¥": "¥", "₹": "INR",
}  # fmt: skip
_NAMES: Final = {
    "dollar": "$", "us dollar": "USD", "u.s. dollar": "USD", "united states dollar": "USD", "canadian dollar": "CAD",
    "australian dollar": "AUD", "euro": "EUR", "pound": "GBP", "pound sterling": "GBP", "yen": "¥", "franc": "franc",
    "swiss franc": "CHF", "cent": "cent",
}  # fmt: skip
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MONTH = "|".join(f"{month.capitalize()}|{month[:3].capitalize()}\\.?" for month in _MONTHS) + r"|Sept\.?"
_CODE = "|".join(_CURRENCIES)
_SYMBOL = "|".join(re.escape(symbol) for symbol in sorted(_SYMBOLS, key=len, reverse=True))
_NAME = "|".join(re.escape(name) for name in sorted(_NAMES, key=len, reverse=True))
_UNIT = r"(?P<unit>second|minute|hour|day|night|week|fortnight|month|quarter|year)s?\b"
_WHICH = r"(?:full )?(?:(?P<which>business|working|banking|calendar|consecutive)[\s-])?"
_PERCENT = r"(?P<unit>%|per\s?cent(?:um)?\b|percentage points?\b|basis points?\b|bps\b)"
_PLACE = r"(?P<place>(?:\d+(?:\.\d+)*|[IVXLC]{1,7}\b|[A-Z]\b)(?:\(\w{1,4}\))*)"
_DUTY = (
    r"\b(?:(?:shall|must|will|may|should|can|could|would|might)(?: not)?|cannot|need not|(?:sha|wo|must|ca|should)n't|"
    r"ought to|(?:is|are) (?:not )?(?:required|obliged|obligated|entitled|permitted|prohibited|allowed)(?= to| from))\b"
)
_KEYWORD = r"(?:sections?|clauses?|articles?|paragraphs?|schedules?|exhibits?|annex(?:es)?|appendix|appendices|parts?)"


@dataclass(frozen=True, slots=True)
class Fact:
    """A value, in a form that is equal where the meaning is, and as it is written."""

    kind: Kind
    value: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def _amount(found: re.Match[str]) -> str:
    currency = (found.groupdict().get("symbol") or found.groupdict().get("name") or "").lower()
    name = _SYMBOLS.get(currency) or _NAMES.get(currency.rstrip("s").replace("pounds", "pound")) or currency.upper()
    return f"{name} {value(found, 'n')}"


def _percentage(found: re.Match[str]) -> str:
    many = value(found, "n")
    return f"{many} bp" if found["unit"].lower().startswith(("b", "B")) else f"{many} %"


def _duration(found: re.Match[str]) -> str:
    which = (found["which"] or "").lower().replace("banking", "business").replace("working", "business")
    return f"{value(found, 'n')} {which + ' ' if which else ''}{found['unit'].lower()}s"


def _date(found: re.Match[str]) -> str:
    groups = found.groupdict()
    month = next(n for n, name in enumerate(_MONTHS, 1) if name.startswith(groups["month"][:3].lower()))
    day, year = groups.get("day"), groups.get("year")
    if day and year:
        try:
            return date(int(year), month, int(day)).isoformat()
        except ValueError:
            return found.group()
    return f"{year}-{month:02}" if year else f"--{month:02}-{int(day or 0):02}"


def _modal(found: re.Match[str]) -> str:
    words = " ".join(found.group().lower().replace("n't", " not").split())
    words = words.replace("cannot", "can not").replace("ca not", "can not").replace("wo not", "will not")
    return (
        words.replace("sha not", "shall not").replace("obligated", "obliged").removeprefix("is ").removeprefix("are ")
    )


def _words(found: re.Match[str]) -> str:
    return " ".join(found.group().lower().split())


def _plain(found: re.Match[str]) -> str:
    return found.group()


def _count(found: re.Match[str]) -> str:
    return found["digits"].replace(",", "")


def _reference(found: re.Match[str]) -> str:
    return f"{found['word'].lower().rstrip('s')} {found['place']}"


def _case(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_N = number("n")
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
# In this order; what one has taken, the next ones don't see.
_PATTERNS: Final[tuple[tuple[Kind, re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    ("date", re.compile(rf"\b{_DAY}(?: day)?(?: of)? (?P<month>{_MONTH}),? (?P<year>\d{{4}})\b"), _date),
    ("date", re.compile(rf"\b(?P<month>{_MONTH}) {_DAY},? (?P<year>\d{{4}})\b"), _date),
    ("date", re.compile(r"\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}([./])\d{1,2}\1(?:\d{4}|\d{2})\b(?![.\d])"), _plain),
    ("date", re.compile(rf"\b(?P<month>{_MONTH}),? (?P<year>\d{{4}})\b"), _date),
    ("date", re.compile(rf"\b{_DAY}(?: day)?(?: of)? (?P<month>{_MONTH})(?!\w)"), _date),
    ("date", re.compile(rf"\b(?P<month>{_MONTH}) {_DAY}\b(?![.,]?\d)"), _date),
    ("reference", _case(rf"\b(?P<word>{_KEYWORD}) {_PLACE}"), _reference),
    ("amount", _case(rf"(?P<symbol>{_SYMBOL}|\b(?:{_CODE}))\s?{_N}"), _amount),
    ("amount", _case(rf"{_N}\s?(?P<name>\b(?:{_CODE})\b|\b(?:{_NAME})s?\b|[€£])"), _amount),
    ("percentage", _case(rf"{_N}\s?{_PERCENT}"), _percentage),
    ("duration", _case(rf"{_N}[\s-]{_WHICH}{_UNIT}"), _duration),
    ("number", _case(rf"{SPELLED}\s?\((?P<digits>{DIGITS})\)"), _count),
    ("number", re.compile(rf"(?<![\w.,-])(?P<digits>{DIGITS})(?![\w.,-]*\w)"), _count),
    ("modal", _case(_DUTY), _modal),
    ("party", re.compile(ORGANISATION), _plain),
    ("party", GENERIC, _words),
)
_NEGATION = _case(
    r"\b(?:not|no|never|neither|nor|none|nothing|nobody|without|cannot|unless|except|excluding|non-\w+)\b|n't\b"
)


def facts(text: str, lexicon: Lexicon) -> list[Fact]:
    """All values of a normal text, in the order in which they stand."""
    taken = bytearray(len(text))
    found: list[Fact] = []
    for kind, pattern, read in _PATTERNS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                found.append(Fact(kind, read(match), match.group(), start))
    found += [Fact("negation", _words(match), match.group(), match.start()) for match in _NEGATION.finditer(text)]
    found += _named(text, lexicon, taken)
    return sorted(found, key=lambda fact: (fact.start, fact.kind))


def _named(text: str, lexicon: Lexicon, taken: bytearray) -> Iterator[Fact]:
    for kind, name, start, end in lexicon.find(text):
        if not any(taken[start:end]):
            yield Fact("party" if kind == "party" else "term", name, text[start:end], start)
