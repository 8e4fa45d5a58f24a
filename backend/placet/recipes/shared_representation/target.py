"""The target's part, at home: models of its few labels with the representation and without, on rows that test.

`alone` is of its own and the shared columns, prepared by its own rows. `representation` is of the source's scores
alone. `joined` is of all columns and the scores: these are nearly free of the penalty, so that with few rows it is
near to what the source learned, and departs from it as far as the own rows say so. Scores are linear in the shared
columns, so each of the three is a linear model of the target's columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from placet.catalogue.pooled_model import PooledNumber
from placet.catalogue.shared_representation import SharedFeature, SharedRepresentationParameters
from placet.catalogue.spec import CONSUMER
from placet.models import quality
from placet.models.bands import BandTable, by_score
from placet.models.binning import numbers_of
from placet.models.bootstrap import percentiles, resampled_aucs
from placet.models.linear import LinearModel, logistic_of
from placet.models.pooled import SCORE_UNIT, both
from placet.models.pooled_private import Whole
from placet.models.preparing import UNIT, PreparedCategory, PreparedNumber, fit_category, fit_number
from placet.models.regression import regress
from placet.recipes.blocks.features import naming
from placet.recipes.blocks.pooled_table import as_numbers, category

STEPS = 60
FREE = 10.0
"""A standardised score of the source counts as so many spreads, so its penalty is a hundredth."""
ALONE, REPRESENTATION, JOINED = "alone", "representation", "joined"
Prepared = PreparedNumber | PreparedCategory
Named = Sequence[tuple[str, Prepared]]


@dataclass(frozen=True)
class TargetTable:
    """The target's rows: values by column, labels, and which rows train (the others test)."""

    values: Mapping[str, Sequence[Any]]
    labels: Whole
    train: Whole
    test: Whole

    def columns(self, rows: Whole) -> dict[tuple[str, str], list[Any]]:
        """Of some of the rows, as a linear model reads them."""
        return {(CONSUMER, name): [own[row] for row in rows.tolist()] for name, own in self.values.items()}

    def enough(self, smallest: int) -> bool:
        return both(self.labels[self.train], smallest) and both(self.labels[self.test], smallest)


@dataclass(frozen=True)
class Compared:
    """A model, the rows that test by its scores (log odds in ten-thousandths, each a band of its own), the interval of
    its AUC, and by how much that is larger than of the one that was accepted before it, with an interval too."""

    name: str
    model: LinearModel
    bands: BandTable
    interval: tuple[float, float]
    over: str | None
    gain: tuple[float, float, float] | None
    accepted: bool


def demand_numbers(parameters: SharedRepresentationParameters, values: Mapping[str, Sequence[Any]]) -> None:
    """DataError that names a column which does not hold the numbers that the plan says: at once, not after the seal."""
    numbers = [one.column for one in (*parameters.shared, *parameters.own) if one.kind == "number"]
    for column in numbers:
        with naming(column):
            numbers_of(values[column])


def compared(
    parameters: SharedRepresentationParameters, table: TargetTable, heads: Sequence[LinearModel]
) -> list[Compared]:
    """The three models; each of the later ones is accepted only where it is better than the one accepted before it by
    more than the bootstrap error, so that the last accepted one is the one to use."""
    models = {
        ALONE: _fitted(parameters, table, _by_own_rows(parameters, table), ()),
        REPRESENTATION: _fitted(parameters, table, (), heads),
        JOINED: _fitted(parameters, table, _of_own_columns(parameters, table), heads),
    }
    columns, labels = table.columns(table.test), table.labels[table.test]
    scores = {name: np.rint(SCORE_UNIT * model.predictors(columns)) for name, model in models.items()}
    bands = {name: by_score(list(map(int, own)), labels.tolist()) for name, own in scores.items()}
    areas = dict(zip(scores, resampled_aucs(labels, list(scores.values())), strict=True))
    rows: list[Compared] = []
    best: str | None = None
    for name, model in models.items():
        gain = None
        if best is not None:
            difference = float(quality.auc(bands[name]) - quality.auc(bands[best]))
            gain = (difference, *percentiles(areas[name] - areas[best]))
        accepted = gain is None or gain[1] > 0
        rows.append(Compared(name, model, bands[name], percentiles(areas[name]), best, gain, accepted))
        best = name if accepted else best
    return rows


def _by_own_rows(parameters: SharedRepresentationParameters, table: TargetTable) -> Named:
    """All columns, as the rows that train have them; shared numbers within the plan's bounds."""
    shared: list[tuple[str, Prepared]] = []
    for one in parameters.shared:
        if isinstance(one, PooledNumber):
            within = np.clip(as_numbers(one, _train(table, one.column)), *one.bounds).tolist()
            shared.append((one.column, fit_number(within, one.missing, clip=None, least=parameters.smallest_group)))
        else:
            shared.append((one.column, category(one)))
    return [*shared, *_of_own_columns(parameters, table)]


def _of_own_columns(parameters: SharedRepresentationParameters, table: TargetTable) -> Named:
    """Those that the source does not have."""
    least = parameters.smallest_group
    return [
        (
            one.column,
            fit_number(_train(table, one.column), one.missing, clip=one.clip, least=least)
            if one.kind == "number"
            else fit_category(_train(table, one.column), one.missing, levels=one.levels, least=least),
        )
        for one in parameters.own
    ]


def _train(table: TargetTable, column: str) -> list[Any]:
    return [table.values[column][row] for row in table.train.tolist()]


def _fitted(
    parameters: SharedRepresentationParameters, table: TargetTable, own: Named, heads: Sequence[LinearModel]
) -> LinearModel:
    """Of columns and of the heads' scores, whose coefficients are then those of the heads' columns: these come first.
    With heads and columns of its own the model has the heads' columns twice, as scores and each by itself."""
    shared = [(one.column, one.prepared) for one in heads[0].columns] if heads else []
    columns, train = [*shared, *own], table.train
    numbers = np.concatenate([one.prepare(_train(table, name)) for name, one in columns], axis=1) / UNIT
    width = sum(one.width for _, one in shared)
    weights = np.array([[float(c) for one in head.columns for c in one.coefficients] for head in heads])
    scores = numbers[:, :width] @ weights.reshape(len(heads), width).T
    centres, spreads = scores.mean(axis=0), np.maximum(scores.std(axis=0), 1e-9) / FREE
    direct = numbers if own else numbers[:, :0]
    design = np.concatenate([direct, (scores - centres) / spreads, np.ones((len(train), 1))], axis=1)
    labels = table.labels[train].astype(np.float64)
    fitted = regress(design, labels, "logistic", steps=STEPS, l2=parameters.prior / len(train))
    coefficients = np.zeros(numbers.shape[1] + 1)
    coefficients[: direct.shape[1]], coefficients[-1] = fitted[: direct.shape[1]], fitted[-1]
    of_heads = fitted[direct.shape[1] : -1] / spreads
    coefficients[:width] += of_heads @ weights.reshape(len(heads), width)
    coefficients[-1] -= float(of_heads @ centres)
    return logistic_of(parameters.label, CONSUMER, columns, coefficients.tolist())


def fits(features: Sequence[SharedFeature], head: LinearModel) -> bool:
    """Does a head read the shared columns, prepared as the plan says?"""
    return len(features) == len(head.columns) and all(
        column.column == one.column
        and (
            isinstance(column.prepared, PreparedNumber) and column.prepared.missing == one.missing
            if isinstance(one, PooledNumber)
            else column.prepared == category(one)
        )
        for one, column in zip(features, head.columns, strict=True)
    )
