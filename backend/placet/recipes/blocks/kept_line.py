"""What a party keeps of a linear model that stays shared: how it prepares its own columns, and its share of the model's
numbers.

As with cells (`kept_cells`), a model scores as when it was trained, or nobody: values of nobody are prepared to the
very numbers that were kept, and probes come to the sums that were kept. Probes have one prepared number each of a
column, so that a coefficient which changed anywhere changes a sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from placet.catalogue.modelling import MAX_FEATURES, LinearFeature
from placet.core.errors import InputError
from placet.core.offers import MAX_DECIMALS
from placet.core.values import Text, Value
from placet.models.binning import category_of, numbers_of
from placet.models.choices import Family
from placet.models.preparing import UNIT, Number, Prepared, PreparedCategory, PreparedColumn
from placet.models.probes import probe_codes
from placet.protocols.mpc.scoring import ScoreProgram
from placet.protocols.spu import KeptShare
from placet.protocols.spu.scoring import SKEW
from placet.recipes.blocks.kept_cells import ENOUGH, demand_decimals, demand_planned

LINEAR = "linear"
"""The kind of model."""


class KeptPrepared(Value):
    """A column by its name and how it is prepared; a number counts 10^-`decimals` of the unit. `tried`: what its
    examples came to in training."""

    column: Text
    prepared: PreparedColumn
    decimals: Annotated[int, Field(strict=True, ge=0, le=MAX_DECIMALS)] = 0
    tried: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, column: str, prepared: PreparedColumn, decimals: Mapping[str, int]) -> KeptPrepared:
        """`decimals` of the table's amounts."""
        tried = tuple(tuple(map(int, line)) for line in prepared.prepare(prepared.examples()))
        places = decimals.get(column, 0) if prepared.kind == "number" else 0
        return cls(column=column, prepared=prepared, decimals=places, tried=tried)

    def demand_same(self) -> Prepared:
        """What the examples come to. InputError `model.skew` where that is not what it was."""
        now = self.prepared.prepare(self.prepared.examples())
        if not np.array_equal(now, np.array(self.tried, dtype=np.int64).reshape(now.shape)):
            raise InputError(
                f"values of {self.column} are prepared otherwise than in training",
                remedy="the same release of Placet as in training, or train anew",
                code=SKEW,
            )
        return now


class KeptLabel(Value):
    """What a predictor is about: the family, and the label's scale."""

    family: Family
    centre: Number
    spread: Number


class KeptLine(Value):
    """`columns` are the party's own, in the order of the plan that trained; `label` is the consumer's to keep.
    `numbers`, of who computes: the intercept, all parties' coefficients in that plan's order, and what the model's
    probes come to (`LinearTrain.kept`)."""

    columns: Annotated[tuple[KeptPrepared, ...], Field(max_length=MAX_FEATURES)]
    label: KeptLabel | None
    numbers: KeptShare | None

    def demand_columns(self, features: Sequence[LinearFeature], decimals: Mapping[str, int]) -> None:
        """As `KeptCells.demand_columns`."""
        expected = [
            (one.column, one.kind, one.missing, one.levels if one.kind == "category" else None) for one in features
        ]
        own = [
            (one.column, prepared.kind, prepared.missing, getattr(prepared, "levels", None))
            for one in self.columns
            for prepared in (one.prepared,)
        ]
        demand_planned(expected, own)
        demand_decimals(((one.column, one.decimals) for one in self.columns if one.prepared.kind == "number"), decimals)

    def brought(self, values: Mapping[str, Sequence[Any]], program: ScoreProgram, first: int, rows: int) -> Prepared:
        """(rows, probes and examples, own prepared numbers), as `KeptCells.brought`."""
        probes = probe_codes(program.widths)[:, first : first + len(self.columns)]
        blocks = [np.zeros((rows + len(probes) + program.examples, 0), dtype=np.int64)]
        for place, one in enumerate(self.columns):
            examples = one.demand_same()
            unit = UNIT * np.eye(one.prepared.width, dtype=np.int64)
            turns = np.arange(program.examples) % len(examples)
            blocks.append(
                np.concatenate([one.prepared.prepare(values[one.column]), unit[probes[:, place]], examples[turns]])
            )
        return np.concatenate(blocks, axis=1)

    def unseen(self, values: Mapping[str, Sequence[Any]]) -> list[str]:
        """As `KeptCells.unseen`: columns of which all values are missing, or of a category others."""
        return [
            one.column
            for one in self.columns
            if len(values[one.column]) >= ENOUGH and not _seen(one.prepared, values[one.column])
        ]


def examples_of(features: Sequence[LinearFeature]) -> int:
    """Rows in which each column comes to all that it can (`examples`), of whichever takes most."""
    return max(4 if one.kind == "number" else one.levels + 2 for one in features)


def _seen(prepared: PreparedColumn, values: Sequence[Any]) -> bool:
    if isinstance(prepared, PreparedCategory):
        known = set(prepared.categories)
        return any(category_of(value) in known for value in values)
    return not bool(np.isnan(numbers_of(values)).all())
