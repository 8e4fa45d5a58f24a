"""The tables of what a node keeps of its jobs."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()
jobs = sa.Table(
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
prepared = sa.Table(
    "job_prepared",
    metadata,
    sa.Column("commitment", sa.LargeBinary(32), primary_key=True),
    sa.Column("seed", sa.LargeBinary, nullable=False),
    sa.Column("offer", sa.LargeBinary(32), nullable=False),
    sa.Column("root", sa.LargeBinary(32), nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
)
attempts = sa.Table(
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
steps = sa.Table(
    "job_steps",
    metadata,
    sa.Column("job", sa.LargeBinary(32), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("step", sa.Text, nullable=False),
)
messages = sa.Table(
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
samples = sa.Table(
    "job_samples",
    metadata,
    sa.Column("job", sa.LargeBinary(32), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False),
)
"""What attempts keep for the random audit that their plan names, and when nothing can be found in it any more."""
lives = sa.Table(
    "job_data_lives",
    metadata,
    sa.Column("job", sa.LargeBinary(32), primary_key=True),
    sa.Column("keep_until", sa.BigInteger, nullable=False, index=True),
    sa.Column("deletion", sa.Text),
)
"""Until when this party keeps what it has of a result, and what it signed when it had deleted that."""
agreements = sa.Table(
    "job_agreements",
    metadata,
    sa.Column("job", sa.LargeBinary(32), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("digest", sa.LargeBinary(32), primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("signatures", sa.Text, nullable=False),
)
moments = sa.Table(
    "job_moments",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("job", sa.LargeBinary(32), nullable=False, index=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("status", sa.String(64), nullable=False),
    sa.Column("details", sa.Text, nullable=False),
)
standing = sa.Table(
    "job_standing",
    metadata,
    sa.Column("hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("request", sa.Text),
    sa.Column("signatures", sa.Text, nullable=False),
    sa.Column("agreed", sa.Boolean, nullable=False),
    sa.Column("ended", sa.Boolean, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
)
openings = sa.Table(
    "job_openings",
    metadata,
    sa.Column("standing", sa.LargeBinary(32), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("job", sa.LargeBinary(32)),
)
plans_held = sa.Table(
    "job_held",
    metadata,
    sa.Column("job", sa.LargeBinary(32), primary_key=True),
    sa.Column("consumer", sa.LargeBinary(20), nullable=False),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("terms", sa.Text, nullable=False),
    sa.Column("seed", sa.LargeBinary, nullable=False),
    sa.Column("rows", sa.BigInteger),
    sa.Column("consents", sa.BigInteger),
    sa.Column("of_rows", sa.BigInteger),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("decided", sa.BigInteger),
    sa.Column("decided_by", sa.String(128)),
    sa.Column("reason", sa.String(512)),
    sa.Index("job_held_state", "state"),
)
"""`state`: waiting → signed, refused, stale, expired or cancelled."""
