"""Programs that compare what nobody may see: comparisons, groups with a smallest size, levels."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, JsonValue, field_validator

from placet.core.errors import DataError
from placet.core.values import Whole
from placet.protocols.mpc.numbers import Integers, Magnitudes, Numbers
from placet.protocols.mpc.program import Declared, RowWise, Shape, Size, add, bring_present, inspect_present, pair

MAX_GROUPS = 1_024
MAX_EDGES = 64


class Compare(RowWise):
    """Where the first party's number is larger than the second's: how often, or a flag for each row."""

    program: Literal["compare"] = "compare"
    output: Literal["count", "flags"]

    def roles(self, parties: int) -> tuple[str, ...]:
        return pair(self, parties, ("larger", "smaller"))

    def output_shape(self, size: Size) -> Shape:
        return (size.rows,) if self.output == "flags" else (1,)

    def magnitudes(self, parties: int, size: Size) -> Magnitudes:
        self.roles(parties)
        result = 1 if self.output == "flags" else size.rows
        return Magnitudes(self.values.bound, max(2 * self.values.bound, result), result)

    def compute(self, brought: Sequence[Integers]) -> Integers:
        flags = (brought[0] > brought[1]).astype(object) * 1
        return flags if self.output == "flags" else np.array([int(flags.sum())], dtype=object)

    def read(self, result: Integers) -> dict[str, JsonValue]:
        if self.output == "count":
            return {"larger": int(result[0])}
        return {"larger": [bool(flag) for flag in result]}


class _Grouped(Declared):
    """Counts and sums by group, 0 to `groups` - 1; a group with fewer than `smallest` rows comes out as zeros."""

    groups: Annotated[int, Field(strict=True, ge=1, le=MAX_GROUPS)]
    smallest: Annotated[int, Field(strict=True, ge=2, le=2**31)]
    values: Numbers

    def output_shape(self, size: Size) -> Shape:
        return (2, self.groups)

    def reached(self, result: Integers) -> bool:
        """Can values within the bound make these sums of these counts?"""
        counts, sums = result
        return all(abs(int(total)) <= int(count) * self.values.bound for count, total in zip(counts, sums, strict=True))

    def read(self, result: Integers) -> dict[str, JsonValue]:
        counts, sums = result
        return {
            "decimals": self.values.decimals,
            "smallest": self.smallest,
            "groups": [
                {"count": int(count), "sum": str(int(total))} if count else None
                for count, total in zip(counts, sums, strict=True)
            ],
        }

    def suppress(self, counts: Integers, sums: Integers) -> Integers:
        """Counts and sums, of Python integers, without the small groups."""
        enough = counts >= self.smallest
        return np.stack([np.where(enough, counts, 0), np.where(enough, sums, 0)])

    def codes(self, groups: Sequence[int | None]) -> list[int]:
        """Groups with -1 for None; DataError for what is no group."""
        for row, group in enumerate(groups):
            if group is not None and (type(group) is not int or not 0 <= group < self.groups):
                raise DataError("not a group", expected=f"0 to {self.groups - 1}, or None", found=f"row {row}")
        return [-1 if group is None else group for group in groups]


class GroupBy(_Grouped):
    """One party knows each row's group, another its value. A row counts where both have it."""

    program: Literal["group-by"] = "group-by"

    def bring_groups(self, groups: Sequence[int | None]) -> Integers:
        """A 1 at (row, its group); a row of zeros where this party has none (None)."""
        codes = np.array(self.codes(groups), dtype=np.int64)
        return np.asarray(codes[:, None] == np.arange(self.groups), dtype=np.int64)

    def bring_values(self, values: Sequence[int | None]) -> Integers:
        """Two lines: each row's value, and 1 where there is one; 0 and 0 for None."""
        return bring_present(self.values, values)

    def roles(self, parties: int) -> tuple[str, ...]:
        return pair(self, parties, ("groups", "values"))

    def shapes(self, parties: int, size: Size) -> tuple[Shape, ...]:
        self.roles(parties)
        return ((size.rows, self.groups), (2, size.rows))

    def magnitudes(self, parties: int, size: Size) -> Magnitudes:
        self.roles(parties)
        total = size.rows * self.values.bound
        return Magnitudes(max(self.values.bound, self.smallest), max(total, size.rows + self.smallest), total)

    def inspect(self, role: str, size: Size, array: Integers) -> None:
        if role == "groups":
            if not np.isin(array, (0, 1)).all() or (array.sum(axis=1) > 1).any():
                raise DataError("a row is in more than one group", expected="at most one 1 a row, else 0")
            return
        inspect_present(self.values, array)

    def compute(self, brought: Sequence[Integers]) -> Integers:
        groups, (values, present) = brought
        return self.suppress(present @ groups, values @ groups)


class GroupTotals(_Grouped):
    """Every party has rows of its own, with group and value; `rows` of a `Size` is the most that one may have."""

    program: Literal["group-totals"] = "group-totals"

    def bring(self, groups: Sequence[int | None], values: Sequence[int] | Integers) -> Integers:
        """Two lines: how many of a party's rows are in each group, and their sum. None is in no group."""
        numbers = self.values.take(values).tolist()
        if len(groups) != len(numbers):
            raise DataError("each row needs a group, or None", expected=len(numbers), found=len(groups))
        tally = np.zeros((2, self.groups), dtype=object)
        for group, number in zip(self.codes(groups), numbers, strict=True):
            if group >= 0:
                tally[:, group] += (1, number)
        return tally

    def shapes(self, parties: int, size: Size) -> tuple[Shape, ...]:
        return ((2, self.groups),) * len(self.roles(parties))

    def magnitudes(self, parties: int, size: Size) -> Magnitudes:
        total = size.rows * self.values.bound
        inside = max(parties * total, parties * size.rows + self.smallest)
        return Magnitudes(max(total, self.smallest), inside, parties * total)

    def inspect(self, role: str, size: Size, array: Integers) -> None:
        counts, sums = array.astype(object)
        if (counts < 0).any() or counts.sum() > size.rows or (abs(sums) > counts * self.values.bound).any():
            raise DataError("a count or sum is beyond what is declared", expected=f"at most {size.rows} rows")

    def compute(self, brought: Sequence[Integers]) -> Integers:
        counts, sums = add(brought)
        return self.suppress(counts, sums)


class Levels(RowWise):
    """The band of each row's sum over the parties: how many edges it reaches. The sum itself never comes out.

    With edges 100 and 1000 a sum below 100 is in band 0, from 100 to 999 in band 1, from 1000 on in band 2. Edges count
    in the smallest unit.
    """

    program: Literal["levels"] = "levels"
    edges: Annotated[tuple[Whole, ...], Field(min_length=1, max_length=MAX_EDGES)]

    @field_validator("edges")
    @classmethod
    def _ascending(cls, edges: tuple[int, ...]) -> tuple[int, ...]:
        if any(left >= right for left, right in itertools.pairwise(edges)):
            raise ValueError("strictly ascending edges")
        return edges

    def magnitudes(self, parties: int, size: Size) -> Magnitudes:
        edge = max(abs(edge) for edge in self.edges)
        return Magnitudes(max(self.values.bound, edge), parties * self.values.bound + edge, len(self.edges))

    def compute(self, brought: Sequence[Integers]) -> Integers:
        totals = add(brought)
        return sum(((totals >= edge).astype(object) * 1 for edge in self.edges), np.zeros(totals.shape, dtype=object))

    def read(self, result: Integers) -> dict[str, JsonValue]:
        return {"edges": [str(edge) for edge in self.edges], "levels": [int(band) for band in result]}
