"""Databases that outlive a version of Placet are made and upgraded by alembic's revisions, in one transaction.

A database's revisions lie in its room, in the package: `node/migrations/`, `vault/migrations/`. The first
revision makes the tables as they were before there were revisions (`tables.create`). So that revision fills
an empty database, takes over one that has these tables and no version yet, and refuses one with other tables.

An upgrade that is killed has not happened: SQLite and PostgreSQL both take changes of tables back. Python's
driver for SQLite would not begin a transaction for them by itself, so it is begun here by hand.
https://docs.sqlalchemy.org/en/21/dialects/sqlite.html#enabling-non-legacy-sqlite-transactional-modes-with-the-sqlite3-or-aiosqlite-driver
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from placet.core.errors import ConfigError, StateError

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "alembic_version"
_ONE = threading.Lock()  # alembic knows one migration a process at a time: `alembic.context`, `alembic.op`
_LOCK = 0x706C61636574  # "placet": PostgreSQL's advisory locks are numbers, one space of them a database


@dataclass(frozen=True)
class DatabaseSchema:
    """The tables of one kind of database as this version knows them, and the folder of alembic's environment that leads
    to them. A revision's file has the revision's name, and the names ascend: `node_0001.py`, `node_0002.py`."""

    name: str
    folder: Path
    metadata: Sequence[sa.MetaData]

    @property
    def revisions(self) -> list[str]:
        """From the first to the newest. Read from the folder, for alembic costs half a second of a node's start."""
        return sorted(file.stem for file in (self.folder / "versions").glob("[!_]*.py"))


def upgrade(engine: sa.Engine, schema: DatabaseSchema) -> None:
    """Make the database's tables, or bring them to this version. Processes that do so at once wait for each other.

    ConfigError `database.version` for a database of a newer version and for one that is no such database: it stays as
    it is. StateError `database.damaged` where rows of the upgraded tables point to rows that are not there.
    """
    with _ONE, _alone(engine) as connection:
        versions, revisions = _versions(connection), schema.revisions
        if versions == revisions[-1:]:
            return
        if not set(versions) <= set(revisions):
            raise ConfigError(
                f"the {schema.name}'s database was made by a newer version",
                expected=f"revision {revisions[-1]} or an earlier one",
                found=f"revision {', '.join(versions)}",
                remedy="run the version that made it, or restore the copy that was made before the upgrade",
                code="database.version",
            )
        from alembic import command

        command.upgrade(_config(schema, connection), "head")
        if connection.dialect.name == "sqlite":
            _demand_whole(connection)


def demand_current(engine: sa.Engine, schema: DatabaseSchema) -> None:
    """ConfigError `database.version` unless the database is of this very version: for who works beside the process that
    the database belongs to, and so may not upgrade it under that one's feet. Writes nothing."""
    with engine.connect() as connection:
        versions = _versions(connection)
    newest = schema.revisions[-1]
    if versions != [newest]:
        raise ConfigError(
            f"the {schema.name}'s database is of another version than this program",
            expected=f"revision {newest}",
            found=f"revision {', '.join(versions)}" if versions else "no tables yet",
            remedy=f"start the {schema.name} with this version: it upgrades its database itself",
            code="database.version",
        )


def run() -> None:
    """What alembic's `env.py` of every database does: the revisions, on the connection that `upgrade` opened."""
    from alembic import context

    connection: sa.Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=context.config.attributes["metadata"],
        version_table=VERSION_TABLE,
        version_table_schema=sa.inspect(connection).default_schema_name,
        transactional_ddl=True,
        render_as_batch=True,
    )
    context.run_migrations()


def _config(schema: DatabaseSchema, connection: sa.Connection) -> Config:
    """Alembic's settings without an alembic.ini."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection, "metadata": list(schema.metadata)})
    config.set_main_option("script_location", str(schema.folder).replace("%", "%%"))
    return config


def _versions(connection: sa.Connection) -> list[str]:
    """The revision where the database is: none for one that has no tables yet, or was made before there were any."""
    inspector = sa.inspect(connection)
    schema = inspector.default_schema_name
    if not inspector.has_table(VERSION_TABLE, schema=schema):
        return []
    table = sa.table(VERSION_TABLE, sa.column("version_num"), schema=schema)
    return sorted(connection.execute(sa.select(table.c.version_num)).scalars())


@contextlib.contextmanager
def _alone(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction, while no other process has one from here on the same database."""
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            yield connection
        return
    # The lock is taken before the first connection: SQLite refuses one of two that turn to the write-ahead log at once.
    with _locked(engine.url.database), engine.connect() as connection, _sqlite_ddl(connection):
        yield connection


@contextlib.contextmanager
def _locked(file: str | None) -> Iterator[None]:
    """Hold the folder of a SQLite file; a database in memory is nobody else's."""
    if not file or file == ":memory:":
        yield
        return
    folder = os.open(Path(file).parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


@contextlib.contextmanager
def _sqlite_ddl(connection: sa.Connection) -> Iterator[None]:
    """A transaction that holds changes of tables too. Foreign keys are not enforced in it, since a table that is made
    anew and renamed (alembic's batch mode) is dropped for a moment: https://www.sqlite.org/lang_altertable.html#otheralter
    """
    driver = cast(sqlite3.Connection, connection.connection.driver_connection)
    level, (enforced,) = driver.isolation_level, driver.execute("PRAGMA foreign_keys").fetchone()
    driver.isolation_level = None
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        with connection.begin():
            if not driver.in_transaction:
                driver.execute("BEGIN IMMEDIATE")
            yield
    finally:
        driver.execute(f"PRAGMA foreign_keys={enforced}")
        driver.isolation_level = level


def _demand_whole(connection: sa.Connection) -> None:
    row = connection.exec_driver_sql("PRAGMA foreign_key_check").mappings().first()
    if row is not None:
        raise StateError(
            "the upgraded database would have rows that point to none",
            found=f"table {row['table']}, which refers to {row['parent']}",
            remedy="restore a copy of the database",
            code="database.damaged",
        )
