"""Numbering of clauses: `4.`, `4.2`, `(a)`, `iv)`, `Article IV`, `§ 3`, bullets; what it says, and where it fits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

BULLET: Final = "bullet"
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
_ROOTS = frozenset({"schedule", "exhibit", "annex", "annexure", "appendix", "attachment", "addendum"})
_KEYWORDS = frozenset({"article", "section", "clause", "chapter", "part", "paragraph", "title", "§"}) | _ROOTS
_WORDS = "|".join(sorted(_KEYWORDS - {"§"}, key=len, reverse=True))
_NUMBER = r"(?P<number>\d{1,3}(?:\.\d{1,3}){0,5}|[ivxlcIVXLC]{1,7}|[A-Za-z])"
_KEYWORD = re.compile(rf"(?:(?P<word>{_WORDS})\s+|(?P<sign>§§?)\s*){_NUMBER}(?P<end>[.:)]|\s-)?(?=\s|$)", re.IGNORECASE)
_DOTTED = re.compile(r"(?P<number>\d{1,3}(?:\.\d{1,3}){1,5})(?P<end>[.):]?)(?=\s|$)")
_SINGLE = re.compile(r"(?P<number>\d{1,3}|[ivxlcIVXLC]{1,7}|[A-Za-z]|[a-z]{2})(?P<end>[.)])(?=\s|$)")
_ENCLOSED = re.compile(r"\((?P<number>\d{1,3}|[ivxlcIVXLC]{1,7}|[A-Za-z]|([A-Za-z])\2)\)(?=\W|$)")
_BARE = re.compile(r"(?P<number>\d{1,2})(?=\s[A-Z])")
_BULLET = re.compile(r"[•‣◦▪●○■□∙·⁃\uf0b7\uf0a7*+-](?=\s)")
_UNIT = re.compile(
    r"\s*(?:million|billion|thousand|trillion|per\s?cent|percent|%|times|business|calendar|working|hours?|days?|weeks?|"
    r"months?|years?|minutes?|x\b|of\b|and\b|or\b|to\b)",
    re.IGNORECASE,
)
_COPYRIGHT = re.compile(r"\([cC]\)\s+(?:\d{4}|[Cc]opyright)")


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a marker: its style and its place in the sequence (from 1)."""

    style: str
    value: int


@dataclass(frozen=True, slots=True)
class Marker:
    """A number as written, what it may mean, and how many characters of the text it takes."""

    written: str
    readings: tuple[Reading, ...]
    length: int
    parts: int = 1
    firm: bool = True
    """Reads as numbering wherever a paragraph begins; others only where they continue a list or begin one."""
    titled: bool = False
    """A keyword and number without punctuation: numbering only of a heading."""

    @property
    def root(self) -> bool:
        """Begins a schedule or the like, which has a numbering of its own."""
        return self.readings[0].style in _ROOTS


def roman(text: str) -> int | None:
    """Value of a well-formed Roman number below 400."""
    total = 0
    for letter, following in zip(text.lower(), [*text.lower()[1:], ""], strict=True):
        value = _ROMAN.get(letter, 1000)
        total += -value if following and _ROMAN.get(following, 0) > value else value
    return total if 0 < total < 400 and to_roman(total) == text.lower() else None


def to_roman(number: int) -> str:
    pairs = zip((100, 90, 50, 40, 10, 9, 5, 4, 1), ("c", "xc", "l", "xl", "x", "ix", "v", "iv", "i"), strict=True)
    written = ""
    for value, letters in pairs:
        count, number = divmod(number, value)
        written += letters * count
    return written


def _readings(number: str, shape: str) -> tuple[Reading, ...]:
    """Letters may be Roman numbers too: both, the likelier one first."""
    if number[0].isdigit():
        return (Reading(f"1{shape}", int(number.split(".")[-1])),)
    case = "a" if number.islower() else "A"
    found = []
    as_roman = roman(number)
    if as_roman is not None:
        found.append(Reading(f"{'i' if case == 'a' else 'I'}{shape}", as_roman))
    if len(number) <= 2 and len(set(number.lower())) == 1:
        letter = Reading(f"{case}{shape}", ord(number[0].lower()) - 96 + 26 * (len(number) - 1))
        found.insert(0 if len(number) == 1 and number.lower() != "i" else len(found), letter)
    return tuple(found)


def marker(text: str) -> Marker | None:
    """The numbering that a normal text begins with, if it looks like one."""
    if found := _ENCLOSED.match(text):
        if _COPYRIGHT.match(text):
            return None
        return _marker(found, _readings(found["number"], "()"))
    if found := _KEYWORD.match(text):
        word = (found["word"] or "§").lower()
        value = _readings(found["number"], "")
        if not value:
            return None
        numeric = next((r for r in value if r.style in ("I", "i", "1")), value[0])
        parts = found["number"].count(".") + 1
        titled = found["end"] is None and found.end() < len(text)
        return Marker(found.group().rstrip(" -"), (Reading(word, numeric.value),), found.end(), parts, titled=titled)
    if found := _DOTTED.match(text):
        if _UNIT.match(text, found.end()):
            return None
        parts = found["number"].count(".") + 1
        return _marker(found, (Reading(f"1/{parts}", int(found["number"].split(".")[-1])),), parts)
    if found := _SINGLE.match(text):
        digits = found["number"][0].isdigit()
        readings = _readings(found["number"], "." if found["end"] == "." else ")")
        return _marker(found, readings, firm=digits or found["end"] == ")") if readings else None
    if found := _BARE.match(text):
        return _marker(found, (Reading("1.", int(found["number"])),), firm=False)
    if found := _BULLET.match(text):
        return _marker(found, (Reading(BULLET, 1),))
    return None


def wordy(written: str) -> bool:
    """Whether a label says more than a number: words that are neither a keyword, nor Roman, nor `aa`."""
    words = re.findall(r"[^\W\d_]{2,}", written.lower())
    return any(word not in _KEYWORDS and roman(word) is None and len(set(word)) > 1 for word in words)


def unknown(written: str) -> Marker:
    """A number of a form that only its document knows, such as `III.1`."""
    return Marker(written, (Reading(f"{written.count('.')} dots", 1),), len(written), parts=2)


def _marker(found: re.Match[str], readings: tuple[Reading, ...], parts: int = 1, *, firm: bool = True) -> Marker | None:
    return Marker(found.group(), readings, found.end(), parts, firm) if readings else None


def bare(written: str) -> str:
    """`4.2.` -> `4.2`: a number without the punctuation that ends it."""
    return written.rstrip(".:) -") + ")" if written.startswith("(") else written.rstrip(".:) -")


@dataclass(frozen=True, slots=True)
class _Level:
    style: str
    depth: int
    value: int
    label: str


class Outline:
    """The lists that are open at a place in a document, outermost first."""

    def __init__(self) -> None:
        self._open: list[_Level] = []

    def fits(self, found: Marker) -> bool:
        """Whether the marker begins a list or goes on with an open one."""
        return any(self._follows(reading) for reading in found.readings)

    def _follows(self, reading: Reading) -> bool:
        if reading.style == BULLET or reading.value == 1:
            return True
        return any(0 < reading.value - level.value <= 10 for level in self._open if level.style == reading.style)

    def enter(self, found: Marker, depth: int = 0) -> tuple[str, int]:
        """Goes to the marker's place; the full number there (`2.1(a)`) and the number of lists around it."""
        if found.root:
            self._open.clear()
        reading = self._likeliest(found)
        place = next(
            (n for n, level in enumerate(self._open) if (level.style, level.depth) == (reading.style, depth)), None
        )
        del self._open[len(self._open) if place is None else place :]
        label = self._label(found, reading)
        self._open.append(_Level(reading.style, depth, reading.value, label))
        return label, len(self._open) - 1

    def leave(self) -> None:
        """An unnumbered heading: what comes begins its own lists."""
        self._open.clear()

    def _likeliest(self, found: Marker) -> Reading:
        """The reading that continues the innermost list, else the one that begins a list, else the first."""
        for level in reversed(self._open):
            for reading in found.readings:
                if reading.style == level.style and reading.value == level.value + 1:
                    return reading
        begins = [reading for reading in found.readings if reading.value == 1]
        opened = {level.style for level in self._open}
        known = [reading for reading in found.readings if reading.style in opened]
        return (begins or known or list(found.readings))[0]

    def _label(self, found: Marker, reading: Reading) -> str:
        parent = next((level.label for level in reversed(self._open) if level.label), "")
        if reading.style == BULLET:
            return parent
        own = bare(found.written)
        if found.parts > 1 or reading.style in _KEYWORDS or not parent:
            return own
        if own.startswith("("):
            return parent + own
        return f"{parent}.{own}" if parent[-1].isdigit() and " " not in parent else f"{parent} {own}"


def stacked(text: str, limit: int = 3) -> Iterator[Marker]:
    """Markers one after the other at a text's beginning, as in `4.1 (a) The …`."""
    at = 0
    for _ in range(limit):
        found = marker(text[at : at + 64].lstrip())
        if found is None:
            return
        yield found
        at += len(text[at:]) - len(text[at:].lstrip()) + found.length
