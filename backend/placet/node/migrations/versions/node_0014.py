"""PostgreSQL's planner keeps no values of what leads to a person: ANALYZE would copy them beyond an erasure."""

from __future__ import annotations

from alembic import op

revision = "node_0014"
down_revision = "node_0013"

COLUMNS = {
    "node_consents": ("owner", "enrolment", "salt", "signature"),
    "node_withdrawals": ("owner", "signature"),
    "node_proof_tags": ("owner", "tag", "signature"),
    "node_nonces": ("signer",),
    "node_sessions": ("signer",),
    "node_erasure_notices": ("mark",),
    "jobs": ("result",),
    "job_attempts": ("output", "private"),
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, columns in COLUMNS.items():
        changes = ", ".join(f'ALTER COLUMN "{column}" SET STATISTICS 0' for column in columns)
        op.execute(f'ALTER TABLE "{table}" {changes}')
