"""Brings a party's step hashes on chain, gap-free: most with the seal, the rest by transactions of its own."""

from __future__ import annotations

from collections.abc import Sequence

from placet.chain.intents import Intents
from placet.chain.threaded import ask_chain
from placet.core.trail import trail_head
from placet.jobs.context import JobContext
from placet.jobs.messages import LEFT_TO_SEAL, AttemptStatus
from placet.jobs.records import JobRecord
from placet.jobs.store import JobStore

BATCH = 300
SEAL_BLOCKS = 12
"""Blocks for which a party that has computed leaves its last steps to the seal; then it records them itself, so that
who withholds a seal hides no trail."""


async def record_steps(context: JobContext, store: JobStore, intents: Intents, record: JobRecord, attempt: int) -> int:
    """What the chain does not hold yet of this party's steps in an attempt; returns how many there were."""
    hashes = [step.hash for step in await store.threaded.steps(record.job, attempt)]
    _, done = await ask_chain(context.chain.trail, record.job, attempt, record.party)
    for start in range(done, len(hashes), BATCH):
        call = context.calls.record(record.job, attempt, record.party, start, hashes[start : start + BATCH])
        with store.waits.waiting(record.job, "the own steps to be on chain"):
            await intents.carry(f"record:{record.job.hex()}:{attempt}:{start}", call)
    return len(hashes) - done


async def seal_takes(context: JobContext, store: JobStore, record: JobRecord, attempt: int) -> bool:
    """May a seal bring what the chain lacks of this party's steps?"""
    steps = await store.threaded.steps(record.job, attempt)
    _, done = await ask_chain(context.chain.trail, record.job, attempt, record.party)
    return len(steps) - done <= LEFT_TO_SEAL


def lacking_steps(head: bytes, count: int, standing: AttemptStatus) -> Sequence[bytes] | None:
    """The steps from a trail's head on chain, of `count` steps, to where its party says that it stands. None where the
    party does not tell that many, or others."""
    number = standing.steps - count
    if not 0 <= number <= len(standing.last):
        return None
    steps = standing.last[len(standing.last) - number :]
    return steps if trail_head(head, steps) == standing.head else None
