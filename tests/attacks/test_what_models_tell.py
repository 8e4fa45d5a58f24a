"""Attacks against models that recipes hand out: they work where nothing hides a person, and not where noise does."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "benchmarks"))

import _attacks  # noqa: E402
import _audits  # noqa: E402
import _inference  # noqa: E402
from _handed_out import People, logistic, pooled_design  # noqa: E402

FEW, MODELS, MORE_MODELS = 160, 8, 24
BUDGET = 2 * 10**9
"""Of which mu is 2 and epsilon 12.52, so that few runs of a canary tell noise that is too little."""
SLOW = pytest.mark.slow
FITTED_TOO_WELL = [
    pytest.param("pooled logistic", MODELS, 0.60),
    pytest.param("pooled scorecard", MORE_MODELS, 0.54, marks=SLOW),
    pytest.param("representation without noise", MORE_MODELS, 0.56, marks=SLOW),
]
HIDDEN = ["pooled logistic, epsilon 1", pytest.param("representation, epsilon 1", marks=SLOW)]


@pytest.fixture(scope="module")
def crowd() -> _inference.Crowd:
    """As few borrowers as no bank would train on, each with sixty numbers of its own."""
    people = _inference.borrowers()
    if people is None:
        pytest.skip("shared/data/credit/uci_credit_card.csv is not on this machine")
    few = people.any(FEW)
    return _inference.Crowd(few.linear, few.binned)


def inferred(crowd: _inference.Crowd, name: str, models: int = MODELS) -> dict[str, Any]:
    recipe, binned = _inference.RECIPES[name]
    return _inference.inferred(crowd, recipe, models, binned=binned)


@pytest.mark.parametrize(("name", "models", "least"), FITTED_TOO_WELL)
def test_shadow_models_tell_who_trained_a_model_of_few_people(
    crowd: _inference.Crowd, name: str, models: int, least: float
) -> None:
    figures = inferred(crowd, name, models)
    assert figures["ratio"]["attack_auc"] > least
    assert figures["ratio"]["attack_auc"] > figures["loss"]["attack_auc"] - 0.01, "they find what loss finds, and more"


@pytest.mark.parametrize("name", HIDDEN)
def test_under_a_budget_they_tell_nothing(crowd: _inference.Crowd, name: str) -> None:
    """Epsilon 1 allows a tenth of the people more to be told apart than by chance; here it is far less."""
    figures = inferred(crowd, name)
    low, high = figures["ratio"]["interval"]
    assert low < 0.5 < high and figures["ratio"]["attack_auc"] < 0.54
    assert figures["loss"]["attack_auc"] < 0.54


def made_up(rows: int) -> People:
    chance = np.random.default_rng(4)
    numbers = np.rint(chance.normal(0, 100, (rows, 5))).astype(np.int64)
    labels = (chance.random(rows) < 1 / (1 + np.exp(-numbers[:, 0] / 60))).astype(np.int64)
    features = [
        {"kind": "number", "column": f"x{n}", "bounds": [-300, 300], "missing": "usual"}
        for n in range(numbers.shape[1])
    ]
    return People(features, numbers.T.tolist(), labels)


@pytest.mark.parametrize("budget", [None, 17_465_000])
def test_who_knows_all_rows_but_one_reads_it_off_a_model_unless_there_is_noise(budget: int | None) -> None:
    """Not who has some rows: what is opened by a pooled model is no sum of one party's, but a model is of all rows."""
    people = made_up(600)
    errors = []
    for target in range(8):
        design, weights, penalty = pooled_design(people, budget, bytes([target]))
        known = np.delete(design, target, 0)
        row = _attacks.reconstructed(known, np.delete(people.labels, target), weights, penalty)
        errors.append(float(np.abs(row - design[target]).max()))
    median = float(np.median(errors))
    assert median < 0.02 if budget is None else median > 0.5


def test_a_hidden_column_that_a_model_reads_is_guessed_better_with_it() -> None:
    people = made_up(2_000)
    halved = [[int(value > 0) for value in people.values[0]], *people.values[1:]]
    feature = {"kind": "category", "column": "x0", "values": ["0", "1"], "missing": "usual"}
    told = People([feature, *people.features[1:]], halved, people.labels)
    model = logistic(told, b"")
    table = np.stack([model(told.with_value(0, value)) for value in (0, 1)], axis=1)
    correct = _attacks.guessed(table, told.labels, np.array([0.5, 0.5])) == np.array(halved[0])
    assert correct.mean() > 0.7


# The audit of what noise promises.

MECHANISMS = [
    pytest.param(_audits.representation, 100, 9, id="shared-representation"),
    pytest.param(_audits.representation, 600, 4, id="shared-representation, closer", marks=SLOW),
    pytest.param(_audits.pooled, 600, 4, id="pooled-model", marks=SLOW),
]
"""Each with so many runs, and the part of its noise's variance that shows as too little."""


@pytest.mark.parametrize(("mechanism", "runs", "share"), MECHANISMS)
def test_a_canary_shows_no_more_than_the_budget_says_and_more_with_less_noise(
    mechanism: Callable[[int], _audits.Mechanism], runs: int, share: int
) -> None:
    stated = _attacks.mu_of(BUDGET)
    least = _attacks.mu_at_least(_audits.followed(mechanism(BUDGET)), runs)
    assert 0.3 * stated < least <= stated and _attacks.epsilon_of_mu(least) <= 12.52
    assert _attacks.mu_at_least(_audits.followed(mechanism(BUDGET), _audits.too_little(share)), runs) > stated


def test_statistics_hide_a_canary_as_they_say_and_not_with_less_noise() -> None:
    least = _attacks.mu_at_least(_audits.statistics(BUDGET), 600)
    assert 0.5 * _attacks.mu_of(BUDGET) < least <= _attacks.mu_of(BUDGET)
    assert _attacks.mu_at_least(_audits.statistics(BUDGET, share=4), 600) > _attacks.mu_of(BUDGET)


def test_the_bound_is_below_what_it_bounds() -> None:
    """Of normal numbers, apart by mu; and of numbers that tell nothing."""
    chance = np.random.default_rng(2)
    bounds = [_attacks.mu_at_least(lambda inside, _: chance.normal(1.5 * inside), 400) for _ in range(15)]
    assert max(bounds) <= 1.5 and np.mean(bounds) > 0.8
    nothing = [_attacks.mu_at_least(lambda inside, _: chance.normal(), 100) for _ in range(15)]
    assert max(nothing) < 0.3


@pytest.mark.parametrize(("count", "trials"), [(0, 50), (7, 50), (25, 50)])
def test_ends_of_rates_are_clopper_and_pearsons(count: int, trials: int) -> None:
    end = _attacks._upper(count, trials, 0.005)
    below = sum(math.comb(trials, k) * end**k * (1 - end) ** (trials - k) for k in range(count + 1))
    assert below == pytest.approx(0.005, rel=1e-6)


def test_shadows_say_nothing_of_models_that_do_not_depend_on_their_people() -> None:
    chance = np.random.default_rng(9)
    marks = _attacks.halves(200, 20, 0)
    fits = [chance.normal(size=200) for _ in marks]
    ratios = _attacks.likelihood_ratios(fits, marks)
    outcome = _attacks.together([_attacks.attack(one, inside) for one, inside in zip(ratios, marks, strict=True)])
    assert outcome.interval[0] < 0.5 < outcome.interval[1]
    better = [fit + inside for fit, inside in zip(fits, marks, strict=True)]
    told = [
        _attacks.attack(one, inside).area
        for one, inside in zip(_attacks.likelihood_ratios(better, marks), marks, strict=True)
    ]
    assert np.mean(told) > 0.7
