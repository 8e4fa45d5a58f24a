"""The relay's first tries get a number, as the first tries of all other intents have had: `<name>:0`.

Without this the relay would take what an earlier version sent for something that nobody sent yet. A batch of which the
command line has sent a first try of its own keeps its name: the two are one call, and names are unique.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "node_0003"
down_revision = "node_0002"

_HEX = 64
LENGTHS = {
    "anchor": len("anchor:") + _HEX + 1 + _HEX,
    "grant": len("grant:") + _HEX,
    "prove": len("prove:") + _HEX,
    "withdraw": len("withdraw:") + _HEX,
}
"""Characters of a name of the relay without a number: only ids of 32 bytes follow the verb."""


def upgrade() -> None:
    intents = sa.table("sender_intents", sa.column("intent", sa.String))
    others = intents.alias("others")
    for verb, length in LENGTHS.items():
        bare = intents.c.intent.like(f"{verb}:%") & (sa.func.length(intents.c.intent) == length)
        first = intents.c.intent.concat(":0")
        taken = sa.select(others.c.intent).where(others.c.intent.like(f"{verb}:%:0"))
        op.execute(sa.update(intents).where(bare, first.not_in(taken)).values(intent=first))
