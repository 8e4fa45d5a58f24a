"""Tables in columns: what was encoded comes back, and nothing else is read."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.column_table import ColumnTable, FixedColumn, Kind, column
from placet.core.errors import PlacetError
from placet.core.framing import frame

CELLS: dict[Kind, st.SearchStrategy[Any]] = {
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(),
    "bytes32": st.binary(min_size=32, max_size=32),
    "text": st.text(st.characters(codec="utf-8"), max_size=4),
}


@st.composite
def cells(draw: st.DrawFn) -> dict[str, tuple[Kind, list[Any]]]:
    rows, made = draw(st.integers(0, 9)), {}
    for number, kind in enumerate(draw(st.lists(st.sampled_from([*CELLS]), max_size=3))):
        cell = CELLS[kind] if kind == "bytes32" else CELLS[kind] | st.none()
        made[f"ü{number}"] = kind, draw(st.lists(cell, min_size=rows, max_size=rows))
    return made


def same(one: list[Any], other: list[Any]) -> bool:
    return [repr(value) for value in one] == [repr(value) for value in other]


@given(cells(), st.integers(0, 9), st.text(st.characters(codec="utf-8"), max_size=3), st.data())
def test_what_was_encoded_comes_back(
    made: dict[str, tuple[Kind, list[Any]]], cut: int, about: str, data: st.DataObject
) -> None:
    whole = ColumnTable({name: column(kind, values) for name, (kind, values) in made.items()})
    rows = len(whole)
    parts = ColumnTable.joined([whole.cut(0, cut), whole.cut(cut, rows)])
    came, texts = ColumnTable.decode(parts.encode(about=about))
    assert texts == {"about": about}
    assert list(came.columns) == list(made)
    places = data.draw(st.lists(st.integers(0, rows - 1))) if rows else []
    taken = came.take(np.array(places, np.int64))
    for name, (kind, values) in made.items():
        assert same(list(came[name]), values)
        assert same(list(taken[name]), [values[place] for place in places])
        assert isinstance(came[name], FixedColumn) is (kind != "text")
        assert same([came[name][place] for place in range(rows)], values)


GOOD = ColumnTable({"a": column("text", ["é", None, "b"]), "n": column("integer", [1, None, 3])}).encode(x="y")


@given(st.data())
def test_altered_bytes_are_another_table_or_none(data: st.DataObject) -> None:
    altered = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        altered[data.draw(st.integers(0, len(GOOD) - 1))] = data.draw(st.integers(0, 255))
    try:
        table, _ = ColumnTable.decode(bytes(altered))
    except PlacetError:
        return
    assert all(len(list(one)) == len(table) for one in table.columns.values())


def test_a_cut_table_is_none() -> None:
    for end in range(len(GOOD)):
        with pytest.raises(PlacetError):
            ColumnTable.decode(GOOD[:end])
    with pytest.raises(PlacetError):
        ColumnTable.decode(GOOD + b"\0")


def text_table(lengths: list[int], content: bytes, names: int = 1, rows: int | None = None) -> bytes:
    named = [{"name": "a", "kind": "text", "optional": False}] * names
    head = {"rows": len(lengths) if rows is None else rows, "columns": named, "about": {}}
    columns = [np.array(lengths, "<u4").tobytes(), content] * names
    return b"".join(frame(part, 8) for part in (json.dumps(head).encode(), *columns))


def test_texts_begin_at_characters() -> None:
    assert list(ColumnTable.decode(text_table([2, 1], "éb".encode()))[0]["a"]) == ["é", "b"]
    for lengths, content in (
        ([1, 2], "éb".encode()),
        ([2, 2], "éb".encode()),
        ([1], b"\xff"),
        ([2**32 - 1, 4], b"abc"),
    ):
        with pytest.raises(PlacetError):
            ColumnTable.decode(text_table(lengths, content))
    for bad in (text_table([1], b"a", names=2), text_table([], b"", rows=-1), text_table([1], b"a", rows=2**60)):
        with pytest.raises(PlacetError):
            ColumnTable.decode(bad)


def test_a_cell_of_another_type_is_refused() -> None:
    """Nothing is rounded or cut on its way into a column."""
    for kind, value in (("integer", 1.5), ("integer", 2**63), ("integer", "1"), ("number", "1"), ("text", 1)):
        with pytest.raises((TypeError, OverflowError)):
            column(kind, [value])  # type: ignore[arg-type]
    assert math.isnan(column("number", [math.nan])[0])
    with pytest.raises(ValueError):
        column("bytes32", [b"\0" * 31])
