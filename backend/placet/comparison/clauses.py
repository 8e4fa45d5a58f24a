"""Paragraphs to clauses: each with its full number, its text without the number, and the words that are compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from placet.comparison.limits import MAX_CLAUSES, MAX_WORDS, check
from placet.comparison.normal import mend, tokens
from placet.comparison.numbering import BULLET, Marker, Outline, marker, unknown
from placet.comparison.reading.paragraphs import Paragraph

_STACKED = 3
"""Numbers that one line may begin with, as in `4.1 (a) (i)`."""
_TITLE_WORDS = 12


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


def clauses(paragraphs: Sequence[Paragraph], known: frozenset[str]) -> list[Clause]:
    """Clauses in the document's order; `known` are words that decide about broken ones (see `normal.mend`)."""
    outline = Outline()
    found: list[Clause] = []
    place = _NOWHERE
    count = 0
    for paragraph in paragraphs:
        text = mend(paragraph.text, known)
        titled = paragraph.heading > 0 or _title(text)
        markers, rest = _numbers(text, outline, titled=titled)
        if paragraph.label:
            markers.insert(0, marker(f"{paragraph.label} ") or unknown(paragraph.label))
        elif paragraph.heading and not markers and place is _NOWHERE:
            outline.leave()
        for n, number in enumerate(markers):
            label, level = outline.enter(number, 0 if n else paragraph.depth)
            bullet = number.readings[0].style == BULLET
            place = _Place(label, level, place.written if bullet else f"{place.written} {number.written}".strip())
        if not rest:
            continue
        words = tuple(tokens(rest))
        count += len(words)
        check(len(found) + 1, MAX_CLAUSES, "clauses")
        check(count, MAX_WORDS, "words")
        heading = paragraph.heading > 0 or ((bool(place.written) or rest.isupper()) and _title(rest))
        found.append(Clause(place.label, place.level, heading, rest, place.written, words))
        place = _NOWHERE
    if place.written:
        found.append(Clause(place.label, place.level, True, place.written, "", tuple(tokens(place.written))))
    return found


@dataclass(frozen=True, slots=True)
class _Place:
    """Numbers that were read and have no text yet."""

    label: str
    level: int
    written: str


_NOWHERE = _Place("", 0, "")


def _numbers(text: str, outline: Outline, *, titled: bool) -> tuple[list[Marker], str]:
    """The numbers that a text begins with, and the rest."""
    found: list[Marker] = []
    while len(found) < _STACKED and (number := marker(text)) is not None:
        if (number.titled and not titled) or not (number.firm or (not found and outline.fits(number))):
            break
        found.append(number)
        text = text[number.length :].lstrip(" |")
    return found, text


def _title(text: str) -> bool:
    """Short, without an end: reads as a heading."""
    return (
        len(text) < 120 and len(text.split()) <= _TITLE_WORDS and not text.endswith((".", ";", ":", ",", "and", "or"))
    )


def total(found: Iterable[Clause]) -> int:
    """Number of words and marks."""
    return sum(len(clause.words) for clause in found)
