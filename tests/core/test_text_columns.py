"""Columns of text: what is written of a whole column is what canonical JSON of its list is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from placet.core.hashing import canonical
from placet.core.text_columns import TextColumn, among, listed, written, written_objects, written_places

TEXT = st.text(st.characters(codec="utf-8"), max_size=4) | st.text('"\\\n\x1f\x7f,é', max_size=3)
MANY = st.lists(TEXT, max_size=6)
SOME = st.lists(TEXT | st.none(), max_size=6)


@given(SOME, st.integers(0, 6), st.integers(0, 6))
@example([], 0, 0)
@example([""], 0, 0)
@example([None, "a", '"'], 1, 0)
def test_what_is_written_is_canonical_json(values: list[str | None], cut: int, start: int) -> None:
    """Of a column in parts, and of a part of one."""
    column = TextColumn.joined([TextColumn.of(values[:cut]), TextColumn.of(values[cut:])])
    assert list(column) == values
    for whole, part in ((column, values), (column[start:], values[start:])):
        assert written(whole) == canonical(part)
        assert list(whole) == part
        assert whole.null_count == part.count(None)
        assert bytes(whole.octets) == "".join(one or "" for one in part).encode()
        ends = np.cumsum([0, *(len((one or "").encode()) for one in part)])
        assert whole.starts.tolist() == ends.tolist()


@given(MANY, TEXT, st.integers(0, 6))
@example([], "", 0)
def test_texts_without_gaps(values: list[str], name: str, start: int) -> None:
    column, part = TextColumn.of(values)[start:], values[start:]
    assert listed(column) == [one.encode() for one in part]
    assert written_objects(name, column) == canonical([{name: one} for one in part])
    assert column.equals(TextColumn.of(part)) and not column.equals(TextColumn.of([*part, "x"]))


@given(SOME | st.lists(st.sampled_from(["aé", "bcd", None])), st.data())
@example(["a", "b", "c"], None)
def test_rows_taken(values: list[str | None], data: st.DataObject | None) -> None:
    """Of values of one length, which are taken as a matrix, and of any; all of them, some, and some twice."""
    column, places = TextColumn.of(values), [2, 0, 2]
    if data is not None:
        places = data.draw(st.lists(st.integers(0, len(values) - 1))) if values else []
    for rows in (places, [*range(len(values))]):
        assert list(column.take(np.array(rows, np.int64))) == [values[row] for row in rows]
    assert [column[place] for place in range(-len(values), len(values))] == values * 2
    assert list(column[::-1]) == values[::-1]


@given(st.lists(st.sampled_from(["a", "b", "", "é", None]), max_size=6))
def test_what_stands_twice(values: list[str | None]) -> None:
    column = TextColumn.of(values)
    twice = [value is not None and values.count(value) > 1 for value in values]
    marks = column.repeated()
    assert (marks is None) == (not any(twice))
    if marks is not None:
        assert marks.tolist() == twice
        assert list(column.without(marks)) == [None if out else one for one, out in zip(values, twice, strict=True)]
    assert among(listed(column), {b"a"}).tolist() == [value == "a" for value in values]


@given(st.lists(st.integers(0, 2**53 - 1), max_size=5))
def test_places_are_numbers(places: list[int]) -> None:
    assert written_places(np.array(places, np.int64)) == canonical(places)


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(ValueError):
        TextColumn.of(["\ud800"])
