"""A consent says in which language it was signed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "node_0006"
down_revision = "node_0005"


def upgrade() -> None:
    op.add_column("node_consents", sa.Column("language", sa.String(8), nullable=False, server_default="en"))
