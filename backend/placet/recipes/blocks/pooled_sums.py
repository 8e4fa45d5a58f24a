"""What all parties sum up before a model of their rows is trained: what may be opened, and what columns are like.

Nothing here sends anything: `add` gives the totals of all parties' numbers. Each decision follows from totals alone, so
all parties come to the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from placet.catalogue.pooled_model import MAX_MEMBERS, MAX_POOLED_ROWS, PooledCategory, PooledFeature, PooledNumber
from placet.models.binning import category_of
from placet.models.pooled import ENOUGH, STEPS, both, differing, moments, positions, standardised_by
from placet.models.pooled_checks import Seat, demand, demand_counts, demand_moments, rest_of
from placet.models.preparing import UNIT, PreparedCategory, PreparedNumber
from placet.recipes.blocks.pooled_table import Columns, MemberTable, Whole, as_numbers, category

Add = Callable[[str, list[int], int], Awaitable[list[int]]]
"""(what is summed, this party's whole numbers, the largest that a total may be) to the totals of all parties'."""

MOST_PEOPLE = MAX_MEMBERS * MAX_POOLED_ROWS
DESCRIBED = "people and columns"


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


def columns_of(
    features: Sequence[PooledFeature], columns: Columns, people: Sequence[int | None], reads: Sequence[bool]
) -> Iterator[dict[str, Any]]:
    """An entry for each number that a column becomes; `people` of an indicator that may be told."""
    counts, opened = iter(people), iter(reads)
    for feature, column in zip(features, columns, strict=True):
        for word in column.words():
            yield {"column": feature.column, "value": word or None, "people": next(counts), "in_model": next(opened)}
