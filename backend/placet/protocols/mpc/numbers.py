"""Numbers as programs compute with them: integers at a declared decimal scale, within a declared bound.

Fixed point here is an integer count of 10^-decimals: 12.34 with two decimals is 1234. Nothing is ever rounded inside a
protocol and there are no fraction bits to lose: a result is exact, or refused beforehand because it might not fit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from placet.core.errors import DataError, LimitError, PlanError
from placet.core.values import Value, Whole

MAX_DECIMALS = 18
MAX_CELLS = 2**27
"""Numbers in one array that a party brings."""

Integers = npt.NDArray[Any]
"""int64, or Python integers (dtype object) where a declared bound is beyond 2^63."""


class Numbers(Value):
    """What a column holds: integers at the scale 10^-decimals, none larger than `bound` in absolute value.

    `bound` counts in the smallest unit, so that 2 decimals and a bound of "100000" allow ±1000.00.
    """

    bound: Annotated[Whole, Field(ge=1)]
    decimals: Annotated[int, Field(strict=True, ge=0, le=MAX_DECIMALS)] = 0

    def take(self, values: Sequence[int] | Integers) -> Integers:
        """A party's own numbers as an array of one dimension; DataError for what is no integer or out of bounds."""
        return integers(values, self.bound)


class Magnitudes(NamedTuple):
    """The largest absolute values of a run: given (inputs and public numbers), on the way, in the result."""

    given: int
    inside: int
    result: int


@dataclass(frozen=True)
class Ring:
    """Where an engine computes, and the largest absolute values that are safe there."""

    name: str
    safe: Magnitudes


INT64 = 2**63 - 1
EMBEDDED = Ring("integers modulo 2^128", Magnitudes(2**100, 2**100, 2**100))
"""`additive.LIMIT`, for the whole as for each party's part."""
FM64 = Ring("FM64", Magnitudes(INT64, INT64, INT64))
FM128 = Ring("FM128", Magnitudes(INT64, 2**127 - 1, INT64))
"""SPU's two. Integers go into it and come out of it with 64 bits in either."""


def require_within(ring: Ring, what: str, found: Magnitudes) -> None:
    """PlanError unless every value of a run fits the ring."""
    for place, largest, most in zip(
        ("among what is given", "on the way", "in the result"), found, ring.safe, strict=True
    ):
        if largest > most:
            raise PlanError(
                f"{what} could overflow {place}",
                expected=f"at most {most} (below 2^{most.bit_length()}) in {ring.name}",
                found=f"up to {largest} (below 2^{largest.bit_length()})",
                remedy="lower the declared bounds or decimals, or agree on fewer rows",
                code="plan.overflow",
            )


def integers(values: Sequence[int] | Integers, bound: int) -> Integers:
    """Whole numbers within ±bound as an array of one dimension; DataError, naming the row, for anything else."""
    if len(values) > MAX_CELLS:
        raise LimitError("too many numbers", expected=f"at most {MAX_CELLS}", found=len(values))
    if isinstance(values, np.ndarray) and values.ndim != 1:
        raise DataError("not a list of numbers", expected="one dimension", found=values.ndim)
    if isinstance(values, np.ndarray) and values.dtype == np.int64 and bound < 2**63:
        beyond = (values > bound) | (values < -bound)
        if beyond.any():
            raise _out_of_bounds(int(np.argmax(beyond)), bound)
        return values
    plain = values.tolist() if isinstance(values, np.ndarray) else values
    for row, value in enumerate(plain):
        if isinstance(value, bool) or not isinstance(value, int):
            raise DataError("a value is not an integer", expected="int", found=f"{type(value).__name__} in row {row}")
        if not -bound <= value <= bound:
            raise _out_of_bounds(row, bound)
    return np.array(plain, dtype=np.int64 if bound < 2**63 else object)


def fixed(values: Sequence[float | Decimal | str], decimals: int) -> list[int]:
    """Decimal numbers at the scale 10^-decimals, to the nearest, halves to even. DataError for what is no number.

    A float stands for the shortest decimal that reads back as it, as it prints.
    """
    return [_fixed(value, decimals, row) for row, value in enumerate(values)]


def _fixed(value: float | Decimal | str, decimals: int, row: int) -> int:
    text = repr(value) if isinstance(value, float) else str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?", text):
        raise DataError("a value is not a decimal number", expected="digits, at most one point", found=f"row {row}")
    sign, digits, exponent = Decimal(text).as_tuple()
    scaled = Decimal((sign, digits, int(exponent) + decimals))
    return int(scaled.to_integral_value(ROUND_HALF_EVEN))


def _out_of_bounds(row: int, bound: int) -> DataError:
    return DataError("a value is beyond the declared bound", expected=f"within ±{bound}", found=f"row {row}")
