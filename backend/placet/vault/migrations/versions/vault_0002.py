"""Who matched in earlier jobs, where an offer demands a smallest change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "vault_0002"
down_revision = "vault_0001"


def upgrade() -> None:
    op.create_table(
        "matches",
        sa.Column("job", sa.LargeBinary(32), primary_key=True),
        sa.Column("dataset", sa.LargeBinary(32), primary_key=True),
        sa.Column("consumer", sa.LargeBinary(20), nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
