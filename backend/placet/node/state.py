"""The node's own tables. They hold no subject, no opening of an enrolment and no client address."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite

from placet.chain.storage import storage_error, told
from placet.core.errors import ConfigError

metadata = sa.MetaData()


def _bytes(size: int) -> sa.LargeBinary:
    return sa.LargeBinary(size)


batches = sa.Table(
    "node_batches",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("offer", _bytes(32), nullable=False),
    sa.Column("root", _bytes(32), nullable=False),
    sa.Column("leaves", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("block", sa.BigInteger),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("retry_at", sa.BigInteger, nullable=False, default=0),
    sa.Column("error", sa.String(200)),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("offer", "root"),
    sa.Index("node_batches_state", "state"),
)
"""`state`: written → anchored. `leaves`: the consent ids, 32 bytes each, ascending."""

consents = sa.Table(
    "node_consents",
    metadata,
    sa.Column("id", _bytes(32), primary_key=True),
    sa.Column("offer", _bytes(32), nullable=False),
    sa.Column("owner", _bytes(84), nullable=False),
    sa.Column("not_before", sa.BigInteger, nullable=False),
    sa.Column("not_after", sa.BigInteger, nullable=False),
    sa.Column("first_opening", sa.BigInteger, nullable=False),
    sa.Column("uses", sa.BigInteger, nullable=False),
    sa.Column("enrolment", _bytes(32), nullable=False),
    sa.Column("salt", _bytes(32), nullable=False),
    sa.Column("language", sa.String(8), nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
    sa.Column("route", sa.String(8), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("batch", sa.Integer, sa.ForeignKey("node_batches.id")),
    sa.Column("block", sa.BigInteger),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("retry_at", sa.BigInteger, nullable=False, default=0),
    sa.Column("error", sa.String(200)),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Index("node_consents_owner", "owner"),
    sa.Index("node_consents_batch", "batch"),
    sa.Index("node_consents_work", "status", "route", "offer"),
)
"""`route`: batch or grant. `status`: pending → anchoring → given, or refused; what the chain says comes on top."""

withdrawals = sa.Table(
    "node_withdrawals",
    metadata,
    sa.Column("consent", _bytes(32), primary_key=True),
    sa.Column("owner", _bytes(84), nullable=False),
    sa.Column("offer", _bytes(32), nullable=False),
    sa.Column("not_before", sa.BigInteger, nullable=False),
    sa.Column("not_after", sa.BigInteger, nullable=False),
    sa.Column("first_opening", sa.BigInteger, nullable=False),
    sa.Column("uses", sa.BigInteger, nullable=False),
    sa.Column("details", _bytes(32), nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
    sa.Column("batch", _bytes(32)),
    sa.Column("proof", sa.LargeBinary),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("block", sa.BigInteger),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("retry_at", sa.BigInteger, nullable=False, default=0),
    sa.Column("error", sa.String(200)),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Index("node_withdrawals_state", "state"),
)
"""`state`: written → mined, or refused by the owner's contract, and then maybe written again.

With `batch` the withdrawal carries its proof (32 bytes a sibling)."""

proof_tags = sa.Table(
    "node_proof_tags",
    metadata,
    sa.Column("consent", _bytes(32), primary_key=True),
    sa.Column("offer", _bytes(32), nullable=False),
    sa.Column("owner", _bytes(84), nullable=False),
    sa.Column("not_before", sa.BigInteger, nullable=False),
    sa.Column("not_after", sa.BigInteger, nullable=False),
    sa.Column("first_opening", sa.BigInteger, nullable=False),
    sa.Column("uses", sa.BigInteger, nullable=False),
    sa.Column("tag", _bytes(32), nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Index("node_proof_tags_offer", "offer", "consent"),
)
"""Tags by which owners prove that a consent of theirs lives, once given; the rest of a row is what the consent says."""

nonces = sa.Table(
    "node_nonces",
    metadata,
    sa.Column("signer", _bytes(84), primary_key=True),
    sa.Column("nonce", _bytes(32), primary_key=True),
    sa.Column("expiry", sa.BigInteger, nullable=False),
    sa.Index("node_nonces_expiry", "expiry"),
)
"""Nonces of signed requests, until these expire."""

counters = sa.Table(
    "node_counters",
    metadata,
    sa.Column("key", sa.String(96), primary_key=True),
    sa.Column("window", sa.BigInteger, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("expiry", sa.BigInteger, nullable=False),
    sa.Index("node_counters_expiry", "expiry"),
)
"""How often something happened in a window of time. Keys that stand for a person are HMACs."""

runs = sa.Table(
    "node_runs",
    metadata,
    sa.Column("job", _bytes(32), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("block", sa.BigInteger),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("offer", _bytes(32)),
    sa.Column("nth", sa.Integer),
    sa.Index("node_runs_outcome", "outcome"),
    sa.Index("node_runs_offer", "offer"),
)
"""Attempts of jobs that used consents, which are to `offer`. `block` and `outcome` are the job's, as far as the chain
tells; `nth` counts the jobs here that used any of its consents, up to it. Older runs have neither offer nor number."""

uses = sa.Table(
    "node_uses",
    metadata,
    sa.Column("job", _bytes(32), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("prefix", sa.Integer, primary_key=True),
    sa.Column("first", _bytes(32), primary_key=True),
    sa.Column("consents", sa.LargeBinary, nullable=False),
)
"""Which consents a run used: `consents` are ids of one prefix (12 bits), 32 bytes each, from `first` on ascending. One
row a prefix and not one a consent, since a run may use millions."""

erasures = sa.Table(
    "node_erasures",
    metadata,
    sa.Column("consent", _bytes(32), primary_key=True),
    sa.Column("owner", _bytes(32), nullable=False),
    sa.Column("offer", _bytes(32), nullable=False),
    sa.Column("asked", sa.BigInteger, nullable=False),
    sa.Column("due", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.String(400)),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("jobs", sa.LargeBinary),
    sa.Column("receipt", sa.Text),
    sa.Column("block", sa.BigInteger),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("retry_at", sa.BigInteger, nullable=False, default=0),
    sa.Column("error", sa.String(200)),
    sa.Index("node_erasures_owner", "owner"),
    sa.Index("node_erasures_state", "state"),
)
"""Consents whose erasure was asked for: asked → told (others know) → erased → anchored. `owner` is a keyed tag, by
which the owner finds them when his key is here no more; until `due` the law keeps the record, for `reason`."""

erasure_notices = sa.Table(
    "node_erasure_notices",
    metadata,
    sa.Column("consent", _bytes(32), primary_key=True),
    sa.Column("holder", _bytes(20), primary_key=True),
    sa.Column("jobs", sa.LargeBinary, nullable=False),
    sa.Column("mark", sa.LargeBinary),
    sa.Column("receipt", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("retry_at", sa.BigInteger, nullable=False, default=0),
    sa.Column("error", sa.String(200)),
)
"""Whom an erasure is told to. `mark`: sealed, by what the holder finds the person; gone once the holder's `receipt` is
here. `jobs`: ids, 32 bytes each."""

leadership = sa.Table(
    "node_leadership",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("term", sa.BigInteger, nullable=False),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("beat", sa.BigInteger, nullable=False),
    sa.Column("api_port", sa.Integer, nullable=False),
    sa.Column("peer_port", sa.Integer, nullable=False),
    sa.Column("indexed", sa.BigInteger),
)
"""One row, of the process that leads: its `term` (1 for the first), the name of its connections to the database, when
it last showed itself (milliseconds, by the database's clock), where it listens on this machine (0: nowhere yet), and
the last block that it has indexed."""

sessions = sa.Table(
    "node_sessions",
    metadata,
    sa.Column("token", _bytes(32), primary_key=True),
    sa.Column("signer", _bytes(84)),
    sa.Column("expires", sa.Float, nullable=False),
    sa.Index("node_sessions_expires", "expires"),
)
"""Sessions of browsers by the hash of their tokens, where several processes know of them."""

reservations = sa.Table(
    "node_reservations",
    metadata,
    sa.Column("holder", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(96), primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("expiry", sa.BigInteger, nullable=False),
    sa.Index("node_reservations_key", "key"),
)
"""What processes have reserved of a counter's budget and not counted yet. `expiry`: for who was killed meanwhile."""

_READING = "placet_reading"
_TIMEOUTS = {"connect_timeout": 5, "tcp_user_timeout": 5000}
"""Of a database that does not answer: seconds to connect, milliseconds for what is sent."""


def open_engine(url: str, name: str = "placet") -> sa.Engine:
    """An engine on SQLite (WAL, foreign keys, waits for locks) or PostgreSQL; ConfigError for others. `name` is what
    PostgreSQL calls its connections."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise ConfigError("the database URL is malformed", expected="sqlite:///… or postgresql://…") from None
    if parsed.get_backend_name() == "postgresql":
        engine = sa.create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            hide_parameters=True,
            pool_pre_ping=True,
            max_overflow=20,
            connect_args={"application_name": name} | _TIMEOUTS,
        )
        return told(engine).execution_options(isolation_level="READ COMMITTED")
    if parsed.get_backend_name() != "sqlite":
        raise ConfigError("this database is not supported", expected="sqlite or postgresql", found=parsed.drivername)
    if parsed.database:
        try:
            Path(parsed.database).touch(mode=0o600)
        except OSError as error:
            raise storage_error(error) or ConfigError(
                "the database can't be made", found=f"{parsed.database}: {error.strerror}"
            ) from None
    engine = sa.create_engine(parsed, hide_parameters=True, connect_args={"timeout": 30, "check_same_thread": False})
    event.listen(engine, "connect", _sqlite_settings)
    event.listen(engine, "begin", _sqlite_begin)
    return told(engine)


def _sqlite_settings(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "busy_timeout=30000", "foreign_keys=ON", "synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: sa.Connection) -> None:
    # A deferred transaction that reads first can't wait for the write lock any more: SQLite fails it at once.
    # So each one takes the lock when it begins, and none may be opened within another; but for those that only read.
    only_reads = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")


def reading(engine: sa.Engine) -> sa.Connection:
    """A connection that only reads: on SQLite it waits for no writer."""
    return engine.connect().execution_options(**{_READING: True})


def insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT of the connection's database, which knows `on_conflict…`."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def insert_new(connection: sa.Connection, table: sa.Table, values: dict[str, Any]) -> bool:
    """Insert a row unless its primary key is there already; whether it was new. On both databases without an error."""
    key = table.primary_key.columns.values()[0]
    added = insert(connection, table).values(**values).on_conflict_do_nothing().returning(key)
    return connection.execute(added).first() is not None


def now() -> int:
    """Wall clock in Unix seconds."""
    return int(time.time())
