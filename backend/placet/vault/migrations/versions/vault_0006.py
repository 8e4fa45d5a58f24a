"""Batches of enrolments stand beside the consents that rely on them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "vault_0006"
down_revision = "vault_0005"


def upgrade() -> None:
    op.create_table(
        "enrolments",
        sa.Column("enroller", sa.LargeBinary(20), primary_key=True),
        sa.Column("root", sa.LargeBinary(32), primary_key=True),
        sa.Column("signed", sa.Text, nullable=False),
        sa.Column("leaves", sa.LargeBinary, nullable=False),
    )
