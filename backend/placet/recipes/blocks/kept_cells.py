"""What a party keeps of a scorecard or of trees that stay shared: how it cuts its own columns, and its share of the
model's numbers.

Rows of nobody (`models.probes`) are cut and scored with the applicants' own, and come out as in training, or nothing
does (`model.skew`): a party's columns by a look at its own bins, the sum over all parties' on shares.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from placet.catalogue.modelling import MAX_FEATURES, Feature
from placet.core.errors import InputError
from placet.core.offers import MAX_DECIMALS
from placet.core.values import Text, Value
from placet.models.binning import CategoryBins, Codes, ColumnBins, NumberBins, one_hot
from placet.models.probes import probe_codes
from placet.protocols.mpc.scoring import ScoreProgram
from placet.protocols.spu import KeptShare
from placet.protocols.spu.scoring import SKEW

SCORECARD, TREES = "scorecard", "trees"
"""Kinds of models."""
ENOUGH = 10
"""Rows from which on it is worth a word that a column tells nothing of any."""


class KeptColumn(Value):
    """A column by its name and its bins; a number counts 10^-`decimals` of the unit."""

    column: Text
    bins: ColumnBins
    decimals: Annotated[int, Field(strict=True, ge=0, le=MAX_DECIMALS)] = 0

    @classmethod
    def of(cls, column: str, bins: NumberBins | CategoryBins, decimals: Mapping[str, int]) -> KeptColumn:
        """`decimals` of the table's amounts."""
        return cls(column=column, bins=bins, decimals=decimals.get(column, 0) if bins.kind == "number" else 0)


class KeptCells(Value):
    """`columns` are the party's own, in the order of the plan that trained. `numbers`, of who computes: the model's, of
    all parties' columns in that plan's order of parties and each one's of columns, and what its probes come to
    (`scoring`)."""

    columns: Annotated[tuple[KeptColumn, ...], Field(max_length=MAX_FEATURES)]
    numbers: KeptShare | None

    def demand_columns(self, features: Sequence[Feature], decimals: Mapping[str, int]) -> None:
        """InputError `model.columns` where the model reads other columns than the plan says, in another order, or cuts
        them otherwise: its numbers are without names; `model.skew` where a column's amounts have other `decimals` now.
        """
        expected = [(feature.column, feature.kind, feature.bins) for feature in features]
        demand_planned(expected, [(one.column, one.bins.kind, one.bins.bins) for one in self.columns])
        demand_decimals(((one.column, one.decimals) for one in self.columns if one.bins.kind == "number"), decimals)

    def brought(self, values: Mapping[str, Sequence[Any]], program: ScoreProgram, first: int, rows: int) -> Codes:
        """(rows and probes, own cells): 1 where a row's value is in the cell; None is missing. The own columns are the
        program's from `first` on. InputError `model.skew` where a value is no longer in the cell that it was in."""
        probes = probe_codes(program.widths)[:, first : first + len(self.columns)]
        each = [
            one_hot(np.concatenate([one.bins.codes(values[one.column]), _tried(one, probes[:, place])]), one.bins.cells)
            for place, one in enumerate(self.columns)
        ]
        return np.concatenate(each, axis=1) if each else np.zeros((rows + len(probes), 0), dtype=np.int64)

    def unseen(self, values: Mapping[str, Sequence[Any]]) -> list[str]:
        """Columns of which no value at all is in one of the bins: all are missing or others, of `ENOUGH` rows at the
        least. So a column looks that is empty now, or written otherwise than in training, and all scores are alike."""
        return [
            one.column
            for one in self.columns
            if len(values[one.column]) >= ENOUGH and (one.bins.codes(values[one.column]) >= one.bins.other).all()
        ]


def demand_planned(expected: Sequence[Any], own: Sequence[Any]) -> None:
    """InputError `model.columns` for others than expected."""
    if list(expected) != list(own):
        raise InputError(
            "the model reads other columns than the plan says", expected=expected, found=own, code="model.columns"
        )


def demand_decimals(columns: Iterable[tuple[str, int]], decimals: Mapping[str, int]) -> None:
    """InputError `model.skew` for a column of numbers that has other decimals now."""
    for column, before in columns:
        if decimals.get(column, 0) != before:
            raise InputError(
                f"the column {column} counts in another unit than in training",
                expected=f"{before} decimals",
                found=f"{decimals.get(column, 0)}",
                remedy="import the table with the decimals that it had, or train anew",
                code=SKEW,
            )


def _tried(column: KeptColumn, codes: Codes) -> Codes:
    """The cells of the probes' values, cut as any value is; where no value falls into a cell, the cell itself."""
    examples = column.bins.examples()
    places = [place for place, code in enumerate(codes) if int(code) in examples]
    cut = codes.copy()
    cut[places] = column.bins.codes([examples[int(codes[place])] for place in places])
    if (cut != codes).any():
        words, wrong = column.bins.words(), int(np.argmax(cut != codes))
        raise InputError(
            f"a value of {column.column} is in another bin than in training",
            expected=words[int(codes[wrong])],
            found=words[int(cut[wrong])],
            remedy="the same release of Placet as in training, or train anew",
            code=SKEW,
        )
    return cut
