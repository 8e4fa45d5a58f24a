"""A database of this version is opened again; one of another version is refused, whole and unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from placet.chain.tables import create
from placet.core.errors import ConfigError


def tables(*columns: str) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("kept", metadata, sa.Column("id", sa.Integer, primary_key=True), *(sa.Column(c, sa.Text) for c in columns))
    return metadata


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    made = sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    create(made, tables("old", "both"))
    with made.begin() as connection:
        connection.execute(sa.text("INSERT INTO kept VALUES (1, 'a', 'b')"))
    return made


def rows(engine: sa.Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text("SELECT * FROM kept"))]


def test_what_is_there_stays(engine: sa.Engine) -> None:
    create(engine, tables("both", "old"))
    assert rows(engine) == [(1, "a", "b")]


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (("both",), "missing: none; more: old"),
        (("old", "both", "new"), "missing: new; more: none"),
        (("both", "new"), "missing: new; more: old"),
    ],
)
def test_another_version_is_refused(engine: sa.Engine, columns: tuple[str, ...], found: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        create(engine, tables(*columns))
    assert (refusal.value.code, refusal.value.found) == ("database.version", found)
    assert rows(engine) == [(1, "a", "b")]
