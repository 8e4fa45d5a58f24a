"""A column of numbers or categories as bins: what a model sees of it, the same in training and in use.

A column has `bins` + 2 cells whatever stands in it, so that shapes follow from a plan alone: its bins, of which the
last ones may be empty, `other` for what no bin holds, and `missing`. Values that are far out lie in the first or last
bin, which is what winsorising is for. Nothing is ever dropped: a missing value has a cell like any other.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from decimal import ROUND_CEILING, Context, Decimal
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, TypeAdapter, field_validator

from placet.core.errors import DataError
from placet.core.values import Value
from placet.models.choices import MAX_BINS, MAX_CATEGORY, Bins

Codes = npt.NDArray[np.int64]
Edge = Annotated[str, Field(max_length=400, pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
Kind = Literal["number", "category"]


class _Cells(Value):
    bins: Bins

    @property
    def cells(self) -> int:
        return self.bins + 2

    @property
    def other(self) -> int:
        return self.bins

    @property
    def missing(self) -> int:
        return self.bins + 1


class NumberBins(_Cells):
    """Bin i holds numbers above edge i-1 and up to edge i; edges are decimal strings, ascending, at most `bins` - 1."""

    kind: Literal["number"] = "number"
    edges: Annotated[tuple[Edge, ...], Field(max_length=MAX_BINS - 1)]

    @field_validator("edges")
    @classmethod
    def _ascending(cls, edges: tuple[str, ...]) -> tuple[str, ...]:
        if any(float(left) >= float(right) for left, right in itertools.pairwise(edges)):
            raise ValueError("strictly ascending edges")
        return edges

    def codes(self, values: Sequence[Any]) -> Codes:
        """The cell of each value. DataError for what is no number."""
        numbers = numbers_of(values)
        codes = np.searchsorted(np.array([float(edge) for edge in self.edges]), numbers, side="left").astype(np.int64)
        return np.where(np.isnan(numbers), self.missing, codes)

    def examples(self) -> dict[int, float | None]:
        """A value for each cell that a value can fall into: of a bin the largest one, at its edge."""
        numbers = [float(edge) for edge in self.edges]
        numbers.append(math.nextafter(numbers[-1], math.inf) if numbers else 0.0)
        return {**dict(enumerate(numbers)), self.missing: None}

    def words(self) -> tuple[str, ...]:
        """What each cell holds, for people; an empty text for a bin that is not used."""
        edges = self.edges
        ends = ["all", *[""] * (self.bins - 1)] if not edges else [f"up to {edges[0]}"]
        ends += [f"above {low}, up to {high}" for low, high in itertools.pairwise(edges)]
        ends += [f"above {edges[-1]}"] if edges else []
        return (*ends, *[""] * (self.bins - len(ends)), "other", "missing")


class CategoryBins(_Cells):
    """Bin i holds the category i, the most frequent ones; what is none of them is `other`."""

    kind: Literal["category"] = "category"
    categories: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=MAX_CATEGORY)], ...], Field(max_length=MAX_BINS)
    ]

    @field_validator("categories")
    @classmethod
    def _distinct(cls, categories: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(categories)) < len(categories):
            raise ValueError("each category once")
        return categories

    def codes(self, values: Sequence[Any]) -> Codes:
        """The cell of each value, which counts as its text; an empty text is missing."""
        places: dict[str | None, int] = {category: place for place, category in enumerate(self.categories)}
        places[None] = self.missing
        return np.array([places.get(category_of(value), self.other) for value in values], dtype=np.int64)

    def examples(self) -> dict[int, str | None]:
        """A value for each cell that a value can fall into; of `other` a text that is longer than all categories."""
        other = "x" * (1 + max(map(len, self.categories), default=0))
        return {**dict(enumerate(self.categories)), self.other: other, self.missing: None}

    def words(self) -> tuple[str, ...]:
        """What each cell holds, for people; an empty text for a bin that is not used."""
        return (*self.categories, *[""] * (self.bins - len(self.categories)), "other", "missing")


ColumnBins = Annotated[NumberBins | CategoryBins, Field(discriminator="kind")]
BINS: TypeAdapter[NumberBins | CategoryBins] = TypeAdapter(ColumnBins)


def fit(values: Sequence[Any], kind: Kind, bins: int, *, least: int = 1) -> NumberBins | CategoryBins:
    """Bins of a column: at most `bins`, each with `least` of these values or more.

    Numbers are cut at quantiles, and equal numbers stay together; an edge is the shortest decimal between the numbers
    on its two sides. Categories are the most frequent ones, by their text where equally frequent. DataError for what is
    no number.
    """
    if kind == "category":
        counts = Counter(text for value in values if (text := category_of(value)) is not None)
        frequent = sorted((text for text, count in counts.items() if count >= least), key=lambda t: (-counts[t], t))
        return CategoryBins(bins=bins, categories=tuple(frequent[:bins]))
    numbers = numbers_of(values)
    distinct, each = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
    return NumberBins(bins=bins, edges=_edges(distinct, each, bins, least))


def one_hot(codes: Codes, cells: int) -> npt.NDArray[np.int64]:
    """(rows, cells): 1 where a row's value is in the cell."""
    return np.asarray(codes[:, None] == np.arange(cells)[None, :], dtype=np.int64)


def _edges(distinct: npt.NDArray[np.float64], each: Codes, bins: int, least: int) -> tuple[str, ...]:
    below = np.cumsum(each)
    if not len(below):
        return ()
    quantiles = below[-1] * np.arange(1, bins) / bins
    edges: list[int] = []
    behind = 0
    for last in np.unique(np.searchsorted(below, quantiles)):
        if below[last] - behind >= least and below[-1] - below[last] >= max(least, 1):
            edges.append(int(last))
            behind = int(below[last])
    return tuple(_between(distinct[last], distinct[last + 1]) for last in edges)


def _between(low: np.float64, high: np.float64) -> str:
    """The decimal with the fewest significant digits from `low` on that is below `high`, as a float reads it."""
    exact = Decimal(repr(float(low)))
    for digits in range(1, 18):
        rounded = Context(prec=digits, rounding=ROUND_CEILING).plus(exact)
        if low <= float(rounded) < high:
            return f"{rounded.normalize():f}" if rounded else "0"
    return f"{exact:f}"


def numbers_of(values: Sequence[Any]) -> npt.NDArray[np.float64]:
    """As float64, NaN for None. DataError that names the row of what is neither."""
    numbers = np.empty(len(values), dtype=np.float64)
    for row, value in enumerate(values):
        if value is None:
            numbers[row] = math.nan
        elif isinstance(value, bool) or not isinstance(value, int | float) or math.isinf(value):
            raise DataError(
                "a value is not a number",
                expected="a finite number, or none",
                found=f"{type(value).__name__} in row {row}",
                remedy="declare the column as a category",
            )
        else:
            numbers[row] = value
    return numbers


def category_of(value: Any) -> str | None:
    """None for what is missing. A number is the text that it prints as, without a fraction where it is whole."""
    if value is None or value == "" or value != value:
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
