"""Tags by which owners prove anonymously that a consent of theirs lives."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "node_0011"
down_revision = "node_0010"


def upgrade() -> None:
    op.create_table(
        "node_proof_tags",
        sa.Column("consent", sa.LargeBinary(32), primary_key=True),
        sa.Column("offer", sa.LargeBinary(32), nullable=False),
        sa.Column("owner", sa.LargeBinary(84), nullable=False),
        sa.Column("not_before", sa.BigInteger, nullable=False),
        sa.Column("not_after", sa.BigInteger, nullable=False),
        sa.Column("first_opening", sa.BigInteger, nullable=False),
        sa.Column("uses", sa.BigInteger, nullable=False),
        sa.Column("tag", sa.LargeBinary(32), nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_index("node_proof_tags_offer", "node_proof_tags", ["offer", "consent"])
