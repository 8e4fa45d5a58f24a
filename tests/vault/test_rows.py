"""Rows on their way from the vault to the node."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.errors import StateError
from placet.core.hashing import canonical
from placet.vault.rows import Rows

COLUMNS = {"customer": ["a", "b", "ü"], "balance": [1, -2, 2**53 + 1], "rate": [0.5, 1.0, -0.0]}


@pytest.mark.parametrize("ids", [b"", bytes(range(96))])
def test_what_arrives_is_what_was_sent(ids: bytes) -> None:
    whole = pa.table(COLUMNS)
    for table in (whole, pa.concat_tables([whole.slice(1), whole.slice(0, 1)]), whole.slice(0, 0)):
        sent = Rows(table, "customer", ids[: 32 * table.num_rows])
        came = Rows.decode(sent.encode().to_pybytes())
        assert (came.columns, came.identifier, came.consents) == (table.to_pydict(), "customer", sent.consents)
        assert came.count == table.num_rows


def test_what_holds_no_rows_is_refused() -> None:
    stream = Rows(pa.table(COLUMNS), "customer", bytes(96)).encode().to_pybytes()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.table(COLUMNS).schema) as writer:
        writer.write_table(pa.table(COLUMNS))
    for bad in (b"", b"{}", stream[:-200], stream[8:], sink.getvalue().to_pybytes()):
        with pytest.raises(StateError) as caught:
            Rows.decode(bad)
        assert caught.value.code == "vault.rows"


CELLS: dict[Any, st.SearchStrategy[Any]] = {
    pa.string(): st.text(st.characters(codec="utf-8"), max_size=4),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats(),
}


@given(st.data(), st.integers(0, 4))
def test_what_a_step_commits_to_is_every_cell_as_text(data: st.DataObject, rows: int) -> None:
    """Of all types of columns, with and without missing cells, in chunks."""
    columns = {}
    for number, (kind, cells) in enumerate(CELLS.items()):
        for name, one in ((f"c{number}", cells), (f"ü{number}", cells | st.none())):
            values = data.draw(st.lists(one, min_size=rows, max_size=rows))
            cut = data.draw(st.integers(0, rows))
            columns[name] = pa.chunked_array([pa.array(part, kind) for part in (values[:cut], values[cut:])])
    sent = Rows(pa.table(columns), "c0", b"")
    assert sent.written() == canonical({name: list(map(str, column)) for name, column in sent.columns.items()})
