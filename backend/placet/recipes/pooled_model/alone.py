"""What the consumer's own rows do alone: whether pooling helps it, on its own customers."""

from __future__ import annotations

from typing import Any

import numpy as np

from placet.catalogue.pooled_model import PooledModelParameters, PooledTrees
from placet.models.bands import by_score
from placet.models.boosting import Own
from placet.models.boosting_twin import train
from placet.models.choices import Scale
from placet.models.cuts import CodedColumn
from placet.models.pooled import both
from placet.models.preparing import UNIT
from placet.models.regression import regress
from placet.models.scorecard_fit import FitColumn, fit
from placet.recipes.blocks.pooled_judging import lines_of
from placet.recipes.blocks.pooled_table import MemberTable, prepared_of
from placet.recipes.pooled_model.card_training import PooledCard, bins_of, codes_of, risk
from placet.recipes.pooled_model.card_training import scores_of as scores_of_card
from placet.recipes.pooled_model.training import Pooled, scores_of
from placet.recipes.pooled_model.tree_training import TrainedTrees, boosting_of, cells_of
from placet.recipes.pooled_model.tree_training import scores_of as scores_of_trees


def alone(parameters: PooledModelParameters, table: MemberTable, pooled: Pooled) -> dict[str, Any] | None:
    """Band tables of the own rows that test, {alone, pooled: {edges, positives, negatives}}, every score a band of its
    own: by a model of the own rows that train, prepared alike, and by the pooled one. None where too few own rows have
    either label."""
    smallest = parameters.smallest_group
    labels, test = table.labels[table.train], table.labels[table.test]
    if not (both(labels, smallest) and both(test, smallest)):
        return None
    used = np.array(pooled.open, np.bool_)
    prepared, judged = (prepared_of(pooled.columns, table, rows) for rows in (table.train, table.test))
    design = np.concatenate([prepared[:, used] / UNIT, np.ones((len(prepared), 1))], axis=1)
    fitted = regress(design, labels.astype(np.float64), "logistic", steps=30, l2=parameters.l2 / 1000)
    coefficients = np.zeros(len(used) + 1)
    coefficients[:-1][used], coefficients[-1] = fitted[:-1], fitted[-1]
    scores = {"alone": scores_of(judged, coefficients.tolist()), "pooled": scores_of(judged, pooled.coefficients)}
    return {name: lines_of(by_score(one.tolist(), test.tolist())) for name, one in scores.items()}


def alone_card(
    parameters: PooledModelParameters, scale: Scale, table: MemberTable, pooled: PooledCard
) -> dict[str, Any] | None:
    """The same of scorecards, by how much scores speak for label 1."""
    smallest, test = parameters.smallest_group, table.labels[table.test]
    train, judged = (codes_of(parameters, table, rows) for rows in (table.train, table.test))
    own = fit(
        train, table.labels[table.train], [FitColumn(bins_of(one).cells) for one in parameters.features],
        scale=scale, smallest=smallest, steps=30, l2=parameters.l2 / 1000,
    )  # fmt: skip
    if own is None or not both(test, smallest):
        return None
    scores = {"alone": own.scores(judged), "pooled": scores_of_card(pooled.base, pooled.points, judged)}
    return {name: lines_of(by_score((risk(scale) * one).tolist(), test.tolist())) for name, one in scores.items()}


def alone_trees(
    parameters: PooledModelParameters, trees: PooledTrees, table: MemberTable, pooled: TrainedTrees
) -> dict[str, Any] | None:
    """The same of trees, whose own ones have the pooled ones' bins."""
    smallest, labels, test = parameters.smallest_group, table.labels[table.train], table.labels[table.test]
    if not (both(labels, smallest) and both(test, smallest)):
        return None
    judged = table.columns(table.test)
    cells = np.concatenate([cells_of(pooled.part, one) for one in (table.columns(table.train), judged)])
    columns = tuple(
        CodedColumn(cells[:, n], one.bins.cells, one.bins.kind == "number", getattr(feature, "monotone", None))
        for n, (one, feature) in enumerate(zip(pooled.part.columns, parameters.features, strict=True))
    )
    _, margins = train(Own(columns), (), labels, len(cells), boosting_of(parameters, trees))
    scores = {"alone": margins[len(labels) :], "pooled": scores_of_trees(pooled.model, pooled.part, judged)}
    return {name: lines_of(by_score(one.tolist(), test.tolist())) for name, one in scores.items()}
