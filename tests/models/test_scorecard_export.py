"""A scorecard for other programs: the query gives what `Scorecard.scores` gives, in real databases."""

from __future__ import annotations

import json
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from placet.core.csv_file import plain_cell, read_rows
from placet.core.errors import InputError
from placet.core.values import parse
from placet.models.binning import CategoryBins, NumberBins, fit
from placet.models.choices import Scale
from placet.models.released import json_of
from placet.models.scorecard import Scorecard, ScoredColumn
from placet.models.scorecard_export import csv_of, names_of, sql_of

SCALE = Scale(base_score=600, pdo=20, base_odds=1, higher=0)
EVIL = '"; DROP TABLE applicants; -- '
TABLE = 'people "of" today'


def card(*columns: tuple[str, str, NumberBins | CategoryBins, tuple[int, ...]], base: int = 600) -> Scorecard:
    scored = [ScoredColumn(party=party, column=name, bins=bins, points=points) for party, name, bins, points in columns]
    return Scorecard(label="bad", scale=SCALE, base=base, columns=tuple(scored))


AMOUNTS = NumberBins(bins=5, edges=("-3.5", "0", "0.1", "12345678901234567"))
KINDS = CategoryBins(bins=6, categories=("shop", "O'Brien", "a\\'b", EVIL, "7", "Ж"))
HOSTILE = card(
    ("first-provider", EVIL, AMOUNTS, (-40, 7, 0, 3, 12, 1, -5)),
    ("first-provider", "kind", KINDS, (1, 2, 3, 4, 5, 6, 7, 8)),
    ("consumer", "Kind", KINDS, (10, 20, 30, 40, 50, 60, 70, 80)),
    ("consumer", "x", NumberBins(bins=2, edges=()), (-1, 9, 9, 2**31)),
    ("consumer", "none", CategoryBins(bins=2, categories=()), (9, 9, 4, -(2**31))),
)
KEYS = [(one.party, one.column) for one in HOSTILE.columns]
NUMBERS = [None, -3.5, -3.4999, 0.0, 5e-324, 0.1, 0.10000000000000002, 1e300, -1e300, 1.2345678901234568e16, 3.0]
TEXTS = [None, "", "shop", "Shop", "shop ", "O'Brien", "a\\'b", EVIL, "7", "Ж", "x" * 5000, "%s %(a)s :a ?", "NULL"]
ROWS = [
    (NUMBERS[row % len(NUMBERS)], TEXTS[row % len(TEXTS)], TEXTS[(3 * row + 1) % len(TEXTS)], number, text)
    for row, (number, text) in enumerate(zip(NUMBERS * 3, TEXTS * 3, strict=False))
]


PLAIN = st.characters(blacklist_characters="\0", codec="utf-8")


def expected(rows: list[Any]) -> list[int]:
    return list(map(int, HOSTILE.scores(dict(zip(KEYS, zip(*rows, strict=True), strict=True)))))


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def columns(number: str, text: str) -> str:
    types = (number, text, text, number, text)
    return ", ".join(f"{quoted(name)} {kind}" for name, kind in zip(names_of(HOSTILE), types, strict=True))


def by_sqlite(rows: list[Any]) -> list[int]:
    with sqlite3.connect(":memory:") as database:
        database.execute(f"CREATE TABLE {quoted(TABLE)} ({columns('REAL', 'TEXT')})")
        database.executemany(f"INSERT INTO {quoted(TABLE)} VALUES (?, ?, ?, ?, ?)", rows)  # noqa: S608
        scores = [row[-1] for row in database.execute(sql_of(HOSTILE, TABLE))]
        assert [len(row) for row in database.execute(sql_of(HOSTILE, TABLE))] == [6] * len(rows)
    return scores


def test_sqlite_scores_as_python_does() -> None:
    scores = by_sqlite(ROWS)
    assert scores == expected(ROWS) and all(type(score) is int for score in scores) and len(set(scores)) > 20


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(allow_nan=False, allow_infinity=False) | st.none() | st.integers(-(2**62), 2**62).map(float),
            *[st.sampled_from(TEXTS) | st.text(st.characters(blacklist_characters="\0", codec="utf-8"), max_size=5)]
            * 2,
            st.floats(allow_nan=False, allow_infinity=False) | st.none(),
            st.sampled_from(TEXTS),
        ),
        min_size=1,
        max_size=20,
    )
)
@example([(-0.0, "", "", 1.7976931348623157e308, "")])
def test_sqlite_scores_any_row_as_python_does(rows: list[Any]) -> None:
    assert by_sqlite(rows) == expected(rows)


def test_whole_numbers_and_columns_of_whole_numbers_as_categories() -> None:
    """As the vault has integers: a number's edge is compared as a float is, a category is the number's digits."""
    one = card(("a", "n", AMOUNTS, (1, 2, 3, 4, 5, 6, 7)), ("a", "k", KINDS, (10, 20, 30, 40, 50, 60, 70, 80)))
    rows = [(12345678901234567, 7), (12345678901234569, 70), (0, None), (None, -7), (1, 7), (-4, 0)]
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE applicants (n INTEGER, k INTEGER)")
        database.executemany("INSERT INTO applicants VALUES (?, ?)", rows)
        scores = [row[-1] for row in database.execute(sql_of(one, "applicants"))]
    numbers, kinds = zip(*rows, strict=True)
    assert scores == one.scores({("a", "n"): numbers, ("a", "k"): kinds}).tolist()


SAMPLE = Path(__file__).resolve().parents[2] / "scripts" / "examples" / "marketing" / "retailer.csv"


def test_customers_of_a_sample_are_scored_as_python_does() -> None:
    """Some with a value that is missing, some with a category that is too rare for a bin."""
    with SAMPLE.open("rb") as stream:
        header, *lines = [cells for _, cells in read_rows(stream)]
    rng = np.random.default_rng(5)
    table: dict[str, list[Any]] = {}
    for name, cells in zip(header, zip(*lines, strict=True), strict=True):
        values = [None if rng.random() < 0.1 else cell for cell in cells]
        table[name] = values if name != "age" else [None if one is None else int(one) for one in values]
    scored = []
    for name, values in [*table.items()][1:]:
        bins = fit(values, "number" if name == "age" else "category", 6, least=30)
        scored.append(("retailer", name, bins, tuple(rng.integers(-60, 60, bins.cells).tolist())))
    made = card(*scored)
    codes = {name: set(bins.codes(table[name]).tolist()) for _, name, bins, _ in scored}
    assert all(bins.missing in codes[name] for _, name, bins, _ in scored)
    assert any(bins.other in codes[name] for _, name, bins, _ in scored)
    with sqlite3.connect(":memory:") as database:
        database.execute(f"CREATE TABLE applicants (member TEXT, age INTEGER, {', '.join(header[2:])})")
        marks = ", ".join("?" * len(header))
        database.executemany(f"INSERT INTO applicants VALUES ({marks})", zip(*table.values(), strict=True))  # noqa: S608
        scores = [row[-1] for row in database.execute(sql_of(made, "applicants"))]
    assert scores == made.scores({("retailer", name): table[name] for _, name, _, _ in scored}).tolist()
    assert len(scores) == 400


def exact(cell: Any) -> Any:
    """A float would lose digits on its way into `numeric`."""
    return Decimal(repr(cell)) if isinstance(cell, float) else cell


@pytest.mark.slow
def test_postgresql_scores_as_python_does(postgres_url: str) -> None:
    """NaN is missing there too, as it is in Python."""
    engine = sa.create_engine(postgres_url)
    rows = [*ROWS, (float("nan"), "shop", "", float("nan"), "x")]
    for number in ("double precision", "numeric"):
        connection = engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(f"CREATE TABLE {quoted(TABLE)} (place integer, {columns(number, 'text')})")
            for place, row in enumerate(rows):
                cells = [exact(cell) if number == "numeric" else cell for cell in row]
                cursor.execute(f"INSERT INTO {quoted(TABLE)} VALUES (%s, %s, %s, %s, %s, %s)", (place, *cells))  # noqa: S608
            cursor.execute(sql_of(HOSTILE, TABLE))
            scores = [row[-1] for row in sorted(cursor.fetchall())]
            assert scores == expected(rows), number
        finally:
            connection.rollback()
            connection.close()
    engine.dispose()


def test_the_table_of_points_has_each_cell_that_a_value_can_have(tmp_path: Path) -> None:
    (tmp_path / "card.csv").write_bytes(csv_of(HOSTILE))
    with (tmp_path / "card.csv").open("rb") as stream:
        header, base, *lines = [[plain_cell(cell) for cell in cells] for _, cells in read_rows(stream)]
    assert header == ["party", "column", "kind", "bin", "above", "up_to", "category", "points"]
    assert base == ["", "", "base", "", "", "", "", "600"]
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    for one in HOSTILE.columns:
        own = {row["bin"]: row for row in rows if (row["party"], row["column"]) == (one.party, one.column)}
        cells = {"other": one.bins.other, "missing": one.bins.missing} | {
            str(place): place for place in range(one.bins.bins)
        }
        assert {cells[name] for name in own} == set(one.bins.examples())
        assert {name: int(row["points"]) for name, row in own.items()} == {
            name: one.points[cells[name]] for name in own
        }
    ends = [(row["above"], row["up_to"]) for row in rows[:5]]
    assert ends == [("", "-3.5"), ("-3.5", "0"), ("0", "0.1"), ("0.1", "12345678901234567"), ("12345678901234567", "")]


def test_the_document_is_the_card() -> None:
    again = parse(Scorecard, json.loads(json_of(HOSTILE)))
    assert again == HOSTILE and again.commitment == HOSTILE.commitment


def test_names_that_no_database_tells_apart_are_refused() -> None:
    bins, points = NumberBins(bins=2, edges=()), (0, 0, 0, 0)
    assert names_of(card(("a", "x", bins, points), ("b", "X", bins, points), ("b", "y", bins, points))) == [
        "x (a)", "X (b)", "y",
    ]  # fmt: skip
    assert names_of(card(("a", "Score", bins, points), ("b", "y", bins, points))) == ["Score (a)", "y"]
    for two in (
        (("a", "x", bins, points), ("a", "X", bins, points)),
        (("a", "é" * 32 + "a", bins, points), ("a", "é" * 32 + "b", bins, points)),
        (("a", "x", bins, points), ("b", "x", bins, points), ("c", "x (a)", bins, points)),
    ):
        with pytest.raises(InputError) as caught:
            sql_of(card(*two), "applicants")
        assert caught.value.code == "model.names"
    with pytest.raises(InputError):
        sql_of(card(("a", "x\0y", bins, points)), "applicants")
