"""Numbers as English contracts write them: `1,500.00`, `fifteen hundred`, `thirty (30)`, `2.5 million`, `one-half`."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import Final

_UNITS: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = (
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip
_SCALES: Final = {
    "hundred": 100, "thousand": 10**3, "lakh": 10**5, "million": 10**6, "crore": 10**7, "billion": 10**9,
    "trillion": 10**12,
}  # fmt: skip
_SHORT: Final = {"k": 10**3, "m": 10**6, "mn": 10**6, "mm": 10**6, "mio": 10**6, "bn": 10**9, "b": 10**9}
_VALUES: Final = {word: n for n, word in enumerate(_UNITS)} | {word: 20 + 10 * n for n, word in enumerate(_TENS)}
_ORDINALS: Final = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15, "sixteenth": 16,
    "seventeenth": 17, "eighteenth": 18, "nineteenth": 19, "twentieth": 20, "thirtieth": 30, "fortieth": 40,
    "fiftieth": 50, "sixtieth": 60, "seventieth": 70, "eightieth": 80, "ninetieth": 90, "hundredth": 100,
}  # fmt: skip
_PARTS: Final = {"half": 2, "halve": 2, "quarter": 4} | {word: n for word, n in _ORDINALS.items() if n > 2}
_SIGNS: Final = {
    "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8",
    "⅞": "7/8",
}  # fmt: skip
_WORD: Final = "|".join(sorted([*_VALUES, *_SCALES], key=len, reverse=True))
_PART: Final = "|".join(sorted(_PARTS, key=len, reverse=True))
_SIGN: Final = "".join(_SIGNS)

DIGITS: Final = (
    r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?(?!\d)|\d{1,3}(?:\.\d{3})+,\d{1,2}(?!\d)|"
    r"\d{1,3}(?:\.\d{3}){2,}(?![.,]?\d)|\d{1,3}(?:'\d{3})+(?:\.\d+)?(?!\d)|\d{1,3}(?: \d{3}){2,}(?:[.,]\d{1,2})?(?!\d)|"
    r"\d{1,18},\d{1,2}(?![\d,])|\d{1,18}(?:\.\d{1,18})?|(?<![\w.])\.\d{1,4}(?![\d.])"
)
"""English, Indian, continental and Swiss grouping; a comma before one or two digits is a decimal one."""
SPACED: Final = rf"\d{{1,3}}(?: \d{{3}})+(?:[.,]\d{{1,2}})?(?!\d)|{DIGITS}"
"""The same, with single groups after a blank: only where a currency stands beside it."""
SPELLED: Final = rf"\b(?:{_WORD})(?:[\s-](?:and\s)?(?:{_WORD})){{0,9}}\b"
SCALE: Final = (
    r"(?:[\s-](?:hundred|thousand|lakh|million|crore|billion|trillion)s?\b|\s?(?:k|mn|mm|mio|bn)\b|(?<=\d)[mb]\b)"
)
FRACTION: Final = (
    rf"\b(?:(?:{SPELLED}|an?)[\s-](?:{_PART})s?\b(?!\s(?:part(?:y|ies)|persons?)\b)(?:\s?\(\d{{1,2}}/\d{{1,3}}\))?|half\b)"
    rf"|(?<![\w/])\d{{1,2}}/\d{{1,3}}(?![\w/])|[{_SIGN}]"
)
ORDINAL: Final = (
    rf"\b(?:(?:(?:{'|'.join(_TENS)})[\s-])?(?:{'|'.join(_ORDINALS)})\b(?:\s?\(\d{{1,3}}(?:st|nd|rd|th)\))?"
    r"|\d{1,3}(?:st|nd|rd|th)\b)(?!\s?(?:part(?:y|ies)|persons?)\b|-part)"
)
_MORE: Final = rf"(?:\sand\s(?:an?|one|three)[\s-](?:half|quarters?|third)|\s?[{_SIGN}]|\s\d/\d{{1,2}}(?![\d/]))"


def number(name: str, digits: str = DIGITS) -> str:
    """A pattern for a number; its groups begin with `name`."""
    return (
        rf"(?:(?P<{name}_part>{FRACTION})"
        rf"|(?P<{name}_words>{SPELLED})(?P<{name}_more>{_MORE})?(?:\sand\s(?:no|\d\d)/100)?"
        rf"(?:\s?\((?P<{name}_again>{digits})(?=%?\))%?\))?"
        rf"|(?P<{name}_digits>(?<![\d.,])(?:{digits}))(?P<{name}_rest>{_MORE})?(?P<{name}_scale>{SCALE})?"
        rf"(?:\s\((?P<{name}_spelled>{SPELLED})\))?)"
    )


def value(match: re.Match[str], name: str) -> str:
    """The number in plain digits; both, with ≠, where words and digits in brackets say different things."""
    words, again, part = match[f"{name}_words"], match[f"{name}_again"], match[f"{name}_part"]
    if part is not None:
        return fraction(part)
    if words is None:
        scale = (match[f"{name}_scale"] or "").strip(" -").lower().removesuffix("s")
        many = _and(digits(match[f"{name}_digits"]), match[f"{name}_rest"])
        many *= _SCALES.get(scale) or _SHORT.get(scale) or 1
        spelled = match[f"{name}_spelled"]
        return plain(many) if spelled is None or spoken(spelled) == many else f"{plain(many)} ≠ {spoken(spelled)}"
    spelled_out = _and(Decimal(spoken(words)), match[f"{name}_more"])
    if again is not None and digits(again) != spelled_out:
        return f"{plain(spelled_out)} ≠ {plain(digits(again))}"
    return plain(spelled_out)


def _and(whole: Decimal, more: str | None) -> Decimal:
    """`2` and `and a half` -> 2.5."""
    if more is None:
        return whole
    part = Fraction(fraction(more.strip().removeprefix("and ").strip()))
    return whole + Decimal(part.numerator) / Decimal(part.denominator)


def digits(text: str) -> Decimal:
    """The value of DIGITS, whatever groups them."""
    text = text.replace(" ", "").replace("'", "")
    head, comma, tail = text.rpartition(",")
    if comma and len(tail) < 3 and "." not in tail:  # a decimal comma
        return Decimal(f"{head.replace('.', '').replace(',', '')}.{tail}")
    text = text.replace(",", "")
    return Decimal(text.replace(".", "") if text.count(".") > 1 else text)


def fraction(text: str) -> str:
    """`two-thirds (2/3)`, `⅔`, `2/3` -> `2/3`; `half` -> `1/2`."""
    if text in _SIGNS:
        return _SIGNS[text]
    if text[0].isdigit():
        return text
    *count, part = re.split(r"[\s-]+", text.lower().partition(" (")[0])
    many = spoken(" ".join(count)) if count and count[0] not in ("a", "an") else 1
    return f"{many}/{_PARTS[part if part in _PARTS else part.removesuffix('s')]}"


def ordinal(text: str) -> str:
    """`twenty-first (21st)`, `21st` -> `#21`."""
    if text[0].isdigit():
        return f"#{int(text[:-2])}"
    *tens, word = re.split(r"[\s-]+", text.lower().partition("(")[0].strip())
    return f"#{_ORDINALS[word] + (spoken(tens[0]) if tens else 0)}"


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


def cardinal_word(count: int) -> str:
    """21 -> `twenty-one`; 1 to 99."""
    if count < 20:
        return _UNITS[count]
    tens, ones = divmod(count, 10)
    return _TENS[tens - 2] + (f"-{_UNITS[ones]}" if ones else "")


def ordinal_word(count: int) -> str:
    """21 -> `twenty-first`; 1 to 99."""
    words = {value: word for word, value in _ORDINALS.items()}
    if count in words:
        return words[count]
    return f"{_TENS[count // 10 - 2]}-{words[count % 10]}"


def ordinal_suffix(count: int) -> str:
    """3 -> `rd`."""
    return "th" if count % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
