"""Canonical JSON, as the package `rfc8785` makes it, of short and of long values."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from placet.core.errors import InputError
from placet.core.hashing import canonical

EXACT = 2**53 - 1
TEXT = st.text() | st.sampled_from(['\x7f\u2028"\\/\b\f\n\r\t\x00\x1f', "\U0001f600", "\ue000"])
LEAVES: Any = st.none() | st.booleans() | st.integers(-EXACT, EXACT) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    LEAVES | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner) | st.lists(TEXT).map(tuple),
    max_leaves=20,
)


@given(VALUES, st.integers(1, 120))
def test_any_value(value: Any, times: int) -> None:
    for held in (value, [value] * times, {"b": [value] * times, "a": [[value]] * times}):
        assert canonical(held) == rfc8785.dumps(held)


@given(st.lists(TEXT | st.none(), min_size=1), st.lists(st.integers(-EXACT, EXACT), min_size=1))
def test_long_lists(texts: list[str | None], numbers: list[int]) -> None:
    for held in (texts * 100, numbers * 100, [texts * 100, numbers * 100], [*numbers, True, 1.0] * 100):
        assert canonical(held) == rfc8785.dumps(held)


@pytest.mark.parametrize("bad", [EXACT + 1, -EXACT - 1, float("nan"), "\ud800", b"", {1: 2}, {"\ud800": 1}, sys])
@pytest.mark.parametrize("times", [1, 200])
def test_what_json_can_not_hold(bad: Any, times: int) -> None:
    for held in (bad, [bad] * times, {"a": [bad] * times}):
        with pytest.raises(InputError):
            canonical(held)
