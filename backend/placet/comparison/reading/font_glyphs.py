"""What a font's program says of its glyphs, whatever its format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
"""Names of the glyphs of digits (Adobe Glyph List)."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Outlines by number, without what does not change what is seen; and the ways to a number."""

    outlines: Sequence[bytes] = ()
    names: Sequence[str] = ()
    """Of the glyphs, by number; none where the program has none."""
    by_name: Mapping[str, int] = field(default_factory=dict)
    encoding: Mapping[int, str] = field(default_factory=dict)
    """The program's own: names by code."""
    codes: Mapping[int, int] = field(default_factory=dict)
    """Numbers by code, of a font of symbols."""
    letters: Mapping[str, int] = field(default_factory=dict)
    """Numbers by letter or digit."""
    identifiers: Mapping[int, int] = field(default_factory=dict)
    """Numbers by CID, where these are not the same."""

    def outline(self, number: int) -> bytes:
        return self.outlines[number] if 0 <= number < len(self.outlines) else b""

    def name(self, number: int) -> str:
        return self.names[number] if 0 <= number < len(self.names) else ""


def glyph_name(letter: str) -> str:
    """`7` -> `seven`; a letter is its own name."""
    return DIGITS[int(letter)] if letter.isdigit() else letter


def standard(code: int) -> str:
    """The name of a letter or digit in Adobe's standard encoding; empty for others."""
    letter = chr(code)
    return glyph_name(letter) if letter.isascii() and letter.isalnum() else ""
