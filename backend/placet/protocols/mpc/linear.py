"""Programs that only add and multiply: sums, means, weighted sums, dot products."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, JsonValue, field_validator

from placet.core.errors import DataError, PlanError
from placet.core.values import MAX_BOUND
from placet.protocols.mpc.numbers import Integers, Magnitudes, Numbers
from placet.protocols.mpc.program import MAX_PARTIES, Declared, RowWise, Shape, Size, add, pair, strings, wrong_number

MEAN_DECIMALS = 6
"""Digits of a mean after those that its values have."""


class Sum(RowWise):
    """Each row's sum over the parties."""

    program: Literal["sum"] = "sum"

    def magnitudes(self, parties: int, size: Size) -> Magnitudes:
        total = parties * self.values.bound
        return Magnitudes(self.values.bound, total, total)

    def compute(self, brought: Sequence[Integers]) -> Integers:
        return add(brought)

    def read(self, result: Integers) -> dict[str, JsonValue]:
        return {"decimals": self.values.decimals, "sums": strings(result)}


class Mean(Declared):
    """The mean of all rows of all parties, which have different rows. Total and count come out with it.

    `rows` of a `Size` is the most that one party may have.
    """

    program: Literal["mean"] = "mean"
    values: Numbers

    def bring(self, values: Sequence[int] | Integers) -> Integers:
        """A party's own total and count."""
        return np.array([sum(self.values.take(values).tolist()), len(values)], dtype=object)

    def shapes(self, parties: int, size: Size) -> tuple[Shape, ...]:
        return ((2,),) * len(self.roles(parties))

    def output_shape(self, size: Size) -> Shape:
        return (2,)

    def magnitudes(self, parties: int, size: Size) -> Magnitudes:
        total = size.rows * self.values.bound
        return Magnitudes(total, parties * total, parties * total)

    def inspect(self, role: str, size: Size, array: Integers) -> None:
        total, count = (int(value) for value in array)
        if not 0 <= count <= size.rows or abs(total) > count * self.values.bound:
            raise DataError("a total or count is beyond what is declared", expected=f"at most {size.rows} rows")

    def compute(self, brought: Sequence[Integers]) -> Integers:
        return add(brought)

    def read(self, result: Integers) -> dict[str, JsonValue]:
        total, count = (int(value) for value in result)
        return {
            "decimals": self.values.decimals,
            "total": str(total),
            "count": count,
            "mean": quotient(total, count, self.values.decimals),
        }


class WeightedSum(RowWise):
    """Each row's sum over the parties, each party's number times its public weight.

    Weights are decimal strings with at most `weight_decimals` digits after the point, and are taken exactly. The result
    has the decimals of both.
    """

    program: Literal["weighted-sum"] = "weighted-sum"
    weights: Annotated[
        tuple[Annotated[str, Field(pattern=r"^-?[0-9]{1,18}(\.[0-9]{1,18})?$")], ...],
        Field(min_length=2, max_length=MAX_PARTIES),
    ]
    weight_decimals: Annotated[int, Field(strict=True, ge=0, le=18)]

    @field_validator("weights")
    @classmethod
    def _not_all_zero(cls, weights: tuple[str, ...]) -> tuple[str, ...]:
        if not any(Decimal(weight) for weight in weights):
            raise ValueError("a weight that is not zero")
        return weights

    @property
    def scaled(self) -> tuple[int, ...]:
        """The weights as integers; PlanError where one has more digits than declared."""
        return tuple(self._scaled(place, weight) for place, weight in enumerate(self.weights))

    def roles(self, parties: int) -> tuple[str, ...]:
        if parties != len(self.weights):
            raise wrong_number(self, f"{len(self.weights)}, as many as weights", parties)
        return super().roles(parties)

    def magnitudes(self, parties: int, size: Size) -> Magnitudes:
        self.roles(parties)
        weights = [abs(weight) for weight in self.scaled]
        total = sum(weights) * self.values.bound
        return Magnitudes(max(self.values.bound, *weights), total, total)

    def compute(self, brought: Sequence[Integers]) -> Integers:
        return add([array * weight for array, weight in zip(brought, self.scaled, strict=True)])

    def read(self, result: Integers) -> dict[str, JsonValue]:
        return {"decimals": self.values.decimals + self.weight_decimals, "sums": strings(result)}

    def _scaled(self, place: int, weight: str) -> int:
        whole, _, digits = weight.partition(".")
        if len(digits.rstrip("0")) > self.weight_decimals:
            raise PlanError(
                "a weight is finer than declared",
                expected=f"at most {self.weight_decimals} decimals",
                found=f"{weight}, weight {place}",
            )
        return int(whole + digits.rstrip("0").ljust(self.weight_decimals, "0"))


class Dot(Declared):
    """The product of one party's vector with each of another's rows: rows, weighted by a secret."""

    program: Literal["dot"] = "dot"
    vector: Numbers
    rows: Numbers

    def bring_vector(self, values: Sequence[int] | Integers) -> Integers:
        return self.vector.take(values)

    def bring_rows(self, rows: Sequence[Sequence[int]] | Integers) -> Integers:
        """Rows of one length; DataError where they differ or hold something else."""
        taken = [self.rows.take(row) for row in rows]
        if len({len(row) for row in taken}) > 1:
            raise DataError("rows of different lengths", expected=len(taken[0]))
        return np.stack(taken) if taken else np.empty((0, 0), dtype=np.int64)

    def roles(self, parties: int) -> tuple[str, ...]:
        return pair(self, parties, ("vector", "rows"))

    def shapes(self, parties: int, size: Size) -> tuple[Shape, ...]:
        self.roles(parties)
        return ((size.length,), (size.rows, size.length))

    def magnitudes(self, parties: int, size: Size) -> Magnitudes:
        self.roles(parties)
        product = size.length * self.vector.bound * self.rows.bound
        return Magnitudes(max(self.vector.bound, self.rows.bound), product, product)

    def inspect(self, role: str, size: Size, array: Integers) -> None:
        (self.vector if role == "vector" else self.rows).take(array.reshape(-1))

    def compute(self, brought: Sequence[Integers]) -> Integers:
        vector, rows = brought
        return np.asarray(rows @ vector, dtype=object)

    def read(self, result: Integers) -> dict[str, JsonValue]:
        return {"decimals": self.vector.decimals + self.rows.decimals, "products": strings(result)}


def quotient(total: int, count: int, decimals: int) -> str | None:
    """total / count at six more decimals than the values have, halves to even; None of nothing."""
    if count == 0:
        return None
    with localcontext(prec=len(str(MAX_BOUND)) * 3):
        mean = (Decimal(total) / count).scaleb(-decimals)
        return str(mean.quantize(Decimal(1).scaleb(-decimals - MEAN_DECIMALS), ROUND_HALF_EVEN))
