"""Row commitments: bound to every cell and to its column, and opened a cell at a time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from placet.core.errors import InputError
from placet.core.hashing import canonical, sha256
from placet.core.row import cell_digest, cell_value, row_commitment
from placet.core.sample import RowOpening
from placet.core.values import parse

NAMES = st.from_regex(r"\A[a-z0-9][a-z0-9._-]{0,9}\Z")
CELLS = (
    st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | st.none()
)
ROWS = st.dictionaries(NAMES, CELLS, min_size=1, max_size=12)
SALT = bytes(range(32))


@given(ROWS, st.data())
def test_what_is_opened_and_what_is_hidden_make_the_commitment(row: dict[str, Any], data: st.DataObject) -> None:
    columns = data.draw(st.lists(st.sampled_from(sorted(row)), unique=True))
    opened = RowOpening.of(SALT, row, columns)
    assert opened.cells.keys() == set(columns) and opened.hidden.keys() == row.keys() - set(columns)
    assert {name: cell.value for name, cell in opened.cells.items()} == {n: cell_value(row[n]) for n in columns}
    sent = parse(RowOpening, opened.model_dump_json().encode())
    assert sent.commitment == opened.commitment == row_commitment(SALT, row)


@given(CELLS)
def test_a_cells_digest_is_over_its_canonical_json(cell: Any) -> None:
    assert cell_digest(SALT, cell) == sha256(b"placet.cell/1", SALT, canonical(cell_value(cell)))


@given(ROWS, CELLS, st.data())
def test_no_other_cell_and_no_other_column_has_the_commitment(
    row: dict[str, Any], cell: Any, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(row)))
    other = row | {name: cell}
    same = canonical(cell_value(cell)) == canonical(cell_value(row[name]))
    assert (row_commitment(SALT, other) == row_commitment(SALT, row)) is same
    fresh = data.draw(NAMES.filter(lambda one: one not in row))
    renamed = {fresh if one == name else one: cell for one, cell in row.items()}
    assert row_commitment(SALT, renamed) != row_commitment(SALT, row)
    assert row_commitment(bytes(32), row) != row_commitment(SALT, row)


def test_equal_cells_have_nothing_in_common_that_others_see() -> None:
    opened = RowOpening.of(SALT, {"a": 5, "b": 5, "c": 5}, ["a"])
    assert opened.hidden["b"] != opened.hidden["c"]
    assert opened.hidden["b"] != cell_digest(opened.cells["a"].salt, 5)
    assert "5" not in repr(opened)


def test_a_number_that_is_none_has_no_commitment() -> None:
    with pytest.raises(InputError):
        row_commitment(SALT, {"a": float("nan")})


@pytest.mark.parametrize(
    "document",
    [
        {"cells": {"a": {"salt": "0x" + "11" * 32, "value": "5"}}, "hidden": {"a": "0x" + "22" * 32}},
        {"cells": {"A": {"salt": "0x" + "11" * 32, "value": "5"}}, "hidden": {}},
        {"cells": {}, "hidden": {f"c{n}": "0x" + "22" * 32 for n in range(65)}},
        {"cells": {"a": {"salt": "0x" + "11" * 31, "value": "5"}}, "hidden": {}},
    ],
    ids=["opened and hidden", "no column's name", "too many", "a short salt"],
)
def test_what_is_no_opening_of_a_row(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RowOpening.model_validate(document)
