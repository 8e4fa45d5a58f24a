"""Parts of models that jobs made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "vault_0004"
down_revision = "vault_0003"


def upgrade() -> None:
    op.create_table(
        "models",
        sa.Column("job", sa.LargeBinary(32), primary_key=True),
        sa.Column("attempt", sa.BigInteger, primary_key=True),
        sa.Column("dataset", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("ready", sa.Boolean, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
