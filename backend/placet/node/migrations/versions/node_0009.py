"""What sealed attempts keep for the random audits that their plans name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "node_0009"
down_revision = "node_0008"


def upgrade() -> None:
    op.create_table(
        "job_samples",
        sa.Column("job", sa.LargeBinary(32), primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
