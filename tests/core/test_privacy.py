"""What noise costs: against the definition, in rationals, and against what the literature's accountants say."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.errors import InputError
from placet.core.privacy import DELTA, LEAST_VARIANCE, NANO, cost, epsilon_hundredths, variance_for

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
