"""A scorecard in clear for other programs: a table of points as CSV, and one SQL query that scores a table's rows.

The SQL is standard and runs in SQLite and PostgreSQL as it is: a `CASE` a column, whose sum is the score, equal to
`Scorecard.scores` on every row. Names and categories are other people's text: all of them stand in quotes. A NULL is
missing, and so are an empty text and PostgreSQL's NaN.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence

from placet.core.csv_file import written
from placet.core.errors import InputError
from placet.models.binning import CategoryBins, NumberBins
from placet.models.choices import MAX_CATEGORY
from placet.models.scorecard import Scorecard, ScoredColumn

SCORE = "score"
"""What the query calls what it adds."""
NAME_BYTES = 63
"""Of a name that PostgreSQL tells from another."""


def csv_of(card: Scorecard) -> bytes:
    """A line for each bin that is used, and one for the base: party, column, kind, bin, its ends or its category,
    points."""
    lines: list[Sequence[object]] = [
        ("party", "column", "kind", "bin", "above", "up_to", "category", "points"),
        ("", "", "base", "", "", "", "", card.base),
    ]
    for one in card.columns:
        lines += [(one.party, one.column, one.bins.kind, *words, one.points[cell]) for cell, words in _used(one.bins)]
    return written(lines)


def _used(bins: NumberBins | CategoryBins) -> Iterator[tuple[int, tuple[object, str, str, str]]]:
    """Cells that a value can fall into, with their words."""
    if isinstance(bins, NumberBins):
        for cell, (low, high) in enumerate(itertools.pairwise(("", *bins.edges, ""))):
            yield cell, (cell, low, high, "")
    else:
        for cell, category in enumerate(bins.categories):
            yield cell, (cell, "", "", category)
        yield bins.other, ("other", "", "", "")
    yield bins.missing, ("missing", "", "", "")


def sql_of(card: Scorecard, table: str) -> str:
    """A query that gives each row of the table, and its `score`. The table has a column for each of the card's, by the
    names of `names_of`. InputError for a name or category that no database holds, and for columns that none tells
    apart."""
    points = "\n    + ".join(_points(one, name) for one, name in zip(card.columns, names_of(card), strict=True))
    return (
        "-- Points of a scorecard: numbers are numeric columns, categories text or whole numbers, missing is NULL.\n"
        f"SELECT a.*,\n    CAST({card.base} AS BIGINT)\n    + {points} AS {SCORE}\nFROM {_quoted(table)} AS a;\n"
    )


def names_of(card: Scorecard) -> list[str]:
    """What each column is called in the table: by its own name where neither another party's nor the query's `SCORE` is
    called alike, else with its party behind it. InputError `model.names` where even these are not told apart."""
    own = [_alike(one.column) for one in card.columns]
    names = [
        one.column if own.count(alike) == 1 and alike != SCORE else f"{one.column} ({one.party})"
        for one, alike in zip(card.columns, own, strict=True)
    ]
    if len({_alike(name) for name in names}) < len(names):
        raise InputError(
            "columns of the scorecard have names that a database does not tell apart",
            expected=f"names that differ in {NAME_BYTES} bytes, in more than capitals",
            found=", ".join(sorted(names))[:400],
            code="model.names",
        )
    return names


def _alike(name: str) -> str:
    return name.encode()[:NAME_BYTES].decode(errors="ignore").casefold()


def _points(one: ScoredColumn, name: str) -> str:
    """Edges are written as the floats that they are compared as; NULL and NaN are up to none of them."""
    cell, bins = f"a.{_quoted(name)}", one.bins
    if isinstance(bins, NumberBins):
        value, ends = f"CAST({cell} AS DOUBLE PRECISION)", (*map(float, bins.edges), sys.float_info.max)
        whens = [f"WHEN {value} <= {end!r} THEN {points}" for end, points in zip(ends, one.points, strict=False)]
        return f"CASE {' '.join(whens)} ELSE {one.points[bins.missing]} END"
    return _by_category(cell, bins, one.points)


def _by_category(cell: str, bins: CategoryBins, points: Sequence[int]) -> str:
    """A text that is cut where it is longer than any category stays another one."""
    value = f"COALESCE(CAST({cell} AS VARCHAR({MAX_CATEGORY + 1})), '')"
    whens = [f"WHEN {_text(category)} THEN {points[place]}" for place, category in enumerate(bins.categories)]
    return f"CASE {value} WHEN '' THEN {points[bins.missing]} {' '.join(whens)} ELSE {points[bins.other]} END"


def _quoted(name: str) -> str:
    return '"' + _plain(name).replace('"', '""') + '"'


def _text(category: str) -> str:
    return "'" + _plain(category).replace("'", "''") + "'"


def _plain(text: str) -> str:
    if "\0" in text:
        raise InputError("a name or a category has a zero byte, which no database holds", code="model.names")
    return text
