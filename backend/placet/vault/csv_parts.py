"""The rows of a CSV file: its header held against the columns asked for, the cells of these by the thousand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from placet.core.csv_file import read_rows
from placet.core.errors import DataError
from placet.vault.cells import BadCell, Raw
from placet.vault.headers import demand_columns, other_separator
from placet.vault.sources import Part, RowBatch

BATCH = 4096
"""Rows that are handed on at a time."""
_FIRST_LINE = 1 << 16


def csv_batches(part: Part, columns: Sequence[str]) -> Iterator[RowBatch]:
    """DataError as `read_rows`, after the rows before it, and for a column that is not there."""
    with part.path.open("rb") as stream:
        first = stream.readline(_FIRST_LINE).decode("utf-8-sig", "replace")
        stream.seek(0)
        rows = read_rows(stream)
        try:
            _, header = next(rows, (1, []))
            names = [*header, *part.values]
            demand_columns(names, columns)
        except DataError as error:
            raise other_separator(first, columns) or error from None
        end: DataError | None = None
        batch = RowBatch([[] for _ in columns])
        takers = [(names.index(name), column.append) for name, column in zip(columns, batch.columns, strict=True)]
        try:
            for line, cells in rows:
                row: Sequence[Raw] = cells if not part.values else [*cells, *part.values.values()]
                if len(cells) != len(header):
                    batch.uneven[len(batch.lines)] = _uneven(len(cells), len(header))
                    row = [None] * len(names)
                batch.lines.append(line)
                for place, take in takers:
                    take(row[place])
                if len(batch.lines) == BATCH:
                    yield batch
                    batch.clear()
        except DataError as error:
            end = error
        if batch.lines:
            yield batch
        if end is not None:
            raise end


def _uneven(cells: int, header: int) -> BadCell:
    return BadCell(
        "data.malformed",
        f"a row has too {'few' if cells < header else 'many'} cells",
        f"{header} cells, as in the header, not {cells}",
    )
