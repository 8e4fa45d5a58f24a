"""What a column is worth, of noisy counts: what is subtracted, what an interval holds, what looks like nothing."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.models import added_worth, worth
from placet.models.added_worth import added_worth_of, alone, gained
from placet.models.bands import BandTable
from placet.models.quality import auc
from placet.models.worth import area, correlation, distance, grouped, information, worth_of

SMALLEST, DEVIATION = 10, 24.0
COUNTS = st.integers(1, 5_000)


def shares(slope: float, cells: int = 10, rate: float = 0.22) -> Any:
    """(2, cells) of people with and without the label, whose odds rise with the cell."""
    odds = rate / (1 - rate) * np.exp(slope * np.linspace(-1, 1, cells))
    positive = odds / (1 + odds) / cells
    return np.stack([positive, 1 / cells - positive])


def noisy(parts: Any, people: int, deviation: float, chance: np.random.Generator) -> Any:
    """Counts of people who happened to be there, with noise, none below the smallest group; the last cells are of
    missing values."""
    counts = chance.multinomial(people, parts.ravel()).reshape(parts.shape)
    counts = np.rint(counts + deviation * chance.standard_normal(counts.shape))
    padded = np.pad(counts, [(0, 0), *((0, 1) for _ in range(parts.ndim - 1))])
    return np.where(padded < SMALLEST, 0, padded)


@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=2, max_size=12))
def test_figures_are_those_of_the_books(cells: list[tuple[int, int]]) -> None:
    """KS as the largest distance of both distributions, the AUC of a band table, in the order of the evidence."""
    lines = np.array(cells, np.float64).T
    order = sorted(cells, key=lambda one: one[0] / one[1])
    positives, negatives = zip(*order, strict=True)
    table = BandTable(tuple(range(1, len(cells))), positives, negatives)
    assert float(area(lines)) == pytest.approx(float(auc(table)))
    running = [[sum(line[: at + 1]) / sum(line) for at in range(len(cells))] for line in (positives, negatives)]
    assert float(distance(lines)) == pytest.approx(max(abs(p - n) for p, n in zip(*running, strict=True)), abs=1e-12)
    both = [sum(line) for line in (positives, negatives)]
    value = sum((p / both[0] - n / both[1]) * np.log(p * both[1] / n / both[0]) for p, n in order)
    assert float(information(lines)) == pytest.approx(value)


@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=2, max_size=6))
def test_correlation_is_that_of_the_ranks(cells: list[tuple[int, int]]) -> None:
    cells = [(p % 40 + 1, n % 40 + 1) for p, n in cells]
    place = np.repeat(range(len(cells)), [p + n for p, n in cells])
    label = np.concatenate([[1] * p + [0] * n for p, n in cells])
    people = np.array([p + n for p, n in cells])
    ranks = (people.cumsum() - (people - 1) / 2)[place]
    assert float(correlation(np.array(cells, np.float64).T)) == pytest.approx(np.corrcoef(ranks, label)[0, 1])


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=2, max_size=12),
    st.floats(0, 900),
    st.booleans(),
)
def test_each_group_stands_clear_of_its_noise(cells: list[tuple[int, int]], variance: float, ordered: bool) -> None:
    counts = np.array(cells, np.float64).T
    groups = grouped(counts, variance, SMALLEST, ordered=ordered)
    places = list(itertools.chain.from_iterable(groups))
    assert len(set(places)) == len(places) and set(places) <= set(range(len(cells)))
    missing = len(cells) - 1
    if ordered:
        assert all(group == list(range(group[0], group[-1] + 1)) for group in groups)
        assert not groups or set(range(missing)) <= set(places) or groups == [[missing]]
        assert all(group == [missing] for group in groups if missing in group)
    for group in groups if ordered else groups[:1]:
        least = counts[:, group].sum(axis=1).min()
        assert least >= SMALLEST


MORE = [(0.0, 15_000, 0.0), (0.1, 15_000, 0.0), (0.1, 15_000, DEVIATION), (0.4, 15_000, 0.0), (1.2, 15_000, 0.0)]


@pytest.mark.parametrize(
    ("slope", "people", "deviation"),
    [
        (0.0, 15_000, DEVIATION),
        (0.4, 15_000, DEVIATION),
        *(pytest.param(*one, marks=pytest.mark.slow) for one in (*MORE, (1.2, 15_000, DEVIATION), (0.4, 5_000, 0.0))),
    ],
)
def test_intervals_hold_what_a_column_is_worth(slope: float, people: int, deviation: float) -> None:
    """Of 40 draws by a seed that stands: 17 in 20 at the least, and no bias beyond half of the error."""
    chance, parts = np.random.default_rng(7), shares(slope)
    drawn = [noisy(parts, people, deviation, chance) for _ in range(40)]
    judged = [worth_of(one, deviation**2, SMALLEST, ordered=True) for one in drawn]
    outcomes = [one for one in judged if one is not None]
    assert len(outcomes) == 40
    for name, statistic in (("iv", information), ("auc", area), ("ks", distance), ("correlation", correlation)):
        true, figures = float(statistic(parts)), [getattr(one, name) for one in outcomes]
        held = sum(one.low - 1e-9 <= true <= one.high + 1e-9 for one in figures)
        assert held >= 34, (name, held)
    values = np.array([one.iv.value for one in outcomes])
    assert abs(values.mean() - float(information(parts))) < max(0.5 * values.std(), 0.003)
    beyond = sum(one.beyond_chance for one in outcomes)
    assert beyond <= 2 if slope == 0 else beyond >= 35 or slope < 0.4


def test_noise_alone_is_subtracted() -> None:
    """What the noisy counts seem to say is four times and more what is told."""
    chance, parts = np.random.default_rng(3), shares(0.0)
    counts = [noisy(parts, 10_000, DEVIATION, chance)[:, :-1] for _ in range(15)]
    seems = np.mean([float(information(one)) for one in counts])
    padded = [np.pad(one, [(0, 0), (0, 1)]) for one in counts]
    told = np.mean([worth_of(one, DEVIATION**2, SMALLEST, ordered=True).iv.value for one in padded])  # type: ignore[union-attr]
    assert told < seems / 4


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("counts", [[[0, 0, 0], [0, 0, 0]], [[90, 0, 0], [500, 0, 0]], [[0, 0, 0], [500, 600, 0]]])
def test_one_group_tells_nothing_apart(counts: list[list[int]], ordered: bool) -> None:
    assert worth_of(counts, 4.0, SMALLEST, ordered=ordered) is None


def test_missing_values_are_a_group_of_their_own_where_they_are_enough() -> None:
    counts = [[400, 500, 900], [4_000, 3_000, 1_000]]
    judged = worth_of(counts, 50.0, SMALLEST, ordered=True)
    assert judged is not None and [one.cells for one in judged.groups] == [(0,), (1,), (2,)]
    without = worth_of([[400, 500, 5], [4_000, 3_000, 90]], 50.0, SMALLEST, ordered=True)
    assert without is not None and [one.cells for one in without.groups] == [(0,), (1,)]
    category = worth_of([[400, 500, 5], [4_000, 3_000, 90]], 50.0, SMALLEST, ordered=False)
    assert category is not None and [one.cells for one in category.groups] == [(0, 2), (1,)]
    assert judged.correlation is not None and category.correlation is None


def table(own: float, other: float, alike: float, bands: int = 5, cells: int = 8) -> Any:
    """(2, bands, cells): how much the own score says, the column, and how alike they are."""
    first, second = np.linspace(-1, 1, bands), np.linspace(-1, 1, cells)
    people = np.exp(2 * alike * np.outer(first, second))
    odds = 0.28 * np.exp(own * first[:, None] + other * second)
    return np.stack([odds, np.ones_like(odds)]) / (1 + odds) * people / people.sum()


@pytest.mark.parametrize(
    ("own", "other", "alike", "deviation"),
    [
        (1, 0, 1, DEVIATION),
        (1, 1, 1, DEVIATION),
        *(
            pytest.param(*ways, deviation, marks=pytest.mark.slow)
            for deviation in (0, DEVIATION)
            for ways in ((1, 0, 0), (1, 0, 1), (1, 0.5, 0), (1, 1, 1))
        ),
    ],
)
def test_a_column_adds_what_the_own_score_does_not_say(
    own: float, other: float, alike: float, deviation: float
) -> None:
    chance, parts = np.random.default_rng(11), table(own, other, alike)
    true = float(gained(parts * 1e9))
    outcomes = [
        added_worth_of(noisy(parts, 30_000, deviation, chance), deviation**2, SMALLEST, ordered=True) for _ in range(2)
    ]
    assert true < 1e-6 if other == 0 else true > 0.02
    for one in outcomes:
        assert one is not None
        assert one.gain.low - 0.004 <= true <= one.gain.high + 0.004
        assert one.own.low - 0.004 <= float(alone(parts * 1e9)) <= one.own.high + 0.004
        assert one.beyond_chance == (other > 0)


def test_what_the_own_score_says_already_adds_nothing() -> None:
    """A column that is worth much alone, since it follows the own score."""
    counts = noisy(table(1.5, 0, 1), 30_000, DEVIATION, np.random.default_rng(2))
    judged = worth_of(counts.sum(axis=1), 6 * DEVIATION**2, SMALLEST, ordered=True)
    added = added_worth_of(counts, DEVIATION**2, SMALLEST, ordered=True)
    assert judged is not None and judged.beyond_chance and judged.auc.low > 0.55
    assert added is not None and not added.beyond_chance and added.gain.value < 0.01


def test_against_bands_that_are_too_small_nothing_is_said() -> None:
    """Those that noise hides would go together, and a column would seem to add what the finer score had."""
    counts = noisy(table(1, 1, 1), 3_000, DEVIATION, np.random.default_rng(2))
    assert added_worth_of(counts, DEVIATION**2, SMALLEST, ordered=True) is None


def test_the_same_counts_say_the_same() -> None:
    counts = noisy(table(1, 1, 1), 20_000, 10, np.random.default_rng(2))
    assert added_worth_of(counts, 100, SMALLEST, ordered=True) == added_worth_of(counts, 100, SMALLEST, ordered=True)
    assert (worth.DRAWS, added_worth.DRAWS) == (2000, 500)
