"""Batch files and tables of consents whose writer means harm: cut, altered, lying about sizes, or made to grow.

Nothing but a refusal in plain words may come of them: no other error, no row that was not written, and nothing unpacked
beyond the bounds.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.batch_vectors import FILE

from placet.core.batch_columns import MAX_FOOTER, ROWS, GroupReader, encode, header_of, schema
from placet.core.batch_file import BatchRow
from placet.core.errors import PlacetError
from placet.core.parquet_gate import read_footer
from placet.vault.consent_table import read_consents

VECTORS = json.loads(FILE.read_text(encoding="utf-8"))
HEADER = VECTORS["header"]
GOOD = bytes.fromhex(VECTORS["file"][2:])


def read(file: bytes) -> list[BatchRow]:
    source = io.BytesIO(file)
    footer = read_footer(source, MAX_FOOTER)
    header_of(footer)
    groups, result = GroupReader(footer), list[BatchRow]()
    for number, span in enumerate(groups.spans):
        result += groups.rows(number, file[span.start : span.start + span.size], len(result) + 1)
    return result


WRITTEN = read(GOOD)
READERS = pytest.mark.parametrize("reader", [read, lambda file: list(read_consents(io.BytesIO(file)))])


def refused(file: bytes, *words: str) -> PlacetError:
    with pytest.raises(PlacetError) as caught:
        read(file)
    error = caught.value
    assert error.expected or error.found
    assert not any(word in str(error) for word in ("Arrow", "Thrift", "customer-", "Traceback"))
    for word in words:
        assert word in str(error)
    return error


@READERS
def test_a_file_that_is_cut_is_none(reader: Any) -> None:
    for end in {*range(0, len(GOOD), 41), *range(len(GOOD) - 12, len(GOOD))}:
        with pytest.raises(PlacetError):
            reader(GOOD[:end])


@READERS
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_an_altered_byte_changes_no_row(reader: Any, data: st.DataObject) -> None:
    """The pages have checksums; what the footer says is held against them. A table has none, and other rows: its
    consents are checked by their signatures, and here only that nothing else than a refusal comes of it."""
    altered = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        footer_at = len(GOOD) - 8 - int.from_bytes(GOOD[-8:-4], "little")
        place = data.draw(st.integers(0, len(GOOD) - 1) | st.integers(footer_at, len(GOOD) - 1))
        altered[place] = data.draw(st.integers(0, 255))
    try:
        rows = reader(bytes(altered))
    except PlacetError:
        return
    assert reader is not read or rows == WRITTEN


def written(table: pa.Table, metadata: dict[str, str] | None = None, size: int = ROWS, **options: Any) -> bytes:
    sink = io.BytesIO()
    words: dict[str, Any] = {"compression": "zstd", "use_dictionary": False, "store_schema": False}
    words |= {"write_page_checksum": True, **options}
    with pq.ParquetWriter(sink, table.schema, **words) as writer:
        writer.add_key_value_metadata(header(table.num_rows) if metadata is None else metadata)
        writer.write_table(table, row_group_size=size)
    return sink.getvalue()


def header(count: int) -> dict[str, str]:
    return {"placet.batch": HEADER.replace(f'"count":{len(WRITTEN)}', f'"count":{count}')}


def table(count: int = len(WRITTEN), **columns: Any) -> pa.Table:
    """Rows that are there again and again; no signature is looked at here. `columns`: one value for all."""
    whole = encode([WRITTEN[place % len(WRITTEN)] for place in range(count)])
    arrays = dict(zip(whole.schema.names, whole.columns, strict=True))
    for name, value in columns.items():
        arrays[name] = pa.array([value] * count, schema().field(name).type)
    return pa.table(arrays, schema=schema())


def test_what_the_others_alter_is_right_before() -> None:
    assert read(written(table(), size=2)) == WRITTEN
    assert len(read(written(table(2 * ROWS + 1)))) == 2 * ROWS + 1


BOMB = "0" * 40_000


@READERS
def test_what_grows_when_it_is_unpacked_is_not(reader: Any) -> None:
    """40 MB of one text out of some kilobytes: in the page, in a dictionary, and behind a header that says less."""
    plain = written(table(1_000, subject=BOMB), data_page_size=1 << 30)
    by_dictionary = written(table(2_000, subject=BOMB), use_dictionary=["subject"])
    assert len(plain) < 1_000_000 > len(by_dictionary)
    before = pa.default_memory_pool().bytes_allocated()
    for file in (plain, by_dictionary):
        with pytest.raises(PlacetError) as caught:
            reader(file)
        assert "too l" in str(caught.value)
    assert pa.default_memory_pool().bytes_allocated() - before < 1 << 20


def varint(number: int) -> bytes:
    number, out = 2 * number, b""
    while number >= 128:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def test_a_page_that_says_less_than_it_has_is_damaged() -> None:
    lying = written(table(1_000, subject=BOMB), data_page_size=1 << 30)
    size = 1_000 * (len(BOMB) + 4) + 6  # with the levels of an optional column
    sizes = [number for number in range(size - 40, size + 40) if varint(number) in lying]
    assert sizes
    for number in sizes:
        lying = lying.replace(varint(number), varint(2_500_000), 1)
    refused(lying, "rows 1 to 1000")


def otherwise() -> Iterator[tuple[str, bytes, str]]:
    good, names = table(), schema().names
    yield "no header", written(good, {}), "no batch file"
    yield "another text beside it", written(good, header(5) | {"pandas": "{}"}), "no batch file"
    yield "a damaged schema of Arrow's", written(good, header(5) | {"ARROW:schema": "/////w=="}), "footer"
    yield "a header that is too long", written(good, {"placet.batch": HEADER + " " * 70_000}), "too large"
    yield "a header in another form", written(good, {"placet.batch": HEADER + " "}), "one form"
    yield "another count", written(good, header(6)), "not as many rows"
    yield "Arrow's own schema", written(good, store_schema=True), "no batch file"
    yield "no checksums", written(good, write_page_checksum=False), "no checksum"
    yield "another compression", written(good, compression="snappy"), "zstd"
    yield "groups of three", written(good, size=3), "row groups of other sizes"
    yield "a group too large", written(table(2 * ROWS), size=2 * ROWS), "row groups of other sizes"
    yield "a column less", written(good.drop_columns(["salt"])), "other columns"
    yield "columns in another order", written(good.select(names[::-1])), "other columns"
    yield "texts for bytes", written(good.set_column(0, "owner", good["owner"].cast(pa.binary()))), "other columns"
    yield "a list", written(good.set_column(0, "owner", pa.array([[b"x"]] * 5))), "other columns"
    yield "texts from texts", written(good, column_encoding={"subject": "DELTA_BYTE_ARRAY"}), "encoding"
    yield "bytes between", GOOD[:4] + b"\0" + GOOD[4:], "row"
    yield "encrypted", b"PARE" + GOOD[4:-4] + b"PARE", "no Parquet"
    for length in (0, 1, 2**31, 2**32 - 1):
        yield f"a footer of {length}", GOOD[:-8] + length.to_bytes(4, "little") + b"PAR1", "footer"
    for deep in (b"\x1c", b"\x19\x1c", b"\x1b\x01\xcc", b"\x19\xfc\xff\xff\xff\x7f"):
        raw = deep * (100_000 // len(deep))
        yield f"depth {deep!r}", b"PAR1" + raw + len(raw).to_bytes(4, "little") + b"PAR1", "footer"


CASES = {name: (file, words) for name, file, words in otherwise()}


@pytest.mark.parametrize("name", CASES)
def test_another_file_is_refused_by_what_it_is(name: str) -> None:
    refused(*CASES[name])


@READERS
def test_no_depth_and_no_length_of_a_pages_header_is_an_error_of_python(reader: Any) -> None:
    """The first column's first page begins behind the magic bytes."""
    for raw in (b"\x1c" * 60, b"\x15" + b"\xff" * 40, b"\x18\xff\xff\xff\xff\x7f", b"\x19" * 40, b"\0" * 60):
        with pytest.raises(PlacetError):
            reader(GOOD[:4] + raw + GOOD[4 + len(raw) :])
