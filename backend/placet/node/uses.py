"""Who used my data: which of this node's jobs used which consent, and how these jobs ended."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from placet.chain import events
from placet.node import consents as held
from placet.node import models
from placet.node.service import Node
from placet.node.state import insert, now, reading, uses

RUNNING, SEALED = "running", "sealed"
_ENDS: dict[type[events.Event], str] = {
    events.JobSealed: SEALED,
    events.JobCompleted: "completed",
    events.JobClosed: "closed",
    events.JobAborted: "aborted",
}


def note_uses(engine: sa.Engine, job: bytes, attempt: int, consents: Iterable[bytes]) -> None:
    """Remember, before the rows are used, that an attempt of a job uses these consents. Again is nothing new."""
    entry = {"job": job, "attempt": attempt, "at": now(), "block": None, "outcome": RUNNING}
    entries = [{"consent": consent, **entry} for consent in consents]
    if entries:
        with engine.begin() as connection:
            connection.execute(insert(connection, uses).on_conflict_do_nothing(), entries)


def follow(node: Node) -> None:
    """Write down how jobs that were still going have gone on."""
    going = sa.select(uses.c.job).where(uses.c.outcome.in_((RUNNING, SEALED))).distinct()
    with reading(node.engine) as connection:
        jobs = [bytes(job) for job in connection.execute(going).scalars()]
    for job in jobs:
        last = [event for event in node.index.job_events(job) if type(event) in _ENDS]
        outcome = (_ENDS[type(last[-1])], last[-1].block) if last else (RUNNING, None)
        changed = (uses.c.job == job) & (uses.c.outcome != outcome[0])
        with node.engine.begin() as connection:
            connection.execute(sa.update(uses).where(changed).values(outcome=outcome[0], block=outcome[1]))


def of_consent(node: Node, consent: bytes, owner: bytes | None) -> models.Uses:
    """The uses of a consent for its owner, or for the institution (None). NotFoundError if it is somebody else's."""
    row = held.find(node, consent)
    if owner is not None and bytes(row["owner"]) != owner:
        raise held.unknown()
    asked = sa.select(uses).where(uses.c.consent == consent).order_by(uses.c.at, uses.c.job, uses.c.attempt)
    with reading(node.engine) as connection:
        rows = connection.execute(asked).mappings().all()
    return models.Uses(
        uses=[
            models.Use(job=bytes(r["job"]), attempt=r["attempt"], at=r["at"], outcome=r["outcome"], block=r["block"])
            for r in rows
        ]
    )
