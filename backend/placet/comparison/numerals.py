"""Numbers as English contracts write them: `1,500.00`, `fifteen hundred`, `thirty (30)`, `2.5 million`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_UNITS: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = (
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip
_SCALES: Final = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_SHORT: Final = {"k": 10**3, "m": 10**6, "mn": 10**6, "mm": 10**6, "bn": 10**9, "b": 10**9}
_VALUES: Final = {word: n for n, word in enumerate(_UNITS)} | {word: 20 + 10 * n for n, word in enumerate(_TENS)}
_WORD: Final = "|".join(sorted([*_VALUES, *_SCALES], key=len, reverse=True))

DIGITS: Final = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,18}(?:\.\d{1,18})?"
SPELLED: Final = rf"\b(?:{_WORD})(?:[\s-](?:and\s)?(?:{_WORD})){{0,9}}\b"
SCALE: Final = r"(?:\s(?:hundred|thousand|million|billion|trillion)\b|\s?(?:k|mn|mm|bn)\b|(?<=\d)[mb]\b)"


def number(name: str) -> str:
    """A pattern for a number; its groups begin with `name`."""
    return (
        rf"(?:(?P<{name}_words>{SPELLED})(?:\s?\((?P<{name}_again>{DIGITS})\))?"
        rf"|(?P<{name}_digits>(?<![\d.,])(?:{DIGITS}))(?P<{name}_scale>{SCALE})?)"
    )


def value(found: re.Match[str], name: str) -> str:
    """The number in plain digits; both, with ≠, where words and digits in brackets say different things."""
    words, again = found[f"{name}_words"], found[f"{name}_again"]
    if words is None:
        scale = (found[f"{name}_scale"] or "").strip().lower()
        return plain(_digits(found[f"{name}_digits"]) * (_SCALES.get(scale) or _SHORT.get(scale) or 1))
    spelled = Decimal(spoken(words))
    if again is not None and _digits(again) != spelled:
        return f"{plain(spelled)} ≠ {plain(_digits(again))}"
    return plain(spelled)


def _digits(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def plain(number: Decimal) -> str:
    """Without an exponent and without zeros at the end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def spoken(text: str) -> int:
    """`two hundred and fifty-five` -> 255."""
    total = group = 0
    for word in re.split(r"[\s-]+", text.lower()):
        if word in _VALUES:
            group += _VALUES[word]
        elif word == "hundred":
            group = max(group, 1) * 100
        elif word in _SCALES:
            total += max(group, 1) * _SCALES[word]
            group = 0
    return total + group
