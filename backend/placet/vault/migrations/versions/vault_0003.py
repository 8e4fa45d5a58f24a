"""For which jobs a lawful set was signed. Of those that are here already nobody knows: they stay."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "vault_0003"
down_revision = "vault_0002"


def upgrade() -> None:
    op.create_table(
        "signed",
        sa.Column("offer", sa.LargeBinary(32), primary_key=True),
        sa.Column("root", sa.LargeBinary(32), primary_key=True),
        sa.Column("job", sa.LargeBinary(32), primary_key=True),
        sa.Column("open_by", sa.BigInteger, nullable=True, index=True),
    )
    op.execute("INSERT INTO signed (offer, root, job) SELECT offer, root, zeroblob(32) FROM lawful")
