"""The index reads the chain anew: how far it had read says no longer that it missed nothing.

Its checkpoints were made from what `eth_getLogs` gave, which may have been the answer of a machine that lags. The
events that it has stay until what takes their place is read.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "node_0004"
down_revision = "node_0003"


def upgrade() -> None:
    op.drop_table("index_checkpoints", if_exists=True)
    op.create_table(
        "index_read",
        sa.Column("block", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        if_not_exists=True,
    )
