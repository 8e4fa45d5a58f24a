"""Numbers that clauses begin with: `4.`, `4.2`, `(a)`, `iv)`, `Article IV`, `Section 1.02 Purchase`, `§ 3`, bullets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from placet.comparison.moments import DAY_FIRST

BULLET: Final = "bullet"
IMPLIED: Final = "1."
"""Style of the list that a number such as `3.8` stands in the third item of."""
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
_ROOTS = frozenset({"schedule", "exhibit", "annex", "annexure", "appendix", "attachment", "addendum"})
_SHORT = {
    "art": "article", "sec": "section", "cl": "clause", "para": "paragraph", "ch": "chapter", "sched": "schedule",
    "abs": "absatz", "ziff": "ziffer",
}  # fmt: skip
KEYWORDS: Final = frozenset({
    "article", "section", "clause", "chapter", "part", "paragraph", "title", "rule", "recital", "item", "§",
    "absatz", "ziffer",
}) | _ROOTS  # fmt: skip
_WORDS = "|".join(sorted(KEYWORDS - {"§"}, key=len, reverse=True))
_COUNTED = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
_RANKED = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_NUMBER = (
    rf"(?P<number>\d{{1,3}}[A-Z]?(?:\.\d{{1,3}}[A-Za-z]?){{0,5}}|[A-Z][-.]\d{{1,3}}|[ivxlcIVXLC]{{1,7}}|"
    rf"(?:{'|'.join(_COUNTED)})\b|[A-Za-z])"
)
_KEYWORD = re.compile(
    rf"(?:(?P<word>{_WORDS})\s+|(?P<short>{'|'.join(_SHORT)})\.\s*|(?P<sign>§§?)\s*){_NUMBER}"
    r"(?P<end>[.:)]|\s-(?=\s|$))?(?=\s|$|\()",
    re.IGNORECASE,
)
_RANK = re.compile(
    rf"(?:the\s)?(?P<number>{'|'.join(_RANKED)})\s(?P<word>{'|'.join(_ROOTS)})(?P<end>[.:]?)(?=\s|$)", re.I
)
_DOTTED = re.compile(r"(?P<number>\d{1,3}[A-Z]?(?:\.\d{1,3}[A-Za-z]?){1,5})(?P<end>[.:)]?)(?=\s|$|\([a-zA-Z]{1,4}\))")
_ATTACHED = re.compile(r"(?P<number>\d{1,3}[A-Z]?)(?=\((?:[A-Za-z]|[ivxl]{2,5}|([a-z])\2)\)(?:\s|\())")
_MIXED = re.compile(
    r"(?=[\w.]*\d)(?P<number>(?:[IVXLC]{1,6}|[A-Z]|\d{1,3})(?:\.(?:\d{1,3}|[IVXLC]{1,6}|[ivxlc]{1,6}|[A-Za-z])){1,4})"
    r"(?P<end>[.:)]?)(?=\s|$)"
)
_SINGLE = re.compile(r"(?P<number>\d{1,3}[A-Z]?|[ivxlcIVXLC]{1,7}|[A-Za-z]|[a-z]{2})(?P<end>[.)]|(?<=\d):)(?=\s|$)")
_ENCLOSED = re.compile(r"[(\[](?P<number>\d{1,3}(?:\.\d{1,3})?|[ivxlcIVXLC]{1,7}|[A-Za-z]|([A-Za-z])\2)[)\]](?=\W|$)")
_BARE = re.compile(r"(?P<number>\d{1,2}|[IVX]{1,5}(?=\s-))(?P<end>\s-)?(?=\s[A-Z])")
_BULLET = re.compile(r"[•‣◦▪●○■□∙·⁃\uf0b7\uf0a7*+-](?=\s)")
_UNIT = re.compile(
    r"\s*(?:million|billion|thousand|trillion|per\s?cent|percent|%|times|business|calendar|working|hours?|days?|weeks?|"
    r"months?|years?|minutes?|x\b|of\b|and\b|or\b|to\b)",
    re.IGNORECASE,
)
_COPYRIGHT = re.compile(r"\([cC]\)\s+(?:\d{4}|[Cc]opyright)")
_ORDERED = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
_LED = re.compile(r"\s+[\"']?[A-Z]")


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
    """A keyword and number without punctuation: may be a reference that begins a sentence."""
    led: bool = False
    """What follows begins with a capital letter."""
    path: tuple[int, ...] = ()
    """`3.8` -> (3, 8): numbers of the lists that it stands in, where the number says so."""

    @property
    def root(self) -> bool:
        """Begins a schedule or the like, which has a numbering of its own."""
        return self.readings[0].style in _ROOTS


def is_root(style: str) -> bool:
    """Of a schedule or the like."""
    return style in _ROOTS


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
        return (Reading(f"1{shape}", _last(number)),)
    case = "a" if number.islower() else "A"
    readings = []
    as_roman = roman(number)
    if as_roman is not None:
        readings.append(Reading(f"{'i' if case == 'a' else 'I'}{shape}", as_roman))
    if len(number) <= 2 and len(set(number.lower())) == 1:
        letter = Reading(f"{case}{shape}", ord(number[0].lower()) - 96 + 26 * (len(number) - 1))
        readings.insert(0 if len(number) == 1 and number.lower() != "i" else len(readings), letter)
    return tuple(readings)


def _last(number: str) -> int:
    """`4.12A` -> 12."""
    return int(re.findall(r"\d+", number)[-1])


def marker(text: str) -> Marker | None:
    """The numbering that a normal text begins with, if it looks like one."""
    if DAY_FIRST.match(text):
        return None
    if match := _ENCLOSED.match(text):
        return None if _COPYRIGHT.match(text) else _marker(match, _readings(match["number"], "()"))
    if match := _KEYWORD.match(text):
        return _keyword(text, match)
    readings: tuple[Reading, ...]
    if match := _RANK.match(text):
        readings = (Reading(match["word"].lower(), _RANKED.index(match["number"].lower()) + 1),)
        return Marker(
            match.group().rstrip(), readings, match.end(), titled=not match["end"] and match.end() < len(text)
        )
    if match := _DOTTED.match(text):
        if _UNIT.match(text, match.end()):
            return None
        parts = match["number"].count(".") + 1
        path = tuple(int(part) for part in re.findall(r"\d+", match["number"])) if parts > 1 else ()
        return _marker(match, (Reading(f"1/{parts}", _last(match["number"])),), parts, path=path)
    if match := _ATTACHED.match(text):
        return _marker(match, _readings(match["number"], "."))
    if match := _MIXED.match(text):
        *before, last = match["number"].split(".")
        readings = tuple(Reading(f"{r.style}{len(before)}", r.value) for r in _readings(last, "/"))
        return _marker(match, readings, len(before) + 1) if readings else None
    if match := _SINGLE.match(text):
        digits = match["number"][0].isdigit()
        readings = _readings(match["number"], ")" if match["end"] == ")" else ".")
        return _marker(match, readings, firm=digits or match["end"] == ")") if readings else None
    if (match := _BARE.match(text)) and (match["end"] or not _UNIT.match(text, match.end())):
        return _marker(match, _readings(match["number"], "."), firm=False)
    if match := _BULLET.match(text):
        return _marker(match, (Reading(BULLET, 1),))
    return None


def _keyword(text: str, match: re.Match[str]) -> Marker | None:
    word = (match["word"] or _SHORT.get((match["short"] or "").lower()) or "§").lower()
    number = match["number"]
    value: tuple[Reading, ...]
    if number.lower() in _COUNTED:
        value = (Reading("1", _COUNTED.index(number.lower()) + 1),)
    elif re.fullmatch(r"[A-Z][-.]\d+", number):
        value = (Reading("1", _last(number)),)
    else:
        value = _readings(number, "")
    if not value:
        return None
    numeric = next((r for r in value if r.style in ("I", "i", "1")), value[0])
    titled = match["end"] is None and match.end() < len(text) and text[match.end()] != "("
    led = _LED.match(text, match.end()) is not None
    written = match.group().rstrip(" -")
    return Marker(written, (Reading(word, numeric.value),), match.end(), number.count(".") + 1, titled=titled, led=led)


def wordy(written: str) -> bool:
    """Whether a label says more than a number: words that are neither a keyword, nor Roman, nor `aa`."""
    words = re.findall(r"[^\W\d_]{2,}", _ORDERED.sub("", written.lower()))
    known = KEYWORDS.union(_COUNTED, _RANKED, _SHORT)
    return any(word not in known and roman(word) is None and len(set(word)) > 1 for word in words)


def unknown(written: str) -> Marker:
    """A number of a form that only its document knows, such as `III.1`."""
    return Marker(written, (Reading(f"{written.count('.')} dots", 1),), len(written), parts=2)


def _marker(
    match: re.Match[str],
    readings: tuple[Reading, ...],
    parts: int = 1,
    *,
    firm: bool = True,
    path: tuple[int, ...] = (),
) -> Marker | None:
    return Marker(match.group(), readings, match.end(), parts, firm, path=path) if readings else None


def bare(written: str) -> str:
    """`4.2.` -> `4.2`: a number without the punctuation that ends it."""
    plain = written.rstrip(".:) ]-")
    return plain + {"(": ")", "[": "]"}.get(written[:1], "")
