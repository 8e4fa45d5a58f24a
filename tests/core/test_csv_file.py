"""CSV: the rows that RFC 4180 says, however the bytes come; held against a reader of its own, Python's and DuckDB's."""

from __future__ import annotations

import csv
import functools
import io
import itertools
import json
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from in_a_browser import built
from placet.core import csv_file
from placet.core.csv_file import plain_cell, read_rows, shown_cell, written
from placet.core.errors import DataError

CELLS = "=+-@;'\t\n\"a,1. é\uff1d"


class Dribble(io.RawIOBase):
    """A file that gives at most `block` bytes at a time."""

    def __init__(self, raw: bytes, block: int) -> None:
        self._file, self._block = io.BytesIO(raw), block

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        piece = self._file.read(min(len(buffer), self._block))
        buffer[: len(piece)] = piece
        return len(piece)


def stream(raw: bytes, block: int) -> io.BufferedReader:
    return io.BufferedReader(Dribble(raw, block), buffer_size=block)


def rows(raw: bytes, block: int = 1 << 16) -> list[list[str]]:
    return [cells for _, cells in read_rows(stream(raw, block))]


def refused(raw: bytes, *words: str, block: int = 1 << 16) -> DataError:
    with pytest.raises(DataError) as caught:
        rows(raw, block)
    for word in words:
        assert word in str(caught.value)
    assert caught.value.expected and caught.value.found and caught.value.remedy
    return caught.value


class Malformed(Exception):  # noqa: N818 - a test's own
    pass


def by_the_book(text: str) -> list[list[str]]:
    """RFC 4180 a character at a time, with this reader's word on line ends; Malformed for all else."""
    table: list[list[str]] = []
    ends = set()
    at = 0
    while at < len(text):
        row: list[str] = []
        while True:
            if text[at : at + 1] == '"':
                cell, at = _quoted(text, at + 1)
            else:
                begin = at
                while at < len(text) and text[at] not in ",\r\n":
                    at += 1
                cell = text[begin:at]
            row.append(cell)
            if text[at : at + 1] != ",":
                break
            at += 1
        end = "\r\n" if text.startswith("\r\n", at) else text[at : at + 1]
        if end not in ("\r\n", "\n", "\r", ""):
            raise Malformed
        at += len(end)
        ends.add(end[-1:])
        if row != [""] or text[:at].removesuffix(end).endswith('"'):
            table.append(row)
    if {"\r", "\n"} <= ends:
        raise Malformed
    return table


def _quoted(text: str, at: int) -> tuple[str, int]:
    cell = ""
    while at < len(text):
        if text[at] != '"':
            cell += text[at]
            at += 1
        elif text[at + 1 : at + 2] == '"':
            cell += '"'
            at += 2
        else:
            return cell, at + 1
    raise Malformed


def expected_of(text: str) -> list[list[str]] | None:
    try:
        return by_the_book(text)
    except Malformed:
        return None


def read_of(text: str, block: int) -> list[list[str]] | None:
    try:
        return rows(text.encode(), block)
    except DataError:
        return None


@pytest.mark.parametrize("length", [*range(6), pytest.param(8, marks=pytest.mark.slow)])
def test_every_short_file_is_read_by_the_book(length: int) -> None:
    for letters in itertools.product('a,"\n\r', repeat=length):
        text = "".join(letters)
        assert read_of(text, 1 + length // 2) == expected_of(text), repr(text)


PIECES = ("a", "bc", '"', ",", "é", "😀", " ", "", ";", "VICTIM,999,x", "\u2028", "\x0b", "'", "\t")


def generated(luck: random.Random, size: int, breaks: str) -> Iterator[list[str]]:
    """Rows of some `size` characters in all; `breaks` are the line breaks in their cells."""
    pieces = [*PIECES, breaks, breaks + "w1,999,x"]
    width = luck.randrange(2, 6)
    while size > 0:
        long = luck.random() < 0.01
        row = ["".join(luck.choices(pieces, k=luck.randrange(2000 if long else 6))) for _ in range(width)]
        size -= sum(map(len, row)) + width
        yield row


def by_python(table: list[list[str]], end: str, quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    sink = io.StringIO(newline="")
    csv.writer(sink, lineterminator=end, quoting=quoting).writerows(table)  # type: ignore[arg-type]
    return sink.getvalue().encode()


@functools.cache
def database() -> Any:
    import duckdb  # late: all workers read this file, and its import starts threads

    return duckdb.connect(config={"threads": 1})


def by_duckdb(path: Path, width: int, block: int) -> list[list[str]]:
    columns = {f"c{number}": "VARCHAR" for number in range(width)}
    words = f"header=false, auto_detect=false, columns={columns}, delim=',', quote='\"', escape='\"', strict_mode=true"
    # By several threads it takes some quoted line breaks for rows' ends.
    words += f", parallel=false, max_line_size={block}, buffer_size={block}"
    query = f"SELECT * FROM read_csv(?, {words})"  # noqa: S608
    return [[cell or "" for cell in row] for row in database().execute(query, [str(path)]).fetchall()]


SIZES = [
    *((seed, 3_000) for seed in range(24)),
    (1, 300_000),
    *(pytest.param(seed, 8 << 20, marks=pytest.mark.slow) for seed in range(6)),
]


@pytest.mark.parametrize(("seed", "size"), SIZES)
def test_generated_files_are_read_as_python_and_duckdb_read_them(tmp_path: Path, seed: int, size: int) -> None:
    luck = random.Random(seed)
    end = luck.choice(["\n", "\r\n"])
    # DuckDB refuses CRLF in a cell of a file whose lines end with LF.
    table = list(generated(luck, size, breaks=end))
    raw = (b"\xef\xbb\xbf" if seed % 3 == 0 else b"") + by_python(
        table, end, luck.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    )
    blocks = [1, 2, 3, 7, 64, 1 << 12] if size < 10_000 else [luck.randrange(100, 1 << 14), 1 << 20]
    for block in blocks:
        assert rows(raw, block) == table
    assert list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True)) == table
    path = tmp_path / "table.csv"
    path.write_bytes(raw)
    assert by_duckdb(path, len(table[0]), max(1 << 15, 2 * max(map(len, raw.split(b"\n\n"))))) == table


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_file_is_read_as_it_stands_or_not_at_all(seed: int) -> None:
    luck = random.Random(seed)
    text = by_python(list(generated(luck, 400, breaks="\n")), "\n").decode()
    for _ in range(30):
        place = luck.randrange(len(text))
        damaged = text[:place] + luck.choice(['"', "\n", ",", "\r", ""]) + text[place + luck.randrange(2) :]
        assert read_of(damaged, luck.randrange(1, 40)) == expected_of(damaged), damaged


@pytest.mark.parametrize("block", [1 << 12, 1 << 16, 1 << 20])
def test_a_long_note_makes_no_rows(block: int) -> None:
    note = "".join(f"\nVICTIM{number:06d},999,x" for number in range(60_000))
    table = [["ID", "BALANCE", "NOTE"], ["a", "1", "x"], ["m", "5", note], ["d", "4", "x"]]
    raw = by_python(table, "\n")
    assert len(raw) > 1 << 20
    assert rows(raw, block) == table


def test_cells_and_headers_of_megabytes() -> None:
    table = [["ID", "N" * (2 << 20)], ["a", 'x",\n' * (1 << 19)], ["b" * (3 << 20), ""]]
    assert rows(by_python(table, "\r\n"), 1 << 13) == table


def test_lines_are_those_on_which_rows_begin() -> None:
    raw = b'ID,N\r\n\r\na,"1\r\n2\n3\r4"\r\n\r\n\r\nb,2\r\n'
    assert list(read_rows(stream(raw, 3))) == [(1, ["ID", "N"]), (3, ["a", "1\r\n2\n3\r4"]), (9, ["b", "2"])]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'ID,N\na,1\nb,"oops\nc,3\n', ("never closed", "begins on line 3")),
        (b'ID,N\na,"x"y\n', ("after a closing quote", "line 2")),
        (b'ID,N\na,"x\n\n"y\nb,1\n', ("after a closing quote", "line 4, in the row that begins on line 2")),
        (b"ID,N\na,1\0\n", ("zero byte", "line 2")),
        (b"I\0D\0,\0N\0\n\0", ("zero byte", "line 1")),
        (b"ID,N\na,1\nb,\xff\n", ("not UTF-8", "line 3")),
        (b"ID,N\r\ra,\xe9\r", ("not UTF-8", "line 3")),
        (b"ID,N\na,1\rVICTIM,999\nb,2\n", ("two ways", "line 2")),
        (b"ID,N\ra,1\nb,2\n", ("two ways", "line 2")),
    ],
)
@pytest.mark.parametrize("block", [1, 5, 1 << 16])
def test_what_is_no_csv_is_refused_with_its_line(raw: bytes, words: tuple[str, ...], block: int) -> None:
    assert refused(raw, *words, block=block).code == "data.malformed"


def test_a_mac_of_old_ends_lines_with_cr() -> None:
    assert rows(b'ID,N\ra,"1\n2"\r', 2) == [["ID", "N"], ["a", "1\n2"]]


def test_a_row_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "MAX_ROW", 1000)
    assert len(rows(b"a" * 999 + b"\n" + b'"' + b"a\n" * 498 + b'"\n')) == 2
    for raw in (b"x,y\n" + b"a" * 1001, b'x,y\n"' + b"b\n" * 600, b'x\n"' + b"a" * 999 + b'"\n'):
        assert refused(raw, "too large", "line").code == "data.large"


def test_another_programs_limit_does_not_count() -> None:
    before = csv.field_size_limit(10)
    try:
        assert rows(b"a" * 100 + b"\n") == [["a" * 100]]
    finally:
        csv.field_size_limit(before)


def test_rows_before_an_error_come_first() -> None:
    source = read_rows(stream(b'a,b\n1,2\n3,"4', 4))
    assert [next(source), next(source)] == [(1, ["a", "b"]), (2, ["1", "2"])]
    with pytest.raises(DataError):
        next(source)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+4930123456", "'+4930123456"),
        ("-1+1", "'-1+1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("x;=1", "x;'=1"),
        ("x\t'@A", "x\t''@A"),
        ("x\n=1;", "x\n'=1;"),
        ("x;-5", "x;'-5"),
        ("x; 1;y", "x; 1;y"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("'=1", "''=1"),
        ("-12.34", "-12.34"),
        ("-5", "-5"),
        ("C-1", "C-1"),
        ("'tis", "'tis"),
        ("", ""),
        ("a=b", "a=b"),
    ],
)
def test_no_cell_that_is_written_is_a_formula(cell: str, shown: str) -> None:
    assert shown_cell(cell) == shown
    assert plain_cell(shown) == cell


@given(st.lists(st.lists(st.text(CELLS, max_size=8), min_size=2, max_size=3), min_size=1, max_size=8))
@settings(max_examples=examples(100), deadline=None, derandomize=True, database=None)
def test_what_is_written_is_read_again_and_stays_text_for_unix_tools(rows: list[list[str]]) -> None:
    raw = written(rows)
    assert not raw.startswith(b"\xef\xbb\xbf") and raw.endswith(b"\n")
    assert [[plain_cell(cell) for cell in cells] for _, cells in read_rows(io.BytesIO(raw))] == rows
    assert [*csv.reader(io.StringIO(raw.decode(), newline=""), strict=True)] == [
        [shown_cell(cell) for cell in row] for row in rows
    ]


def test_the_console_writes_the_same_bytes(tmp_path: Path) -> None:
    draw = random.Random(7)
    rows = [["".join(draw.choices(CELLS + "5\r\uff20", k=draw.randrange(6))) for _ in range(3)] for _ in range(2000)]
    rows += [[""], ["-5"], ["-5\n"], ["x;=1"], ["'=1"]]
    done = subprocess.run(built(tmp_path, "csv"), input=json.dumps(rows).encode(), capture_output=True, check=True)
    assert done.stdout == written(rows)


def test_every_csv_is_written_by_one_function() -> None:
    root = Path(__file__).parents[2]
    files = [*(root / "backend").rglob("*.py"), *(root / "scripts").rglob("*.py")]
    writers = {
        file.name for file in files if re.search(r"csv\.(writer|DictWriter|write_csv)|to_csv", file.read_text("utf-8"))
    }
    assert writers == {"psi.py"}  # hashes in hexadecimal, for the engine's own process
