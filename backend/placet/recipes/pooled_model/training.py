"""One party's part in training a pooled model: what it adds to each sum, and what follows from the totals.

Nothing here sends anything: `add` gives the totals of all parties' numbers. All go through the same sums in one order,
and come to the same outcome, since each decision follows from totals alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from placet.catalogue.pooled_model import (
    MAX_MEMBERS,
    MAX_POOLED_ROWS,
    PooledCategory,
    PooledFeature,
    PooledModelParameters,
    PooledNumber,
)
from placet.core.errors import InputError
from placet.models.bands import merged
from placet.models.binning import category_of, numbers_of
from placet.models.pooled import (
    ENOUGH,
    FRACTION,
    LARGEST_SUMMAND,
    SCORE_UNIT,
    STEPS,
    Design,
    Fit,
    band_edges,
    both,
    differing,
    halves,
    moments,
    positions,
    standardised_by,
    told_groups,
)
from placet.models.pooled_checks import Seat, Slopes, demand, demand_counts, demand_moments, rest_of
from placet.models.pooled_pairs import gates as pair_gates
from placet.models.pooled_pairs import hidden_of, pairs_of
from placet.models.pooled_pulls import WEIGHT
from placet.models.preparing import LIMIT, UNIT, Prepared, PreparedCategory, PreparedNumber
from placet.recipes.blocks.features import known_labels, labels_of, naming
from placet.recipes.pooled_model.leaving_out import ByParty, LeftOut, left_out
from placet.vault.rows import Rows

Add = Callable[[str, list[int], int], Awaitable[list[int]]]
"""(what is summed, this party's whole numbers, the largest that a total may be) to the totals of all parties'."""
MOST_PEOPLE = MAX_MEMBERS * MAX_POOLED_ROWS
SQUARE, NARROW = 1.1, 64
"""A standardised number's mean square at the most, with what its centre and spread are rounded by, unless the spread is
narrower than so many steps between the bounds."""
DESCRIBED = "people and columns"
Columns = tuple[PreparedNumber | PreparedCategory, ...]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class MemberTable:
    """A party's own rows: values by feature, labels, and which rows train (the others test)."""

    values: tuple[Sequence[Any], ...]
    labels: Whole
    train: Whole
    test: Whole

    def columns(self, rows: Whole) -> list[list[Any]]:
        """Of some of the rows."""
        return [[values[row] for row in rows.tolist()] for values in self.values]


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


def table_of(
    rows: Rows, label: str, features: Sequence[PooledFeature], order: Sequence[int], train: int, *, noisy: bool = False
) -> MemberTable:
    """`order`: of the rows, of which the first `train` ones train. DataError for what is no label; with noise such rows
    neither train nor test."""
    places = np.array(order, np.int64)
    labels, known = known_labels(rows, label) if noisy else (labels_of(rows, label), np.ones(rows.count, np.bool_))
    columns = tuple(rows.columns[feature.column] for feature in features)
    parts = (np.sort(part[known[part]]) for part in (places[:train], places[train:]))
    return MemberTable(columns, labels, *parts)


def as_numbers(feature: PooledNumber, values: Sequence[Any]) -> npt.NDArray[np.float64]:
    """DataError that names the column."""
    with naming(feature.column):
        return numbers_of(values)


def category(feature: PooledFeature) -> PreparedCategory:
    """It is prepared as the plan says, whatever the rows hold. InputError for what is no category."""
    if not isinstance(feature, PooledCategory):
        raise InputError("a column is no category", found=feature.column)
    return PreparedCategory(levels=len(feature.values), categories=feature.values, missing=feature.missing)


def raw(feature: PooledFeature, values: Sequence[Any]) -> Whole:
    """(rows, width): positions of numbers, and indicators."""
    if not isinstance(feature, PooledNumber):
        return category(feature).prepare(values) // UNIT
    numbers = as_numbers(feature, values)
    columns = [positions(numbers, *feature.bounds), np.isnan(numbers).astype(np.int64)]
    return np.stack(columns[: feature.width], axis=1)


def lacking(values: Sequence[Any]) -> Whole:
    return np.array([category_of(value) is None for value in values], np.int64)


@dataclass(frozen=True)
class Described:
    """What all parties know before a model of theirs is trained. `able`: how many parties have the smallest group of
    either label; `counts` as of `Pooled`; `used`: the places of the prepared numbers that the model reads; `owners`: by
    place the column whose indicator it is; `everywhere`: by place whether each party has the smallest group in it, and
    in what is left without it."""

    able: int
    people: int
    positives: int
    columns: Columns
    counts: tuple[int | None, ...]
    used: list[int]
    owners: list[int | None]
    everywhere: list[bool]

    @property
    def reads(self) -> tuple[bool, ...]:
        """Of each prepared number whether the model reads it."""
        return tuple(place in self.used for place in range(len(self.counts)))


async def describe(
    features: Sequence[PooledFeature], smallest: int, table: MemberTable, add: Add, seat: Seat
) -> Described | None:
    """By two sums, of what may be opened and of what columns are like; None where too few have either label."""
    train = table.columns(table.train)
    labels = table.labels[table.train]
    numbers = np.concatenate([raw(one, values) for one, values in zip(features, train, strict=True)], axis=1)
    gates = [both(labels, smallest), *(differing(lacking(values), smallest) for values in train)]
    gates += [differing(column, smallest) for column in numbers.T]
    owners = owners_of(features)
    categories = categories_of(owners, features)
    gates += [len(numbers) - int(numbers[:, places].sum()) >= smallest for places in categories]
    enough = await asked_all("parties with enough people", [int(gate) for gate in gates], add, seat)
    may = [parties >= ENOUGH for parties in enough]
    if not may[0]:
        return None
    ends = 1 + len(features), 1 + len(features) + len(owners)
    apart, opened = may[1 : ends[0]], with_usual(categories, may[ends[0] : ends[1]], may[ends[1] :])
    people, positives, columns, counts = await _described(features, train, labels, numbers, apart, opened, add)
    spreads = [one.kind != "number" or one.low != one.high for one in columns for _ in range(one.width)]
    used = [place for place, (is_open, spread) in enumerate(zip(opened, spreads, strict=True)) if is_open and spread]
    at_all = [parties == seat.places for parties in enough]
    everywhere = with_usual(categories, at_all[ends[0] : ends[1]], at_all[ends[1] :])
    return Described(enough[0], people, positives, columns, tuple(counts), used, owners, everywhere)


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


async def asked_all(what: str, gates: list[int], add: Add, seat: Seat) -> list[int]:
    """Of how many parties each is so. ProtocolError where this one's own answer is not in a total."""
    return seat.counted(what, gates, await add(what, seat.marks(gates), seat.most))


def owners_of(features: Sequence[PooledFeature]) -> list[int | None]:
    """By number of a row the column whose indicator it is, None for a column's own number."""
    return [
        None if isinstance(one, PooledNumber) and place == 0 else owner
        for owner, one in enumerate(features)
        for place in range(one.width)
    ]


def categories_of(owners: Sequence[int | None], features: Sequence[PooledFeature]) -> list[list[int]]:
    """Of each category the places of its indicators."""
    columns = [column for column, one in enumerate(features) if isinstance(one, PooledCategory)]
    return [[place for place, owner in enumerate(owners) if owner == column] for column in columns]


def with_usual(categories: Sequence[list[int]], opened: Sequence[bool], enough: Sequence[bool]) -> list[bool]:
    """Which numbers may be opened, by which have enough, and which categories have with none of their indicators: that
    is what all people less those of the indicators are. Where it has not, the first indicator that has counts as the
    usual category."""
    outcome = list(opened)
    for places, rest in zip(categories, enough, strict=True):
        several = [place for place in places if opened[place]]
        if len(several) > 1 and not rest:
            outcome[several[0]] = False
    return outcome


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


async def _described(
    features: Sequence[PooledFeature],
    train: Sequence[Sequence[Any]],
    labels: Whole,
    numbers: Whole,
    apart: Sequence[bool],
    opened: Sequence[bool],
    add: Add,
) -> tuple[int, int, Columns, list[int | None]]:
    """People and positives, each column as all prepare it, and how many have each indicator."""
    words, place = [len(labels), int(labels.sum())], 0
    for feature, values, is_apart in zip(features, train, apart, strict=True):
        for number in range(feature.width):
            if isinstance(feature, PooledNumber) and number == 0:
                one = moments(as_numbers(feature, values), *feature.bounds, apart=is_apart)
                words += one if opened[place] else [0, 0, 0]
            else:
                words.append(int(numbers[:, place].sum()) if opened[place] else 0)
            place += 1
    people, positives, *sums = totals = await add(DESCRIBED, words, MOST_PEOPLE * STEPS**2)
    _demand_described(features, rest_of(totals, words))
    left, columns, counts, place = iter(sums), list[PreparedNumber | PreparedCategory](), list[int | None](), 0
    for feature in features:
        if isinstance(feature, PooledNumber):
            of_column = list(itertools.islice(left, 3))
            columns.append(standardised_by(of_column, *feature.bounds, feature.missing))
            counts.append(None)
        else:
            columns.append(category(feature))
        for _ in range(feature.width - int(feature.kind == "number")):
            count = next(left)
            counts.append(count if opened[len(counts)] else None)
    return people, positives, tuple(columns), counts


def _demand_described(features: Sequence[PooledFeature], rest: Sequence[int]) -> None:
    """ProtocolError where what all others added to the second sum is of no rows."""
    people, positives, *sums = rest
    left = iter(sums)
    demand_counts("people", (people,), (MAX_MEMBERS - 1) * MAX_POOLED_ROWS)
    demand_counts("people with label 1", (positives,), people)
    for feature in features:
        if isinstance(feature, PooledNumber):
            demand_moments(feature.column, list(itertools.islice(left, 3)), people)
        indicators = list(itertools.islice(left, feature.width - int(feature.kind == "number")))
        demand_counts(f"column {feature.column}", indicators, people)
        demand(f"column {feature.column}", sum(indicators) <= people)


def prepared_of(columns: Columns, table: MemberTable, rows: Whole) -> Prepared:
    """(rows, prepared numbers) of some of a party's rows."""
    values = table.columns(rows)
    return np.concatenate([one.prepare(own) for one, own in zip(columns, values, strict=True)], axis=1)


def scores_of(prepared: Prepared, coefficients: Sequence[float]) -> Whole:
    """Log odds in ten-thousandths."""
    predictors = prepared / UNIT @ np.array(coefficients[:-1]) + coefficients[-1]
    return np.asarray(np.rint(SCORE_UNIT * predictors), np.int64)


async def judged(
    scores: Whole, labels: Whole, edges: tuple[int, ...], smallest: int, add: Add, seat: Seat
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None:
    """People by label in bands of the score, none too small; None where all together are too few."""
    bands = np.searchsorted(np.array(edges, np.int64), scores, side="right")
    lines = [np.bincount(bands[labels == label], minlength=len(edges) + 1).tolist() for label in (1, 0)]
    groups = halves(len(edges) + 1)
    gates = [int(all(sum(line[low:high]) >= smallest for line in lines)) for low, high in groups]
    enough = dict(zip(groups, await asked_all("parties with enough people in bands", gates, add, seat), strict=True))
    parts = told_groups(len(edges) + 1, lambda group: enough[group] >= ENOUGH)
    if not parts:
        return None
    places = [low for low, _ in parts] + [len(edges) + 1]
    own = [*merged(lines[0], places), *merged(lines[1], places)]
    sums = await add("people by bands", own, MOST_PEOPLE)
    demand_counts("people by bands", rest_of(sums, own), MOST_PEOPLE)
    return tuple(edges[low - 1] for low, _ in parts[1:]), tuple(sums[: len(parts)]), tuple(sums[len(parts) :])
