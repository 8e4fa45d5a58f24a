"""A scorecard as data: integer points for each cell of each column, by party; a score is their sum and a base.

Scale: Siddiqi, "Credit Risk Scorecards", Wiley 2006. At `base_score` the odds of label `higher` against the other one
are `base_odds` to 1, and `pdo` more points double them. Points are whole numbers, so whoever scores, in the clear or on
shares, gets the very same score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from placet.core.errors import InputError
from placet.core.hashing import canonical, sha256
from placet.core.values import Value
from placet.models.binning import ColumnBins
from placet.models.choices import MAX_REASONS, Scale

MAX_POINTS = 2**31
Points = Annotated[int, Field(strict=True, ge=-MAX_POINTS, le=MAX_POINTS)]
Text = Annotated[str, Field(min_length=1, max_length=64)]
Key = tuple[str, str]
"""Party and column."""


class ScoredColumn(Value):
    """A party's column: its bins and each cell's points; `iv`, its information value on the rows that trained, as a
    decimal string, where that came out."""

    party: Text
    column: Text
    bins: ColumnBins
    points: tuple[Points, ...]
    iv: Annotated[str | None, Field(max_length=20, pattern=r"^[0-9]+\.[0-9]{4}$")] = None

    @model_validator(mode="after")
    def _each_cell(self) -> ScoredColumn:
        if len(self.points) != self.bins.cells:
            raise ValueError("points for each cell")
        return self


class Scorecard(Value):
    """The whole of it. Columns in the order of their parties in the plan, then as the plan declares them."""

    type: Literal["placet.scorecard"] = "placet.scorecard"
    version: Literal[1] = 1
    label: Text
    scale: Scale
    base: Points
    columns: Annotated[tuple[ScoredColumn, ...], Field(min_length=1, max_length=512)]

    @model_validator(mode="after")
    def _each_column_once(self) -> Scorecard:
        if len({(one.party, one.column) for one in self.columns}) < len(self.columns):
            raise ValueError("each column of a party once")
        return self

    @cached_property
    def commitment(self) -> bytes:
        """SHA-256("placet.model/1" ‖ canonical JSON)."""
        return sha256(b"placet.model/1", canonical(self.to_json()))

    def points(self, values: Mapping[Key, Sequence[Any]]) -> npt.NDArray[np.int64]:
        """(rows, columns): the points of each row's value. InputError where a column lacks."""
        missing = [f"{one.party}: {one.column}" for one in self.columns if (one.party, one.column) not in values]
        if missing:
            raise InputError("the scorecard reads columns that are not there", expected=", ".join(missing)[:400])
        each = [np.array(one.points)[one.bins.codes(values[one.party, one.column])] for one in self.columns]
        return np.asarray(np.stack(each, axis=1), dtype=np.int64)

    def scores(self, values: Mapping[Key, Sequence[Any]]) -> npt.NDArray[np.int64]:
        """Each row's score."""
        return np.asarray(self.base + self.points(values).sum(axis=1), dtype=np.int64)

    def reasons(self, values: Mapping[Key, Any], most: int = MAX_REASONS) -> tuple[PointLoss, ...]:
        """Why one row did not score more: the columns in which it loses most points to their best cell."""
        own = self.points({key: [value] for key, value in values.items()})[0]
        losses = [
            PointLoss(one.party, one.column, one.bins.words()[int(one.bins.codes([values[one.party, one.column]])[0])],
                   max(one.points) - int(points))
            for one, points in zip(self.columns, own, strict=True)
        ]  # fmt: skip
        ordered = sorted(losses, key=lambda reason: -reason.lost)
        return tuple(reason for reason in ordered[:most] if reason.lost)


@dataclass(frozen=True, slots=True)
class PointLoss:
    """`lost`: points less than the best cell of the column has; `value`: the cell that the row is in, in words."""

    party: str
    column: str
    value: str
    lost: int
