"""Parquet and CSV in: a file to typed columns, or a DataError that names row and column but never a value.

Rows count from 1 without the header.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet
from pydantic import ValidationError

from placet.core.errors import DataError
from placet.core.values import invalid
from placet.vault.schema import Cell, Column, ColumnType, Field_, Schema

MAX_BYTES = 1 << 30
"""Bytes of a file, and of a Parquet file's columns unpacked."""
MAX_ROWS = 5_000_000
MAX_INTEGER = 1 << 62
MAX_IDENTIFIER = 256
MAX_TEXT = 4096

_INTEGER = re.compile(r"(-?[0-9]+)(?:[eE]\+?([0-9]{1,2}))?", re.ASCII)
"""Spreadsheets and R write 100000 as 1e+05; that is an exact integer too."""
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?|-?inf(inity)?", re.ASCII | re.IGNORECASE)
_MISSING = frozenset({"", "nan", "null", "na", "n/a", "none"})


def read(path: Path, identifier: str, columns: Mapping[str, Column]) -> tuple[Schema, dict[str, list[Cell]]]:
    """The mapped columns of a `.csv` or `.parquet` file by their new names; DataError for whatever is not right."""
    schema = _schema(identifier, columns)
    size = _size(path)
    if size > MAX_BYTES:
        raise DataError("the file is too large", expected=f"at most {MAX_BYTES} bytes", found=size, code="data.large")
    if size == 0:
        raise DataError("the file is empty", expected="a header and at least one row", code="data.empty")
    sources = [column.source for column in columns.values()]
    table = _load(path, sources)
    if table.num_rows == 0:
        raise DataError("the file has no rows", expected="at least one row", found=0, code="data.empty")
    if table.num_rows > MAX_ROWS:
        raise DataError("too many rows", expected=f"at most {MAX_ROWS}", found=table.num_rows, code="data.large")
    cells = {name: _column(table, column, name == identifier) for name, column in columns.items()}
    _demand_unique(columns[identifier].source, cells[identifier])
    return schema, cells


def _schema(identifier: str, columns: Mapping[str, Column]) -> Schema:
    try:
        fields = tuple(Field_(name=name, type=column.type) for name, column in columns.items())
        return Schema(identifier=identifier, columns=fields)
    except ValidationError as error:
        raise DataError(invalid("the column mapping", error).message, expected=error.errors()[0]["msg"]) from None


def _size(path: Path) -> int:
    try:
        if not path.is_file():
            raise DataError("no such file", found=path.name, code="data.file")
        return path.stat().st_size
    except OSError as error:
        raise DataError("the file can't be read", found=type(error).__name__, code="data.file") from None


def _load(path: Path, sources: Sequence[str]) -> pa.Table:
    loaders: dict[str, Callable[[Path, Sequence[str]], pa.Table]] = {".csv": _load_csv, ".parquet": _load_parquet}
    try:
        loader = loaders[path.suffix.lower()]
    except KeyError:
        raise DataError(
            "unknown kind of file", expected=".csv or .parquet", found=path.suffix[:20] or "no suffix", code="data.file"
        ) from None
    try:
        return loader(path, sources)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        # Arrow's own message may quote the file.
        raise DataError(
            f"the file is not valid {path.suffix[1:].upper()}", found=type(error).__name__, code="data.malformed"
        ) from None


def _load_csv(path: Path, sources: Sequence[str]) -> pa.Table:
    bad: list[int] = []

    def ragged(row: pa_csv.InvalidRow) -> str:
        bad.append(row.number)
        return "error"

    # One thread: only then does Arrow know the row's number.
    reading = pa_csv.ReadOptions(use_threads=False)
    parsing = pa_csv.ParseOptions(invalid_row_handler=ragged)
    with pa_csv.open_csv(path, read_options=reading, parse_options=pa_csv.ParseOptions(invalid_row_handler=_skip)) as r:
        _demand_columns(r.schema.names, sources)
    converting = pa_csv.ConvertOptions(
        column_types={source: pa.string() for source in sources},
        include_columns=list(dict.fromkeys(sources)),
        strings_can_be_null=False,
    )
    try:
        return pa_csv.read_csv(path, read_options=reading, parse_options=parsing, convert_options=converting)
    except pa.ArrowInvalid:
        if bad:
            raise DataError(
                "a row has too many or too few cells", found=f"row {bad[0] - 1}", code="data.malformed"
            ) from None
        raise


def _skip(_row: pa_csv.InvalidRow) -> str:
    return "skip"


def _load_parquet(path: Path, sources: Sequence[str]) -> pa.Table:
    with pa_parquet.ParquetFile(path) as file:
        _demand_columns(file.schema_arrow.names, sources)
        unpacked = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
        if file.metadata.num_rows > MAX_ROWS or unpacked > MAX_BYTES:
            raise DataError(
                "the file is too large unpacked",
                expected=f"at most {MAX_ROWS} rows and {MAX_BYTES} bytes",
                found=f"{file.metadata.num_rows} rows, {unpacked} bytes",
                code="data.large",
            )
        return file.read(columns=list(dict.fromkeys(sources)))


def _demand_columns(found: Sequence[str], wanted: Sequence[str]) -> None:
    for source in wanted:
        if source not in found:
            raise DataError("a column is missing", expected=f"a column {source!r}", code="data.column")
        if found.count(source) > 1:
            raise DataError("a column's name stands in the file twice", found=f"column {source!r}", code="data.column")


class _Bad(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, code: str, message: str, expected: str) -> None:
        super().__init__(message)
        self.code, self.message, self.expected = code, message, expected


def _column(table: pa.Table, column: Column, is_identifier: bool) -> list[Cell]:
    convert = _identifier if is_identifier else _CONVERT[column.type]
    cells: list[Cell] = []
    for row, value in enumerate(table.column(column.source).to_pylist(), start=1):
        try:
            cells.append(convert(value))
        except _Bad as bad:
            raise DataError(
                bad.message, expected=bad.expected, found=f"row {row}, column {column.source!r}", code=bad.code
            ) from None
    return cells


def _demand_unique(source: str, identifiers: Sequence[Cell]) -> None:
    first: dict[Cell, int] = {}
    for row, identifier in enumerate(identifiers, start=1):
        if (earlier := first.setdefault(identifier, row)) != row:
            raise DataError(
                "an identifier stands in the file twice",
                expected="each identifier once",
                found=f"rows {earlier} and {row}, column {source!r}",
                code="data.duplicate",
            )


def _integer(value: Any) -> int:
    _demand_present(value)
    if isinstance(value, str):
        match = _INTEGER.fullmatch(value)
        if match is None:
            raise _Bad("data.type", "a value of the wrong type", "an integer in decimal digits")
        if len(value) > 40:
            raise _Bad("data.overflow", "an integer out of range", "at most 2^62 in size")
        value = int(match[1]) * 10 ** int(match[2] or 0)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Bad("data.type", "a value of the wrong type", "an integer")
    if abs(value) > MAX_INTEGER:
        raise _Bad("data.overflow", "an integer out of range", "at most 2^62 in size")
    return value


def _number(value: Any) -> float:
    _demand_present(value)
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise _Bad("data.type", "a value of the wrong type", "a decimal number")
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise _Bad("data.type", "a value of the wrong type", "a number")
    number = float(value)
    if not math.isfinite(number):
        raise _Bad("data.overflow", "a number out of range", "a finite number")
    return number


def _text(value: Any) -> str:
    if value is None or value == "":
        raise _Bad("data.null", "a value is missing", "no nulls")
    if not isinstance(value, str):
        raise _Bad("data.type", "a value of the wrong type", "text")
    if len(value) > MAX_TEXT:
        raise _Bad("data.large", "a text is too long", f"at most {MAX_TEXT} characters")
    return value


def _identifier(value: Any) -> str:
    _demand_present(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or value != value.strip():
        raise _Bad("data.type", "an identifier of the wrong type", "text without blanks around it, or an integer")
    if len(value) > MAX_IDENTIFIER:
        raise _Bad("data.large", "an identifier is too long", f"at most {MAX_IDENTIFIER} characters")
    return value


def _demand_present(value: Any) -> None:
    if (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or (isinstance(value, str) and value.strip().lower() in _MISSING)
    ):
        raise _Bad("data.null", "a value is missing", "no nulls and no NaN")


_CONVERT: dict[ColumnType, Callable[[Any], Cell]] = {"integer": _integer, "number": _number, "text": _text}
