"""The tables as they were before there were revisions: a database that has them is taken over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from placet.chain.tables import create

revision = "node_0001"
down_revision = None

metadata = sa.MetaData()
sa.Table(
    "node_batches",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("offer", sa.LargeBinary(32), nullable=False),
    sa.Column("root", sa.LargeBinary(32), nullable=False),
    sa.Column("leaves", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("block", sa.BigInteger),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("retry_at", sa.BigInteger, nullable=False),
    sa.Column("error", sa.String(200)),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("offer", "root"),
)
sa.Table(
    "node_consents",
    metadata,
    sa.Column("id", sa.LargeBinary(32), primary_key=True),
    sa.Column("offer", sa.LargeBinary(32), nullable=False),
    sa.Column("owner", sa.LargeBinary(84), nullable=False),
    sa.Column("not_before", sa.BigInteger, nullable=False),
    sa.Column("not_after", sa.BigInteger, nullable=False),
    sa.Column("first_opening", sa.BigInteger, nullable=False),
    sa.Column("uses", sa.BigInteger, nullable=False),
    sa.Column("enrolment", sa.LargeBinary(32), nullable=False),
    sa.Column("salt", sa.LargeBinary(32), nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
    sa.Column("route", sa.String(8), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("batch", sa.Integer, sa.ForeignKey("node_batches.id")),
    sa.Column("block", sa.BigInteger),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("retry_at", sa.BigInteger, nullable=False),
    sa.Column("error", sa.String(200)),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Index("node_consents_owner", "owner"),
    sa.Index("node_consents_work", "status", "route", "offer"),
)
sa.Table(
    "node_withdrawals",
    metadata,
    sa.Column("consent", sa.LargeBinary(32), primary_key=True),
    sa.Column("owner", sa.LargeBinary(84), nullable=False),
    sa.Column("offer", sa.LargeBinary(32), nullable=False),
    sa.Column("not_before", sa.BigInteger, nullable=False),
    sa.Column("not_after", sa.BigInteger, nullable=False),
    sa.Column("first_opening", sa.BigInteger, nullable=False),
    sa.Column("uses", sa.BigInteger, nullable=False),
    sa.Column("details", sa.LargeBinary(32), nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
    sa.Column("batch", sa.LargeBinary(32)),
    sa.Column("proof", sa.LargeBinary),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("block", sa.BigInteger),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("retry_at", sa.BigInteger, nullable=False),
    sa.Column("error", sa.String(200)),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Index("node_withdrawals_state", "state"),
)
sa.Table(
    "node_nonces",
    metadata,
    sa.Column("signer", sa.LargeBinary(84), primary_key=True),
    sa.Column("nonce", sa.LargeBinary(32), primary_key=True),
    sa.Column("expiry", sa.BigInteger, nullable=False),
    sa.Index("node_nonces_expiry", "expiry"),
)
sa.Table(
    "node_counters",
    metadata,
    sa.Column("key", sa.String(96), primary_key=True),
    sa.Column("window", sa.BigInteger, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("expiry", sa.BigInteger, nullable=False),
    sa.Index("node_counters_expiry", "expiry"),
)
sa.Table(
    "node_runs",
    metadata,
    sa.Column("job", sa.LargeBinary(32), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("block", sa.BigInteger),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Index("node_runs_outcome", "outcome"),
)
sa.Table(
    "node_uses",
    metadata,
    sa.Column("job", sa.LargeBinary(32), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("prefix", sa.Integer, primary_key=True),
    sa.Column("first", sa.LargeBinary(32), primary_key=True),
    sa.Column("consents", sa.LargeBinary, nullable=False),
)
sa.Table(
    "jobs",
    metadata,
    sa.Column("job", sa.LargeBinary(32), primary_key=True),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("terms", sa.Text, nullable=False),
    sa.Column("signatures", sa.Text, nullable=False),
    sa.Column("party", sa.Integer, nullable=False),
    sa.Column("seed", sa.LargeBinary, nullable=False),
    sa.Column("ended", sa.String(32)),
    sa.Column("result", sa.LargeBinary),
    sa.Column("created", sa.BigInteger, nullable=False),
)
sa.Table(
    "job_prepared",
    metadata,
    sa.Column("commitment", sa.LargeBinary(32), primary_key=True),
    sa.Column("seed", sa.LargeBinary, nullable=False),
    sa.Column("offer", sa.LargeBinary(32), nullable=False),
    sa.Column("root", sa.LargeBinary(32), nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
)
sa.Table(
    "job_attempts",
    metadata,
    sa.Column("job", sa.LargeBinary(32), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("phase", sa.String(16), nullable=False),
    sa.Column("why", sa.String(200)),
    sa.Column("roots", sa.Text, nullable=False),
    sa.Column("key", sa.LargeBinary),
    sa.Column("output", sa.LargeBinary),
    sa.Column("private", sa.LargeBinary),
)
sa.Table(
    "job_steps",
    metadata,
    sa.Column("job", sa.LargeBinary(32), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("step", sa.Text, nullable=False),
)
sa.Table(
    "job_messages",
    metadata,
    sa.Column("job", sa.LargeBinary(32), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("sender", sa.Integer, primary_key=True),
    sa.Column("receiver", sa.Integer, primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
    sa.Column("acknowledgement", sa.LargeBinary, nullable=False),
)
sa.Table(
    "job_agreements",
    metadata,
    sa.Column("job", sa.LargeBinary(32), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("digest", sa.LargeBinary(32), primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("signatures", sa.Text, nullable=False),
)
sa.Table(
    "job_moments",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("job", sa.LargeBinary(32), nullable=False, index=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("status", sa.String(64), nullable=False),
    sa.Column("details", sa.Text, nullable=False),
)
sa.Table(
    "sender_intents",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("intent", sa.String(200), nullable=False, unique=True),
    sa.Column("account", sa.LargeBinary(20), nullable=False),
    sa.Column("to", sa.LargeBinary(20), nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("what", sa.String(80), nullable=False),
    sa.Column("state", sa.String(10), nullable=False, index=True),
    sa.Column("nonce", sa.BigInteger),
    sa.Column("block", sa.BigInteger),
    sa.Column("transaction", sa.LargeBinary(32)),
    sa.Column("gas", sa.BigInteger),
    sa.Column("error", sa.Text),
)
sa.Table(
    "sender_transactions",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("hash", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("intent", sa.ForeignKey("sender_intents.number"), nullable=False, index=True),
    sa.Column("nonce", sa.BigInteger, nullable=False),
    sa.Column("gas", sa.BigInteger, nullable=False),
    sa.Column("max_fee", sa.BigInteger, nullable=False),
    sa.Column("tip", sa.BigInteger, nullable=False),
    sa.Column("raw", sa.LargeBinary, nullable=False),
)
sa.Table(
    "index_checkpoints",
    metadata,
    sa.Column("block", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
)
sa.Table(
    "index_events",
    metadata,
    sa.Column("block", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("log_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(40), nullable=False, index=True),
    sa.Column("offer", sa.LargeBinary(32), index=True),
    sa.Column("consent", sa.LargeBinary(32), index=True),
    sa.Column("job", sa.LargeBinary(32), index=True),
    sa.Column("log", sa.Text, nullable=False),
)


def upgrade() -> None:
    create(op.get_bind(), metadata)
