"""One party's part in training a pooled scorecard: counts by bin and label, then weights of evidence, then Newton."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from placet.catalogue.pooled_model import (
    MAX_MEMBERS,
    MAX_POOLED_ROWS,
    PooledBins,
    PooledFeature,
    PooledModelParameters,
    PooledNumber,
)
from placet.core.errors import InputError
from placet.models.binning import CategoryBins, NumberBins
from placet.models.choices import Scale
from placet.models.pooled import ENOUGH, Design, Fit, band_edges, halves, log_odds, told_groups
from placet.models.pooled_checks import Seat, demand_counts, rest_of
from placet.models.scorecard_fit import MAX_WOE
from placet.recipes.blocks.pooled_judging import judged
from placet.recipes.blocks.pooled_sums import MOST_PEOPLE, Add, asked_all
from placet.recipes.blocks.pooled_table import MemberTable, Whole
from placet.recipes.pooled_model.leaving_out import ByParty, LeftOut, left_out
from placet.recipes.pooled_model.training import fitted

COUNTED = "people, and people by bins"
Groups = list[tuple[int, int]]
"""Of neighbouring cells of a column, from the first of each to before the next."""


@dataclass(frozen=True)
class PooledCard:
    """What all parties come to. `positives` are not told where there is noise. By column `points` of each cell and
    `iv`, its information value. `bands`: edges of how much a score speaks for label 1, and people by label in each."""

    people: int
    positives: int | None
    base: int
    points: tuple[tuple[int, ...], ...]
    iv: tuple[float, ...]
    steps: int
    bands: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None
    left_out: LeftOut | None = None


def bins_of(feature: PooledFeature) -> NumberBins | CategoryBins:
    """A column's bins, which are the plan's. InputError for a column that is no scorecard's."""
    if isinstance(feature, PooledNumber):
        raise InputError("a scorecard has bins", found=feature.column)
    if isinstance(feature, PooledBins):
        return NumberBins(bins=len(feature.edges) + 1, edges=tuple(map(str, feature.edges)))
    return CategoryBins(bins=len(feature.values), categories=feature.values)


def codes_of(parameters: PooledModelParameters, table: MemberTable, rows: Whole) -> Whole:
    """(rows, columns): the cell of each."""
    columns = zip(parameters.features, table.columns(rows), strict=True)
    return np.stack([bins_of(feature).codes(values) for feature, values in columns], axis=1)


def risk(scale: Scale) -> int:
    """By what a score is multiplied so that it speaks for label 1."""
    return 1 if scale.higher else -1


async def trained(
    parameters: PooledModelParameters,
    scale: Scale,
    table: MemberTable,
    add: Add,
    seat: Seat,
    by_party: ByParty | None = None,
) -> PooledCard | None:
    """As `training.trained`: a sum of what may be opened, one of counts, one a Newton step, two for the bands. Bins
    stand together until two parties have the smallest group of either label in each; missing values have no weight
    where they have not."""
    smallest = parameters.smallest_group
    codes, labels = codes_of(parameters, table, table.train), table.labels[table.train]
    cells = [bins_of(feature).cells for feature in parameters.features]
    lines = [counts_of(codes[:, place], labels, size) for place, size in enumerate(cells)]
    all_groups = [halves(size) for size in cells]
    whole = _enough(counts_of(np.zeros_like(labels), labels, 1), (0, 1), smallest)
    gates = [
        whole,
        *(_enough(line, one, smallest) for line, each in zip(lines, all_groups, strict=True) for one in each),
    ]
    enough = await asked_all("parties with enough people", gates, add, seat)
    may = iter([parties >= ENOUGH for parties in enough])
    if not next(may):
        return None
    groups = [told_groups(size, {half: next(may) for half in halves(size)}.__getitem__) for size in cells]
    words = [len(labels), int(labels.sum())]
    for line, parts in zip(lines, groups, strict=True):
        words += [int(line[label, low:high].sum()) for low, high in parts for label in (0, 1)]
    people, positives, *sums = totals = await add(COUNTED, words, MOST_PEOPLE)
    _demand_counted(groups, rest_of(totals, words))
    weights, iv = weights_of(cells, groups, iter(sums))
    used = [place for place, parts in enumerate(groups) if parts]
    design = Design(np.stack([np.zeros(len(labels)), *(weights[p][codes[:, p]] for p in used)], axis=1)[:, 1:], labels)
    fit = Fit(len(used), people, positives, parameters.l2 / 1000)
    limits = [float(np.abs(weights[place]).max()) for place in used]
    squares = [people * limit**2 for limit in limits]
    steps, slopes = await fitted(fit, design, limits, squares, parameters, add)
    without = None
    if by_party is not None and enough[0] == by_party.members:
        without = await left_out(by_party, fit, COUNTED, slopes, [*limits, 1.0], range(len(used) + 1))
    coefficients = dict(zip(used, fit.coefficients, strict=False))
    points = points_of(scale, weights, coefficients)
    base = round(scale.offset + scale.factor * fit.coefficients[-1])
    scores = risk(scale) * scores_of(base, points, codes_of(parameters, table, table.test))
    edges = band_edges(
        risk(scale) * scale.offset + abs(scale.factor) * fit.mean, max(1.0, abs(scale.factor) * fit.deviation)
    )
    bands = await judged(scores, table.labels[table.test], edges, smallest, add, seat)
    return PooledCard(people, positives, base, points, iv, steps, bands, without)


def points_of(
    scale: Scale, weights: Sequence[npt.NDArray[np.float64]], coefficients: Mapping[int, float]
) -> tuple[tuple[int, ...], ...]:
    """By column of each cell, by the coefficient of its weight of evidence; none where there is none."""
    return tuple(
        tuple(round(scale.factor * coefficients.get(place, 0.0) * weight) for weight in own.tolist())
        for place, own in enumerate(weights)
    )


def scores_of(base: int, points: Sequence[Sequence[int]], codes: Whole) -> Whole:
    each = [np.array(own, np.int64)[codes[:, place]] for place, own in enumerate(points)]
    return np.asarray(base + np.sum(each, axis=0), dtype=np.int64)


def counts_of(codes: Whole, labels: Whole, cells: int) -> Whole:
    """(2, cells): positives and negatives."""
    return np.stack([np.bincount(codes[labels == label], minlength=cells) for label in (1, 0)])


def _enough(line: Whole, group: tuple[int, int], smallest: int) -> int:
    return int(line[:, group[0] : group[1]].sum(axis=1).min() >= smallest)


def _demand_counted(groups: Sequence[Groups], rest: Sequence[int]) -> None:
    """ProtocolError where what all others added to the second sum is of no rows."""
    what, (people, positives, *sums) = "people by bins", rest
    left = iter(sums)
    demand_counts(what, (people, positives, people - positives), (MAX_MEMBERS - 1) * MAX_POOLED_ROWS)
    for parts in groups:
        cells = [(next(left), next(left)) for _ in parts]
        for label, most in enumerate((positives, people - positives)):
            counts = [cell[label] for cell in cells]
            demand_counts(what, [*counts, sum(counts)], most)


def weights_of(
    cells: Sequence[int], groups: Sequence[Groups], sums: Iterator[int]
) -> tuple[list[npt.NDArray[np.float64]], tuple[float, ...]]:
    """By column each cell's weight of evidence, 0 where it may not be told, and the information value. Few that are
    missing, the last cell, are counted in the last group, so that no remainder tells of them, and have no weight."""
    weights, values = [], []
    for size, parts in zip(cells, groups, strict=True):
        own = np.zeros(size)
        counts = [(next(sums), next(sums)) for _ in parts]
        positives, negatives = (sum(one[label] for one in counts) for label in (0, 1))
        value = 0.0
        for (low, high), (p, n) in zip(parts, counts, strict=True):
            weight = max(-MAX_WOE, min(MAX_WOE, log_odds(p, n) - log_odds(positives, negatives)))
            own[low:high] = weight
            value += (p / positives - n / negatives) * weight
        if parts and parts[-1][0] < size - 1:
            own[-1] = 0.0
        weights.append(own)
        values.append(max(0.0, value))
    return weights, tuple(values)
