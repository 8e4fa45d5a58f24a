"""Columns as bins: shapes by the plan alone, nothing dropped, the same in training and in use."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from placet.core.errors import DataError, InputError
from placet.core.hashing import canonical
from placet.core.values import parse
from placet.models.binning import BINS, CategoryBins, NumberBins, fit, one_hot

NUMBERS = st.lists(
    st.one_of(
        st.none(),
        st.integers(-5, 5),
        st.integers(-(2**62), 2**62),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    max_size=60,
)
TEXTS = st.lists(
    st.one_of(st.none(), st.sampled_from(["", "a", "b", "c", "None", "é"]), st.text(max_size=3)), max_size=60
)


@settings(max_examples=examples(150))
@given(values=NUMBERS, bins=st.integers(2, 12), least=st.integers(1, 8))
def test_numbers_lie_in_bins_that_are_large_enough(values: list[float | None], bins: int, least: int) -> None:
    made = fit(values, "number", bins, least=least)
    assert isinstance(made, NumberBins)
    codes = made.codes(values)
    member = one_hot(codes, made.cells)
    assert member.shape == (len(values), bins + 2)
    assert (member.sum(axis=1) == 1).all()
    count = member.sum(axis=0)
    assert count[made.missing] == sum(value is None for value in values) and count[made.other] == 0
    used = count[: len(made.edges) + 1]
    assert count[: made.bins].sum() == used.sum()
    assert len(made.edges) == 0 or used.min() >= least
    present = [(value, code) for value, code in zip(values, codes, strict=True) if value is not None]
    present.sort(key=lambda one: float(one[0]))
    assert [code for _, code in present] == sorted(code for _, code in present)


@settings(max_examples=examples(100))
@given(values=TEXTS, bins=st.integers(2, 5), least=st.integers(1, 4))
def test_categories_are_the_most_frequent_ones(values: list[str | None], bins: int, least: int) -> None:
    made = fit(values, "category", bins, least=least)
    assert isinstance(made, CategoryBins)
    counts = one_hot(made.codes(values), made.cells).sum(axis=0)
    assert counts[made.missing] == sum(not value for value in values)
    kept = counts[: len(made.categories)]
    assert list(kept) == sorted(kept, reverse=True) and (kept >= least).all()
    assert counts.sum() == len(values)
    assert made.codes(["never seen"])[0] == made.other


@settings(max_examples=examples(100))
@given(values=NUMBERS, bins=st.integers(2, 12))
def test_what_was_written_down_bins_as_before(values: list[float | None], bins: int) -> None:
    made = fit(values, "number", bins)
    again = BINS.validate_json(canonical(made.to_json()))
    assert again == made
    assert (again.codes(values) == made.codes(values)).all()
    assert len(made.words()) == made.cells


@settings(max_examples=examples(200))
@given(low=st.floats(allow_nan=False, allow_infinity=False), high=st.floats(allow_nan=False, allow_infinity=False))
def test_an_edge_is_a_short_decimal_between_two_neighbours(low: float, high: float) -> None:
    made = fit([low, high], "number", 2)
    if low == high:
        return
    (edge,) = made.edges  # type: ignore[union-attr]
    assert min(low, high) <= float(edge) < max(low, high)


def test_edges_do_not_tell_a_value_more_exactly_than_they_must() -> None:
    made = fit([10_482.17, 10_511.93, 23_117.5, 29_000.01], "number", 4)
    assert made.edges == ("10500", "20000", "24000")  # type: ignore[union-attr]


def test_far_out_values_lie_in_the_last_bins() -> None:
    made = fit([float(n) for n in range(100)], "number", 4)
    assert list(made.codes([-1e300, 1e300, 3, None])) == [0, 3, 0, made.missing]


def test_equal_values_stay_together() -> None:
    made = fit([0] * 70 + [1] * 10 + [2] * 20, "number", 10)
    assert made.edges == ("0", "1")  # type: ignore[union-attr]
    assert list(np.bincount(made.codes([0] * 70 + [1] * 10 + [2] * 20))) == [70, 10, 20]


@pytest.mark.parametrize("value", ["12", True, float("inf"), b"1"])
def test_what_is_no_number_is_refused_by_its_row(value: object) -> None:
    with pytest.raises(DataError, match="not a number") as caught:
        fit([1, value], "number", 2)
    assert "row 1" in str(caught.value.found) and "category" in str(caught.value.remedy)
    assert "12" not in str(caught.value)


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "number", "bins": 3, "edges": ["2", "1"]},
        {"kind": "number", "bins": 3, "edges": ["1e5"]},
        {"kind": "number", "bins": 3, "edges": ["nan"]},
        {"kind": "category", "bins": 3, "categories": ["a", "a"]},
    ],
)
def test_bins_that_are_none_are_refused(document: dict[str, object]) -> None:
    model = NumberBins if document["kind"] == "number" else CategoryBins
    with pytest.raises(InputError):
        parse(model, json.dumps(document))
