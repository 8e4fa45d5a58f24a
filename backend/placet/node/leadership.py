"""One process of an institution leads: it alone sends transactions, reads the chain into the index, and runs jobs.

Who leads holds PostgreSQL's advisory lock on one connection, and shows itself in `node_leadership` every second. Any
number of others wait for the lock:

    waiting ── the lock is free: the leader ended, or its machine closed its connections ──────────────┐
       ├────── it has not shown itself for `HUNG_SECONDS`, and its process does nothing meanwhile ─────┤
       └────── it has not shown itself for `SILENT_SECONDS`: its connections are ended ────────────────┤
                                                                                                       ▼
    leading in the next term ◀── connections of the leader before are ended, the term is raised ── has the lock
       └────── the connection is lost, or the term is another's: this process ends, at once

A process that is held up may still believe that it leads when another one does. So every transaction of a leader that
writes locks the row of its term as its last act (`fence`): raising the term waits for those that have it, and none that
comes later commits. Nothing leaves a leader that is not in the database before: what a leader of a past term signs,
says to peers or sends is what it wrote while it led.

A lock is of a session, and so needs connections of one's own: no pooler that shares them between transactions.
https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from placet.chain.processes import identity, progress
from placet.core.errors import ConfigError, StateError, StorageError
from placet.core.hashing import sha256
from placet.node.state import leadership, open_engine

LOOK_SECONDS = 0.5
"""Between two tries of the lock."""
BEAT_SECONDS = 1.0
SILENT_SECONDS = 10.0
"""After so long without a sign of life another process takes over from one that hangs; who dies gives the lock back.
Longer than one call keeps the interpreter from the thread that shows itself, such as reading a million leaves."""
HUNG_SECONDS, STILL_SECONDS = 3.5, 1.8
"""After so long where the leader is a process of this machine which has used no processor time for the second of the
two, and for which the database does nothing: it is stopped, and neither computes nor waits for an answer."""
_LOCK = 0x706C6163
"""The advisory lock's first number; the second is the schema's, for a database may hold several institutions."""
_NOW = sa.cast(sa.func.extract("epoch", sa.func.clock_timestamp()) * 1000, sa.BigInteger)
_SCHEMA = sa.text("(SELECT oid::int FROM pg_namespace WHERE nspname = current_schema())")
_WROTE = "placet_wrote"
CHANNEL = "placet_work"
"""PostgreSQL's notifications by which other processes wake the leader."""

log = logging.getLogger("placet.node.leadership")


@dataclass(frozen=True)
class Leader:
    """Who leads, and where it listens on this machine."""

    term: int
    api_port: int
    peer_port: int


@dataclass(frozen=True)
class Presence:
    """What a leader tells the other processes: where it listens on this machine (0: nowhere), the last block that it
    has indexed."""

    api_port: int
    peer_port: int
    indexed: Callable[[], int | None]


class Leadership:
    """One process's claim. `wait` for it, then work with `database`, whose writes are fenced, and `hold` it."""

    def __init__(self, url: str) -> None:
        demand_postgresql(url)
        self.name = f"placet-{_process(os.getpid())}-{secrets.token_hex(8)}"
        self.term = 0
        self.database = open_engine(url, self.name)
        self._sessions = open_engine(url, self.name)
        self._session: sa.Connection | None = None
        self._ended = threading.Event()
        self._still = _Standstill()

    def wait(self) -> int:
        """Until this process leads; its term. A database that is away is waited for too."""
        said = False
        while not self.term:
            try:
                self.term = self._try()
            except (StorageError, DBAPIError) as error:
                log.warning("the database can't be asked who leads: %s", type(error).__name__)
                self._drop()
            if not self.term:
                if not said:
                    log.info("another process leads: waiting")
                    said = True
                time.sleep(LOOK_SECONDS)
        fence(self.database, self.term)
        log.info("leading in term %d", self.term)
        return self.term

    def hold(self, presence: Presence, wake: Callable[[], None], lost: Callable[[], None]) -> None:
        """Until `end`, in a thread: show a sign of life every second and `wake` for each notification; `lost` once, if
        another process leads or may lead."""
        threading.Thread(target=self._hold, args=(presence, wake, lost), name="leadership", daemon=True).start()

    def _hold(self, presence: Presence, wake: Callable[[], None], lost: Callable[[], None]) -> None:
        try:
            while not self._ended.is_set():
                self._beat(presence)
                self._listen(wake)
        except Exception as error:  # whatever it was, nothing shows any more that this process leads
            if not self._ended.is_set():
                log.error("leading no more: %s", type(error).__name__)
                lost()

    def end(self) -> None:
        """Give the lock back; another process may lead at once."""
        self._ended.set()
        self._drop()
        self.database.dispose()

    def _connection(self) -> sa.Connection:
        if self._session is None:
            self._session = self._sessions.connect().execution_options(isolation_level="AUTOCOMMIT")
        return self._session

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.invalidate()
            session.close()
        self._sessions.dispose()

    def _try(self) -> int:
        """The term, where this process leads now; 0 else."""
        connection = self._connection()
        if not connection.execute(sa.select(sa.func.pg_try_advisory_lock(_LOCK, _SCHEMA))).scalar_one():
            self._end_silent(connection)
            return 0
        before = connection.execute(sa.select(leadership.c.name)).scalar()
        if before is None:
            row = {"id": 1, "term": 1, "name": self.name, "api_port": 0, "peer_port": 0}
            connection.execute(sa.insert(leadership).values(beat=_NOW, **row))
            return 1
        _end_connections(connection, before)
        mine = {"term": leadership.c.term + 1, "name": self.name, "beat": _NOW, "api_port": 0, "peer_port": 0}
        return int(connection.execute(sa.update(leadership).values(mine).returning(leadership.c.term)).scalar_one())

    def _end_silent(self, connection: sa.Connection) -> None:
        """End the connections of a leader that hangs, so that the next try has the lock."""
        row = connection.execute(sa.select(leadership.c.name, _NOW - leadership.c.beat)).one_or_none()
        if row is None:
            return
        name, silent = row[0], row[1] / 1000
        hung = self._still.lasts(name, silent) and not _is_served(connection, name)
        if hung or silent > SILENT_SECONDS:
            log.warning("the leader has shown no sign of life for %.1f s: taking over", silent)
            _end_connections(connection, name)

    def _beat(self, presence: Presence) -> None:
        alive = {"beat": _NOW, "api_port": presence.api_port, "peer_port": presence.peer_port}
        alive["indexed"] = presence.indexed()
        mine = sa.update(leadership).where(leadership.c.term == self.term).values(alive)
        if self._connection().execute(mine).rowcount != 1:
            raise lost_to_another()

    def _listen(self, wake: Callable[[], None]) -> None:
        driver: Any = self._connection().connection.driver_connection
        driver.execute(f"LISTEN {CHANNEL}")
        until = time.monotonic() + BEAT_SECONDS
        while (left := until - time.monotonic()) > 0 and not self._ended.is_set():
            for _ in driver.notifies(timeout=left, stop_after=1):
                wake()


class _Standstill:
    """How long the leader's process has done nothing, as seen by one that waits on the same machine."""

    def __init__(self) -> None:
        self._seen: tuple[str, int] | None = None
        self._since = 0.0

    def lasts(self, name: str, silent: float) -> bool:
        """Has the leader of that name, silent for so many seconds, neither waited for a core nor used
        processor time for `STILL_SECONDS`? False where its process can't be seen."""
        owner = _OWNER.match(name)
        if silent < HUNG_SECONDS - STILL_SECONDS or owner is None or _process(int(owner[2])) != owner[1]:
            self._seen = None
            return False
        seen = progress(int(owner[2]))
        if seen is None or seen[1] or (name, seen[0]) != self._seen:
            self._seen, self._since = None if seen is None else (name, seen[0]), time.monotonic()
            return False
        return silent > HUNG_SECONDS and time.monotonic() - self._since >= STILL_SECONDS


def _process(pid: int) -> str:
    """A process and its start, as a part of a connection's name: another machine's, or a later one, is none of it."""
    return f"{pid}-{sha256((identity(pid) or '').encode()).hex()[:12]}"


_OWNER = re.compile(r"placet-(([0-9]+)-[0-9a-f]{12})-")
"""The process in a connection's name."""


def is_postgresql(url: str) -> bool:
    """Whether a database's URL is of PostgreSQL."""
    return url.startswith(("postgresql:", "postgresql+"))


def demand_postgresql(url: str) -> None:
    """ConfigError `role.database` for another database: SQLite is for one process."""
    if not is_postgresql(url):
        raise ConfigError(
            "only PostgreSQL serves several processes of one institution",
            expected="database_url = postgresql://…",
            found="another one",
            remedy="set PLACET_NODE_DATABASE_URL, or run one process without --role",
            code="role.database",
        )


def leader(engine: sa.Engine) -> Leader | None:
    """Who leads and has shown itself lately; None if nobody has."""
    lately = leadership.c.beat >= _NOW - int(SILENT_SECONDS * 1000)
    query = sa.select(leadership.c.term, leadership.c.api_port, leadership.c.peer_port).where(lately)
    with engine.connect() as connection:
        row = connection.execute(query.where(leadership.c.api_port > 0)).one_or_none()
    return None if row is None else Leader(*row)


def call(engine: sa.Engine) -> None:
    """Wake the leader: there is work in the database."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.select(sa.func.pg_notify(CHANNEL, "")))


def fence(engine: sa.Engine, term: int) -> None:
    """Let only what is written in this term commit: StateError `leadership.lost` in place of any other commit."""
    event.listen(engine, "begin", _begin)
    event.listen(engine, "before_cursor_execute", _note)
    # FOR SHARE: while this transaction lasts, nobody raises the term; a term that is being raised is waited for.
    mine = sa.select(leadership.c.term).where(leadership.c.term == term).with_for_update(read=True)

    def check(connection: sa.Connection) -> None:
        if connection.info.pop(_WROTE, False) and connection.execute(mine).first() is None:
            raise lost_to_another()

    event.listen(engine, "commit", check)


def lost_to_another() -> StateError:
    """What a leader of a past term is told."""
    return StateError(
        "another process of this institution leads", remedy="this one ends by itself", code="leadership.lost"
    )


def _begin(connection: sa.Connection) -> None:
    connection.info.pop(_WROTE, None)


def _note(connection: sa.Connection, cursor: Any, statement: str, *_: Any) -> None:
    """Statements that read alone begin so."""
    if not statement.lstrip().startswith("SELECT"):
        connection.info[_WROTE] = True


_ACTIVITY = sa.table("pg_stat_activity", *map(sa.column, ("pid", "application_name", "datname", "state", "wait_event")))
"""https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW"""


def _of_process(name: str) -> sa.ColumnElement[bool]:
    return (_ACTIVITY.c.application_name == name) & (_ACTIVITY.c.datname == sa.func.current_database())


def _is_served(connection: sa.Connection, name: str) -> bool:
    """Does the database do something for that process now? It does nothing where the process takes no answers."""
    works = (_ACTIVITY.c.state == "active") & (_ACTIVITY.c.wait_event.is_distinct_from("ClientWrite"))
    work = connection.execute(sa.select(_ACTIVITY.c.pid).where(_of_process(name), works).limit(1)).first()
    return work is not None


def _end_connections(connection: sa.Connection, name: str) -> None:
    """Of a process of this institution: what it was writing is taken back, and the lock is free."""
    connection.execute(sa.select(sa.func.pg_terminate_backend(_ACTIVITY.c.pid)).where(_of_process(name)))
