"""A scorecard in the clear: the same bins, fit and bands as `joint-scorecard`, so that what is compared is where it is
computed, and of which columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from placet.catalogue.modelling import Feature
from placet.models import binning
from placet.models.bands import BandTable, by_score
from placet.models.choices import Scale
from placet.models.scorecard_fit import FitColumn, Fitted, fit

SCALE = Scale(base_score=600, pdo=20, base_odds=1, higher=1)


@dataclass(frozen=True)
class ClearColumn:
    """A column's values, a row each, and how it is cut into bins."""

    values: Sequence[Any]
    feature: Feature


@dataclass(frozen=True)
class ClearModel:
    """How a scorecard is fitted: see `models.scorecard_fit`."""

    scale: Scale = SCALE
    smallest: int = 2
    steps: int = 6
    l2: float = 0.001


def fitted(
    columns: Sequence[ClearColumn], labels: binning.Codes, train: Sequence[int], model: ClearModel
) -> tuple[Fitted | None, binning.Codes]:
    """Cut into bins at quantiles of all rows, as each party cuts its own; fitted on the rows `train`; and the cells
    (rows, columns) of all rows. None where either label has too few."""
    codes = []
    for column in columns:
        feature = column.feature
        bins = binning.fit(column.values, feature.kind, feature.bins, least=model.smallest)
        codes.append(bins.codes(column.values))
    table, taught = np.stack(codes, axis=1), np.array(train)
    shapes = [FitColumn(column.feature.bins + 2, column.feature.monotone) for column in columns]
    card = fit(
        table[taught],
        labels[taught],
        shapes,
        scale=model.scale,
        smallest=model.smallest,
        steps=model.steps,
        l2=model.l2,
    )
    return card, table


def in_clear(
    columns: Sequence[ClearColumn], labels: binning.Codes, train: Sequence[int], test: Sequence[int], model: ClearModel
) -> BandTable | None:
    """Fitted on the rows `train`, judged on the rows `test`. None where either has fewer than `smallest` of a label."""
    if not len(train) or not len(test):
        return None
    card, table = fitted(columns, labels, train, model)
    asked = np.array(test)
    if card is None or min(labels[asked].sum(), (1 - labels[asked]).sum()) < model.smallest:
        return None
    return by_score(card.scores(table[asked]).tolist(), labels[asked].tolist())
