"""Scorecards as data, and the fit in the clear."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from placet.core.errors import InputError
from placet.core.values import parse
from placet.models.bands import kept_places
from placet.models.binning import CategoryBins, NumberBins
from placet.models.choices import Scale
from placet.models.scorecard import Scorecard, ScoredColumn
from placet.models.scorecard_fit import FitColumn, Fitted, Monotone, fit, middle, regress, weights_of_evidence

SCALE = Scale(base_score=600, pdo=20, base_odds=50, higher=0)
CARD = Scorecard(
    label="defaulted",
    scale=SCALE,
    base=500,
    columns=(
        ScoredColumn(party="consumer", column="age", bins=NumberBins(bins=2, edges=("30",)), points=(-10, 20, 0, -3)),
        ScoredColumn(
            party="first-provider",
            column="job",
            bins=CategoryBins(bins=2, categories=("clerk", "smith")),
            points=(7, -4, 1, -1),
            iv="0.1200",
        ),
    ),
)
AGE, JOB = ("consumer", "age"), ("first-provider", "job")


def test_a_score_is_the_sum_of_points() -> None:
    values = {AGE: [20, 30.5, None], JOB: ["smith", "clerk", "poet"]}
    assert CARD.points(values).tolist() == [[-10, -4], [20, 7], [-3, 1]]
    assert CARD.scores(values).tolist() == [486, 527, 498]


def test_reasons_are_the_largest_losses() -> None:
    reasons = CARD.reasons({AGE: None, JOB: "smith"})
    assert [(one.column, one.value, one.lost) for one in reasons] == [("age", "missing", 23), ("job", "smith", 11)]
    assert CARD.reasons({AGE: 40, JOB: "clerk"}) == ()


def test_a_column_that_lacks_is_named() -> None:
    with pytest.raises(InputError) as caught:
        CARD.scores({AGE: [1]})
    assert "first-provider: job" in str(caught.value.expected)


def test_a_commitment_binds_every_number() -> None:
    again = parse(Scorecard, CARD.to_json())
    assert again == CARD and again.commitment == CARD.commitment
    document = CARD.to_json()
    document["columns"][0]["points"][1] += 1
    assert parse(Scorecard, document).commitment != CARD.commitment


@pytest.mark.parametrize("change", [{"points": [1]}, {"iv": "x"}, {"points": [1, 2, 3, 2**40]}])
def test_what_is_no_scorecard_is_refused(change: dict[str, object]) -> None:
    document = CARD.to_json()
    document["columns"][0] |= change
    with pytest.raises(InputError):
        parse(Scorecard, document)


@pytest.mark.parametrize("higher", [0, 1])
def test_pdo_points_double_the_odds(higher: int) -> None:
    scale = Scale.model_validate({"base_score": 600, "pdo": 20, "base_odds": 50, "higher": higher})
    p = scale.probability(600)
    favoured = p if higher else 1 - p
    assert favoured / (1 - favoured) == pytest.approx(50)
    more = scale.probability(620)
    favoured = more if higher else 1 - more
    assert favoured / (1 - favoured) == pytest.approx(100)
    assert 0 <= scale.probability(10**9) <= 1


def sample(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, list[FitColumn]]:
    luck = np.random.default_rng(seed)
    codes = luck.integers(0, 5, (rows, 3))
    logits = (codes[:, 0] - 2) * 0.8 - (codes[:, 1] - 2) * 0.3 - 1
    labels = (luck.random(rows) < 1 / (1 + np.exp(-logits))).astype(np.int64)
    return codes, labels, [FitColumn(7), FitColumn(7), FitColumn(7)]


def fitted(rows: int = 3000, seed: int = 1, **changes: object) -> tuple[Fitted, np.ndarray, np.ndarray]:
    codes, labels, columns = sample(rows, seed)
    options = {"scale": SCALE, "smallest": 5, "steps": 12, "l2": 0.001} | changes
    result = fit(codes, labels, columns, **options)  # type: ignore[arg-type]
    assert result is not None
    return result, codes, labels


def test_the_fit_finds_what_made_the_labels() -> None:
    result, codes, labels = fitted()
    assert result.iv[0] > result.iv[1] > result.iv[2] < 0.02
    assert list(result.points[0][:5]) == sorted(result.points[0][:5], reverse=True), "higher scores speak for label 0"
    scores = result.scores(codes)
    assert np.mean(scores[labels == 0]) > np.mean(scores[labels == 1]) + 10
    probabilities = [SCALE.probability(int(score)) for score in scores]
    assert np.mean(probabilities) == pytest.approx(labels.mean(), abs=0.01)


def test_newton_steps_reach_the_maximum_of_the_likelihood() -> None:
    luck = np.random.default_rng(3)
    design = np.concatenate([luck.normal(size=(500, 3)), np.ones((500, 1))], axis=1)
    labels = (luck.random(500) < 0.3).astype(np.int64)
    weights = regress(design, labels, steps=60, l2=0.01)
    gradient = design.T @ (labels - 1 / (1 + np.exp(-design @ weights))) / 500 - np.array([0.01] * 3 + [1e-4]) * weights
    assert np.abs(gradient).max() < 1e-9


@pytest.mark.parametrize("positives", [0, 1, 4, 2996, 2999, 3000])
def test_nothing_comes_of_too_few_of_either_label(positives: int) -> None:
    codes, labels, columns = sample(3000, 1)
    labels = np.zeros(3000, dtype=np.int64)
    labels[:positives] = 1
    assert fit(codes, labels, columns, scale=SCALE, smallest=5, steps=2, l2=0.001) is None


lines_of = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=4, max_size=9)


@settings(max_examples=examples(200), deadline=None)
@given(cells=lines_of, smallest=st.integers(2, 8), monotone=st.sampled_from([None, "rising", "falling"]))
def test_no_weight_is_of_fewer_than_the_smallest_group_of_either_label(
    cells: list[tuple[int, int]], smallest: int, monotone: Monotone | None
) -> None:
    """Bins of one weight have enough of both. Of missing values a label that is too few changes nothing: they count at
    the middle bin, so that what is told of a column is of all people, however few of them are missing."""
    lines = np.array(cells).T
    woe, told = weights_of_evidence(lines, smallest, monotone)
    assert (told.sum(axis=1) == lines.sum(axis=1)).all() or not woe.any()
    if lines[:, :-1].sum(axis=1).min() < smallest:
        assert not woe.any()
        return
    cuts = [0, *(np.flatnonzero(np.diff(woe[:-1])) + 1), len(woe) - 1]
    for low, high in itertools.pairwise(cuts):
        assert lines[:, low:high].sum(axis=1).min() >= smallest
    for label in np.flatnonzero(lines[:, -1] < smallest):
        assert told[label, -1] == 0
        assert woe[-1] <= 0 if label == 0 else woe[-1] >= 0
        other, fewer = lines.copy(), lines[label, -1]
        other[label, -1], other[label, middle(len(woe))] = 0, lines[label, middle(len(woe))] + fewer
        if kept_places(other[:, :-1].tolist(), smallest, (0, len(woe) - 1)) == kept_places(
            lines[:, :-1].tolist(), smallest, (0, len(woe) - 1)
        ):
            assert (weights_of_evidence(other, smallest, monotone)[0] == woe).all()


def test_a_bin_of_one_label_counts_with_its_neighbour_and_missing_values_speak_for_whom_they_are() -> None:
    """Of 71 who lack a value 68 are positive: the 3 others do not tell that they are 3."""
    lines = np.array([[90, 1, 20, 0, 68], [300, 100, 200, 0, 3]])
    woe, told = weights_of_evidence(lines, 5, None)
    prior = math.log(179.5 / 603.5)
    assert woe[:2].tolist() == pytest.approx([math.log(90.5 / 300.5) - prior, math.log(21.5 / 303.5) - prior])
    assert woe[1] == woe[2] == woe[3]
    assert woe[4] == pytest.approx(math.log(68.5 / 5.5) - prior) and told[:, 4].tolist() == [68, 0]
    woe, _ = weights_of_evidence(np.array([[30, 10, 20, 0, 1], [300, 100, 200, 0, 7]]), 5, None)
    assert woe[4] == 0, "one of eight would be more than the share of all, were it five"


@settings(max_examples=examples(40), deadline=None)
@given(seed=st.integers(0, 10_000), rising=st.booleans())
def test_monotone_weights_rise_or_fall(seed: int, rising: bool) -> None:
    codes, labels, columns = sample(200, seed)
    columns[0] = FitColumn(7, "rising" if rising else "falling")
    result = fit(codes, labels, columns, scale=SCALE, smallest=2, steps=1, l2=0.001)
    assert result is not None
    own = result.weights[0][:5] * (1 if rising else -1)
    assert (np.diff(own) >= -1e-12).all()


def test_weights_of_evidence_are_the_logarithm_of_odds_against_all() -> None:
    result, codes, labels = fitted(smallest=2)
    inside = codes[:, 0] == 2
    p, n = labels[inside].sum() + 0.5, (1 - labels[inside]).sum() + 0.5
    prior = math.log((labels.sum() + 0.5) / ((1 - labels).sum() + 0.5))
    assert result.weights[0][2] == pytest.approx(math.log(p / n) - prior)
