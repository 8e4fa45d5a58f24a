"""From a party's own columns to the identifiers of each round, and what may be told of how well they matched.

A round is one key. The first is matched among all rows, each later one among the rows that no round before has matched.
In a round a row is

- *empty*: the column holds nothing there,
- *invalid*: what it holds is no phone number, no LEI, … by the rules,
- *ambiguous*: another row of the same party has the same identifier. All such rows are left out, since nobody can say
  which of them is meant; that is judged among all rows, matched or not, so that it does not depend on what a peer has,
- *usable* otherwise.

A row that is not usable in one round may be in the next. Nothing here fails on a value.

Both sides of a round leave out the rows matched before. A side that does not learn which of its rows have matched
(receiver-only PSI) can't: its row may then be matched by two rows of its peer, in two rounds, unseen by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from pydantic import JsonValue

from placet.alignment.rules import Key, Rules, TextKey
from placet.alignment.text import MAX_LENGTH, clean
from placet.core.errors import DataError, InputError
from placet.core.text_columns import Places, TextColumn

Column: TypeAlias = Sequence[object]
"""Cells: a table's column, or any."""
NO_ROWS: Places = np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class Round:
    """One key's identifiers: for each row, in order, its text or null where the row is not usable."""

    key: Key
    identifiers: TextColumn = field(repr=False)
    empty: int
    invalid: int
    ambiguous: int

    @property
    def usable(self) -> int:
        """Rows with an identifier."""
        return len(self.identifiers) - self.empty - self.invalid - self.ambiguous

    def left(self, matched: Places = NO_ROWS) -> Places:
        """The rows for this round's PSI, ascending: those with an identifier, without the ones matched before."""
        usable = self.identifiers.filled.copy()
        usable[matched] = False
        return np.flatnonzero(usable)


def keys(columns: Mapping[str, Column], rules: Rules) -> tuple[Round, ...]:
    """The rounds, in the order of the rules' keys. The same rows and rules give the same rounds.

    DataError for a column that is missing or has another length; never for what a cell holds.
    """
    missing = [key.column for key in rules.keys if key.column not in columns]
    if missing:
        raise DataError("a column of the rules is missing", expected=missing[0], found=", ".join(sorted(columns)))
    lengths = {len(columns[key.column]) for key in rules.keys}
    if len(lengths) > 1:
        raise DataError("columns of different lengths", found=", ".join(map(str, sorted(lengths))))
    return tuple(_round(key, columns[key.column]) for key in rules.keys)


def identifier(key: Key, value: object) -> str | None:
    """One value as this key writes it; None where it holds nothing. ValueError where it is invalid."""
    cleaned = clean(value)
    return key.write(cleaned) if cleaned else None


def _round(key: Key, cells: Column) -> Round:
    identifiers, invalid = _written(key, cells)
    empty = identifiers.null_count - invalid
    repeated = identifiers.repeated()
    if repeated is None:
        return Round(key, identifiers, empty, invalid, 0)
    return Round(key, identifiers.without(repeated), empty, invalid, int(repeated.sum()))


def _written(key: Key, cells: Column) -> tuple[TextColumn, int]:
    """Each cell as this key writes it, null for what is empty or invalid, and how many are invalid."""
    if isinstance(cells, TextColumn) and isinstance(key, TextKey) and key.width == "keep" and left_as_they_are(cells):
        return cells, 0
    identifiers: list[str | None] = []
    invalid = 0
    for cell in cells:
        try:
            identifiers.append(identifier(key, cell))
        except ValueError:
            identifiers.append(None)
            invalid += 1
    return TextColumn.of(identifiers), invalid


def left_as_they_are(column: TextColumn) -> bool:
    """Is every one of these a text that `clean` leaves as it is, and none empty? Said of plain ASCII alone, and of all
    at once."""
    if column.null_count or not len(column):
        return False
    content, begins = column.octets, column.starts
    lengths = np.diff(begins)
    if lengths.min() == 0 or lengths.max() > MAX_LENGTH or ((content < ord(" ")) | (content > ord("~"))).any():
        return False
    blank = content == ord(" ")
    return not (
        blank.any() and ((blank[1:] & blank[:-1]).any() or blank[begins[:-1]].any() or blank[begins[1:] - 1].any())
    )


def report(rounds: Sequence[Round], matched: Sequence[Places], rules: Rules) -> dict[str, JsonValue]:
    """How many rows there were, were usable and were matched in each round: counts, and none that is small.

    `matched[k]` are the rows that round k matched. A count is None, "not told", where it is below `rules.smallest`, or
    where what it leaves of its whole is, so that no subtraction gives a small one. All rows may be usable; that all
    have matched is not told, since it tells it of each. InputError for rows that can't have matched.
    """
    if len(matched) != len(rounds):
        raise InputError("each round needs its matched rows", expected=len(rounds), found=len(matched))
    rows = len(rounds[0].identifiers) if rounds else 0
    before = NO_ROWS
    entries: list[JsonValue] = []
    for number, (one, rows_matched) in enumerate(zip(rounds, matched, strict=True), start=1):
        offered = one.left(before)
        if len(np.unique(rows_matched)) != len(rows_matched) or not np.isin(rows_matched, offered).all():
            raise InputError("rows matched that were not in the round", expected="rows of the round", found=number)
        before = np.concatenate((before, rows_matched))
        entries.append(
            {
                "round": number,
                "kind": one.key.kind,
                "usable": _told(one.usable, rows, rules.smallest, all_of_it=True),
                "matched": _told(len(rows_matched), len(offered), rules.smallest, all_of_it=False),
            }
        )
    return {"smallest": rules.smallest, "rows": rows if rows >= rules.smallest else None, "rounds": entries}


def _told(count: int, whole: int, smallest: int, *, all_of_it: bool) -> int | None:
    rest = whole - count
    return count if count >= smallest and (rest >= smallest or (all_of_it and rest == 0)) else None
