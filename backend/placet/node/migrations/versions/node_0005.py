"""A run says to which offer its consents are, and the how many-th job over them it is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "node_0005"
down_revision = "node_0004"


def upgrade() -> None:
    op.add_column("node_runs", sa.Column("offer", sa.LargeBinary(32)))
    op.add_column("node_runs", sa.Column("nth", sa.Integer))
    op.create_index("node_runs_offer", "node_runs", ["offer"])
