"""The rows of a Parquet file, column types checked first: only what becomes a cell exactly is taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pa_parquet
from pyarrow import types

from placet.core.errors import DataError
from placet.vault.headers import demand_columns
from placet.vault.schema import Column
from placet.vault.sources import Part, RowBatch, unreadable

BATCH = 1 << 16
"""Rows that are unpacked at a time."""
_TAKEN = {
    "identifier": ("text", "an integer", "nothing"),
    "integer": ("text", "an integer", "a decimal", "nothing"),
    "number": ("text", "an integer", "a decimal", "binary floating point", "nothing"),
    "text": ("text", "nothing"),
    "optional-text": ("text", "nothing"),
}
_TAKEN |= {f"optional-{kind}": _TAKEN[kind] for kind in ("integer", "number")}
_EXPECTED = {
    "identifier": "text or integers",
    "integer": "integers, decimals, or numbers as text",
    "number": "numbers",
    "text": "text",
    "optional-text": "text",
}
_EXPECTED |= {f"optional-{kind}": _EXPECTED[kind] for kind in ("integer", "number")}


def parquet_batches(part: Part, columns: Sequence[Column], identifier: Column, limit: int) -> Iterator[RowBatch]:
    """DataError for a column that is not there or holds another type, or for columns of more than `limit` bytes
    unpacked."""
    names = list(dict.fromkeys(column.source for column in columns))
    try:
        with pa_parquet.ParquetFile(part.path) as file:
            demand_columns([*file.schema_arrow.names, *part.values], names)
            for column in columns:
                if column.source not in part.values:
                    kind = "identifier" if column is identifier else column.type
                    _demand_type(file.schema_arrow.field(column.source), kind)
            stored = [name for name in names if name not in part.values]
            size = 0
            for rows in file.iter_batches(BATCH, columns=stored):
                arrays = {name: _plain(rows.column(rows.schema.get_field_index(name))) for name in stored}
                size += sum(array.nbytes for array in arrays.values())
                _demand_small(size, limit)
                cells = {name: array.to_pylist() for name, array in arrays.items()}
                cells |= {name: [value] * rows.num_rows for name, value in part.values.items() if name in names}
                yield RowBatch([cells[column.source] for column in columns])
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.strerror:
            raise unreadable(error) from None
        # Arrow's own message may quote the file.
        raise DataError(
            "the Parquet file is damaged", expected="Parquet, from its first byte to its last", code="data.malformed"
        ) from None
    except UnicodeDecodeError:
        raise DataError("a text in the Parquet file is not UTF-8", expected="UTF-8", code="data.malformed") from None


def _demand_small(size: int, limit: int) -> None:
    if size > limit:
        raise DataError(
            "the columns are too large unpacked", expected=f"at most {limit} bytes", found=size, code="data.large"
        )


def _plain(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if types.is_dictionary(array.type) else array


def _demand_type(field: pa.Field, kind: str) -> None:
    """DataError (`data.type`) for a column that does not hold what makes a value of this kind exactly."""
    content = _held(field.type)
    if content == "a decimal" and kind == "identifier" and field.type.scale == 0:
        return
    if content in _TAKEN[kind]:
        return
    floating = content == "binary floating point"
    raise DataError(
        "a column of binary floating point, which is not exact" if floating else "a column of another type",
        expected=_EXPECTED[kind],
        found=f"column {field.name!r} of type {str(field.type)[:100]}",
        remedy=_remedy(field.name, kind, floating),
        code="data.type",
    )


def _remedy(name: str, kind: str, floating: bool) -> str:
    """The cast to write, in SQL (as in DuckDB) and in pandas."""
    quoted = name.replace('"', '""')
    if floating:
        return (
            f'write it as CAST("{quoted}" AS DECIMAL(18, 2)), or AS BIGINT where all are whole; '
            "in pandas as .astype('Int64')"
        )
    if kind.endswith(("integer", "number")):
        return "name another column"
    return f"write it as CAST(\"{quoted}\" AS VARCHAR); in pandas as .astype('string')"


def _held(kind: pa.DataType) -> str:
    if types.is_dictionary(kind):
        kind = kind.value_type
    for holds, what in (
        (types.is_string, "text"),
        (types.is_large_string, "text"),
        (types.is_string_view, "text"),
        (types.is_integer, "an integer"),
        (types.is_decimal, "a decimal"),
        (types.is_floating, "binary floating point"),
        (types.is_null, "nothing"),
    ):
        if holds(kind):
            return what
    return "something else"
