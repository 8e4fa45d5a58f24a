"""Figures of a score: against plain definitions, against scikit-learn, and by hand."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.errors import InputError
from placet.models import quality
from placet.models.bands import BandTable, equal_edges, kept_places, merged, tally
from placet.models.quality import decimal


def sample(people: int, seed: int) -> tuple[list[int], list[int]]:
    """Labels of whom a fifth is positive, and probabilities in millionths that are about right, with ties."""
    chance = random.Random(seed)
    labels = [int(chance.random() < 0.22) for _ in range(people)]
    odds = (chance.gauss(0.9 * label, 1) - 1.7 for label in labels)
    return [round(1_000 / (1 + math.exp(-one))) * 1_000 for one in odds], labels


scored = st.lists(st.tuples(st.integers(-4, 9), st.integers(0, 1)), min_size=2, max_size=25).filter(
    lambda rows: {label for _, label in rows} == {0, 1}
)


@given(scored)
def test_by_a_band_for_each_score_it_is_the_definition(rows: list[tuple[int, int]]) -> None:
    """The share of pairs in which the positive is higher, equal ones by half; the largest distance of the two
    distributions; what a threshold selects."""
    scores, labels = [score for score, _ in rows], [label for _, label in rows]
    distinct = sorted(set(scores))
    table = tally(distinct[1:], scores, labels)
    ones, zeros = ([s for s, label in rows if label == side] for side in (1, 0))
    pairs = sum((Fraction((one > zero) * 2 + (one == zero), 2) for one in ones for zero in zeros), Fraction())
    assert quality.auc(table) == pairs / (len(ones) * len(zeros))
    reached = [
        abs(Fraction(sum(s < e for s in ones), len(ones)) - Fraction(sum(s < e for s in zeros), len(zeros)))
        for e in [*distinct, 99]
    ]
    assert quality.ks(table)[0] == max(reached)
    for edge in table.edges:
        at = quality.confusion(table, edge)
        assert at.true_positives == sum(s >= edge for s in ones)
        assert at.false_positives == sum(s >= edge for s in zeros)
        assert (at.recall, at.fallout) == (
            Fraction(at.true_positives, len(ones)),
            Fraction(at.false_positives, len(zeros)),
        )
    last = quality.gains(table)[-1]
    assert (last.people_share, last.positives_share, last.lift) == (1, 1, 1)


@given(scored)
def test_the_error_is_delongs(rows: list[tuple[int, int]]) -> None:
    """By its definition over single people: variances of the placements."""
    table = tally(sorted({score for score, _ in rows})[1:], [score for score, _ in rows], [label for _, label in rows])
    ones, zeros = ([s for s, label in rows if label == side] for side in (1, 0))
    error = quality.auc_error(table)
    if min(len(ones), len(zeros)) < 2:
        assert error is None
        return

    def beats(one: int, zero: int) -> float:
        return (one > zero) + (one == zero) / 2

    def variance(values: list[float]) -> float:
        mean = sum(values) / len(values)
        return sum((value - mean) ** 2 for value in values) / (len(values) - 1)

    of_ones = variance([sum(beats(one, zero) for zero in zeros) / len(zeros) for one in ones])
    of_zeros = variance([sum(beats(one, zero) for one in ones) / len(ones) for zero in zeros])
    assert error == pytest.approx(math.sqrt(of_ones / len(ones) + of_zeros / len(zeros)))


SKLEARN = {"auc": 0.7410915938685598, "ks": 0.36516046293515336, "brier": 0.14476240388888892}
"""What scikit-learn 1.5.2 says of `sample(9_000, 3)`."""


def test_what_scikit_learn_says() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is a yardstick, no part of the product")
    scores, labels = sample(9_000, 3)
    fallout, recall, _ = metrics.roc_curve(labels, scores)
    yardstick = {
        "auc": metrics.roc_auc_score(labels, scores),
        "ks": max(recall - fallout),
        "brier": metrics.brier_score_loss(labels, [score / 1_000_000 for score in scores]),
    }
    assert yardstick == pytest.approx(SKLEARN, abs=1e-12)


def figures(table: BandTable) -> dict[str, float]:
    values = {"auc": quality.auc(table), "ks": quality.ks(table)[0], "brier": quality.brier(table, 1_000_000)}
    return {name: float(value) for name, value in values.items()}


def test_fine_bands_say_what_scikit_learn_says() -> None:
    """Exactly with a band for each score; to a ten-thousandth, or two, with bands of which none holds fewer than five
    of either label."""
    scores, labels = sample(9_000, 3)
    assert figures(tally(sorted(set(scores))[1:], scores, labels)) == pytest.approx(SKLEARN, abs=1e-12)
    whole = tally(equal_edges(0, 1_000_000, 200), scores, labels)
    table = told(whole, 5)
    assert min(*table.positives, *table.negatives) >= 5
    found = figures(table)
    assert found["brier"] == pytest.approx(SKLEARN["brier"], abs=1e-4)
    assert found["auc"] == pytest.approx(SKLEARN["auc"], abs=2e-4)
    assert found["ks"] == pytest.approx(SKLEARN["ks"], abs=2e-3)
    assert float(quality.auc(whole)) == pytest.approx(SKLEARN["auc"], abs=1e-4)


def told(whole: BandTable, smallest: int) -> BandTable:
    """The table as an evaluation tells it."""
    places = kept_places([whole.positives, whole.negatives], smallest, (0, len(whole.positives)))
    edges = tuple(whole.edges[place - 1] for place in places[1:-1])
    assert whole.sums is not None
    return BandTable(edges, *(merged(line, places) for line in (whole.positives, whole.negatives, whole.sums)))


def test_figures_by_hand() -> None:
    table = BandTable((500,), (1, 3), (4, 2), (1_000, 4_000))
    assert (quality.auc(table), quality.ks(table)) == (Fraction(17, 24), (Fraction(5, 12), 500))
    high, low = quality.gains(table)
    assert (high.edge, high.rate, high.people_share, high.positives_share) == (
        500,
        *map(Fraction, ("3/5", "1/2", "3/4")),
    )
    assert (high.lift, low.edge, low.rate) == (Fraction(3, 2), None, Fraction(1, 5))
    at = quality.confusion(table, 500)
    assert (at.true_positives, at.false_positives, at.false_negatives, at.true_negatives) == (3, 2, 1, 4)
    assert (at.precision, at.selected) == (Fraction(3, 5), Fraction(1, 2))
    assert quality.predicted(table, 1_000) == [Fraction(1, 5), Fraction(4, 5)]
    assert quality.brier(table, 1_000) == (Fraction(16, 25) + Fraction(4, 25) + Fraction(3, 25) + Fraction(32, 25)) / 10
    assert quality.hosmer_lemeshow(table, 1_000) is None
    with pytest.raises(InputError, match="no such threshold"):
        quality.confusion(table, 501)


def test_calibration_by_hand() -> None:
    """Three bands of ten with predictions of 0.1, 0.5 and 0.8; the middle one is off by two people."""
    table = BandTable((1, 2), (1, 7, 8), (9, 3, 2), (10, 50, 80))
    assert quality.hosmer_lemeshow(table, 10) == (Fraction(8, 5), 1, pytest.approx(math.erfc(math.sqrt(0.8))))
    assert quality.hosmer_lemeshow(BandTable((1, 2), (0, 7, 8), (10, 3, 2), (0, 50, 80)), 10) is None


@pytest.mark.parametrize(
    ("value", "freedom", "tail"),
    [
        (3.84, 1, 0.05004352124870519),
        (5.99, 2, 0.05003662708658629),
        (12.5, 7, 0.08526927515826925),
        (70.2, 62, 0.22198842013975714),
        (0.0, 5, 1.0),
        (8.0, 8, 0.43347012036670896),
    ],
)
def test_the_tail_of_chi_square_is_scipys(value: float, freedom: int, tail: float) -> None:
    assert quality.chi_square_tail(value, freedom) == pytest.approx(tail, rel=1e-12)


def test_groups_differ_by_what_is_selected_and_by_who_is_found() -> None:
    first, second = BandTable((5,), (1, 3), (4, 2)), BandTable((5,), (2, 2), (9, 7))
    assert quality.fairness([first, second], 5) == quality.Fairness(5, Fraction(1, 20), Fraction(1, 4))
    assert quality.fairness([first], 5) is None


@pytest.mark.parametrize("table", [BandTable((5,), (0, 0), (4, 2)), BandTable((5,), (1, 1), (0, 0))])
def test_without_both_labels_nothing_is_told_apart(table: BandTable) -> None:
    for figure in (quality.auc, quality.ks, quality.gains, quality.auc_error):
        with pytest.raises(InputError, match="positives and negatives"):
            figure(table)


@pytest.mark.parametrize("sums", [None, (1, 11)])
def test_scores_that_are_no_probabilities_have_no_calibration(sums: Any) -> None:
    with pytest.raises(InputError):
        quality.brier(BandTable((5,), (1, 0), (0, 1), sums), 10)


def test_an_exact_auc_from_ranks_and_its_interval() -> None:
    assert quality.auc_by_ranks(2 * (1 + 4) + 2 * 3, 3, 2) == Fraction(1, 3)
    low, high = quality.interval(Fraction(99, 100), 0.02)
    assert (low, high) == (pytest.approx(0.99 - 0.02 * 1.959964, abs=1e-6), 1.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1/3", "0.333333"),
        ("-2/3", "-0.666667"),
        ("5", "5.000000"),
        ("1/2000000", "0.000000"),
        ("3/2000000", "0.000002"),
    ],
)
def test_decimals_are_the_nearest_and_halves_to_even(value: str, text: str) -> None:
    assert decimal(Fraction(value)) == text
