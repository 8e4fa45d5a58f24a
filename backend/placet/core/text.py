"""Text that people read before they sign or believe: what it may be made of, and how it is shown when it is none.

Names, titles, purposes, reasons and names of files are one line of characters that are seen: in Unicode's normal form
C, without controls, direction marks, blanks that are no blank, invisible or unassigned characters. So that what is read
is what is signed, whatever breaks the rule is refused where it comes in (`values.line`). What reaches a terminal or a
page is escaped there besides (`visible`): other parties' errors, documents and logs pass no such door.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from placet.core.unicode_age import is_newer

_BLANK = " "
# Letters, marks and symbols that show nothing (Default_Ignorable_Code_Point, and the empty Braille pattern).
_SINGLE = (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0)
_INVISIBLE = frozenset((*_SINGLE, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
_MOST_MARKS = 4
"""Marks on one letter (UTS 39, 5.4)."""
_FORBIDDEN = {
    "Cc": "a control character",
    "Cf": "an invisible or direction character",
    "Cn": "an unassigned character",
    "Co": "a private character",
    "Cs": "half a character",
    "Zl": "a line break",
    "Zp": "a line break",
    "Zs": "a blank that is no plain blank",
}


_HIDDEN = frozenset(word for kind, word in _FORBIDDEN.items() if kind != "Zs")


def flaw(text: str) -> str | None:
    """What is wrong with a line that people are to read, or None. It names the place, and never shows the text."""
    if text.isascii() and text.isprintable() and text.strip() == text and "  " not in text:
        return None if text else "nothing"
    marks = 0
    for place, character in enumerate(text, 1):
        word = _flaw_of(character)
        if word is not None:
            return f"{word} (U+{ord(character):04X}) at place {place}"
        marks = marks + 1 if unicodedata.category(character)[0] == "M" else 0
        if marks > _MOST_MARKS or (marks and place == 1):
            return f"a mark without a letter, or too many on one, at place {place}"
    if text.strip(_BLANK) != text or _BLANK * 2 in text:
        return "a blank at an end, or two in a row"
    if not unicodedata.is_normalized("NFC", text):
        return "characters that are put together from parts (not NFC)"
    return None if text else "nothing"


def _flaw_of(character: str) -> str | None:
    if character == _BLANK:
        return None
    if character in "\n\r\x0b\x0c\x85":
        return "a line break"
    if ord(character) in _INVISIBLE:
        return _FORBIDDEN["Cf"]
    if is_newer(ord(character)):
        return _FORBIDDEN["Cn"]
    return _FORBIDDEN.get(unicodedata.category(character))


def demand_seen(document: Any) -> Any:
    """ValueError if a text anywhere in a JSON document has a character that nobody sees. Returns the document."""
    if isinstance(document, str):
        hidden = next((word for word in map(_flaw_of, document) if word in _HIDDEN), None)
        if hidden is not None:
            raise ValueError(f"expected texts of visible characters, not {hidden}")
    elif isinstance(document, dict):
        for name, value in document.items():
            demand_seen(name)
            demand_seen(value)
    elif isinstance(document, list):
        for value in document:
            demand_seen(value)
    return document


def tidied(name: str, longest: int) -> str:
    """The name of a file as a line: in NFC, with `_` for what has no place in one, cut in its middle so that its ending
    stays."""
    letters = (_BLANK if c.isspace() else c if _flaw_of(c) is None else "_" for c in unicodedata.normalize("NFC", name))
    plain = _BLANK.join("".join(letters).split()) or "_"
    half = (longest - 1) // 2
    plain = plain if len(plain) <= longest else f"{plain[:half].rstrip()}…{plain[-half:].lstrip()}"
    return plain if flaw(plain) is None else "_" + "".join(c for c in plain if unicodedata.category(c)[0] != "M")


def visible(text: str, *, lines: bool = False) -> str:
    """A text of anybody with all that is not seen written out (`\\x1b`, `\\u202e`): it steers no terminal and misleads
    no reader. `lines`: line feeds and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_LINES if lines else _LINE)


class _Written(dict[int, str]):
    """How each character is shown, as `str.translate` asks for it. Those of the basic plane are remembered."""

    def __missing__(self, point: int) -> str:
        character = chr(point)
        shown = character if is_seen(character) else _escaped(character)
        if point < 0x10000:
            self[point] = shown
        return shown


_LINE = _Written()
_LINES = _Written({ord("\n"): "\n", ord("\t"): "\t"})


def is_seen(character: str) -> bool:
    """Does a character show, and nothing else? Plain and other blanks do."""
    category = unicodedata.category(character)
    return (category[0] in "LMNPS" and ord(character) not in _INVISIBLE) or category == "Zs"


def _escaped(character: str) -> str:
    point = ord(character)
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
