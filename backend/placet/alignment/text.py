"""Unicode text as an identifier: width, case and blanks made alike.

*Width* is normalisation form KC (Unicode Standard Annex #15): full-width letters and digits become plain ones,
ligatures come apart, combining marks join their letters. *Case* is full case folding (ß becomes ss). Invisible format
characters (soft hyphens, zero-width joiners, marks of direction) are dropped, blanks become single spaces.

Both are stable between versions of Unicode for characters that are assigned; text with others, or with control
characters, is unusable, so that two parties with different versions never make different identifiers of one text.
"""

from __future__ import annotations

import unicodedata
from typing import Final

MAX_LENGTH = 512
"""Characters of a value; longer ones are unusable."""
_SEPARATORS: Final = str.maketrans("", "", " -./")


def clean(value: object) -> str:
    """A cell as text without invisible characters and outer blanks; empty for None.

    Integers are written in digits. ValueError for what no identifier is made of.
    """
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("not text")
    if isinstance(value, int):
        if abs(value) >= 10**40:
            raise ValueError("too long")
        return str(value)
    if len(value) > MAX_LENGTH:
        raise ValueError("too long")
    if value.isascii() and value.isprintable():
        return " ".join(value.split())
    marked = [(character, unicodedata.category(character)) for character in value]
    if any(kind in ("Cn", "Cs", "Co") or (kind == "Cc" and not c.isspace()) for c, kind in marked):
        raise ValueError("not text")
    return " ".join("".join(c for c, kind in marked if kind != "Cf").split())


def widen(text: str) -> str:
    """Form KC, with its blanks made alike again."""
    return clean(unicodedata.normalize("NFKC", text))


def fold(text: str) -> str:
    """Form KC of the folded text; ValueError in the cases, of which none is known, where it does not settle."""
    for _ in range(4):
        folded = widen(text.casefold())
        if folded == text:
            return text
        text = folded
    raise ValueError("does not settle")


def digits(text: str, length: int) -> str:
    """A number in `length` digits: without blanks, hyphens, dots and slashes, and with the zeros before it that
    spreadsheets drop. ValueError for what has other characters or more digits."""
    plain = widen(text).translate(_SEPARATORS)
    if not (plain.isascii() and plain.isdigit() and len(plain) <= length):
        raise ValueError("not a number of so many digits")
    return plain.zfill(length)
