"""Brings a party's step hashes on chain, gap-free."""

from __future__ import annotations

from placet.chain.intents import Intents
from placet.chain.threaded import ask_chain
from placet.jobs.context import JobContext
from placet.jobs.records import JobRecord
from placet.jobs.store import JobStore

BATCH = 300


async def record_steps(context: JobContext, store: JobStore, intents: Intents, record: JobRecord, attempt: int) -> int:
    """What the chain does not hold yet of this party's steps in an attempt; returns how many there were."""
    hashes = [step.hash for step in await store.threaded.steps(record.job, attempt)]
    _, done = await ask_chain(context.chain.trail, record.job, attempt, record.party)
    for start in range(done, len(hashes), BATCH):
        call = context.calls.record(record.job, attempt, record.party, start, hashes[start : start + BATCH])
        with store.waits.waiting(record.job, "the own steps to be on chain"):
            await intents.carry(f"record:{record.job.hex()}:{attempt}:{start}", call)
    return len(hashes) - done
