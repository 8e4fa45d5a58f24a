"""CSV as RFC 4180 has it: rows of text out of a stream of bytes, whatever the size and wherever a block of it ends; and
the one way in which tables are written, for spreadsheets and Unix tools alike.

Python's `csv` in strict mode parses; what it would let pass is refused here, as is all that another reader might read
as other rows. Cells are in UTF-8, parted by commas, in double quotes where they hold commas, quotes or line breaks.
Lines end alike, with LF or CRLF or, in all of the file, CR. A line with nothing on it is no row.

What is written is UTF-8 without a byte order mark, and each line ends with LF. What a spreadsheet would take for a
formula has an apostrophe before it (`shown_cell`): whoever may name a customer could else let the reader's own
program fetch and send things.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import BinaryIO, TypeAlias

from placet.core.errors import DataError

MAX_ROW = 1 << 24
"""Characters of a row, and so of a cell."""

Row: TypeAlias = tuple[int, list[str]]
"""The number of the line on which a row begins, from 1, and its cells."""

_BOM = "\ufeff"
_NUMBER = re.compile(r"-[0-9]+(\.[0-9]+)?", re.ASCII)
_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_FORMULA = rf"\A%s(?='*[{_SIGNS}\t\r\n])|(?<=[;\t\r\n])%s(?='*[{_SIGNS}])"
_BEFORE_FORMULA, _APOSTROPHE = (re.compile(_FORMULA % (mark, mark)) for mark in ("", "'"))
_QUOTED = re.compile('[",\r\n]')
_AS_UTF8 = "save it as CSV in UTF-8"


def written(rows: Iterable[Sequence[object]]) -> bytes:
    """Rows, the header too, as the bytes of a file."""
    return "".join(f"{_line([shown_cell(str(cell)) for cell in row])}\n" for row in rows).encode()


def shown_cell(text: str) -> str:
    """A cell as it is written: with an apostrophe before =, +, -, @, a tab or a line break at its beginning, also where
    it has such apostrophes already, so that `plain_cell` is exact. The same after a semicolon, a tab or a line break:
    in many countries a spreadsheet parts cells there, not at commas. A negative number is none of it."""
    return text if _NUMBER.fullmatch(text) else _BEFORE_FORMULA.sub("'", text)


def plain_cell(text: str) -> str:
    """What `shown_cell` was given."""
    return _APOSTROPHE.sub("", text)


def _line(cells: Sequence[str]) -> str:
    if cells == [""]:
        return '""'
    return ",".join('"' + cell.replace('"', '""') + '"' if _QUOTED.search(cell) else cell for cell in cells)


def read_rows(stream: BinaryIO) -> Iterator[Row]:
    """All rows, the header too. `stream` begins at the file's first byte, can be sought, and is closed with the rows.

    DataError (`data.malformed`, or `data.large` for a row that is too large) with the number of the line.
    """
    lines = _Lines(stream)
    csv.field_size_limit(MAX_ROW)
    reader = csv.reader(lines, strict=True)
    line = 1
    try:
        for cells in reader:
            lines.end_row()
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error:
        raise lines.broken(line, reader.line_num) from None
    except UnicodeDecodeError:
        raise DataError(
            "the text is not UTF-8",
            expected="UTF-8",
            found=f"line {_undecodable(stream)}",
            remedy=_AS_UTF8,
            code="data.malformed",
        ) from None


class _Lines:
    """The lines of a text, each with its end, as they are asked for."""

    def __init__(self, stream: BinaryIO) -> None:
        self._text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
        self._size = 0
        self._line = ""
        self._number = 0
        self._end = ""
        self._over = False

    def __iter__(self) -> Iterator[str]:
        for line in iter(partial(self._text.readline, MAX_ROW + 1), ""):
            self._number += 1
            self._size += len(line)
            if self._size > MAX_ROW:
                raise self._too_large()
            if "\0" in line:
                raise DataError(
                    "a zero byte in the text",
                    expected="text",
                    found=f"line {self._number}",
                    remedy=f"{_AS_UTF8}, without it",
                    code="data.malformed",
                )
            self._line = line
            yield line if self._number > 1 else line.removeprefix(_BOM)
        self._over = True

    def end_row(self) -> None:
        """The line asked for last ends a row. A CR by itself among rows that end otherwise may be part of a cell, and
        would make rows of a text."""
        self._size = 0
        end = self._line[-1]
        if end != self._end and end in "\r\n":
            if self._end:
                raise DataError(
                    "lines end in two ways: some with LF, some with CR alone",
                    expected="cells with line breaks in quotes, and one kind of line end",
                    found=f"line {self._number}",
                    remedy="put cells that hold line breaks in quotes",
                    code="data.malformed",
                )
            self._end = end

    def broken(self, begin: int, line: int) -> DataError:
        """What the parser stumbled over, on `line`, in the row that begins on line `begin`."""
        place = f"line {line}" if begin == line else f"line {line}, in the row that begins on line {begin}"
        if self._over:
            return DataError(
                "a quote is opened and never closed",
                expected="a closing quote before the file ends",
                found=f"the row that begins on line {begin}",
                remedy="close it, or double it where it is part of the cell; was the file written to its end?",
                code="data.malformed",
            )
        return DataError(
            "more text after a closing quote",
            expected="a comma or the end of the line; a quote in a cell is doubled",
            found=place,
            remedy="double the quotes in the cell; or was one opened and not closed before?",
            code="data.malformed",
        )

    def _too_large(self) -> DataError:
        return DataError(
            "a row is too large",
            expected=f"at most {MAX_ROW} characters",
            found=f"line {self._number}",
            remedy="leave the large cell out; or was a quote opened and never closed?",
            code="data.large",
        )


def _undecodable(stream: BinaryIO) -> int:
    """The number of the first line that is not UTF-8, counted as `_Lines` does."""
    stream.seek(0)
    number = 1
    # A line that is longer than this was refused before.
    for line in iter(partial(stream.readline, 8 * MAX_ROW), b""):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            return number + line.count(b"\r", 0, error.start)
        number += 1 + line.count(b"\r") - line.count(b"\r\n")
    return number
