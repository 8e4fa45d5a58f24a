"""The vault's own SQLite file: what is not a table. Everything that could point to a person is sealed, or
is a tag under the vault's key: which consents have one owner's key can be seen, and not which key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from placet.chain.storage import told

METADATA = sa.MetaData()
_CACHE = 1 << 16
"""KiB of pages that a connection holds at the most. The index of owners' tags is written to at random: where its pages
do not stay, a big batch writes each of them to the log again and again."""

DATASETS = sa.Table(
    "datasets",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)
OFFERS = sa.Table(
    "offers",
    METADATA,
    sa.Column("offer", sa.LargeBinary(32), primary_key=True),
    sa.Column("dataset", sa.String(64), nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)
CONSENTS = sa.Table(
    "consents",
    METADATA,
    sa.Column("consent", sa.LargeBinary(32), primary_key=True),
    sa.Column("offer", sa.LargeBinary(32), nullable=False, index=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("owner", sa.LargeBinary(32), nullable=True, index=True),
    sa.Column("batch", sa.LargeBinary(32), nullable=True),
)
"""`owner`: the keyed tag of the owner's key, by which he finds his own. `batch`: the root of that in which the
consent is."""
ERASED = sa.Table("erased", METADATA, sa.Column("consent", sa.LargeBinary(32), primary_key=True))
"""Consents that were erased, by their numbers, which lead to nobody: none of them comes in again."""
BATCHES = sa.Table(
    "batches",
    METADATA,
    sa.Column("offer", sa.LargeBinary(32), primary_key=True),
    sa.Column("root", sa.LargeBinary(32), primary_key=True),
    sa.Column("leaves", sa.LargeBinary, nullable=False),
)
ENROLMENTS = sa.Table(
    "enrolments",
    METADATA,
    sa.Column("enroller", sa.LargeBinary(20), primary_key=True),
    sa.Column("root", sa.LargeBinary(32), primary_key=True),
    sa.Column("signed", sa.Text, nullable=False),
    sa.Column("leaves", sa.LargeBinary, nullable=False),
)
"""Batches of enrolments that consents rely on. A leaf is a hash over a salted commitment: it says nothing of anybody,
and stays when a consent's record is erased."""
LAWFUL = sa.Table(
    "lawful",
    METADATA,
    sa.Column("offer", sa.LargeBinary(32), primary_key=True),
    sa.Column("root", sa.LargeBinary(32), primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)
SIGNED = sa.Table(
    "signed",
    METADATA,
    sa.Column("offer", sa.LargeBinary(32), primary_key=True),
    sa.Column("root", sa.LargeBinary(32), primary_key=True),
    sa.Column("job", sa.LargeBinary(32), primary_key=True),
    sa.Column("open_by", sa.BigInteger, nullable=True, index=True),
)
"""What a lawful set was signed for; no `open_by` once the job is open."""
MATCHES = sa.Table(
    "matches",
    METADATA,
    sa.Column("job", sa.LargeBinary(32), primary_key=True),
    sa.Column("dataset", sa.LargeBinary(32), primary_key=True),
    sa.Column("consumer", sa.LargeBinary(20), nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)
MODELS = sa.Table(
    "models",
    METADATA,
    sa.Column("job", sa.LargeBinary(32), primary_key=True),
    sa.Column("attempt", sa.BigInteger, primary_key=True),
    sa.Column("dataset", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("ready", sa.Boolean, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)
SEEN = sa.Table(
    "seen",
    METADATA,
    sa.Column("what", sa.String(32), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)


def open_engine(path: Path) -> sa.Engine:
    """The SQLite file at `path`, made empty if it is not there, so set up that what is deleted is overwritten."""
    path.touch(mode=0o600, exist_ok=True)
    engine = sa.create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _pragmas)
    return told(engine)


def _pragmas(connection: Any, _record: object) -> None:
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",
        "busy_timeout=10000",
        f"cache_size=-{_CACHE}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def forget(engine: sa.Engine) -> None:
    """After a deletion: empties the write-ahead log too, so that no copy of the deleted is left in the folder."""
    with engine.connect() as connection:
        connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
