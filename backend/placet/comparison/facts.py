"""What a clause says that can be compared as a value: amounts, dates, durations, duties and the rest. English."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal

from placet.comparison.lexicon import GENERIC, Lexicon
from placet.comparison.moments import DATES, TIME, date_value, time_value
from placet.comparison.money import AMOUNTS, CURRENCY, amount_value, currency_value
from placet.comparison.numerals import FRACTION, ORDINAL, digits, fraction, number, ordinal, plain, spoken
from placet.comparison.numerals import value as number_value
from placet.comparison.organisations import organisations
from placet.comparison.wording import (
    BOUND,
    LAWS,
    QUALITY,
    STANDARD,
    bound_value,
    law_value,
    quality_value,
    standard_value,
)

Kind = Literal[
    "amount",
    "percentage",
    "date",
    "time",
    "duration",
    "number",
    "bound",
    "party",
    "law",
    "term",
    "definition",
    "modal",
    "negation",
    "connective",
    "standard",
    "quality",
    "reference",
]
VALUES: Final[frozenset[Kind]] = frozenset({"amount", "percentage", "date", "time", "duration", "number"})
"""Kinds that are measured: one may stand where another stood."""

_UNIT = (
    r"(?P<unit>second(?!s?\s(?:day|week|month|quarter|half|year|anniversary|business|party))|minute|hour|day|night|week|"
    r"fortnight|month|quarter|year|sec|min|hr|wk|mth|mo|yr)s?\b"
)
_UNITS = {"sec": "second", "min": "minute", "hr": "hour", "wk": "week", "mth": "month", "mo": "month", "yr": "year"}
_WHICH = r"(?:full |clear )?(?:(?P<which>business|working|banking|trading|calendar|consecutive)[\s-])?"
_PERCENT = r"(?P<unit>%|per\s?cent(?:um)?\b|percentage points?\b|basis points?\b|bps\b|bp\b)"
_PERCENT += r"(?:\s?\((?P<repeated>[\d.,]+)\s?%\))?"
_PLACE = r"(?:(?-i:\d+[A-Z]?(?:\.\d+[A-Z]?)*|[IVXLC]{1,7}\b|[A-Z](?:[.-]?\d+)*\b)(?: ?\(\w{1,4}\))*|(?:\(\w{1,4}\))+)"
_DUTY = (
    r"\b(?:(?:shall|must|(?<!at )will|may|should|can|could|would|might)(?: not)?|cannot|need not|"
    r"(?:sha|wo|must|ca|should)n't|"
    r"ought to|(?:is|are) (?:not )?(?:required|obliged|obligated|entitled|permitted|prohibited|allowed)(?= to| from)|"
    r"(?:is|are) under (?:no|an) (?:obligation|duty)|ha(?:s|ve) (?:the|a|no) (?:right|obligation|duty)|"
    r"(?:agrees?|undertakes?|covenants?) (?:not )?(?=to\b))\b"
)
_KEYWORD = (
    r"(?:sections?|clauses?|articles?|paragraphs?|schedules?|exhibits?|annex(?:es|ures?)?|appendix|appendices|parts?|"
    r"attachments?|recitals?|(?:sec|art|cl|paras?|sched)\.|ziff(?:\.|er)|items?)"
)
_HOW_OFTEN = (
    r"\b(?:hourly|daily|weekly|fortnightly|bi-?weekly|monthly|bi-?monthly|quarterly|semi-?annual(?:ly)?|half-?yearly|"
    r"bi-?annual(?:ly)?|annual(?:ly)?|yearly|per annum|once|twice)\b|"
    r"\b(?:per|each|every|a) (?:day|week|month|quarter|year)\b"
)


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


def _percentage(match: re.Match[str]) -> str:
    unit = match["unit"].lower()
    many, last = number_value(match, "n"), _range(match)
    if match["of"]:
        part = Fraction(fraction(match["of"]))
        whole = digits(match["n_digits"]) if match["n_digits"] else Decimal(spoken(match["n_words"] or "one"))
        many = plain(whole * part.numerator / part.denominator)
        again = match["n_again"]
        many = many if again is None or plain(digits(again)) == many else f"{many} ≠ {again}"
    if match["repeated"] and plain(digits(match["repeated"].rstrip(".,"))) != many:
        many = f"{many} ≠ {match['repeated']}"
    name = "bp" if unit.startswith("b") else "points" if "point" in unit else "%"
    return f"{many}{last} {name}"


def _range(match: re.Match[str]) -> str:
    groups = match.groupdict()
    return (
        f"-{number_value(match, 'm')}" if any(groups.get(f"m_{part}") for part in ("words", "digits", "part")) else ""
    )


def _duration(match: re.Match[str]) -> str:
    which = (match["which"] or "").lower().replace("banking", "business").replace("working", "business")
    return f"{number_value(match, 'n')}{_range(match)} {which + ' ' if which else ''}{_unit(match)}s"


def _unit(match: re.Match[str]) -> str:
    name = match["unit"].lower()
    return _UNITS.get(name, name)


def _how_often(match: re.Match[str]) -> str:
    words = _words(match).replace("-", "")
    for prefix, unit in (("da", "day"), ("weekl", "week"), ("monthl", "month"), ("quarterl", "quarter")):
        if words.startswith(prefix):
            return f"per {unit}"
    words = re.sub(r"^(?:each|every|a) ", "per ", words)
    return "per year" if words in ("annual", "annually", "yearly", "per annum") else words.removesuffix("ly")


def _modal(match: re.Match[str]) -> str:
    words = " ".join(match.group().lower().replace("n't", " not").split())
    words = words.replace("cannot", "can not").replace("ca not", "can not").replace("wo not", "will not")
    words = (
        words.replace("sha not", "shall not").replace("obligated", "obliged").removeprefix("is ").removeprefix("are ")
    )
    words = re.sub(r"^have ", "has ", words)
    return re.sub(r"^(agree|undertake|covenant)s\b", r"\1", words)


def _words(match: re.Match[str]) -> str:
    return " ".join(match.group().lower().split())


def _count(match: re.Match[str]) -> str:
    """Digits as they stand but for what groups them: 2.0 and 2 may be versions."""
    if match["n_digits"] and not (match["n_rest"] or match["n_scale"] or match["n_spelled"]):
        return match["n_digits"].replace(",", "")
    return number_value(match, "n")


def _fraction(match: re.Match[str]) -> str:
    return fraction(match.group())


def _ordinal(match: re.Match[str]) -> str:
    return ordinal(match.group())


def _reference(match: re.Match[str]) -> str:
    word = match["word"].lower()
    word = {
        "sec.": "section",
        "art.": "article",
        "cl.": "clause",
        "sched.": "schedule",
        "para.": "paragraph",
        "paras.": "paragraph",
        "ziff.": "ziffer",
    }.get(word, word)
    word = {"annexes": "annex", "annexures": "annexure", "appendices": "appendix"}.get(word, word.rstrip("s"))
    places = [place.replace(" ", "") for place in re.findall(_PLACE, match["places"])]
    return f"{word} {', '.join(places)}"


def _case(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_N = number("n")
_TO = rf"(?:\s?%?(?:\s?-\s?|\s(?:to|or|and)\s){number('m')})?"
_PRONOUN = r"one\b(?! (?:hundred|thousand|million|or two|\())"
_SIGN = re.compile(
    r"§§?\s?\d+[a-z]?(?:\(\w{1,4}\))*(?:,? (?:Abs\.|Absatz|S\.|Satz|Nr\.|lit\.) ?\w{1,3})*"
    r"(?:(?:, | und | and |-)\d+[a-z]?\b)*"
)
_REFERENCE = _case(rf"\b(?P<word>{_KEYWORD}) (?P<places>{_PLACE}(?:(?:, and | and | or |, | to |-){_PLACE})*)")
_Pattern = tuple[Kind, re.Pattern[str], Callable[[re.Match[str]], str]]
# In this order, with the names of organisations after the first: what one has taken, the next ones don't see.
_MOMENTS: Final[tuple[_Pattern, ...]] = (
    *(("date", pattern, date_value) for pattern in DATES),
    ("time", TIME, time_value),
)
_PATTERNS: Final[tuple[_Pattern, ...]] = (
    ("reference", _REFERENCE, _reference),
    ("reference", _SIGN, _words),
    *(("amount", pattern, amount_value) for pattern in AMOUNTS),
    ("percentage", _case(rf"(?:(?P<of>{FRACTION})\s?of\s(?:an?\s)?)?{_N}{_TO}\s?{_PERCENT}"), _percentage),
    ("number", _case(rf"(?:{FRACTION})(?=\sof\b)|\b(?:one|three)-quarters?\b"), _fraction),
    ("duration", _case(rf"{_N}{_TO}[\s-]{_WHICH}{_UNIT}"), _duration),
    ("amount", CURRENCY, currency_value),
    *(("law", pattern, law_value) for pattern in LAWS),
    ("bound", BOUND, bound_value),
    ("standard", STANDARD, standard_value),
    ("number", _case(rf"(?<![\w.,-])(?!{_PRONOUN})(?:{_N})(?:x\b)?(?![\w.,-]*\w)"), _count),
    ("number", _case(ORDINAL), _ordinal),
    ("number", _case(r"\b(?:double|triple|treble|quadruple|thrice|(?:two|three|four|five|ten)fold)\b"), _words),
    ("number", re.compile(r"\b(?:Class|Series|Tranche|Tier|Option|Phase|Category|Grade) [A-Z]\b"), _words),
    ("duration", _case(_HOW_OFTEN), _how_often),
    ("modal", _case(_DUTY), _modal),
    ("party", GENERIC, _words),
    ("quality", QUALITY, quality_value),
    ("connective", _case(r"\b(?:and/or|and|or|any|all|each|every|either|both|some)\b"), _words),
)  # fmt: skip
_NEGATION = _case(
    r"\b(?:not|no|never|neither|nor|none|nothing|nobody|without|cannot|unless|except|excluding|exclude[sd]?|non-\w+|"
    r"other than|save (?:for|that|as|where|in)|provided(?:,? however,?)?,? that|subject to|notwithstanding|only|"
    r"solely|even if|regardless of|irrespective of)\b|n't\b"
)
_SCOPE: Final[frozenset[Kind]] = frozenset({"bound", "standard", "quality"})
"""Kinds whose words hold negations of their own, as in `no less than`."""


def facts(text: str, lexicon: Lexicon) -> list[Fact]:
    """All values of a normal text, in the order in which they stand."""
    taken = bytearray(len(text))
    facts_ = _taken(text, _MOMENTS, taken)
    for name, start in organisations(text):
        if not any(taken[start : start + len(name)]):
            taken[start : start + len(name)] = b"\1" * len(name)
            facts_.append(Fact("party", name, name, start))
    facts_ = _once(text, facts_ + _taken(text, _PATTERNS, taken))
    within = bytearray(len(text))
    for fact in facts_:
        if fact.kind in _SCOPE:
            within[fact.start : fact.end] = b"\1" * len(fact.text)
    facts_ += [
        Fact("negation", _words(match), match.group(), match.start())
        for match in _NEGATION.finditer(text)
        if not any(within[match.start() : match.end()])
    ]
    facts_ += _named(text, lexicon, taken)
    return sorted(facts_, key=lambda fact: (fact.start, fact.kind))


def measured(text: str) -> list[Fact]:
    """Only what is measured (see VALUES), which needs no lexicon."""
    taken = bytearray(len(text))
    patterns = (*_MOMENTS, *(entry for entry in _PATTERNS if entry[0] in VALUES))
    return _once(text, _taken(text, patterns, taken))


def _once(text: str, facts: list[Fact]) -> list[Fact]:
    """In order; `One Million Dollars ($1,000,000)` is one amount."""
    distinct: list[Fact] = []
    for fact in sorted(facts, key=lambda fact: fact.start):
        last = distinct[-1] if distinct else None
        if (
            last is not None
            and last.kind == fact.kind == "amount"
            and last.value.split()[-1] == fact.value.split()[-1]
            and text[last.end : fact.start].strip() == "("
            and text[fact.end : fact.end + 1] == ")"
        ):
            distinct[-1] = Fact("amount", last.value, text[last.start : fact.end + 1], last.start)
        else:
            distinct.append(fact)
    return distinct


def _taken(text: str, patterns: tuple[_Pattern, ...], taken: bytearray) -> list[Fact]:
    """What the patterns find where nothing else was found before; `taken` is marked."""
    facts = []
    for kind, pattern, read in patterns:
        for match in pattern.finditer(text):
            start, end = match.span("place" if kind == "law" else 0)
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                facts.append(Fact(kind, read(match), text[start:end], start))
    return facts


def _named(text: str, lexicon: Lexicon, taken: bytearray) -> Iterator[Fact]:
    for kind, name, start, end in lexicon.find(text):
        if not any(taken[start:end]):
            yield Fact("party" if kind == "party" else "term", name, text[start:end].rstrip("./-'"), start)
