"""One party's part in training a pooled model: what it adds to each sum, and what follows from the totals.

Nothing here sends anything: `add` gives the totals of all parties' numbers. All go through the same sums in one order,
and come to the same outcome, since each decision follows from totals alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from placet.catalogue.pooled_model import MAX_MEMBERS, PooledFeature, PooledModelParameters, PooledNumber
from placet.models.pooled import ENOUGH, FRACTION, LARGEST_SUMMAND, SCORE_UNIT, STEPS, Design, Fit, band_edges
from placet.models.pooled_checks import Seat, Slopes, rest_of
from placet.models.pooled_pairs import gates as pair_gates
from placet.models.pooled_pairs import hidden_of, pairs_of
from placet.models.pooled_pulls import WEIGHT
from placet.models.preparing import LIMIT, UNIT, Prepared, PreparedCategory, PreparedNumber
from placet.recipes.blocks.pooled_judging import judged
from placet.recipes.blocks.pooled_sums import DESCRIBED, Add, asked_all, describe
from placet.recipes.blocks.pooled_table import Columns, MemberTable, Whole, prepared_of
from placet.recipes.pooled_model.leaving_out import ByParty, LeftOut, left_out

SQUARE, NARROW = 1.1, 64
"""A standardised number's mean square at the most, with what its centre and spread are rounded by, unless the spread is
narrower than so many steps between the bounds."""


@dataclass(frozen=True)
class Pooled:
    """What all parties come to. `positives` are not told where there is noise. `counts`: of each prepared number how
    many of the rows that train have it, None of a column of numbers or where it is not open. `bands`: edges of scores,
    and people by label in each."""

    people: int
    positives: int | None
    columns: Columns
    counts: tuple[int | None, ...]
    open: tuple[bool, ...]
    coefficients: tuple[float, ...]
    steps: int
    bands: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None
    left_out: LeftOut | None = None


async def trained(
    parameters: PooledModelParameters, table: MemberTable, add: Add, seat: Seat, by_party: ByParty | None = None
) -> Pooled | None:
    """The model, and how good it is; None where too few have either label. Two sums of what may be opened and of what
    columns are like, one of pairs of indicators if there are any, one a Newton step, two for the bands. With
    `by_party`, and the smallest group of either label at every party, what the model were without each: by those
    numbers of which each party has the smallest group."""
    smallest = parameters.smallest_group
    described = await describe(parameters.features, smallest, table, add, seat)
    if described is None:
        return None
    people, positives, columns, used = described.people, described.positives, described.columns, described.used
    numbers, hidden = prepared_of(columns, table, table.train)[:, used] / UNIT, {}
    if pairs := pairs_of([described.owners[place] for place in used]):
        own = list(pair_gates(numbers, pairs, smallest))
        hidden = hidden_of(pairs, await asked_all("parties with enough people in pairs", own, add, seat), ENOUGH)
    design = Design(numbers, table.labels[table.train], hidden)
    fit = Fit(len(used), people, positives, parameters.l2 / 1000, hidden)
    every = [limit for one in columns for limit in limits_of(one)]
    limits = [every[place] for place in used]
    mean = [square for pair in zip(parameters.features, columns, strict=True) for square in squares_of(*pair)]
    squares = [people * mean[place] for place in used]
    steps, slopes = await fitted(fit, design, limits, squares, parameters, add)
    without = None
    if by_party is not None and described.able == seat.places:
        numbers_of_all = [number for number, place in enumerate(used) if described.everywhere[place]]
        without = await left_out(by_party, fit, DESCRIBED, slopes, [*limits, 1.0], [*numbers_of_all, len(used)])
    coefficients = [0.0] * len(described.counts) + [fit.coefficients[-1]]
    for place, coefficient in zip(used, fit.coefficients, strict=False):
        coefficients[place] = coefficient
    scores = scores_of(prepared_of(columns, table, table.test), coefficients)
    edges = band_edges(SCORE_UNIT * fit.mean, SCORE_UNIT * fit.deviation)
    bands = await judged(scores, table.labels[table.test], edges, smallest, add, seat)
    return Pooled(
        people, positives, columns, described.counts, described.reads, tuple(coefficients), steps, bands, without,
    )  # fmt: skip


async def fitted(
    fit: Fit,
    design: Design,
    limits: Sequence[float],
    squares: Sequence[float],
    parameters: PooledModelParameters,
    add: Add,
) -> tuple[int, str]:
    """How many steps it took, and the name of the last sum. `limits`: how far from 0 each number of a row of the design
    can be; `squares`: what those of all rows can sum to. Where one party is to be left out, words hold what parts of
    them add up to."""
    steps, last = 0, ""
    most = fit.people * FRACTION * (LIMIT * WEIGHT if parameters.leave_one_out else LARGEST_SUMMAND)
    rest = fit.people - len(design.labels)
    own_squares = (design.numbers**2).sum(axis=0).tolist()
    others = [min(limit**2 * rest, all_ - own) for limit, all_, own in zip(limits, squares, own_squares, strict=True)]
    hidden = frozenset(itertools.chain(*fit.hidden))
    slopes = Slopes([*limits, 1.0], [*others, float(rest)], rest, MAX_MEMBERS, hidden)
    while steps < parameters.steps and not fit.converged:
        what = "gradients and curvatures" if fit.wants_curvature else "gradients"
        own = design.sums(fit.coefficients, curvature=fit.wants_curvature)
        totals = await add(what, own, most)
        slopes.demand(what, rest_of(totals, own))
        fit.step(totals)
        steps, last = steps + 1, what
    return steps, last


def limits_of(column: PreparedNumber | PreparedCategory) -> list[float]:
    """How far from 0 each of its prepared numbers can be."""
    return [float(LIMIT) if column.kind == "number" and place == 0 else 1.0 for place in range(column.width)]


def squares_of(feature: PooledFeature, column: PreparedNumber | PreparedCategory) -> list[float]:
    """The largest mean square of each of its prepared numbers."""
    squares = [limit**2 for limit in limits_of(column)]
    if isinstance(feature, PooledNumber) and column.kind == "number":
        low, high = feature.bounds
        if float(column.spread) * STEPS >= NARROW * (high - low):
            squares[0] = SQUARE
    return squares


def scores_of(prepared: Prepared, coefficients: Sequence[float]) -> Whole:
    """Log odds in ten-thousandths."""
    predictors = prepared / UNIT @ np.array(coefficients[:-1]) + coefficients[-1]
    return np.asarray(np.rint(SCORE_UNIT * predictors), np.int64)
