"""Statistics over the rows that two parties both have: count, sums, the sum of products, how often one is larger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, JsonValue, field_validator, model_validator

from placet.protocols.mpc.linear import quotient
from placet.protocols.mpc.numbers import Integers, Magnitudes, Numbers
from placet.protocols.mpc.program import Declared, Shape, Size, bring_present, inspect_present, pair

Statistic = Literal["larger", "product", "sums"]


class PairStatistics(Declared):
    """What the plan asks for over the rows that both parties have: [count, sum of the first's values, sum of the
    second's, sum of their products, in how many rows the first's is larger], 0 for what it does not ask for.

    All are 0 where fewer than `smallest` rows are in both. The rows in which the first's value is larger are a group of
    their own, and so are the rest: where either has fewer than `smallest`, the last number is 0.
    """

    program: Literal["pair-statistics"] = "pair-statistics"
    first: Numbers
    second: Numbers
    smallest: Annotated[int, Field(strict=True, ge=2, le=2**31)]
    statistics: Annotated[tuple[Statistic, ...], Field(min_length=1)]

    @field_validator("statistics")
    @classmethod
    def _in_order(cls, statistics: tuple[Statistic, ...]) -> tuple[Statistic, ...]:
        if list(statistics) != sorted(set(statistics)):
            raise ValueError("each statistic once, in the order of the alphabet")
        return statistics

    @model_validator(mode="after")
    def _comparable(self) -> PairStatistics:
        if "larger" in self.statistics and self.first.decimals != self.second.decimals:
            raise ValueError("numbers of one scale, where they are compared")
        return self

    def bring_first(self, values: Sequence[int | None]) -> Integers:
        """Two lines: each row's value, and 1 where there is one; 0 and 0 for None."""
        return bring_present(self.first, values)

    def bring_second(self, values: Sequence[int | None]) -> Integers:
        """The same of the second party."""
        return bring_present(self.second, values)

    def roles(self, parties: int) -> tuple[str, ...]:
        return pair(self, parties, ("first", "second"))

    def shapes(self, parties: int, size: Size) -> tuple[Shape, ...]:
        return ((2, size.rows),) * len(self.roles(parties))

    def output_shape(self, size: Size) -> Shape:
        return (5,)

    def magnitudes(self, parties: int, size: Size) -> Magnitudes:
        self.roles(parties)
        first, second = self.first.bound, self.second.bound
        largest = 1
        if "sums" in self.statistics:
            largest = max(first, second)
        if "product" in self.statistics:
            largest = max(largest, first * second)
        result = size.rows * largest
        difference = first + second if "larger" in self.statistics else 0
        inside = max(result, difference, size.rows + self.smallest)
        return Magnitudes(max(first, second, self.smallest), inside, result)

    def inspect(self, role: str, size: Size, array: Integers) -> None:
        inspect_present(self.first if role == "first" else self.second, array)

    def compute(self, brought: Sequence[Integers]) -> Integers:
        (first, in_first), (second, in_second) = brought
        both = in_first * in_second
        result = [int(both.sum()), 0, 0, 0, 0]
        if "sums" in self.statistics:
            result[1:3] = int((first * both).sum()), int((second * both).sum())
        if "product" in self.statistics:
            result[3] = int((first * second * both).sum())
        if "larger" in self.statistics:
            larger = int(((first > second).astype(object) * both).sum())
            result[4] = larger if min(larger, result[0] - larger) >= self.smallest else 0
        return np.array(result if result[0] >= self.smallest else [0] * 5, dtype=object)

    def reached(self, result: Integers) -> bool:
        """Can values within the bounds make this result of its count? What is not asked for is 0."""
        count, first, second, product, larger = (int(value) for value in result)
        statistics = set(self.statistics)
        most_first, most_second = count * self.first.bound, count * self.second.bound
        most = (most_first, most_second) if "sums" in statistics else (0, 0)
        return (
            abs(first) <= most[0]
            and abs(second) <= most[1]
            and abs(product) <= (most_first * self.second.bound if "product" in statistics else 0)
            and (larger == 0 or ("larger" in statistics and self.smallest <= larger <= count - self.smallest))
        )

    def read(self, result: Integers) -> dict[str, JsonValue]:
        """`statistics` is None where too few rows are in both; `larger` where it would tell of too few. The product has
        the decimals of both."""
        count, first, second, product, larger = (int(value) for value in result)
        values: dict[str, JsonValue] = {"count": count}
        if "sums" in self.statistics:
            values["sums"] = [str(first), str(second)]
            values["means"] = [
                quotient(first, count, self.first.decimals),
                quotient(second, count, self.second.decimals),
            ]
        if "product" in self.statistics:
            values["product"] = str(product)
        if "larger" in self.statistics:
            values["larger"] = larger or None
        return {
            "decimals": [self.first.decimals, self.second.decimals],
            "smallest": self.smallest,
            "statistics": values if count else None,
        }
