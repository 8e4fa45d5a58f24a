"""What a database or a file system says when it can't write, as Placet's error: full, read-only, damaged, busy."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError

from placet.core.errors import StorageError
from placet.core.storage import BUSY, DAMAGED, FAILED, FULL, READ_ONLY, failure, system_error

LEAST_FREE = 16 << 20
"""Bytes that must be free where a database lies: SQLite needs some to take anything back too."""
_SQLITE = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_IOERR: FAILED,
    sqlite3.SQLITE_CANTOPEN: FAILED,
}
_POSTGRESQL = {"53100": FULL, "25006": READ_ONLY, "53300": BUSY, "55P03": BUSY, "40P01": BUSY}
"""https://www.postgresql.org/docs/current/errcodes-appendix.html"""


def told(engine: Engine) -> Engine:
    """The engine, whose errors of a full, read-only, busy, damaged or absent database are StorageErrors from now on."""
    event.listen(engine, "handle_error", _translated)
    return engine


def _translated(context: ExceptionContext) -> StorageError | None:
    return storage_error(context.original_exception)


def storage_error(error: BaseException) -> StorageError | None:
    """Why something could not be stored; None if the error is about something else."""
    for place in _causes(error):
        if isinstance(place, StorageError):
            return place
        if isinstance(place, OSError):
            full = system_error(place)
            if full is not None:
                return full
        elif (code := _code(place)) is not None:
            return failure(code, _where(place))
    return None


def space_error(folder: Path) -> StorageError | None:
    """What keeps this folder from being written to, without writing: a full or a read-only file system."""
    try:
        state = os.statvfs(folder)
    except OSError as error:
        return storage_error(error)
    code = READ_ONLY if state.f_flag & os.ST_RDONLY or not os.access(folder, os.W_OK) else None
    free = state.f_bavail * state.f_frsize
    if code is None and free < LEAST_FREE:
        code = FULL
    if code is None:
        return None
    return failure(code, f"{folder}: {free >> 20} MiB free" if code == FULL else folder)


def demand_space(folder: Path) -> None:
    """StorageError unless this folder can be written to."""
    error = space_error(folder)
    if error is not None:
        raise error


def overwrite_deleted(engine: Engine) -> None:
    """After a deletion on SQLite: empty the write-ahead log too, so that no copy of what is deleted stays."""
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    place: BaseException | None = error
    while place is not None and id(place) not in seen:
        seen.add(id(place))
        yield place
        place = place.orig if isinstance(place, DBAPIError) and place.orig is not None else place.__cause__


def _code(error: BaseException) -> str | None:
    if isinstance(error, sqlite3.Error):
        number = getattr(error, "sqlite_errorcode", None)
        return None if number is None else _SQLITE.get(number & 0xFF)
    if not hasattr(error, "sqlstate"):
        return None
    lost = FAILED if type(error).__name__ == "OperationalError" else None
    return _POSTGRESQL.get(str(error.sqlstate), lost)


def _where(error: BaseException) -> str:
    """The driver's own short text: it names no row."""
    return getattr(error, "sqlite_errorname", None) or str(getattr(error, "sqlstate", type(error).__name__))
