"""Columns of text: what is written of a whole column is what canonical JSON of its list is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from placet.core.hashing import canonical
from placet.core.text_columns import listed, octets, starts, texts, written, written_objects, written_places

TEXT = st.text(st.characters(codec="utf-8"), max_size=4) | st.text('"\\\n\x1f\x7f,é', max_size=3)
MANY = st.lists(TEXT, max_size=6)


@given(st.lists(TEXT | st.none(), max_size=6), st.integers(0, 6), st.integers(0, 6))
@example([], 0, 0)
@example([""], 0, 0)
@example([None, "a", '"'], 1, 0)
def test_what_is_written_is_canonical_json(values: list[str | None], cut: int, start: int) -> None:
    """Of a column in chunks, and of a part of one, which begins in the middle of its buffers."""
    chunks = [pa.array(part, pa.string()) for part in (values[:cut], values[cut:])]
    column = texts(pa.chunked_array(chunks))
    assert column.to_pylist() == values
    for whole, part in ((column, values), (column.slice(start), values[start:])):
        assert written(whole) == canonical(part)
        assert bytes(octets(whole)) == "".join(one or "" for one in part).encode()
        ends = np.cumsum([0, *(len((one or "").encode()) for one in part)])
        assert starts(whole).tolist() == ends.tolist()


@given(MANY, TEXT, st.integers(0, 6))
@example([], "", 0)
def test_texts_without_gaps(values: list[str], name: str, start: int) -> None:
    column, part = texts(list(values)).slice(start), values[start:]
    assert listed(column) == [one.encode() for one in part]
    assert written_objects(name, column) == canonical([{name: one} for one in part])


@given(st.lists(st.integers(0, 2**53 - 1), max_size=5))
def test_places_are_numbers(places: list[int]) -> None:
    assert written_places(np.array(places, np.int64)) == canonical(places)


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(ValueError):
        texts(["\ud800"])
