"""A column as numbers that a linear model reads: standardised, or one-hot, the same in training and in use.

Numbers are winsorised, centred and divided by their spread, and then whole thirty-seconds within ±4 (`UNIT`), so that
whoever prepares them gets the very same ones. A category is an indicator for each of its most frequent values but the
first, which is the reference, and one for all others. What is missing is 0, and may have an indicator of its own.

What is told of a column's numbers (centre, spread, ends) is rounded to about a hundredth of the spread: that loses
nothing, since it only scales, and tells less of who has which value.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, TypeAdapter, field_validator, model_validator

from placet.core.values import Value
from placet.models.binning import category_of, numbers_of
from placet.models.choices import MAX_BINS, MAX_CATEGORY, Levels, Missing

UNIT = 32
"""What 1 is as a prepared number."""
LIMIT = 4
"""Spreads from the centre."""
Prepared = npt.NDArray[np.int64]
Number = Annotated[str, Field(max_length=400, pattern=r"^-?[0-9]+(\.[0-9]+)?$")]


class PreparedNumber(Value):
    """Of a column of numbers: values below `low` count as it, values above `high` as that; then less `centre`, by
    `spread`."""

    kind: Literal["number"] = "number"
    low: Number
    high: Number
    centre: Number
    spread: Number
    missing: Missing

    @model_validator(mode="after")
    def _ordered(self) -> PreparedNumber:
        if float(self.low) > float(self.high) or float(self.spread) <= 0:
            raise ValueError("low is not above high, and the spread is above 0")
        return self

    @property
    def width(self) -> int:
        """Prepared numbers of a row."""
        return 1 + int(self.missing == "own")

    def prepare(self, values: Sequence[Any]) -> Prepared:
        """(rows, width). DataError for what is no number."""
        known = numbers_of(values)
        lacks = np.isnan(known)
        scaled = (np.clip(known, float(self.low), float(self.high)) - float(self.centre)) / float(self.spread)
        whole = np.rint(UNIT * np.clip(np.where(lacks, 0.0, scaled), -LIMIT, LIMIT)).astype(np.int64)
        return np.asarray(np.stack([whole, UNIT * lacks], axis=1)[:, : self.width], dtype=np.int64)

    def examples(self) -> tuple[float | None, ...]:
        """Values of nobody: either end, the centre, and none."""
        return (float(self.low), float(self.high), float(self.centre), None)

    def words(self) -> tuple[str, ...]:
        """What each prepared number says of a row, beside the column's name; empty for the number itself."""
        return ("", "missing")[: self.width]


class PreparedCategory(Value):
    """Of a column of categories, the most frequent first: that one is the reference. `levels` - 1 further ones have an
    indicator each, as far as there are so many, all others one together."""

    kind: Literal["category"] = "category"
    levels: Levels
    categories: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=MAX_CATEGORY)], ...], Field(max_length=MAX_BINS)
    ]
    missing: Missing

    @field_validator("categories")
    @classmethod
    def _distinct(cls, categories: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(categories)) < len(categories):
            raise ValueError("each category once")
        return categories

    @model_validator(mode="after")
    def _no_more(self) -> PreparedCategory:
        if len(self.categories) > self.levels:
            raise ValueError("no more categories than levels")
        return self

    @property
    def width(self) -> int:
        """Prepared numbers of a row: `levels` - 1 categories, others, and what is missing if it has its own."""
        return self.levels + int(self.missing == "own")

    def prepare(self, values: Sequence[Any]) -> Prepared:
        """(rows, width). A value counts as its text."""
        places: dict[str | None, int] = {text: place - 1 for place, text in enumerate(self.categories)}
        places[None] = self.levels if self.missing == "own" else -1
        codes = np.array([places.get(category_of(value), self.levels - 1) for value in values], dtype=np.int64)
        return np.asarray(UNIT * (codes[:, None] == np.arange(self.width)[None, :]), dtype=np.int64)

    def examples(self) -> tuple[str | None, ...]:
        """Values of nobody: each category, one that is none of them, and none."""
        other = "x" * (1 + max(map(len, self.categories), default=0))
        return (*self.categories, other, None)

    def words(self) -> tuple[str, ...]:
        """What each prepared number says of a row; empty for a level that is not used."""
        own = self.categories[1:]
        return (*own, *[""] * (self.levels - 1 - len(own)), "other", "missing")[: self.width]


PreparedColumn = Annotated[PreparedNumber | PreparedCategory, Field(discriminator="kind")]
PREPARED: TypeAdapter[PreparedNumber | PreparedCategory] = TypeAdapter(PreparedColumn)


def fit_number(values: Sequence[Any], missing: Missing, *, clip: int | None, least: int) -> PreparedNumber:
    """`clip`: percent of values at either end that are winsorised; None for none. All within `LIMIT` spreads in any
    case. No end is the smallest or largest value, which is one person's: one by quantile has `least` values at it or
    beyond, one by spreads follows from what is told anyway. A column of which fewer than `least` values are known is 0
    throughout. DataError for what is no number."""
    known = numbers_of(values)
    known = known[~np.isnan(known)]
    if len(known) < max(least, 1):
        return PreparedNumber(low="0", high="0", centre="0", spread="1", missing=missing)
    low, high = (-math.inf, math.inf) if clip is None else _winsorised(known, clip / 100, least)
    within = np.clip(known, low, high)
    return standardised(low, high, float(within.mean()), float(within.std()), missing)


def standardised(low: float, high: float, centre: float, spread: float, missing: Missing) -> PreparedNumber:
    """Of numbers between `low` and `high`, whichever ends are nearer than `LIMIT` spreads; 0 throughout where they are
    all alike. All of it rounded to about a hundredth of the spread."""
    if spread <= 1e-12 * max(1.0, abs(centre)):
        text = _rounded(centre, abs(centre) or 1.0)
        return PreparedNumber(low=text, high=text, centre=text, spread="1", missing=missing)
    centre_text, spread_text = _rounded(centre, spread), _rounded(spread, spread)
    width = LIMIT * float(spread_text)
    ends = max(low, float(centre_text) - width), min(high, float(centre_text) + width)
    low_text, high_text = (_rounded(end, spread) for end in ends)
    return PreparedNumber(low=low_text, high=high_text, centre=centre_text, spread=spread_text, missing=missing)


def _winsorised(known: npt.NDArray[np.float64], share: float, least: int) -> tuple[float, float]:
    """Quantiles from either end, with `least` values at them or beyond; fewer only where half of all are."""
    ordered = np.sort(known)
    at_end = min(least, (len(ordered) + 1) // 2) - 1
    low, high = np.quantile(ordered, (share, 1 - share))
    return max(float(low), float(ordered[at_end])), min(float(high), float(ordered[-1 - at_end]))


def fit_category(values: Sequence[Any], missing: Missing, *, levels: int, least: int) -> PreparedCategory:
    """The most frequent categories that have `least` of these values or more, by their text where equally frequent."""
    counts = Counter(text for value in values if (text := category_of(value)) is not None)
    frequent = sorted(
        (text for text, count in counts.items() if count >= least), key=lambda text: (-counts[text], text)
    )
    return PreparedCategory(levels=levels, categories=tuple(frequent[:levels]), missing=missing)


def _rounded(number: float, spread: float) -> str:
    """The decimal nearest to it, with places down to a hundredth of the spread's first digit."""
    places = math.floor(math.log10(spread)) - 2
    text = f"{Decimal(repr(number)).quantize(Decimal(1).scaleb(places)) if abs(number) < 1e300 else Decimal(0):f}"
    return text.lstrip("-") if float(text) == 0 else text
