"""Consents are found by their owner's key, and know the batch that they are in. The vault adds the tags of the
owners when it opens its database: that takes its key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "vault_0005"
down_revision = "vault_0004"


def upgrade() -> None:
    op.add_column("consents", sa.Column("owner", sa.LargeBinary(32), nullable=True))
    op.add_column("consents", sa.Column("batch", sa.LargeBinary(32), nullable=True))
    op.create_index("ix_consents_owner", "consents", ["owner"])
    connection = op.get_bind()
    consents = sa.table("consents", sa.column("consent"), sa.column("batch"))
    of_leaf = sa.update(consents).where(consents.c.consent == sa.bindparam("leaf")).values(batch=sa.bindparam("root"))
    for root, leaves in connection.execute(sa.text("SELECT root, leaves FROM batches")).all():
        connection.execute(of_leaf, [{"leaf": leaves[at : at + 32], "root": root} for at in range(0, len(leaves), 32)])
