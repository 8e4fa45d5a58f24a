"""One party's part in training a pooled scorecard under a privacy budget: people by bin and label, products and
gradients, each with its own noise before it is masked.

A row is in one cell of each column, so that it changes as many counts by one as there are columns. Bins stand together
until a group has the smallest group and three standard deviations of the noise of either label at two parties' worth.
Weights of evidence follow from the noisy counts, and so does how they are standardised: that costs nothing more. From
there it is the fit of `private_training`.
"""

from __future__ import annotations

import math

import numpy as np

from placet.catalogue.pooled_model import MAX_MEMBERS, PooledModelParameters
from placet.models import pooled_private
from placet.models.choices import Scale
from placet.models.pooled import band_edges, told_groups
from placet.models.pooled_private import BANDS, CARD_SHARES, standard_of
from placet.recipes.blocks.pooled_sums import MOST_PEOPLE, Add
from placet.recipes.blocks.pooled_table import MemberTable
from placet.recipes.pooled_model.card_training import (
    Groups,
    PooledCard,
    bins_of,
    codes_of,
    counts_of,
    points_of,
    risk,
    scores_of,
    weights_of,
)
from placet.recipes.pooled_model.private_training import Noise, NoisySums, fitted, judged

CLEAR = 3
"""Standard deviations of its noise that a count is above nothing."""


async def trained(
    parameters: PooledModelParameters,
    scale: Scale,
    table: MemberTable,
    add: Add,
    noise: Noise,
    budget: int,
    parties: int,
) -> PooledCard | None:
    """As `card_training.trained`, by sums with noise: one of counts, one of products, a gradient a step, one of people
    by bands. None where they look too few for two smallest groups."""
    parts = pooled_private.amounts(budget, parameters.steps, CARD_SHARES)
    sums = NoisySums(add, noise, parts, parties)
    codes, labels = codes_of(parameters, table, table.train), table.labels[table.train]
    cells = [bins_of(feature).cells for feature in parameters.features]
    lines = [counts_of(codes[:, place], labels, size) for place, size in enumerate(cells)]
    release = pooled_private.counts(lines, MOST_PEOPLE)
    totals = iter(await sums.total("people by bins", release, parts["counts"]))
    noisy = [[[next(totals) for _ in range(size)] for _ in (1, 0)] for size in cells]
    people, least = sum(sum(map(sum, one)) for one in noisy) // len(noisy), 2 * parameters.smallest_group
    if people < least:
        return None
    counted = [[[max(0, number) for number in line] for line in one] for one in noisy]
    deviation = math.sqrt(parties * release.variance(parts["counts"]))
    groups = [_groups(one, least, CLEAR * deviation) for one in counted]
    by_group = (
        sum(one[label][low:high]) for one, g in zip(counted, groups, strict=True) for low, high in g for label in (0, 1)
    )
    weights, iv = weights_of(cells, groups, by_group)
    used = [place for place, own in enumerate(groups) if own]
    standards = [standard_of(weights[p].tolist(), [sum(pair) for pair in zip(*counted[p], strict=True)]) for p in used]
    columns = [one.prepare(weights[p][codes[:, p]]) for p, one in zip(used, standards, strict=True)]
    design = pooled_private.shrunken(np.stack([np.zeros_like(labels), *columns], axis=1)[:, 1:])
    most = people + release.noise(parts["counts"], MAX_MEMBERS)
    fit = await fitted(parameters, sums, design, labels, people, most)
    *slopes, intercept = fit.coefficients
    coefficients = {p: slope / one.spread for p, slope, one in zip(used, slopes, standards, strict=True)}
    intercept -= sum(coefficients[p] * one.mean for p, one in zip(used, standards, strict=True))
    points, base = points_of(scale, weights, coefficients), round(scale.offset + scale.factor * intercept)
    scores = risk(scale) * scores_of(base, points, codes_of(parameters, table, table.test))
    mean, deviation = fit.predictors()
    centre, size = risk(scale) * scale.offset + abs(scale.factor) * mean, max(1.0, abs(scale.factor) * deviation)
    edges = band_edges(centre, size, BANDS)
    bands = await judged(scores, table.labels[table.test], edges, parameters.smallest_group, sums, budget)
    return PooledCard(people, None, base, points, iv, parameters.steps, bands)


def _groups(counted: list[list[int]], least: int, noise: float) -> Groups:
    """Of a column's noisy people by label and cell: the finest groups of bins that look large enough, and behind them
    the missing values where they do: noise hides them, so that few need stand with no other ones."""

    def enough(group: tuple[int, int]) -> bool:
        low, high = group
        clear = noise * math.sqrt(high - low)
        return all(sum(line[low:high]) >= max(least, clear) for line in counted)

    missing = (len(counted[0]) - 1, len(counted[0]))
    parts = told_groups(missing[0], enough)
    return [*parts, missing] if parts and enough(missing) else parts
