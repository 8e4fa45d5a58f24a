"""All that is not right with a table as one DataError: the first in full, the others a line each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NoReturn

from placet.core.damage import is_cut, is_scientific
from placet.core.errors import DataError
from placet.vault.cells import BadCell

MAX_TOLD = 20
"""Errors of a table that are told; all are counted."""
REMEDIES = {
    "data.duplicate": "leave one row for each person",
    "data.null": "fill it in, or leave the row out",
    "data.type": "correct the cell, or name another column",
    "data.decimals": "round the amount, or say with `decimals` how many digits the column has",
    "data.overflow": "is it an amount? The vault takes no larger one",
    "data.large": "split the table, or name another column",
    "data.empty": "was the file written to its end?",
    "data.malformed": "write it anew as CSV in UTF-8 or as Parquet",
    "data.column": "correct the column's name; a CSV file needs a header and commas",
    "data.file": "name a file .csv or .parquet that can be read, or a folder of such",
}
_ROUNDED = "a spreadsheet rounds numbers to 15 digits, so that several persons look like one: export the column as text"


class Problems:
    """What was found so far, in the order of the rows. `count` is a row's number over all parts of the table."""

    def __init__(self, table: str) -> None:
        """`table`: what the table is called where no place in it can be told."""
        self._table = table
        self._told: list[DataError] = []
        self._number = 0
        self._starts: list[int] = []
        self._names: list[str] = []

    def begin(self, name: str, before: int) -> None:
        """A part begins, with so many rows before it."""
        self._names.append(name)
        self._starts.append(before)

    def add(self, bad: BadCell, count: int, line: int | None, column: str | None = None) -> None:
        """A cell that is not right, or with no column a row."""
        name, row = self._place(count)
        where = f"{name}row {row}{_at(line)}" + ("" if column is None else f", column {column!r}")
        self._add(DataError(bad.message, expected=bad.expected, found=where, code=bad.code))

    def add_twice(self, identifier: str, earlier: int, count: int, line: int | None, column: str) -> None:
        """Two rows with one identifier."""
        (before, first), (name, second) = self._place(earlier), self._place(count)
        both = f"rows {first} and {second}" if before == name else f"row {first} and {name}row {second}"
        rounded = is_scientific(identifier) or is_cut(identifier)
        self._add(
            DataError(
                "two rows have one identifier, which a spreadsheet rounded"
                if rounded
                else "an identifier stands in the table twice",
                expected="identifiers with all their digits" if rounded else "each identifier once",
                found=f"{before}{both}{_at(line)}, column {column!r}",
                remedy=_ROUNDED if rounded else None,
                code="data.duplicate",
            )
        )

    def end(self, error: DataError) -> NoReturn:
        """Nothing more can be read for this error."""
        name = self._names[-1] if self._names else ""
        found = ": ".join(filter(None, (name, error.found))) or self._table
        error = DataError(error.message, expected=error.expected, found=found, remedy=error.remedy, code=error.code)
        raise self._all([*self._told, error], self._number + 1) from None

    def demand_none(self) -> None:
        """DataError if there was anything."""
        if self._told:
            raise self._all(self._told, self._number)

    def _add(self, error: DataError) -> None:
        self._number += 1
        if len(self._told) < MAX_TOLD:
            self._told.append(error)

    def _place(self, count: int) -> tuple[str, int]:
        """The part, if it has a name, and the number in it of a row."""
        part = bisect_left(self._starts, count) - 1
        name = self._names[part]
        return f"{name}: " if name else "", count - self._starts[part]

    def _all(self, errors: Sequence[DataError], number: int) -> DataError:
        first, *others = errors
        details = [f"{error.found}: {error.message}" for error in others]
        if number > len(errors):
            details.append(f"and {number - len(errors)} more")
        return DataError(
            first.message,
            expected=first.expected,
            found=first.found,
            remedy=first.remedy or REMEDIES.get(first.code),
            code=first.code,
            details=details,
        )


def _at(line: int | None) -> str:
    return "" if line is None else f" (line {line})"
