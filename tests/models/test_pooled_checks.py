"""Totals of a pooled model against what rows can add up to: all honest ones pass, and others are refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.errors import ProtocolError
from placet.models.pooled import FRACTION, Design, moments
from placet.models.pooled_checks import IMPOSSIBLE, Slopes, demand_counts, demand_moments, rest_of

LIMITS = [4.0, 1.0, 4.0, 1.0]
"""Of three numbers of a row, and of 1."""
CELLS = st.tuples(st.floats(-4, 4), st.sampled_from([0.0, 1.0]), st.sampled_from([-4.0, 0.0, 4.0]))


@given(
    st.lists(st.tuples(CELLS, st.integers(0, 1)), max_size=12),
    st.lists(st.floats(-20, 20), min_size=4, max_size=4),
    st.integers(1, 7),
)
def test_sums_of_rows_are_never_refused(
    rows: list[tuple[tuple[float, ...], int]], at: list[float], places: int
) -> None:
    """Each of some places rounds its own; the coefficients may be anything."""
    parts = np.array_split(np.arange(len(rows)), places)
    sums = [
        Design(np.array([rows[n][0] for n in own]).reshape(len(own), 3), np.array([rows[n][1] for n in own], np.int64))
        .sums(at, curvature=True)
        for own in parts
    ]  # fmt: skip
    rest = [sum(column) for column in zip(*sums, strict=True)]
    Slopes(LIMITS, [limit**2 * len(rows) for limit in LIMITS], len(rows), 8).demand("gradients", rest)
    Slopes(LIMITS, [limit**2 * len(rows) for limit in LIMITS], len(rows), 8).demand("gradients", rest[: 3 + 4])


def honest() -> tuple[list[int], int]:
    chance = np.random.default_rng(4)
    numbers = np.clip(chance.normal(size=(400, 3)), -4, 4)
    numbers[:, 1] = chance.random(400) < 0.2
    labels = (chance.random(400) < 0.3).astype(np.int64)
    return Design(numbers, labels).sums([0.5, -0.2, 0.1, -0.9], curvature=True), 400


@pytest.mark.parametrize(
    ("place", "change"),
    [
        (0, -400 * FRACTION),  # a loss below nothing
        (0, 40_000 * FRACTION),
        (1, 20_000 * FRACTION),  # log odds that nobody has
        (2, -2_000 * FRACTION),  # a mean beyond what squares allow
        (3, 1_700 * FRACTION),  # a gradient of more than everybody's numbers
        (4, 300 * FRACTION),
        (6, -410 * FRACTION),
        (7, 70 * FRACTION),  # a curvature of more than everybody's numbers
        (8, 900 * FRACTION),  # one that is of no squares
        (10, 900 * FRACTION),
        (16, -200 * FRACTION),
    ],
)
def test_sums_that_are_of_no_rows_are_refused_by_name(place: int, change: int) -> None:
    sums, people = honest()
    slopes = Slopes(LIMITS, [440.0, 400.0, 440.0, 400.0], people, 8)
    slopes.demand("gradients and curvatures", sums)
    sums[place] += change
    with pytest.raises(ProtocolError, match="the sums of gradients and curvatures are of no rows") as caught:
        slopes.demand("gradients and curvatures", sums)
    assert caught.value.code == IMPOSSIBLE


def test_moments_and_counts() -> None:
    values = np.array([np.nan, -3.0, 0.0, 4.0, 10.0, 99.0])
    told = moments(values, 0, 10, apart=True)
    demand_moments("income", told, 6)
    demand_counts("people", [0, 5], 5)
    for place, change in ((0, 2), (0, -4), (1, 10**9), (1, -(10**9)), (2, 10**15), (2, -(10**12))):
        wrong = list(told)
        wrong[place] += change
        with pytest.raises(ProtocolError, match="income"):
            demand_moments("income", wrong, 6)
    for counts in ([-1], [6]):
        with pytest.raises(ProtocolError, match="people"):
            demand_counts("people", counts, 5)
    assert rest_of([5, 7], [2, 9]) == [3, -2]
