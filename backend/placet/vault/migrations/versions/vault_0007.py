"""Which consents were erased: none of them comes in again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "vault_0007"
down_revision = "vault_0006"


def upgrade() -> None:
    op.create_table("erased", sa.Column("consent", sa.LargeBinary(32), primary_key=True))
