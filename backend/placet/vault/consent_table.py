"""A table of signed consents as a bank's own tools write it, in Parquet: byte strings as bytes or as hex, signatures in
whatever encoding a wallet gives, rows in any order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Self

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from placet.core.batch_columns import MAX_SUBJECT, ROWS, encode, schema
from placet.core.batch_file import MAX_COUNT, BatchRow, at_row
from placet.core.consent import ConsentFields
from placet.core.enrolment import subject_commitment
from placet.core.errors import InputError
from placet.core.languages import ENGLISH, Language
from placet.core.parquet_gate import PageBounds, chunk_span, demand_pages, demand_pyarrow, malformed, read_footer
from placet.core.signature_forms import read as read_signature
from placet.core.values import U32, U48, Address, Bytes32, Signer, from_hex

if TYPE_CHECKING:
    import pyarrow as pa

_MAX_FOOTER = 1 << 26
_BOUNDS = PageBounds(rows=1 << 21, column=1 << 31, page=1 << 27, dictionary=1 << 24)
_AT_ONCE = 1_024
_CELL = 16_384
"""Bytes of a text or of bytes at the most."""


def _unhexed(value: object) -> object:
    return from_hex(value) if isinstance(value, str) else value


_USES = Annotated[int, Field(ge=1, lt=2**32, strict=True)]
_KEY = Annotated[bytes, BeforeValidator(_unhexed), Field(min_length=64, max_length=64, strict=True)]
_SUBJECT = Annotated[str, Field(min_length=1, max_length=MAX_SUBJECT, strict=True)]


def _as(kind: Any) -> Callable[[Any], Any]:
    return TypeAdapter(kind).validate_python


_READ: dict[str, Callable[[Any], Any]] = {
    "owner": _as(Signer),
    "key": _as(_KEY),
    "not_before": _as(U48),
    "not_after": _as(U48),
    "first_opening": _as(U32),
    "uses": _as(_USES),
    "language": _as(Language),
    "salt": _as(Bytes32),
    "enrolment": _as(Bytes32),
    "signature": read_signature,
    "key_signature": read_signature,
    "enroller": _as(Address),
    "enroller_signature": read_signature,
    "enrolments": _as(Bytes32),
    "subject": _as(_SUBJECT),
    "subject_salt": _as(Bytes32),
}
_NEEDED = frozenset({"owner", "not_before", "not_after", "uses", "salt", "enroller"})
_EITHER = (("signature", "key_signature"), ("enroller_signature", "enrolments"))
"""Of each pair a row has one."""


def read_consents(file: BinaryIO) -> Iterator[BatchRow]:
    """The rows. InputError for a column that no consent has or that is not there, for a row that is none, and for
    Parquet that claims more than a table of so many rows has."""
    footer = read_footer(file, _MAX_FOOTER)
    import pyarrow as pa
    import pyarrow.parquet as pa_parquet

    schema = footer.metadata.schema
    names = [schema.column(place).path for place in range(len(schema))]
    _demand_columns(names)
    if footer.metadata.num_rows > MAX_COUNT:
        raise InputError("too many consents for one batch", expected=f"at most {MAX_COUNT}")
    for number in range(footer.metadata.num_row_groups):
        group = footer.metadata.row_group(number)
        for place in range(len(names)):
            chunk = group.column(place)
            start, _ = chunk_span(chunk)
            demand_pages(_part(file, start), chunk, group.num_rows, _BOUNDS)
    texts = [name for place, name in enumerate(names) if schema.column(place).physical_type == "BYTE_ARRAY"]
    first = 1
    try:
        table = pa_parquet.ParquetFile(
            file, read_dictionary=texts, pre_buffer=False, buffer_size=1 << 16, arrow_extensions_enabled=False
        )
        for batch in table.iter_batches(_AT_ONCE, use_threads=False):
            cells = {name: _cells(batch.column(place), name) for place, name in enumerate(batch.schema.names)}
            for place in range(batch.num_rows):
                yield _row(first + place, {name: column[place] for name, column in cells.items()})
            first += batch.num_rows
    except (pa.ArrowException, OSError):
        raise malformed("the table is damaged", expected="Parquet, from its first byte to its last") from None
    except UnicodeDecodeError:
        raise malformed("a text in the table is not UTF-8", expected="UTF-8") from None


def _part(file: BinaryIO, start: int) -> Callable[[int, int], bytes]:
    def read(at: int, size: int) -> bytes:
        file.seek(start + at)
        return file.read(size)

    return read


def _demand_columns(names: list[str]) -> None:
    strange = [name for name in names if name not in _READ]
    absent = [name for name in sorted(_NEEDED) if name not in names]
    if strange or absent or len(set(names)) != len(names):
        raise InputError(
            "the table has columns that no consent has" if strange else "the table lacks columns of a consent",
            expected=", ".join(_READ),
            found=", ".join(strange or absent)[:200],
            remedy="docs/how-to/batches.md says what each column holds",
            code="batch.columns",
        )


def _cells(column: pa.Array, name: str) -> list[Any]:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        _demand_short(column.dictionary, name)
        column = column.dictionary_decode()
    elif not pa.types.is_integer(column.type) and not pa.types.is_fixed_size_binary(column.type):
        _demand_short(column, name)
    values: list[Any] = column.to_pylist()
    return values


def _demand_short(texts: pa.Array, name: str) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = texts.type
    if pa.types.is_null(kind):
        return
    if kind not in (pa.binary(), pa.large_binary(), pa.string(), pa.large_string()):
        raise InputError(
            "a column of another type", expected="integers, bytes or text", found=f"{name}: {str(kind)[:100]}"
        )
    if (pc.max(pc.binary_length(texts)).as_py() or 0) > _CELL:
        raise InputError("a value is too long", expected=f"at most {_CELL} bytes", found=name)


def _row(number: int, cells: dict[str, Any]) -> BatchRow:
    try:
        return _consent({name: _READ[name](value) for name, value in cells.items() if value is not None})
    except InputError as error:
        raise at_row(number, error) from None
    except (ValueError, TypeError) as error:
        words = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        words = words.removeprefix("Value error, ")[:200]
        wrong = InputError("a value that no consent has", expected=words, code="batch.row")
        raise at_row(number, wrong) from None


def _consent(values: dict[str, Any]) -> BatchRow:
    absent = sorted(_NEEDED - values.keys())
    either = [[values[name] for name in pair if name in values] for pair in _EITHER]
    if absent or any(len(one) != 1 for one in either) or ("subject" in values) != ("subject_salt" in values):
        raise InputError(
            "the row lacks values, or has two that exclude each other",
            expected="signature or key_signature, enroller_signature or enrolments, subject with subject_salt or none",
            found=", ".join(absent) or "a value too many or too few of these",
            code="batch.row",
        )
    opening = (values["subject"], values["subject_salt"]) if "subject" in values else None
    enrolment = values.get("enrolment") or (None if opening is None else subject_commitment(*opening))
    if enrolment is None:
        raise InputError(
            "the row has no enrolment", expected="enrolment, or subject and subject_salt", code="batch.row"
        )
    numbers = (values["not_before"], values["not_after"], values.get("first_opening", 0), values["uses"])
    owner, language = values["owner"] + values.get("key", b""), values.get("language", ENGLISH)
    (signature,), (enrolled,) = either
    return BatchRow(
        ConsentFields(owner, *numbers, enrolment, values["salt"], language),
        signature,
        values["enroller"],
        enrolled,
        opening,
    )


class TableWriter:
    """Writes a table of signed consents, for programs of Placet's own; in the columns of a batch file."""

    def __init__(self, path: Path) -> None:
        demand_pyarrow()
        import pyarrow.parquet as pa_parquet

        self._writer = pa_parquet.ParquetWriter(path, schema(), compression="zstd", use_dictionary=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def add(self, rows: Iterable[BatchRow]) -> None:
        left = iter(rows)
        while part := list(itertools.islice(left, ROWS)):
            self._writer.write_batch(encode(part))
