"""Adapting a source's model, and when that counts: against other ways to say the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.models import quality
from placet.models.bands import by_score
from placet.models.transfer import (
    ALONE,
    INTERCEPT_PRIOR,
    MAP,
    RECALIBRATED,
    SLOPE_PRIOR,
    SOURCE,
    STEPS,
    Judged,
    Recalibration,
    WithError,
    accepted,
    basis_of,
    beside_alone,
    judged_in_clear,
    map_fit,
    mean_measured,
    recalibrated,
    wins,
)

SEEDS = st.integers(0, 2**32 - 1)
NONE = WithError(0.0, 1.0)


def sample(seed: int, rows: int = 160, width: int = 5, rate: float = -1.0) -> tuple[Any, Any, Any]:
    """A design, the source's log odds, and labels of a segment that differs a little."""
    luck = np.random.default_rng(seed)
    design = luck.normal(size=(rows, width))
    weights = 0.6 * luck.normal(size=width)
    own = design @ (weights + 0.2 * luck.normal(size=width)) + rate + 0.5
    return design, design @ weights + rate, (luck.random(rows) < 1 / (1 + np.exp(-own))).astype(np.float64)


def likelihood(log_odds: Any, labels: Any) -> float:
    return float(np.logaddexp(0, log_odds).sum() - labels @ log_odds)


@given(SEEDS, st.sampled_from([3.0, 30.0, 300.0]))
def test_weights_near_the_sources_are_where_the_posterior_has_its_top(seed: int, strength: float) -> None:
    """In the design's own directions, not the rotated ones: no step from there is better by more than a trifle."""
    design, scores, labels = sample(seed)
    basis = basis_of(design, len(labels), strength)
    fitted = map_fit(basis, scores, labels, STEPS)
    whole = np.concatenate([design, np.ones((len(design), 1))], axis=1)
    moved, *_ = np.linalg.lstsq(whole, fitted - scores, rcond=None)
    precision = np.append(np.full(design.shape[1], strength), INTERCEPT_PRIOR)
    wrong = labels - 1 / (1 + np.exp(-fitted))
    gradient = whole.T @ wrong - precision * moved
    curvature = whole.T @ (whole * (0.25 * np.ones(len(whole)))[:, None]) + np.diag(precision)
    assert gradient @ np.linalg.solve(curvature, gradient) < 1e-3


def test_a_prior_without_end_leaves_the_source_but_for_its_level() -> None:
    design, scores, labels = sample(1)
    moved = map_fit(basis_of(design, len(labels), 1e9), scores, labels, STEPS) - scores
    assert np.ptp(moved) < 1e-3 and abs(moved.mean()) > 0.1


def test_rows_that_validate_move_nothing() -> None:
    design, scores, labels = sample(2)
    train = labels[:100]
    fitted = map_fit(basis_of(design, 100, 30.0), scores, train, STEPS)
    other = np.concatenate([design[:100], design[100:] * 7])
    again = map_fit(basis_of(other, 100, 30.0), np.concatenate([scores[:100], scores[100:] * 3]), train, STEPS)
    assert np.allclose(fitted[:100], again[:100])


@given(SEEDS, st.sampled_from([-3.0, -1.0, 0.5]))
def test_recalibration_is_where_its_likelihood_has_its_top(seed: int, rate: float) -> None:
    _, scores, labels = sample(seed, rows=400, rate=rate)
    both = recalibrated(scores, labels, 40)
    spread = max(scores.std(), 0.01)

    def loss(intercept: float, slope: float) -> float:
        return likelihood(intercept + slope * scores, labels) + SLOPE_PRIOR / 2 * (spread * (slope - 1)) ** 2

    best = loss(both.intercept, both.slope)
    for one in ((0.02, 0.0), (-0.02, 0.0), (0.0, 0.02), (0.0, -0.02)):
        assert loss(both.intercept + one[0], both.slope + one[1]) > best - 0.02
    assert abs(recalibrated(scores, labels, STEPS).slope - both.slope) < 0.06


def test_a_source_that_knows_nothing_does_not_divide_by_nothing() -> None:
    both = recalibrated(np.full(50, -1.0), np.repeat([0.0, 1.0], 25), STEPS)
    assert all(map(math.isfinite, (both.intercept, both.slope)))


@given(SEEDS)
def test_the_error_of_a_mean_is_its_bootstraps(seed: int) -> None:
    luck = np.random.default_rng(seed)
    values = luck.exponential(size=60)
    drawn = values[luck.integers(0, 60, (4000, 60))].mean(axis=1)
    assert mean_measured(values).error == pytest.approx(drawn.std(), rel=0.12)


@given(SEEDS, st.integers(2, 40), st.integers(2, 40), st.integers(1, 12))
def test_an_auc_and_its_error_are_those_of_the_band_table(
    seed: int, positives: int, negatives: int, kinds: int
) -> None:
    """Also of scores of which many are equal."""
    scores = np.random.default_rng(seed).integers(0, kinds, positives + negatives).astype(np.float64)
    judged = judged_in_clear({SOURCE: scores, ALONE: scores[::-1].copy()}, positives)
    table = by_score(scores.astype(int).tolist(), [1] * positives + [0] * negatives)
    error = quality.auc_error(table)
    assert judged.area[SOURCE].value == pytest.approx(float(quality.auc(table)))
    assert error is not None and judged.area[SOURCE].error == pytest.approx(error)
    own, others = wins(scores, positives)
    assert own.sum() == others.sum()


@given(SEEDS)
def test_two_that_rank_alike_do_not_differ(seed: int) -> None:
    scores = np.random.default_rng(seed).normal(size=50)
    same = dict.fromkeys((SOURCE, RECALIBRATED, MAP, ALONE), scores)
    judged = judged_in_clear(same, 20)
    every = [*judged.gains.values(), *judged.area_gains.values()]
    assert all((one.value, one.error, one.beyond_error) == (0.0, 0.0, False) for one in every)
    assert (accepted(judged, 1.0), beside_alone(judged)) == (SOURCE, "undecided")


def gaining(**gains: WithError) -> Judged:
    """Of pairs `map_source` and so on; `area_…` of AUCs."""
    pairs = {name: tuple(name.removeprefix("area_").split("_")) for name in gains}
    loss = dict.fromkeys(((RECALIBRATED, SOURCE), (MAP, SOURCE), (MAP, RECALIBRATED), (SOURCE, ALONE)), NONE)
    area = dict.fromkeys(((MAP, SOURCE), (SOURCE, ALONE)), NONE)
    for name, gain in gains.items():
        (area if name.startswith("area_") else loss)[pairs[name]] = gain  # type: ignore[index]
    return Judged({}, {}, loss, area)


SURE = WithError(0.02, 0.01)
LUCK = WithError(0.019, 0.01)
"""A gain within 1.96 errors."""


@pytest.mark.parametrize(
    ("judged", "slope", "best"),
    [
        (gaining(), 1.0, SOURCE),
        (gaining(recalibrated_source=LUCK, map_source=LUCK, area_map_source=SURE), 1.0, SOURCE),
        (gaining(recalibrated_source=SURE), 1.0, RECALIBRATED),
        (gaining(recalibrated_source=SURE), -0.1, SOURCE),
        (gaining(map_source=SURE, area_map_source=SURE), 1.0, MAP),
        (gaining(map_source=SURE, area_map_source=LUCK), 1.0, SOURCE),
        (gaining(recalibrated_source=SURE, map_source=SURE, area_map_source=SURE), 1.0, RECALIBRATED),
        (gaining(recalibrated_source=SURE, map_recalibrated=SURE, area_map_source=SURE), 1.0, MAP),
    ],
)
def test_an_adapter_is_accepted_only_beyond_the_error(judged: Judged, slope: float, best: str) -> None:
    assert accepted(judged, slope) == best


def test_whoever_ranks_better_is_named_beyond_the_error_alone() -> None:
    worse = WithError(-SURE.value, SURE.error)
    assert beside_alone(gaining(area_source_alone=SURE)) == SOURCE
    assert beside_alone(gaining(area_source_alone=worse)) == ALONE
    assert beside_alone(gaining(area_source_alone=LUCK)) == "undecided"


@pytest.mark.parametrize("seed", range(10))
def test_noise_is_not_taken_for_a_gain(seed: int) -> None:
    """A segment that is like the source's people: adapting on a hundred labels helps nobody."""
    luck = np.random.default_rng(seed)
    design = luck.normal(size=(200, 20))
    scores = design @ (0.4 * luck.normal(size=20)) - 1
    labels = (luck.random(200) < 1 / (1 + np.exp(-scores))).astype(np.float64)
    order = np.concatenate([np.arange(120), 120 + np.argsort(-labels[120:], kind="stable")])
    design, scores, labels = design[order], scores[order], labels[order]
    basis, train = basis_of(design, 120, 100.0), labels[:120]
    line = recalibrated(scores[:120], train, STEPS)
    log_odds = {SOURCE: scores, RECALIBRATED: line.of(scores), MAP: map_fit(basis, scores, train, STEPS)}
    log_odds[ALONE] = map_fit(basis, np.zeros(200), train, 60)
    judged = judged_in_clear({name: one[120:] for name, one in log_odds.items()}, int(labels[120:].sum()))
    assert accepted(judged, line.slope) == SOURCE


def test_recalibration_of_a_line() -> None:
    assert Recalibration(0.5, 2.0).of(np.array([1.0, -1.0])).tolist() == [2.5, -1.5]
