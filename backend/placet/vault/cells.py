"""Cells of a file to typed values. A raw cell is text from CSV, or what a column of Parquet holds; BadCell says what is
not right with one, and never what stands in it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import TypeAlias

from placet.vault.schema import WHOLE, Cell, Column

MAX_INTEGER = 1 << 62
MAX_IDENTIFIER = 256
MAX_TEXT = 4096
MAX_NUMBER = 128
"""Characters of a number, and powers of ten in its exponent."""

Raw: TypeAlias = str | int | float | Decimal | None

_AMOUNT = re.compile(r"(-?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,9}))?", re.ASCII)
_INFINITE = re.compile(r"-?inf(inity)?", re.ASCII | re.IGNORECASE)
_MISSING = frozenset({"", "nan", "null", "na", "n/a", "none"})


class BadCell(Exception):  # noqa: N818 - never leaves the vault's readers
    """A DataError's code, message and what was expected."""

    def __init__(self, code: str, message: str, expected: str) -> None:
        super().__init__(message)
        self.code, self.message, self.expected = code, message, expected


def converter(column: Column, identifier: bool) -> Callable[[Raw], Cell]:
    """What makes a column's raw cell a value, or raises BadCell."""
    if identifier:
        return to_identifier
    if column.type in WHOLE:
        whole = partial(to_integer, decimals=column.decimals)
        return whole if column.type == "integer" else partial(_or_missing, whole)
    if column.type in ("number", "optional-number"):
        return to_number if column.type == "number" else partial(_or_missing, to_number)
    return partial(to_text, empty=column.type == "optional-text")


def _or_missing(convert: Callable[[Raw], Cell], value: Raw) -> Cell:
    """None for a cell that is empty, or says in one of the usual words that nothing is there."""
    if value is None or value != value or (isinstance(value, str) and _absent(value)):
        return None
    return convert(value)


def to_integer(value: Raw, *, decimals: int = 0) -> int:
    """A whole number; or an amount with at most `decimals` digits after the point, as an integer of 10^-`decimals`.

    Exact for each way of writing it: `3913`, `3913.0`, `39.13e2`.
    """
    scale: int = 10**decimals
    if isinstance(value, str) and value.isdigit() and value.isascii() and len(value) < MAX_NUMBER:
        whole = int(value) * scale
    elif isinstance(value, int):
        whole = value * scale
    else:
        numerator, denominator = _ratio(value)
        whole, rest = divmod(numerator * scale, denominator)
        if rest:
            raise BadCell(
                "data.decimals", "an amount with too many decimals", f"at most {decimals} digits after the point"
            )
    if abs(whole) > MAX_INTEGER:
        unit = f", in units of 10^-{decimals}" if decimals else ""
        raise BadCell("data.overflow", "an amount out of range", f"at most 2^62 in size{unit}")
    return whole


def to_number(value: Raw) -> float:
    """A finite float64."""
    if isinstance(value, str):
        _demand_present(value)
        if not _INFINITE.fullmatch(value):
            _amount(value)
    elif value is None or value != value:
        raise _missing()
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadCell("data.overflow", "a number out of range", "a finite number")
    return number


def to_text(value: Raw, *, empty: bool = False) -> str:
    """A text; one that is not there is the empty text, where the schema has such."""
    if not value:
        if empty:
            return ""
        raise BadCell("data.null", "a value is missing", "a text; or a column of the type optional-text")
    text = str(value)
    if len(text) > MAX_TEXT:
        raise BadCell("data.large", "a text is too long", f"at most {MAX_TEXT} characters")
    return text


def to_identifier(value: Raw) -> str:
    """Text without blanks around it, or a whole number in digits."""
    if value is None:
        raise _missing()
    text = value if isinstance(value, str) else str(int(value))
    _demand_present(text)
    if text != text.strip():
        raise BadCell("data.type", "an identifier with blanks around it", "text without blanks around it")
    if len(text) > MAX_IDENTIFIER:
        raise BadCell("data.large", "an identifier is too long", f"at most {MAX_IDENTIFIER} characters")
    return text


def _ratio(value: str | float | Decimal | None) -> tuple[int, int]:
    """Numerator and denominator."""
    if isinstance(value, Decimal) and value.is_finite():
        return value.as_integer_ratio()
    if isinstance(value, str):
        _demand_present(value)
        return _amount(value)
    raise _missing()


def _amount(text: str) -> tuple[int, int]:
    """Numerator and denominator of a number in text."""
    match = _AMOUNT.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        raise BadCell(
            "data.type", "a value of the wrong type", "a number as in -12.34: digits, a point, no thousands separators"
        )
    fraction, exponent = match[3] or "", int(match[4] or 0)
    if len(text) > MAX_NUMBER or abs(exponent) > MAX_NUMBER:
        raise BadCell("data.overflow", "a number out of range", f"at most {MAX_NUMBER} digits")
    exponent -= len(fraction)
    return int(match[1] + match[2] + fraction) * 10 ** max(exponent, 0), 10 ** max(-exponent, 0)


def _demand_present(text: str) -> None:
    if _absent(text):
        raise _missing()


def _absent(text: str) -> bool:
    return text.strip().lower() in _MISSING


def _missing() -> BadCell:
    return BadCell("data.null", "a value is missing", "no nulls and no NaN; or a column of the type optional-number")
