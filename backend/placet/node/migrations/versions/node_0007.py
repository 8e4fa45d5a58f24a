"""Standing plans, and which jobs opened under them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "node_0007"
down_revision = "node_0006"


def upgrade() -> None:
    op.create_table(
        "job_standing",
        sa.Column("hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("request", sa.Text),
        sa.Column("signatures", sa.Text, nullable=False),
        sa.Column("agreed", sa.Boolean, nullable=False),
        sa.Column("ended", sa.Boolean, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "job_openings",
        sa.Column("standing", sa.LargeBinary(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("job", sa.LargeBinary(32)),
    )
