"""A linear model as data: how each column is prepared, the coefficients of what it becomes, and the label's scale.

What is expected of a row is `centre` + `spread` · μ(η), where η is the intercept and the sum of prepared numbers times
their coefficients, and μ the family's mean (`regression.mean_of`). Numbers are decimal strings, exact: who scores gets
the very same ones as who trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from placet.core.errors import InputError
from placet.core.hashing import canonical, sha256
from placet.core.values import Value
from placet.models.choices import MAX_WIDTH, Family
from placet.models.pooled import SNAP
from placet.models.preparing import UNIT, Number, PreparedCategory, PreparedColumn, PreparedNumber
from placet.models.regression import mean_of
from placet.models.scorecard import Key, Text

Reals = npt.NDArray[np.float64]


class LinearColumn(Value):
    """A party's column, how it is prepared, and a coefficient for each number that it becomes."""

    party: Text
    column: Text
    prepared: PreparedColumn
    coefficients: Annotated[tuple[Number, ...], Field(min_length=1, max_length=MAX_WIDTH)]

    @model_validator(mode="after")
    def _each(self) -> LinearColumn:
        if len(self.coefficients) != self.prepared.width:
            raise ValueError("a coefficient for each prepared number")
        return self


class LinearModel(Value):
    """The whole of it. Columns in the order of their parties in the plan, then as the plan declares them."""

    type: Literal["placet.linear"] = "placet.linear"
    version: Literal[1] = 1
    label: Text
    family: Family
    centre: Number
    spread: Number
    intercept: Number
    columns: Annotated[tuple[LinearColumn, ...], Field(min_length=1, max_length=512)]

    @model_validator(mode="after")
    def _each_column_once(self) -> LinearModel:
        if len({(one.party, one.column) for one in self.columns}) < len(self.columns):
            raise ValueError("each column of a party once")
        if float(self.spread) <= 0:
            raise ValueError("a spread above 0")
        return self

    @cached_property
    def commitment(self) -> bytes:
        """SHA-256("placet.model/1" ‖ canonical JSON)."""
        return sha256(b"placet.model/1", canonical(self.to_json()))

    def predictors(self, values: Mapping[Key, Sequence[Any]]) -> Reals:
        """η of each row; the log odds of label 1, of a logistic model. InputError where a column lacks."""
        missing = [f"{one.party}: {one.column}" for one in self.columns if (one.party, one.column) not in values]
        if missing:
            raise InputError("the model reads columns that are not there", expected=", ".join(missing)[:400])
        total: Any = float(self.intercept)
        for one in self.columns:
            weights = np.array([float(coefficient) for coefficient in one.coefficients])
            total = total + one.prepared.prepare(values[one.party, one.column]) @ weights / UNIT
        return np.asarray(total, dtype=np.float64)

    def expected(self, values: Mapping[Key, Sequence[Any]]) -> Reals:
        """What is expected of each row's label: a probability, a number, or a count."""
        return np.asarray(float(self.centre) + float(self.spread) * mean_of(self.family, self.predictors(values)))


def logistic_of(
    label: str,
    party: str,
    columns: Sequence[tuple[str, PreparedNumber | PreparedCategory]],
    coefficients: Sequence[float],
) -> LinearModel:
    """Of one party's columns, each by its name; a coefficient for each number that they become, rounded to 2^-24, the
    intercept last."""
    numbers = iter([f"{Decimal(round(one * SNAP)) / Decimal(SNAP):f}" for one in coefficients])
    entries = [
        {
            "party": party,
            "column": name,
            "prepared": prepared,
            "coefficients": [next(numbers) for _ in range(prepared.width)],
        }
        for name, prepared in columns
    ]
    return LinearModel.model_validate(
        {
            "label": label,
            "family": "logistic",
            "centre": "0",
            "spread": "1",
            "intercept": next(numbers),
            "columns": entries,
        }
    )
