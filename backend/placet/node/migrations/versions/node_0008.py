"""Plans that wait for a person of this institution, and what was decided."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "node_0008"
down_revision = "node_0007"


def upgrade() -> None:
    op.create_table(
        "job_held",
        sa.Column("job", sa.LargeBinary(32), primary_key=True),
        sa.Column("consumer", sa.LargeBinary(20), nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("terms", sa.Text, nullable=False),
        sa.Column("seed", sa.LargeBinary, nullable=False),
        sa.Column("rows", sa.BigInteger),
        sa.Column("consents", sa.BigInteger),
        sa.Column("of_rows", sa.BigInteger),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("decided", sa.BigInteger),
        sa.Column("decided_by", sa.String(128)),
        sa.Column("reason", sa.String(512)),
    )
    op.create_index("job_held_state", "job_held", ["state"])
