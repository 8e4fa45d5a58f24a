"""Tables in: the mapped columns of a CSV or Parquet file, or of a folder of such, as typed values; or a DataError.

All that is not right is told at once, up to a number, with row, line and column but never a value. Rows count from
1 without the header; a row's line is that on which it begins. What a CSV file is, is in `core.csv_file`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from placet.core.errors import DataError
from placet.core.parquet_gate import demand_pyarrow
from placet.core.row import MAX_COLUMNS
from placet.vault.cells import BadCell, converter
from placet.vault.csv_parts import csv_batches
from placet.vault.problems import Problems
from placet.vault.schema import Cell, Column, Field_, Schema, demand_name
from placet.vault.sources import Part, RowBatch, demand_kind, parts, unreadable

MAX_BYTES = 1 << 30
"""Bytes of a file or folder, and of Parquet's columns unpacked."""
MAX_ROWS = 5_000_000


def read(path: Path, identifier: str, columns: Mapping[str, Column]) -> tuple[Schema, dict[str, list[Cell]]]:
    """The mapped columns by their new names."""
    schema = _schema(identifier, columns)
    reading = _Reading(identifier, columns, Problems(path.name[:200]))
    try:
        table = parts(path)
        _demand_sizes(table)
        for part in table:
            reading.take(part)
        reading.demand_rows()
    except DataError as error:
        reading.problems.end(error)
    reading.problems.demand_none()
    return schema, reading.cells


class _Reading:
    """The cells of a table so far, by column, and what is not right."""

    def __init__(self, identifier: str, columns: Mapping[str, Column], problems: Problems) -> None:
        self.cells: dict[str, list[Cell]] = {name: [] for name in columns}
        self.problems = problems
        self._identifier = identifier
        self._columns = columns
        self._convert = {name: converter(column, name == identifier) for name, column in columns.items()}
        self._first: dict[Cell, int] = {}
        self._count = 0

    def take(self, part: Part) -> None:
        """All rows of a part."""
        self.problems.begin(part.name, self._count)
        for batch in _batches(part, self._columns, self._identifier):
            if self._count + len(batch) > MAX_ROWS:
                raise DataError(
                    "too many rows", expected=f"at most {MAX_ROWS}", found=f"more than {MAX_ROWS}", code="data.large"
                )
            if not self._keep(batch):
                self._tell(batch)
            self._count += len(batch)

    def demand_rows(self) -> None:
        """DataError for a table without any."""
        if not self._count:
            raise DataError(
                "the table has no rows", expected="a header and at least one row", found=0, code="data.empty"
            )

    def _keep(self, batch: RowBatch) -> bool:
        """Are all cells of a batch right, and its identifiers new? Then they are kept."""
        if batch.uneven:
            return False
        try:
            values = {
                name: list(map(convert, cells))
                for (name, convert), cells in zip(self._convert.items(), batch.columns, strict=True)
            }
        except BadCell:
            return False
        subjects = dict(
            zip(values[self._identifier], range(self._count + 1, self._count + len(batch) + 1), strict=True)
        )
        if len(subjects) < len(batch) or not self._first.keys().isdisjoint(subjects):
            return False
        self._first |= subjects
        for name, more in values.items():
            self.cells[name] += more
        return True

    def _tell(self, batch: RowBatch) -> None:
        """All that is not right in a batch."""
        for place in range(len(batch)):
            count, line = self._count + place + 1, batch.lines[place] if batch.lines else None
            if place in batch.uneven:
                self.problems.add(batch.uneven[place], count, line)
                continue
            for (name, convert), cells in zip(self._convert.items(), batch.columns, strict=True):
                source = self._columns[name].source
                try:
                    value = convert(cells[place])
                except BadCell as bad:
                    self.problems.add(bad, count, line, source)
                    continue
                if name == self._identifier and (earlier := self._first.setdefault(value, count)) != count:
                    self.problems.add_twice(str(value), earlier, count, line, source)


def _schema(identifier: str, columns: Mapping[str, Column]) -> Schema:
    for name in columns:
        demand_name(name, "column")
    if not 1 <= len(columns) <= MAX_COLUMNS:
        raise DataError(
            "a table of so many columns", expected=f"1 to {MAX_COLUMNS}", found=len(columns), code="data.mapping"
        )
    if identifier not in columns or columns[identifier].type != "text":
        raise DataError(
            "the identifier must be one of the columns, of type text", found=repr(identifier), code="data.mapping"
        )
    fields = tuple(
        Field_(name=name, type=column.type, decimals=column.decimals or None) for name, column in columns.items()
    )
    return Schema(identifier=identifier, columns=fields)


def _demand_sizes(table: Sequence[Part]) -> None:
    try:
        sizes = [part.path.stat().st_size for part in table]
    except OSError as error:
        raise unreadable(error) from None
    if sum(sizes) > MAX_BYTES:
        raise DataError(
            "the file is too large", expected=f"at most {MAX_BYTES} bytes", found=sum(sizes), code="data.large"
        )
    if 0 in sizes:
        raise DataError(
            "the file is empty",
            expected="a header and at least one row",
            found=table[sizes.index(0)].name or None,
            code="data.empty",
        )


def _batches(part: Part, columns: Mapping[str, Column], identifier: str) -> Iterator[RowBatch]:
    try:
        demand_kind(part)
        if part.suffix == ".csv":
            yield from csv_batches(part, [column.source for column in columns.values()])
        else:
            demand_pyarrow()
            from placet.vault.parquet_parts import parquet_batches

            yield from parquet_batches(part, list(columns.values()), columns[identifier], MAX_BYTES)
    except OSError as error:
        raise unreadable(error) from None
