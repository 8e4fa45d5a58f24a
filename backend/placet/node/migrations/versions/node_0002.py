"""The relay finds open batches and a batch's consents without reading all leaves and all consents ever taken."""

from __future__ import annotations

from alembic import op

revision = "node_0002"
down_revision = "node_0001"


def upgrade() -> None:
    op.create_index("node_batches_state", "node_batches", ["state"])
    op.create_index("node_consents_batch", "node_consents", ["batch"])
