"""Columns as a linear model reads them: the same in training and in use, nothing dropped, no outlier that leads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from placet.core.errors import DataError
from placet.core.hashing import canonical
from placet.core.values import parse
from placet.models.preparing import (
    LIMIT,
    UNIT,
    PreparedCategory,
    PreparedNumber,
    fit_category,
    fit_number,
)


def test_a_number_is_standardised_and_what_is_missing_has_its_own() -> None:
    values = [float(value) for value in range(100)]
    column = fit_number(values, "own", clip=None, least=5)
    numbers = column.prepare([*values, None, 1e9, -1e9])
    assert numbers.shape == (103, 2) and abs(numbers[:100, 0].mean()) < 1 and abs(numbers[:100, 0].std() - UNIT) < 1
    assert numbers[100].tolist() == [0, UNIT] and not numbers[:100, 1].any()
    assert numbers[101:, 0].tolist() == [LIMIT * UNIT, -LIMIT * UNIT]
    assert column.words() == ("", "missing")
    assert fit_number(values, "usual", clip=None, least=5).prepare([None]).tolist() == [[0]]


def test_an_outlier_is_winsorised() -> None:
    luck = np.random.default_rng(1)
    values = [*luck.normal(size=999).tolist(), 1e6]
    by_quantile = fit_number(values, "usual", clip=1, least=5)
    assert 2 < float(by_quantile.high) < 3 and 0.5 < float(by_quantile.spread) < 1.5
    far = fit_number(values, "usual", clip=None, least=5)
    assert np.abs(far.prepare(values)).max() <= LIMIT * UNIT


def test_what_is_told_of_a_column_is_rounded_to_a_hundredth_of_its_spread() -> None:
    """Who is told a mean exactly reads a person's value out of two of them."""
    values = [123_456.789, 98_765.4321, 111_111.1111, 135_791.3579]
    one = fit_number(values, "usual", clip=None, least=2)
    assert [one.low, one.high, one.centre, one.spread] == ["62100", "172500", "117300", "13800"]
    assert fit_number([v + 1 for v in values], "usual", clip=None, least=2) == one


def test_an_end_that_is_told_is_no_single_persons_value() -> None:
    """Whoever has least and most of all would be read otherwise, by whom the model is handed to."""
    values = [980.0, *range(1_000, 1_098), 1_120.0]
    anyway = fit_number(values, "usual", clip=None, least=20)
    centre, width = float(anyway.centre), LIMIT * float(anyway.spread)
    assert abs(float(anyway.low) - (centre - width)) < 1 and abs(float(anyway.high) - (centre + width)) < 1
    for clip in (1, 25):
        column = fit_number(values, "usual", clip=clip, least=20)
        ends = sum(value <= float(column.low) for value in values), sum(value >= float(column.high) for value in values)
        assert min(ends) >= 20
        assert fit_number([1_000.0, *values[1:-1], 1_090.0], "usual", clip=clip, least=20) == column


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.none() | st.floats(-1e12, 1e12) | st.integers(-(2**62), 2**62), max_size=30),
    clip=st.none() | st.integers(1, 25),
)
def test_any_numbers_are_prepared_within_bounds(values: list[Any], clip: int | None) -> None:
    column = fit_number(values, "own", clip=clip, least=2)
    assert parse(PreparedNumber, canonical(column.to_json()), limit=10_000) == column
    numbers = column.prepare(values)
    assert numbers.shape == (len(values), 2) and np.abs(numbers).max(initial=0) <= LIMIT * UNIT


@pytest.mark.parametrize("values", [[], [None] * 9, [1.0, None], [7, 7, 7, 7]])
def test_a_column_that_says_nothing_is_zero(values: list[Any]) -> None:
    column = fit_number(values, "own", clip=None, least=3)
    assert not column.prepare([*values, 1.0, 9e9])[:, 0].any()


def test_categories_have_indicators_and_the_most_frequent_is_the_reference() -> None:
    values = ["a"] * 5 + ["b"] * 4 + ["c"] * 3 + ["rare"] + [""]
    column = fit_category(values, "own", levels=3, least=2)
    assert column.categories == ("a", "b", "c") and column.words() == ("b", "c", "other", "missing")
    lines = column.prepare(["a", "b", "c", "rare", "new", None, ""]) // UNIT
    assert lines.tolist() == [
        [0, 0, 0, 0],
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
        [0, 0, 0, 1],
    ]
    assert fit_category(values, "usual", levels=3, least=2).prepare([None]).tolist() == [[0, 0, 0]]
    assert fit_category(["x"], "own", levels=3, least=2).words() == ("", "", "other", "missing")


def test_texts_are_no_numbers() -> None:
    with pytest.raises(DataError) as caught:
        fit_number([1.0, "much"], "own", clip=None, least=1)
    assert "much" not in str(caught.value)


@pytest.mark.parametrize(
    "changes", [{"low": "2", "high": "1"}, {"spread": "0"}, {"spread": "-1"}, {"centre": "nan"}, {"centre": "1e5"}]
)
def test_preparations_that_there_can_not_be(changes: dict[str, str]) -> None:
    fields = {"low": "0", "high": "1", "centre": "0", "spread": "1", "missing": "own"}
    with pytest.raises(ValidationError):
        PreparedNumber.model_validate(fields | changes)
    with pytest.raises(ValidationError):
        PreparedCategory(levels=2, categories=("a", "b", "c"), missing="own")
