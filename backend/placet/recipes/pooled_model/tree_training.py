"""One party's part in growing pooled trees: what each column is cut into, then a tree at a time, then how good they
are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from placet.catalogue.pooled_model import (
    PooledBins,
    PooledCategory,
    PooledFeature,
    PooledModelParameters,
    PooledNumber,
    PooledTrees,
)
from placet.models.binning import CategoryBins, NumberBins
from placet.models.boosting import MAX_GRADIENT, Boosting
from placet.models.pooled import ENOUGH, SCORE_UNIT, band_edges, both, halves, log_odds
from placet.models.pooled_checks import Seat, demand_counts, rest_of
from placet.models.pooled_pieces import SHARE, Line, bins_of, grid, positions
from placet.models.pooled_trees import CutList, Enough, OwnRows, PooledColumn, PooledTree, grow, with_rows
from placet.models.trees import UNIT, Tree, TreeColumn, TreeModel, TreePart, Whole
from placet.recipes.blocks.pooled_judging import judged
from placet.recipes.blocks.pooled_sums import MOST_PEOPLE, Add, asked_all
from placet.recipes.blocks.pooled_table import MemberTable, as_numbers

MOMENT_UNIT, LARGEST_MOMENT = 1_000, 64_000
"""Of log odds whose mean and spread say where bands begin."""
TREE_BANDS = 128


@dataclass(frozen=True)
class TrainedTrees:
    """What all parties come to. `bands`: edges of scores, and people by label in each."""

    people: int
    positives: int
    model: TreeModel
    part: TreePart
    bands: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None


def boosting_of(parameters: PooledModelParameters, trees: PooledTrees) -> Boosting:
    return Boosting(trees.count, trees.depth, parameters.smallest_group, trees.rate)


async def trained(
    parameters: PooledModelParameters, trees: PooledTrees, table: MemberTable, add: Add, seat: Seat
) -> TrainedTrees | None:
    """As `training.trained`: a sum of what may be opened, one of people, of each tree one for its root and two for each
    level below, one of leaves and scores, two for the bands."""
    smallest, labels = parameters.smallest_group, table.labels[table.train]
    values = table.columns(table.train)
    flags = [int(both(labels, smallest)), *flags_of(parameters, values)]
    enough, *totals = await asked_all("parties with enough people", flags, add, seat)
    if enough < ENOUGH:
        return None
    part, columns = cut_by(parameters, totals, seat.places)
    own = [len(labels), int(labels.sum())]
    people, positives = totals = await add("people", own, MOST_PEOPLE)
    rest, rest_positives = rest_of(totals, own)
    demand_counts("people", (rest, rest_positives, rest - rest_positives), MOST_PEOPLE)
    base = round(log_odds(positives, people - positives) * UNIT)
    rows = OwnRows(columns, cells_of(part, values), labels, base, smallest)
    boosting, cuts, grown = boosting_of(parameters, trees), CutList(), []
    for _ in range(trees.count if any(len(one.pieces) > 1 for one in columns) else 0):
        tree, moves = await _tree(columns, boosting, cuts, rows, add, seat, people)
        await asyncio.to_thread(rows.end, tree, moves)
        rows.begin()
        grown.append(tree)
    part = TreePart(columns=part.columns, cuts=cuts.cuts)
    counts, edges = await _described(rows, add, people)
    model = TreeModel(parties=1, base=base, trees=tuple(_counted(grown, rows.leaves, counts)))
    scores = scores_of(model, part, table.columns(table.test))
    return TrainedTrees(
        people, positives, model, part, await judged(scores, table.labels[table.test], edges, smallest, add, seat)
    )


async def _tree(
    columns: Sequence[PooledColumn],
    boosting: Boosting,
    cuts: CutList,
    rows: OwnRows,
    add: Add,
    seat: Seat,
    people: int,
) -> PooledTree:
    dialogue = grow(columns, boosting, cuts)
    request = next(dialogue)
    while True:
        numbers = await asyncio.to_thread(rows.answer, request)
        totals = []
        if numbers and isinstance(request, Enough):
            totals = await asked_all("parties with enough people in nodes", numbers, add, seat)
        elif numbers:
            totals = await add("gradients and curvatures in nodes", numbers, people * MAX_GRADIENT)
        try:
            request = dialogue.send(totals)
        except StopIteration as end:
            tree: PooledTree = end.value
            return tree


async def _described(rows: OwnRows, add: Add, people: int) -> tuple[list[int], tuple[int, ...]]:
    """How many of the people that train came to each leaf, and edges of bands by the mean and spread of scores."""
    scores = np.clip(rows.margins * MOMENT_UNIT // UNIT, -LARGEST_MOMENT, LARGEST_MOMENT)
    numbers = [*(count for tree in rows.leaves for count in tree), int(scores.sum()), int((scores**2).sum())]
    *counts, first, second = await add("people by leaves, and scores", numbers, people * LARGEST_MOMENT**2)
    mean = first / people
    deviation = max(1.0, second / people - mean**2) ** 0.5
    unit = SCORE_UNIT / MOMENT_UNIT
    return counts, band_edges(unit * mean, unit * deviation, TREE_BANDS)


def _counted(trees: Sequence[Tree], leaves: Sequence[Sequence[int]], counts: Sequence[int]) -> list[Tree]:
    left = iter(counts)
    return [with_rows(tree, [next(left) for _ in own]) for tree, own in zip(trees, leaves, strict=True)]


# Columns.


def flags_of(parameters: PooledModelParameters, values: Sequence[Sequence[Any]]) -> list[int]:
    """In which parts of each column this party has enough people."""
    flags: list[int] = []
    for feature, own in zip(parameters.features, values, strict=True):
        flags += line_of(feature).flags(codes_of(feature, own), parameters.smallest_group)
    return flags


def cut_by(
    parameters: PooledModelParameters, totals: Sequence[int], parties: int
) -> tuple[TreePart, tuple[PooledColumn, ...]]:
    """All columns' bins and pieces, by the sums of so many parties' flags."""
    flags = iter(totals)
    pairs = [
        column_of(feature, line, [next(flags) for _ in halves(line.size)], parties)
        for feature, line in ((one, line_of(one)) for one in parameters.features)
    ]
    described = (
        TreeColumn(column=one.column, bins=bins) for one, (bins, _) in zip(parameters.features, pairs, strict=True)
    )
    return TreePart(columns=tuple(described)), tuple(column for _, column in pairs)


def line_of(feature: PooledFeature) -> Line:
    if isinstance(feature, PooledNumber):
        return Line(len(grid(*feature.bounds)) + 2, SHARE)
    if isinstance(feature, PooledBins):
        return Line(len(feature.edges) + 2)
    return Line(planned_bins(feature).cells)


def planned_bins(feature: PooledBins | PooledCategory) -> NumberBins | CategoryBins:
    if isinstance(feature, PooledBins):
        return NumberBins(bins=len(feature.edges) + 1, edges=tuple(map(str, feature.edges)))
    return CategoryBins(bins=len(feature.values), categories=feature.values)


def codes_of(feature: PooledFeature, values: Sequence[Any]) -> Whole:
    """Where each value stands on its column's line. DataError for what is no number."""
    if isinstance(feature, PooledNumber):
        return positions(as_numbers(feature, values), grid(*feature.bounds))
    bins = planned_bins(feature)
    codes = bins.codes(values)
    return np.minimum(codes, bins.bins) if isinstance(bins, NumberBins) else codes


def column_of(
    feature: PooledFeature, line: Line, totals: Sequence[int], parties: int
) -> tuple[NumberBins | CategoryBins, PooledColumn]:
    """The bins that the model knows of a column, and the pieces that may be opened, by all parties' flags."""
    groups = line.groups(totals, parties)
    if isinstance(feature, PooledNumber):
        own, pieces = bins_of(grid(*feature.bounds), groups)
        return own, PooledColumn(pieces, ordered=True, missing=own.missing, monotone=feature.monotone)
    bins = planned_bins(feature)
    cells = [*range(bins.cells)]
    if isinstance(bins, NumberBins):
        cells.remove(bins.other)
    pieces = tuple(tuple(cells[low:high]) for low, high in groups)
    if isinstance(feature, PooledBins):
        return bins, PooledColumn(pieces, ordered=True, missing=bins.missing, monotone=feature.monotone)
    return bins, PooledColumn(pieces, ordered=False, missing=bins.missing)


def cells_of(part: TreePart, values: Sequence[Sequence[Any]]) -> Whole:
    """(rows, columns)."""
    return np.stack([one.bins.codes(own) for one, own in zip(part.columns, values, strict=True)], axis=1)


def scores_of(model: TreeModel, part: TreePart, values: Sequence[Sequence[Any]]) -> Whole:
    """Log odds in ten-thousandths, of rows by column."""
    margins = model.score([part], [[*cells_of(part, values).T]])
    return np.asarray(margins * SCORE_UNIT // UNIT, np.int64)
