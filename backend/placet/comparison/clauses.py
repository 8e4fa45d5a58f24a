"""Paragraphs to clauses: each with its full number, its text without the number, and the words that are compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from placet.comparison.limits import MAX_CLAUSES, MAX_WORDS, check
from placet.comparison.normal import mend, tokens
from placet.comparison.numbering import BULLET, Marker, marker, unknown
from placet.comparison.outline import Outline
from placet.comparison.reading.paragraphs import Paragraph

_STACKED = 3
"""Numbers that one line may begin with, as in `4.1 (a) (i)`."""
_TITLE_WORDS = 12
_VALUE = re.compile(r"\(?\d+(?:\.\d+)*\)?")
_NAMED = re.compile(r"[A-Za-z]{3}")
_CONTENTS = re.compile(r"(?:\. ?){4,}\d{1,4}$")
"""A line of a table of contents: its number opens no list."""
_RUN_IN = re.compile(
    r"(?=[A-Z\"'])(?:(?:[A-Z0-9\"'][\w'\"/&-]*,?|of|and|or|the|to|in|on|for|by|an?|with|from|&|-) ){0,11}"
    r"[A-Z0-9\"'][\w'\"/&-]*(?:\.(?= |$)|:)"
)
"""A title that stands in one line with the text, as in `Section 1.02 Purchase and Sale. Seller …`."""


@dataclass(frozen=True, slots=True)
class Clause:
    """The smallest numbered part, or a paragraph without a number."""

    label: str
    """Its number with those around it, such as `2.1(a)`; for display, not compared."""
    level: int
    heading: bool
    text: str
    written: str
    """The number as it stands in the document; empty for bullets."""
    words: tuple[str, ...] = field(repr=False)
    """The text's tokens: what is compared."""
    regular: bool = True
    """Its number goes on with the one before it, or begins a list; another one may say something: `10.50`."""

    def with_number(self) -> Clause:
        """The clause with its number as a part of its text."""
        text = f"{self.written} {self.text}".strip()
        return replace(self, text=text, words=tuple(tokens(text)))


def clauses(paragraphs: Sequence[Paragraph], known: frozenset[str]) -> list[Clause]:
    """Clauses in the document's order; `known` are words that decide about broken ones (see `normal.mend`)."""
    outline = Outline()
    clauses_: list[Clause] = []
    place = _NOWHERE
    count = 0
    for paragraph in paragraphs:
        text = mend(paragraph.text, known)
        here = Outline() if _CONTENTS.search(text) else outline
        titled = paragraph.heading > 0 or _title(text)
        markers, rest = _numbers(text, here, titled=titled)
        if paragraph.label:
            markers.insert(0, marker(f"{paragraph.label} ") or unknown(paragraph.label))
        elif paragraph.heading and not markers and place is _NOWHERE:
            here.leave()
        begins = titled and rest[:1].isupper()
        for n, number in enumerate(markers):
            entered = here.enter(number, 0 if n else paragraph.depth, titled=begins, more=n + 1 < len(markers))
            if n == 0 and (entered.level <= place.level or place.value):  # the number before it stands alone
                clauses_ += _alone(place)
                place = _NOWHERE
            bullet = number.readings[0].style == BULLET
            written = place.written if bullet else f"{place.written} {number.written}".strip()
            opens = number.root or number.readings[0].style in _OPENING
            place = _Place(entered.label, entered.level, written, opens, place.regular and entered.regular)
        if not rest:
            continue
        titles = place.opens and not (titled and rest[:1].isupper() and " | " not in rest)
        if not markers and (titles or place.value):
            clauses_ += _alone(place)  # a title or a value of its own, not the number of what follows
            place = _NOWHERE
        words = tuple(tokens(rest))
        count += len(words)
        check(len(clauses_) + 1, MAX_CLAUSES, "clauses")
        check(count, MAX_WORDS, "words")
        heading = paragraph.heading > 0 or ((bool(place.written) or rest.isupper()) and _title(rest))
        clauses_.append(Clause(place.label, place.level, heading, rest, place.written, words, place.regular))
        place = _NOWHERE
    return clauses_ + _alone(place)


@dataclass(frozen=True, slots=True)
class _Place:
    """Numbers that were read and have no text yet."""

    label: str
    level: int
    written: str
    opens: bool = False
    """Of a schedule, an article or the like, which a paragraph doesn't have as its number."""
    regular: bool = True

    @property
    def value(self) -> bool:
        """Whether it may be no number of a clause at all, but `10.50`."""
        return not self.regular and _VALUE.fullmatch(self.written) is not None


_NOWHERE = _Place("", 0, "")
_OPENING = frozenset({"article", "chapter", "part", "title"})


def _alone(place: _Place) -> list[Clause]:
    """`Schedule 2` without a text is a clause, and so is `10.50` where no number is due; `4.` is none."""
    if not _NAMED.search(place.written) and not place.value:
        return []
    return [Clause(place.label, place.level, True, place.written, "", tuple(tokens(place.written)))]


def _numbers(text: str, outline: Outline, *, titled: bool) -> tuple[list[Marker], str]:
    """The numbers that a text begins with, and the rest."""
    markers: list[Marker] = []
    while len(markers) < _STACKED and (number := marker(text)) is not None:
        prose = number.titled and not titled and not (number.led and (outline.fits(number) or _run_in(text, number)))
        if prose or not (number.firm or (not markers and outline.fits(number))):
            break
        markers.append(number)
        text = text[number.length :].lstrip(" |")
    return markers, text


def _run_in(text: str, number: Marker) -> bool:
    """Whether a title in capitals and a full stop follow the number."""
    return _RUN_IN.match(text[number.length :].lstrip()) is not None


def _title(text: str) -> bool:
    """Short, without an end: reads as a heading."""
    return (
        len(text) < 120 and len(text.split()) <= _TITLE_WORDS and not text.endswith((".", ";", ":", ",", "and", "or"))
    )


def total(clauses: Iterable[Clause]) -> int:
    """Number of words and marks."""
    return sum(len(clause.words) for clause in clauses)
