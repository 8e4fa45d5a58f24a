"""Linear models in the clear: held against Newton's own steps, and against scikit-learn where it is installed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from placet.models.choices import Family
from placet.models.regression import BEND, CURVATURE, mean_of, regress

ROWS = 3000
Reals = Any


def sample(family: Family, shift: float = 0.0) -> tuple[Reals, Reals]:
    """A design with two columns that go together, and labels."""
    luck = np.random.default_rng(3)
    columns = luck.normal(size=(ROWS, 4))
    columns[:, 1] = 0.9 * columns[:, 0] + 0.4 * columns[:, 1]
    design = np.concatenate([np.clip(columns, -4, 4), np.ones((ROWS, 1))], axis=1)
    predictors = design @ np.array([0.4, -0.2, 0.3, 0.0, shift])
    if family == "logistic":
        return design, (luck.random(ROWS) < 1 / (1 + np.exp(-predictors))).astype(float)
    if family == "linear":
        labels = predictors + luck.normal(size=ROWS)
        return design, (labels - labels.mean()) / labels.std()
    counts = luck.poisson(np.exp(predictors)).astype(float)
    return design, counts / counts.mean()


def newton(design: Reals, labels: Reals, family: Family, l2: float) -> Reals:
    """The exact Hessian in each step, and for counts the exponential without an end."""
    penalty = np.full(design.shape[1], l2)
    penalty[-1] = 0
    weights = np.zeros(design.shape[1])
    for _ in range(40):
        predictors = design @ weights
        mean = {"logistic": 1 / (1 + np.exp(-predictors)), "linear": predictors, "poisson": np.exp(predictors)}[family]
        slope = {"logistic": mean * (1 - mean), "linear": np.ones(ROWS), "poisson": mean}[family]
        hessian = design.T @ (design * slope[:, None]) / ROWS + np.diag(penalty)
        weights = weights + np.linalg.solve(hessian, design.T @ (labels - mean) / ROWS - penalty * weights)
    return weights


@pytest.mark.parametrize(
    ("family", "shift", "steps", "off"),
    [("logistic", 0.0, 8, 0.002), ("logistic", -3.0, 30, 0.01), ("linear", 0.0, 1, 1e-9), ("poisson", 0.0, 20, 0.005)],
)
def test_few_steps_come_to_what_newtons_come_to(family: Family, shift: float, steps: int, off: float) -> None:
    design, labels = sample(family, shift)
    exact = newton(design, labels, family, 0.001)
    assert np.abs(regress(design, labels, family, steps=steps, l2=0.001) - exact).max() < off


@pytest.mark.parametrize("family", ["logistic", "linear", "poisson"])
def test_scikit_learn_fits_the_same(family: Family) -> None:
    linear = pytest.importorskip("sklearn.linear_model", reason="scikit-learn comes with placet[bench]")
    design, labels = sample(family)
    model: Any = {
        "logistic": linear.LogisticRegression(C=1 / (0.001 * ROWS), tol=1e-8),
        "linear": linear.Ridge(alpha=0.001 * ROWS),
        "poisson": linear.PoissonRegressor(alpha=0.001, tol=1e-8, max_iter=1000),
    }[family]
    model.fit(design[:, :-1], labels)
    expected = [*np.ravel(model.coef_), float(np.ravel(model.intercept_)[0])]
    assert np.abs(regress(design, labels, family, steps=30, l2=0.001) - expected).max() < 0.002


@pytest.mark.parametrize("share", [0.002, 0.05, 0.22, 0.5, 0.97])
@pytest.mark.parametrize("separable", [False, True])
def test_the_first_step_of_a_logistic_fit_lowers_the_loss(share: float, separable: bool) -> None:
    """However few have label 1, and where they can be told apart, when Newton's own step would overshoot."""
    design, _ = sample("logistic")
    score = design[:, 0] + (0 if separable else 2 * np.random.default_rng(1).standard_normal(ROWS))
    labels = (score >= np.sort(score)[-max(1, round(share * ROWS))]).astype(float)

    def loss(coefficients: Reals) -> float:
        predictors = design @ coefficients
        return float(np.mean(np.logaddexp(0, predictors) - labels * predictors))

    losses = [loss(regress(design, labels, "logistic", steps=steps, l2=0.001)) for steps in (0, 1, 30)]
    assert losses[0] > losses[1] > losses[2]


def test_the_mean_of_counts_is_bounded_in_its_slope() -> None:
    """Beyond e^BEND times the average it goes on as its tangent, so that no step overshoots."""
    places = np.linspace(-8, 30, 2000)
    means = mean_of("poisson", places)
    slopes = np.diff(means) / np.diff(places)
    assert slopes.max() <= CURVATURE["poisson"] * 1.000001 and (slopes >= 0).all()
    assert np.allclose(means[(places > -6) & (places < BEND)], np.exp(places[(places > -6) & (places < BEND)]))


def test_counts_far_beyond_the_average_are_fitted_all_the_same() -> None:
    """One row in a hundred has almost all of what is counted: without the tangent a step overshoots, and e^η too."""
    design, _ = sample("poisson")
    design[:, 0] = np.arange(ROWS) % 100 == 0
    labels = np.where(design[:, 0] == 1, 99.0, 0.01)
    labels = labels / labels.mean()
    fitted = regress(design, labels, "poisson", steps=30, l2=0.001)
    assert np.isfinite(fitted).all() and 3 < fitted[0] < 100

    def unbounded(family: Family, predictors: Reals) -> Reals:
        return np.exp(predictors)

    with np.errstate(over="ignore", invalid="ignore"):
        wild = regress(design, labels, "poisson", steps=30, l2=0.001, mean=unbounded)
    assert not np.isfinite(wild).all() or np.abs(wild).max() > 1e3


def test_a_cubic_without_saturation_diverges_in_silence() -> None:
    """Where labels can be told apart, its expectation leaves [0, 1] and pulls the wrong way; no error says so."""
    design, _ = sample("logistic")
    labels = (design[:, 0] > 0).astype(float)

    def cubic(family: Family, predictors: Reals) -> Reals:
        return 0.5 + predictors * (0.197 - 0.004 * predictors**2)

    with np.errstate(over="ignore", invalid="ignore"):
        wild = regress(design, labels, "logistic", steps=30, l2=0.001, mean=cubic)
    safe = regress(design, labels, "logistic", steps=30, l2=0.001)
    assert not np.isfinite(wild).all() or np.abs(wild).max() > 1e3
    assert np.abs(safe).max() < 100 and ((design @ safe > 0) == (labels == 1)).mean() > 0.98


def test_a_label_that_all_but_none_have_has_an_intercept() -> None:
    design, labels = sample("logistic", -30.0)
    assert not labels.any()
    assert regress(design, labels, "logistic", steps=8, l2=0.001)[-1] < math.log(1 / ROWS)
