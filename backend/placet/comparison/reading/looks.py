"""What fonts draw for letters, held against each other: a font may draw other letters than the text says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ALIKE: Final = (frozenset("1lI"), frozenset("0O"))
"""Letters that some fonts draw alike."""
_COMMON: Final = 5
"""Letters that two versions of a font have in common before they are held against each other."""
_FEW: Final = 0.3
"""Where more than this share differs, the fonts are just not the same."""
Looks = Mapping[tuple[str, str], frozenset[bytes]]
"""By the font's name and the letter: hashes of what is drawn for it."""


def twins(looks: Looks) -> list[str]:
    """Letters and digits of a font that look the same, as `5 = 6`: one of each two is not what the text says."""
    seen: dict[tuple[str, bytes], str] = {}
    twins_ = []
    for (font, letter), shapes in sorted(looks.items()):
        for shape in sorted(shapes):
            other = seen.setdefault((font, shape), letter)
            if other != letter and not any({other, letter} <= alike for alike in _ALIKE):
                twins_.append(f"{other} = {letter}")
    return twins_


def doubles(looks: Mapping[str, frozenset[bytes] | set[bytes]]) -> set[str]:
    """Letters of one font that have two shapes, where most have one: not all of them are what the text says."""
    several = {letter for letter, shapes in looks.items() if len(shapes) > 1}
    return several if len(looks) >= _COMMON and len(several) <= _FEW * len(looks) else set()


def otherwise(mine: Looks, theirs: Looks) -> list[str]:
    """Letters that a font of both versions draws otherwise in this one, where it draws most of them alike."""
    common = mine.keys() & theirs.keys()
    differences = []
    for font in sorted({name for name, _ in common}):
        letters = sorted(letter for name, letter in common if name == font)
        differing = [letter for letter in letters if not mine[font, letter] & theirs[font, letter]]
        if len(letters) >= _COMMON and len(differing) <= _FEW * len(letters):
            differences += differing
    return differences
