"""A scorecard in the clear, of columns that one party has: what the consumer could do without the others.

The same bins, the same fit and the same bands as `joint-scorecard`, so that what is compared is the columns. Rows are
divided by a hash of their identifiers; whoever knows them all can do it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import Any

import numpy as np

from placet.catalogue.modelling import Feature, ModellingParameters
from placet.catalogue.spec import CONSUMER
from placet.models import binning
from placet.models.bands import BandTable
from placet.models.scorecard import Scale
from placet.models.scorecard_fit import FitColumn, fit
from placet.study.model_facts import Quality
from placet.study.tables import StudyData

BANDS = 64
SALT = b"placet.study.alone/1"


@dataclass(frozen=True)
class ClearColumn:
    """A column's values, a row each, and how it is cut into bins."""

    values: Sequence[Any]
    feature: Feature


@dataclass(frozen=True)
class ClearModel:
    """How a scorecard is fitted: see `models.scorecard_fit`."""

    scale: Scale = field(default_factory=Scale)
    smallest: int = 2
    steps: int = 6
    l2: float = 0.001


def consumer_alone(data: StudyData) -> Quality | None:
    """Of the consumer's own columns, on a test part of its usable rows. None where it has none, or too few rows."""
    parameters = data.terms.parameters
    if not isinstance(parameters, ModellingParameters) or not (features := parameters.features.get(CONSUMER)):
        return None
    table, usable = data.consumer, set(data.consumer.usable)
    if parameters.join == "all":
        for other in data.providers:
            usable &= other.usable
    rows = sorted(
        (row for row, person in enumerate(table.identifiers) if person in usable),
        key=lambda row: sha256(SALT + table.identifiers[row].encode()).digest(),
    )
    columns = [ClearColumn([table.cells[one.column][row] for row in rows], one) for one in features]
    labels = np.array([int(table.cells[parameters.label][row] or 0) for row in rows], dtype=np.int64)
    train = len(rows) * (parameters.split.train or 70) // 100
    test = len(rows) * ((parameters.split.train or 70) + (parameters.split.validation or 0)) // 100
    return in_clear(columns, labels, range(train), range(test, len(rows)), model_of(parameters))


def model_of(parameters: ModellingParameters) -> ClearModel:
    """As a job's parameters say, where these are a scorecard's."""
    return ClearModel(
        scale=getattr(parameters, "scale", Scale()),
        smallest=parameters.smallest_group,
        steps=getattr(parameters, "steps", 6),
        l2=getattr(parameters, "l2", 1) / 1000,
    )


def in_clear(
    columns: Sequence[ClearColumn], labels: binning.Codes, train: Sequence[int], test: Sequence[int], model: ClearModel
) -> Quality | None:
    """Fitted on the rows `train`, judged on the rows `test`. None where either has fewer than `smallest` of a label."""
    if not len(train) or not len(test):
        return None
    codes = []
    for column in columns:
        feature = column.feature
        bins = binning.fit([column.values[row] for row in train], feature.kind, feature.bins, least=model.smallest)
        codes.append(bins.codes(column.values))
    table = np.stack(codes, axis=1)
    shapes = [FitColumn(column.feature.bins + 2, column.feature.monotone) for column in columns]
    taught, asked = np.array(train), np.array(test)
    card = fit(
        table[taught],
        labels[taught],
        shapes,
        scale=model.scale,
        smallest=model.smallest,
        steps=model.steps,
        l2=model.l2,
    )
    if card is None or min(labels[asked].sum(), (1 - labels[asked]).sum()) < model.smallest:
        return None
    return quality_of(card.scores(table[asked]), labels[asked], card.scores(table[taught]), model.scale)


def quality_of(scores: binning.Codes, labels: binning.Codes, before: binning.Codes, scale: Scale) -> Quality:
    """By bands between quantiles of scores that were there before. High scores stand for label 1, or for 0."""
    quantiles = np.quantile(before, np.arange(1, BANDS) / BANDS)
    edges = sorted({int(np.ceil(edge)) for edge in quantiles})
    bands = np.searchsorted(np.array(edges), scores, side="right")
    positives = np.bincount(bands[labels == 1], minlength=len(edges) + 1)
    negatives = np.bincount(bands[labels == 0], minlength=len(edges) + 1)
    return towards_one(edges, positives.tolist(), negatives.tolist(), scale, int(scores.min()), int(scores.max()))


def towards_one(
    edges: Sequence[int], positives: Sequence[int], negatives: Sequence[int], scale: Scale, low: int, high: int
) -> Quality:
    """The same with scores turned round where high ones stand for label 0, so that positives are always found above."""
    ends = [min(low, edges[0] - 1), *edges, max(high, edges[-1] + 1)] if edges else [low, max(high, low + 1)]
    expected = [scale.probability(round((a + b) / 2)) for a, b in pairwise(ends)]
    if not scale.higher:
        ends = [-end for end in reversed(ends)]
        edges, positives, negatives = [-edge + 1 for edge in reversed(edges)], positives[::-1], negatives[::-1]
        expected = expected[::-1]
    table = BandTable(tuple(edges), tuple(positives), tuple(negatives))
    return Quality(table, float(ends[0]), float(ends[-1]), tuple(expected))
