"""What noise costs: against the definition, in rationals, and against what the literature's accountants say."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.errors import InputError
from placet.core.privacy import (
    DELTA,
    LEAST_VARIANCE,
    NANO,
    GaussianRelease,
    cost,
    cost_of,
    epsilon_hundredths,
    least_epsilon_hundredths,
    variance_for,
)

SENSITIVITIES = st.integers(1, 2**80)


@given(SENSITIVITIES, st.integers(LEAST_VARIANCE, 2**100))
def test_a_cost_is_rho_rounded_up(squared: int, variance: int) -> None:
    rho = Fraction(squared, 2 * variance) * NANO
    assert rho <= cost(squared, variance) < rho + 1


@given(SENSITIVITIES, st.integers(1, 2**40))
def test_the_least_variance_is_within_the_budget_and_none_below_it_is(squared: int, budget: int) -> None:
    variance = variance_for(squared, budget)
    assert cost(squared, variance) <= budget or variance == LEAST_VARIANCE
    if variance > LEAST_VARIANCE:
        assert cost(squared, variance - 1) > budget


def test_no_noise_costs_nothing_or_too_little() -> None:
    for squared, variance in ((0, 4), (1, 3), (1, 0), (1, -5)):
        with pytest.raises(InputError):
            cost(squared, variance)
    with pytest.raises(InputError):
        variance_for(1, 0)


@pytest.mark.parametrize(("rho", "epsilon"), [(0.01, 0.76), (0.05, 1.72), (0.1, 2.46), (0.5, 5.76)])
def test_a_budget_is_told_as_an_epsilon_rounded_up(rho: float, epsilon: float) -> None:
    budget = round(rho * NANO)
    assert epsilon_hundredths(budget) == round(epsilon * 100)
    assert epsilon_hundredths(budget) / 100 >= rho + 2 * math.sqrt(rho * math.log(1 / DELTA))


# rho, Gaussian releases, epsilon at delta 1e-6 by dp-accounting 0.6.0: its RDP accountant over the same orders, its PLD
# accountant, and the PLD of discrete Gaussians of as many releases, which may lie above that of continuous ones.
BY_DP_ACCOUNTING = [
    (0.01, 1, 0.621697, 0.575055, 0.575105),
    (0.0173, 14, 0.832819, 0.771584, 0.772283),
    (0.05, 1, 1.471730, 1.367571, 1.367335),
    (0.1, 30, 2.142236, 1.994527, None),
]


@pytest.mark.parametrize(("rho", "releases", "renyi", "loss", "discrete"), BY_DP_ACCOUNTING)
def test_the_best_conversion_is_the_accountants_and_an_upper_bound(
    rho: float, releases: int, renyi: float, loss: float, discrete: float | None
) -> None:
    """However many releases the loss is of; the distribution of privacy losses says 7 % less."""
    told = least_epsilon_hundredths(round(rho * NANO)) / 100
    assert renyi <= told < renyi + 0.0101
    assert max(loss, discrete or 0) < told < 1.1 * loss + 0.01
    assert told <= epsilon_hundredths(round(rho * NANO)) / 100


def test_nothing_spent_tells_nothing() -> None:
    assert least_epsilon_hundredths(0) == 0
    assert least_epsilon_hundredths(1) == 1


def test_costs_add_up_but_for_rows_that_are_in_one_part_alone() -> None:
    releases = [
        GaussianRelease("a", 1, 1, 50),
        GaussianRelease("b", 5, 9, 450),
        GaussianRelease("c", 1, 1, 40, rows="test"),
    ]
    assert cost_of([]) == 0
    apart = [(one,) for one in releases]
    assert cost_of(apart[:2]) == cost(1, 50) + cost(9, 450) == 2 * NANO // 100
    assert cost_of(apart) == cost_of(apart[:2])
    assert cost_of([*apart, apart[2]]) == 2 * cost(1, 40)
    assert cost_of([releases[:2]]) == cost_of([releases[1::-1]]) == cost(9, 450), "of what may be, the dearest"
