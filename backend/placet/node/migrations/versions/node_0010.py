"""What several processes of one institution share: who leads, sessions, and reservations of limits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "node_0010"
down_revision = "node_0009"


def upgrade() -> None:
    op.create_table(
        "node_leadership",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("term", sa.BigInteger, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("beat", sa.BigInteger, nullable=False),
        sa.Column("api_port", sa.Integer, nullable=False),
        sa.Column("peer_port", sa.Integer, nullable=False),
        sa.Column("indexed", sa.BigInteger),
    )
    op.create_table(
        "node_sessions",
        sa.Column("token", sa.LargeBinary(32), primary_key=True),
        sa.Column("signer", sa.LargeBinary(84)),
        sa.Column("expires", sa.Float, nullable=False),
    )
    op.create_index("node_sessions_expires", "node_sessions", ["expires"])
    op.create_table(
        "node_reservations",
        sa.Column("holder", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(96), primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("expiry", sa.BigInteger, nullable=False),
    )
    op.create_index("node_reservations_key", "node_reservations", ["key"])
