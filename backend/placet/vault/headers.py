"""Is each column that is asked for in the table, once? What is there is told by its names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from placet.core.errors import DataError

SHOWN = 20
MAX_NAME = 40
_NUMBER = re.compile(r"\s*-?[0-9]+([.,][0-9]*)?\s*", re.ASCII)
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_OTHERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def demand_columns(names: Sequence[str], columns: Sequence[str]) -> None:
    """DataError (`data.column`) for the columns that are missing or stand there twice."""
    missing = [name for name in columns if name not in names]
    if missing:
        raise DataError(
            "a column is missing" if len(missing) == 1 else f"{len(missing)} columns are missing",
            expected=("a column " if len(missing) == 1 else "columns ") + _listed(missing),
            found=_shown(names),
            code="data.column",
        )
    twice = [name for name in columns if names.count(name) > 1]
    if twice:
        raise DataError(
            "a column's name stands in the table twice",
            expected="each name once",
            found="column " + _listed(twice),
            code="data.column",
        )


def other_separator(first: str, columns: Sequence[str]) -> DataError | None:
    """What a first line shows that is not parted by commas; None for one that is, or that names what is wanted."""
    bare = _QUOTED.sub("", first)
    if first.lower().startswith("sep="):
        return DataError(
            "the first line is no header but a spreadsheet's own",
            expected="the names of the columns in line 1",
            found="sep= in line 1",
            remedy="take that line out",
            code="data.malformed",
        )
    for sign, name in _OTHERS.items():
        others = {cell.strip(' "') for cell in first.split(sign)}
        if sign in bare and ("," not in bare or others.intersection(columns)):
            return DataError(
                f"the cells are parted by {name}",
                expected="cells parted by commas",
                found=f"{name} in line 1",
                remedy="save it as CSV with commas",
                code="data.malformed",
            )
    return None


def _shown(names: Sequence[str]) -> str:
    """What is there, by name; a first line with numbers in it may be somebody's row, and is not shown."""
    if not names:
        return "no columns"
    if any(map(_NUMBER.fullmatch, names)):
        return f"{len(names)} columns, some with a number for a name: is the first line a row, and no header?"
    return ("column " if len(names) == 1 else "columns ") + _listed(names)


def _listed(names: Sequence[str]) -> str:
    listed = ", ".join(repr(name if len(name) <= MAX_NAME else name[:MAX_NAME] + "…") for name in names[:SHOWN])
    return listed if len(names) <= SHOWN else f"{listed} and {len(names) - SHOWN} more"
