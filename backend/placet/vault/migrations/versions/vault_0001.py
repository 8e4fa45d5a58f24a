"""The tables as they were before there were revisions: a database that has them is taken over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from placet.chain.tables import create

revision = "vault_0001"
down_revision = None

metadata = sa.MetaData()
sa.Table(
    "datasets",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)
sa.Table(
    "offers",
    metadata,
    sa.Column("offer", sa.LargeBinary(32), primary_key=True),
    sa.Column("dataset", sa.String(64), nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)
sa.Table(
    "consents",
    metadata,
    sa.Column("consent", sa.LargeBinary(32), primary_key=True),
    sa.Column("offer", sa.LargeBinary(32), nullable=False, index=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)
sa.Table(
    "batches",
    metadata,
    sa.Column("offer", sa.LargeBinary(32), primary_key=True),
    sa.Column("root", sa.LargeBinary(32), primary_key=True),
    sa.Column("leaves", sa.LargeBinary, nullable=False),
)
sa.Table(
    "lawful",
    metadata,
    sa.Column("offer", sa.LargeBinary(32), primary_key=True),
    sa.Column("root", sa.LargeBinary(32), primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)
sa.Table(
    "seen",
    metadata,
    sa.Column("what", sa.String(32), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)


def upgrade() -> None:
    create(op.get_bind(), metadata)
