"""Parquet of strangers, looked through before its library unpacks anything: what a file may claim is bounded here.

Arrow reads a page into as much memory as the page's own header claims, and a value that stands in a dictionary as often
as some bits repeat it. So each page's header is read first (Thrift's compact protocol, as parquet.thrift has it): how
large it is unpacked, how it is encoded, how many values it has, whether it has a checksum.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from placet.core.errors import ConfigError, InputError
from placet.core.hashing import sha256
from placet.core.installed import is_installed

if TYPE_CHECKING:
    from pyarrow.parquet import ColumnChunkMetaData, FileMetaData

MAGIC = b"PAR1"
TAIL = 4 + len(MAGIC)
"""Bytes behind the footer: its length and the magic ones."""
_MAX_FIELD = 1 << 20
"""Bytes of a text, and items of a list, in a footer; `read_footer` bounds it as a whole."""
_DEEP = 8
"""Structures within each other in a page's header at the most."""
_MAX_HEADER = 1 << 13

_DATA, _DICTIONARY, _DATA_2 = 0, 2, 3
_PLAIN, _PLAIN_DICTIONARY, _RLE, _PACKED_NUMBERS, _LENGTHS_FIRST, _RLE_DICTIONARY, _SPLIT = 0, 2, 3, 5, 6, 8, 9
_ENCODINGS = frozenset({_PLAIN, _PLAIN_DICTIONARY, _RLE, _PACKED_NUMBERS, _LENGTHS_FIRST, _RLE_DICTIONARY, _SPLIT})
"""All but DELTA_BYTE_ARRAY, whose texts grow out of the ones before them."""


class PageHeader(NamedTuple):
    """What a page says of itself; sizes in bytes. `checksum` is the CRC-32, or None."""

    kind: int
    unpacked: int
    packed: int
    values: int
    encoding: int
    checksum: int | None


@dataclass(frozen=True)
class PageBounds:
    """How much there may be of a column in one row group: rows; bytes unpacked, of all its pages and of one; bytes of a
    dictionary of texts, each of which may stand in every row. `checksums`: must each page have one?"""

    rows: int
    column: int
    page: int
    dictionary: int
    checksums: bool = False


@dataclass(frozen=True)
class Footer:
    """A footer as it was read, and the place of its first byte in the file."""

    metadata: FileMetaData
    raw: bytes
    start: int

    @property
    def tail(self) -> bytes:
        """What follows on it in the file."""
        return len(self.raw).to_bytes(4, "little") + MAGIC

    @property
    def hash(self) -> bytes:
        return sha256(self.raw)


def demand_pyarrow() -> None:
    """ConfigError unless the extra `parquet` is installed."""
    if not is_installed("pyarrow"):
        raise ConfigError(
            "Parquet needs pyarrow",
            expected="placet[parquet]",
            remedy="pip install 'placet[parquet]'; tables are taken in from CSV as well",
            code="config.extra",
        )


def read_footer(file: BinaryIO, limit: int) -> Footer:
    """InputError `parquet` for what is no Parquet, or has a footer of more than `limit` bytes."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - TAIL))
    tail = file.read(TAIL)
    file.seek(0)
    if size < len(MAGIC) + TAIL or tail[4:] != MAGIC or file.read(len(MAGIC)) != MAGIC:
        raise malformed("the file is no Parquet, or its end is missing", expected="PAR1 at its beginning and its end")
    length = int.from_bytes(tail[:4], "little")
    if length > min(limit, size - TAIL - len(MAGIC)):
        raise malformed("the footer is too large", expected=f"at most {limit} bytes, within the file", found=length)
    start = size - TAIL - length
    file.seek(start)
    return parse_footer(file.read(length), start)


def parse_footer(raw: bytes, start: int) -> Footer:
    """A footer that begins at `start`. InputError `parquet` for what is none."""
    demand_pyarrow()
    import pyarrow as pa
    import pyarrow.parquet as pa_parquet

    try:
        metadata = pa_parquet.ParquetFile(
            pa.BufferReader(MAGIC + raw + len(raw).to_bytes(4, "little") + MAGIC),
            thrift_string_size_limit=_MAX_FIELD,
            thrift_container_size_limit=_MAX_FIELD,
            arrow_extensions_enabled=False,
        ).metadata
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        raise malformed("the footer can't be read", expected="a Parquet footer") from None
    return Footer(metadata, raw, start)


def chunk_span(chunk: ColumnChunkMetaData) -> tuple[int, int]:
    """The place of a column chunk's first byte in the file, and how many bytes it has. InputError if it lies in another
    file."""
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset is not None:
        start = min(start, chunk.dictionary_page_offset)
    if chunk.file_path or start < len(MAGIC) or chunk.total_compressed_size <= 0:
        raise malformed("a column lies outside of the file", expected="a place within it", found=start)
    return start, chunk.total_compressed_size


Read = Callable[[int, int], bytes]
"""From a place on so many bytes, or as many as there are."""


def demand_pages(read: Read, chunk: ColumnChunkMetaData, rows: int, bounds: PageBounds) -> None:
    """InputError unless a column chunk, which begins at place 0, is pages one after the other that unpack within the
    bounds to so many values."""
    values = unpacked = 0
    if not 0 < rows <= bounds.rows:
        raise malformed("a row group has too many rows, or none", expected=f"1 to {bounds.rows}", found=rows)
    for number, page in enumerate(pages(read, chunk.total_compressed_size)):
        unpacked += page.unpacked
        if page.unpacked > bounds.page or unpacked > bounds.column:
            raise malformed("a column is too large unpacked", expected=f"at most {bounds.column} bytes", found=unpacked)
        if bounds.checksums and page.checksum is None:
            raise malformed("a page has no checksum", expected="a CRC-32 in each page's header")
        if page.encoding not in _ENCODINGS:
            raise malformed("an encoding that is not read", expected="plain, dictionary or packed", found=page.encoding)
        if page.kind != _DICTIONARY:
            values += page.values
        elif number or (chunk.physical_type == "BYTE_ARRAY" and page.unpacked > bounds.dictionary):
            raise malformed("a dictionary is too large, or behind values", expected=f"{bounds.dictionary} bytes")
    if values != rows:
        raise malformed("a column has not as many values as rows", expected=rows, found=values)


def pages(read: Read, size: int) -> Iterator[PageHeader]:
    """The headers of the pages that fill `size` bytes. InputError for anything else."""
    at = 0
    while at < size:
        try:
            fields, length = _structure(read(at, min(_MAX_HEADER, size - at)), 0, 0)
            page = _page(fields)
        except (IndexError, KeyError, TypeError, ValueError):
            raise malformed("a page's header can't be read", expected="a page header of Parquet") from None
        at += length + page.packed
        if at > size:
            raise malformed("a page ends outside of its column", expected="pages that fill the column")
        yield page


def _page(fields: dict[int, Any]) -> PageHeader:
    kind, unpacked, packed, checksum = fields[1], fields[2], fields[3], fields.get(4)
    values = {_DATA: 5, _DICTIONARY: 7, _DATA_2: 8}[kind]
    encoding = 4 if kind == _DATA_2 else 2
    count = fields[values][1]
    if min(unpacked, packed, count) < 0:
        raise ValueError("a negative size")
    return PageHeader(kind, unpacked, packed, count, fields[values][encoding], checksum)


def _structure(raw: bytes, at: int, depth: int) -> tuple[dict[int, Any], int]:
    """A structure's fields by number, of integers and structures alone, and the place behind it. IndexError or
    ValueError for anything else."""
    if depth > _DEEP:
        raise ValueError("too deep")
    fields, number = dict[int, Any](), 0
    while head := raw[at]:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            number, at = _zigzag(raw, at)
        if number in fields:
            raise ValueError("a field twice")
        fields[number], at = _value(raw, at, head & 15, depth)
    return fields, at + 1


def _value(raw: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    """A value of one of Thrift's types in the compact protocol; None for what no size or count is in."""
    if kind in (1, 2):
        return None, at
    if kind in (4, 5, 6):
        return _zigzag(raw, at)
    if kind == 8:
        size, at = _varint(raw, at)
        if at + size > len(raw):
            raise ValueError("a text ends outside")
        return None, at + size
    if kind == 12:
        return _structure(raw, at, depth + 1)
    raise ValueError("a type that no page header has")


def _zigzag(raw: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(raw, at)
    return value >> 1 ^ -(value & 1), at


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")


def malformed(message: str, *, expected: object = None, found: object = None) -> InputError:
    """The refusal of a file; Arrow's own message may quote it."""
    return InputError(
        message,
        expected=expected,
        found=found,
        remedy="write it anew, as Parquet; docs/reference/formats.md, “Batch files”",
        code="parquet",
    )
