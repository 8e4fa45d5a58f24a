"""Until when results are kept, and what was signed when they were deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "node_0012"
down_revision = "node_0011"


def upgrade() -> None:
    op.create_table(
        "job_data_lives",
        sa.Column("job", sa.LargeBinary(32), primary_key=True),
        sa.Column("keep_until", sa.BigInteger, nullable=False),
        sa.Column("deletion", sa.Text),
    )
    op.create_index("ix_job_data_lives_keep_until", "job_data_lives", ["keep_until"])
