"""The rows of a batch file in Parquet: one form for each, in typed columns, written here and read back a group at a
time. What a group holds is known to be within bounds before anything of it is unpacked (`core.parquet_gate`)."""

from __future__ import annotations

import functools
import io
import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from placet.core.batch_file import BatchHeader, BatchRow, at_row
from placet.core.consent import many_fields
from placet.core.enrolment import is_root
from placet.core.errors import InputError
from placet.core.hashing import document_bytes
from placet.core.languages import LANGUAGES
from placet.core.parquet_gate import (
    MAGIC,
    TAIL,
    Footer,
    PageBounds,
    Read,
    chunk_span,
    demand_pages,
    demand_pyarrow,
    malformed,
)
from placet.core.webauthn import LONGEST, SHORTEST

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

ROWS = 2_048
"""Rows of a group: a power of two, so that a group is a subtree of the batch tree. The last group may be smaller."""
MAX_FOOTER = 1 << 26
BOUNDS = PageBounds(rows=ROWS, column=1 << 22, page=1 << 22, dictionary=1 << 11, checksums=True)
_HEADER = b"placet.batch"
_COLUMNS: tuple[tuple[str, int | str, bool], ...] = (
    ("owner", 20, False),
    ("key", 64, True),
    ("not_before", "int64", False),
    ("not_after", "int64", False),
    ("first_opening", "int64", False),
    ("uses", "int64", False),
    ("language", "string", False),
    ("salt", 32, False),
    ("enrolment", 32, False),
    ("signature", 65, True),
    ("key_signature", "binary", True),
    ("enroller", 20, False),
    ("enroller_signature", 65, True),
    ("enrolments", 32, True),
    ("subject", "string", True),
    ("subject_salt", 32, True),
)
"""Name, type (so many bytes, or Arrow's name), and whether it may be empty."""
_LANGUAGES = frozenset(LANGUAGES)
_RANGES = {"not_before": (0, 2**48), "not_after": (0, 2**48), "first_opening": (0, 2**32), "uses": (1, 2**32)}
MAX_SUBJECT = 256


@functools.cache
def schema() -> pa.Schema:
    """Of every batch file."""
    demand_pyarrow()
    import pyarrow as pa

    return pa.schema(
        pa.field(name, pa.binary(kind) if isinstance(kind, int) else getattr(pa, kind)(), nullable=optional)
        for name, kind, optional in _COLUMNS
    )


def encode(rows: Sequence[BatchRow]) -> pa.RecordBatch:
    """Rows as columns. InputError for one that has no form: signatures of other lengths than its signer's."""
    import pyarrow as pa

    columns = zip(*map(_cells, rows), strict=True)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema(), strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema())


def _cells(row: BatchRow) -> tuple[object, ...]:
    (owner, *numbers, enrolment, salt, language), signature, enroller, enrolled, opening = row
    key = owner[20:] or None
    single = not is_root(enrolled)
    if len(signature) != 65 if key is None else not _is_of_key(signature):
        raise InputError("a signature of another length than its signer's", found=f"{len(signature)} bytes")
    return (
        owner[:20],
        key,
        *numbers,
        language,
        salt,
        enrolment,
        signature if key is None else None,
        None if key is None else signature,
        enroller,
        enrolled if single else None,
        None if single else enrolled,
        *(opening or (None, None)),
    )


class GroupSpan(NamedTuple):
    """Where a row group lies in its file, in bytes, and how many rows it has."""

    start: int
    size: int
    rows: int


def header_of(footer: Footer) -> BatchHeader:
    """InputError unless it is a batch file's footer: columns of just these types, and the header alone beside them."""
    metadata = footer.metadata
    texts = metadata.metadata or {}
    if set(texts) != {_HEADER}:
        raise malformed("the file is no batch file", expected="“placet.batch” alone among the footer's texts")
    if not metadata.schema.to_arrow_schema().equals(schema()):
        raise malformed("the file has other columns than a batch file", expected=", ".join(schema().names))
    header = BatchHeader.of_text(texts[_HEADER])
    if metadata.num_rows != header.count:
        raise malformed("not as many rows as the header counts", expected=header.count, found=metadata.num_rows)
    return header


def spans_of(footer: Footer) -> list[GroupSpan]:
    """A batch file's row groups. InputError unless they fill the file up to its footer, and all but the last have the
    same number of rows, a power of two."""
    metadata, at, left, spans = footer.metadata, len(MAGIC), footer.metadata.num_rows, list[GroupSpan]()
    for number in range(metadata.num_row_groups):
        group, start = metadata.row_group(number), at
        for place in range(metadata.num_columns):
            chunk = group.column(place)
            begin, size = chunk_span(chunk)
            if begin != at or chunk.compression != "ZSTD":
                what = "a column at another place, or packed by other means"
                raise malformed(what, expected=f"zstd at byte {at}", found=f"{chunk.compression} at byte {begin}")
            at += size
        rows = spans[0].rows if spans else min(left, group.num_rows)
        if group.num_rows != min(rows, left) or not 0 < rows <= ROWS or (left > rows and rows & (rows - 1)):
            raise malformed("row groups of other sizes", expected=f"the same power of two, at most {ROWS}")
        left -= group.num_rows
        spans.append(GroupSpan(start, at - start, group.num_rows))
    if left or at != footer.start:
        raise malformed("the row groups do not fill the file", expected=f"{footer.start} bytes", found=at)
    return spans


class GroupReader:
    """Unpacks row groups of one batch file, from the very bytes that were read of each. `spans`: of all groups."""

    def __init__(self, footer: Footer) -> None:
        import pyarrow.parquet as pa_parquet

        self._metadata = footer.metadata
        self.spans = spans_of(footer)
        self._window = _Window(footer.start + len(footer.raw) + TAIL)
        self._file = pa_parquet.ParquetFile(
            self._window,
            metadata=footer.metadata,
            pre_buffer=False,
            page_checksum_verification=True,
            arrow_extensions_enabled=False,
        )

    def rows(self, number: int, raw: bytes, first: int) -> list[BatchRow]:
        """The rows of group `number`, the first being row number `first`. InputError for what is none."""
        import pyarrow as pa

        span, group, at = self.spans[number], self._metadata.row_group(number), 0
        try:
            for place in range(self._metadata.num_columns):
                chunk = group.column(place)
                demand_pages(_part(raw, at), chunk, span.rows, BOUNDS)
                at += chunk.total_compressed_size
            self._window.show(span.start, raw)
            table = self._file.read_row_group(number, use_threads=False)
        except InputError as error:
            raise _at_rows(first, span.rows, error) from None
        except (pa.ArrowException, OSError):
            damaged = malformed("the row group is damaged", expected="pages whose checksums are right")
            raise _at_rows(first, span.rows, damaged) from None
        return decode(table, first)


def _part(raw: bytes, start: int) -> Read:
    return lambda at, size: raw[start + at : start + at + size]


def _at_rows(first: int, count: int, error: InputError) -> InputError:
    return InputError(
        f"rows {first} to {first + count - 1}: {error.message}",
        expected=error.expected,
        found=error.found,
        remedy=error.remedy,
        code=error.code,
    )


def write_batch(sink: BinaryIO, header: BatchHeader, rows: Iterable[BatchRow], size: int = ROWS) -> None:
    """A batch file, from rows that are in its order. `size`: rows of a group, a power of two of at most `ROWS`."""
    left = iter(rows)
    with batch_writer(sink, header) as writer:
        while part := list(itertools.islice(left, size)):
            writer.write_batch(encode(part))


def batch_writer(sink: BinaryIO, header: BatchHeader) -> ParquetWriter:
    """Writes the columns of a batch file, a row group at a time."""
    demand_pyarrow()
    import pyarrow.parquet as pa_parquet

    writer = pa_parquet.ParquetWriter(
        sink,
        schema(),
        compression="zstd",
        use_dictionary=False,
        write_statistics=False,
        store_schema=False,
        write_page_checksum=True,
        data_page_size=BOUNDS.page,
    )
    writer.add_key_value_metadata({_HEADER.decode(): document_bytes(header).decode()})
    return writer


class _Window(io.RawIOBase):
    """A file of so many bytes, of which one part at a time is there to be read."""

    def __init__(self, size: int) -> None:
        self._size, self._start, self._raw, self._at = size, 0, b"", 0

    def show(self, start: int, raw: bytes) -> None:
        self._start, self._raw = start, raw

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        at = self._at - self._start
        if at < 0 or size < 0:
            return b""
        part = self._raw[at : at + size]
        self._at += len(part)
        return part


def decode(table: pa.Table, first: int) -> list[BatchRow]:
    """Columns as rows, the first being row number `first`. InputError names a row that is none."""
    cells = {name: _values(first, table.column(name), kind) for name, kind, _ in _COLUMNS}
    for name, (low, high) in _RANGES.items():
        if min(cells[name]) < low or max(cells[name]) >= high:
            _demand_all(first, [low <= number < high for number in cells[name]], f"{name} is out of range")
    if not _LANGUAGES.issuperset(cells["language"]):
        _demand_all(first, [language in _LANGUAGES for language in cells["language"]], "no language of a consent")
    numbers = (cells[name] for name in _RANGES)
    owners = cells["owner"]
    if not _is_empty(cells["key"]):
        owners = [owner + (key or b"") for owner, key in zip(owners, cells["key"], strict=True)]
    consents = zip(owners, *numbers, cells["enrolment"], cells["salt"], cells["language"], strict=True)
    words = _signatures(first, cells), cells["enroller"], _enrolled(first, cells), _openings(first, cells)
    return [*map(functools.partial(tuple.__new__, BatchRow), zip(many_fields(consents), *words, strict=True))]


_Cells = dict[str, list[Any]]


def _values(first: int, column: pa.ChunkedArray, kind: int | str) -> list[Any]:
    """A column's values; `_empty` where there are none, and None where there is no value."""
    if column.null_count == len(column):
        return _empty(len(column))
    if isinstance(kind, int) and not column.null_count:
        array = column.chunk(0)
        fixed: list[bytes] = np.frombuffer(array.buffers()[1], f"V{kind}", len(array), array.offset * kind).tolist()
        return fixed
    try:
        values: list[Any] = column.to_numpy().tolist() if kind == "int64" else column.to_pylist()
    except UnicodeDecodeError:
        for place, value in enumerate(column):
            _demand_text(first + place, value)
        raise
    return values


def _demand_text(number: int, value: pa.Scalar) -> None:
    try:
        value.as_py()
    except UnicodeDecodeError:
        raise at_row(number, InputError("a text is not UTF-8", expected="UTF-8", code="batch.row")) from None


@functools.lru_cache(maxsize=4)
def _empty(count: int) -> list[None]:
    """One and the same list for all columns of so many rows that have no value: it is never written to."""
    return [None] * count


def _is_empty(values: list[Any]) -> bool:
    return values is _empty(len(values))


def _signatures(first: int, cells: _Cells) -> list[bytes]:
    """Of wallets from one column, of P-256 keys from the other."""
    wallets, of_keys, keys = cells["signature"], cells["key_signature"], cells["key"]
    if _is_empty(keys) and _is_empty(of_keys) and None not in wallets:
        return wallets
    good = [
        of_key is None and wallet is not None if key is None else wallet is None and _is_of_key(of_key or b"")
        for wallet, of_key, key in zip(wallets, of_keys, keys, strict=True)
    ]
    _demand_all(first, good, "no signature of its owner's kind, or two")
    return [wallet or of_key for wallet, of_key in zip(wallets, of_keys, strict=True)]


def _is_of_key(signature: bytes) -> bool:
    """Has it the length of a P-256 key's signature, or of a passkey's assertion?"""
    size = len(signature)
    return size == 64 or (size % 32 == 0 and SHORTEST <= size <= LONGEST)


def _enrolled(first: int, cells: _Cells) -> list[bytes]:
    singles, roots = cells["enroller_signature"], cells["enrolments"]
    for values, others in ((singles, roots), (roots, singles)):
        if _is_empty(others) and None not in values:
            return values
    _demand_all(
        first,
        [(one is None) != (other is None) for one, other in zip(singles, roots, strict=True)],
        "no enrolment, or two",
    )
    return [one or other for one, other in zip(singles, roots, strict=True)]


def _openings(first: int, cells: _Cells) -> list[tuple[str, bytes] | None]:
    subjects, salts = cells["subject"], cells["subject_salt"]
    if _is_empty(subjects) and _is_empty(salts):
        return subjects
    if None in subjects or None in salts or max(map(len, subjects)) > MAX_SUBJECT or "" in subjects:
        good = [
            subject is salt if subject is None or salt is None else 1 <= len(subject) <= MAX_SUBJECT
            for subject, salt in zip(subjects, salts, strict=True)
        ]
        _demand_all(first, good, "no subject with its salt, nor none")
        return [None if subject is None else (subject, salt) for subject, salt in zip(subjects, salts, strict=True)]
    return list(zip(subjects, salts, strict=True))


def _demand_all(first: int, good: Sequence[bool], message: str) -> None:
    if not all(good):
        place = next(place for place, is_good in enumerate(good) if not is_good)
        raise at_row(first + place, InputError(message, remedy=_REMEDY, code="batch.row"))


_REMEDY = "docs/reference/formats.md, “Batch files”"
