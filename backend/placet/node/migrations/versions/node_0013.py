"""Erasures that owners asked for, and whom they are told to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "node_0013"
down_revision = "node_0012"


def upgrade() -> None:
    op.create_table(
        "node_erasures",
        sa.Column("consent", sa.LargeBinary(32), primary_key=True),
        sa.Column("owner", sa.LargeBinary(32), nullable=False),
        sa.Column("offer", sa.LargeBinary(32), nullable=False),
        sa.Column("asked", sa.BigInteger, nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(400)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("jobs", sa.LargeBinary),
        sa.Column("receipt", sa.Text),
        sa.Column("block", sa.BigInteger),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("retry_at", sa.BigInteger, nullable=False),
        sa.Column("error", sa.String(200)),
    )
    op.create_index("node_erasures_owner", "node_erasures", ["owner"])
    op.create_index("node_erasures_state", "node_erasures", ["state"])
    op.create_table(
        "node_erasure_notices",
        sa.Column("consent", sa.LargeBinary(32), primary_key=True),
        sa.Column("holder", sa.LargeBinary(20), primary_key=True),
        sa.Column("jobs", sa.LargeBinary, nullable=False),
        sa.Column("mark", sa.LargeBinary),
        sa.Column("receipt", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("retry_at", sa.BigInteger, nullable=False),
        sa.Column("error", sa.String(200)),
    )
