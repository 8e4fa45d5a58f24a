"""Rows on their way from the vault to the node."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from columned import columned
from placet.core.column_table import ColumnTable, Kind, column
from placet.core.errors import StateError
from placet.core.hashing import canonical
from placet.vault.rows import Rows

COLUMNS = {"customer": ["a", "b", "ü"], "balance": [1, -2, 2**53 + 1], "rate": [0.5, 1.0, -0.0]}


@pytest.mark.parametrize("ids", [b"", bytes(range(96))])
def test_what_arrives_is_what_was_sent(ids: bytes) -> None:
    whole = columned(COLUMNS)
    for table in (whole, ColumnTable.joined([whole.cut(1, 3), whole.cut(0, 1)]), whole.cut(0, 0)):
        sent = Rows(table, "customer", ids[: 32 * len(table)])
        came = Rows.decode(sent.encode())
        assert (came.columns, came.identifier, came.consents) == (sent.columns, "customer", sent.consents)
        assert came.count == len(table)


def test_what_holds_no_rows_is_refused() -> None:
    stream = Rows(columned(COLUMNS), "customer", bytes(96)).encode()
    for bad in (b"", b"{}", stream[:-200], stream[8:], columned(COLUMNS).encode()):
        with pytest.raises(StateError) as caught:
            Rows.decode(bad)
        assert caught.value.code == "vault.rows"


CELLS: dict[Kind, st.SearchStrategy[Any]] = {
    "text": st.text(st.characters(codec="utf-8"), max_size=4),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(),
}


@given(st.data(), st.integers(0, 4))
def test_what_a_step_commits_to_is_every_cell_as_text(data: st.DataObject, rows: int) -> None:
    """Of all types of columns, with and without missing cells."""
    columns = {}
    for number, (kind, cells) in enumerate(CELLS.items()):
        for name, one in ((f"c{number}", cells), (f"ü{number}", cells | st.none())):
            values = data.draw(st.lists(one, min_size=rows, max_size=rows))
            columns[name] = column(kind, values)
    sent = Rows(ColumnTable(columns), "c0", b"")
    assert sent.written() == canonical({name: list(map(str, column)) for name, column in sent.columns.items()})
