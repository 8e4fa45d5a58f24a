"""The end of results: when one's data life is over, the node deletes what it keeps of it and signs that it did.

Payloads that others sent go first, then, in one transaction, the result with all of which it could be opened again, and
the signed record comes in. A node that is killed in between does it again. What a person exported is out of reach.
"""

from __future__ import annotations

import logging

from placet.chain.events import Event, JobClosed, JobCompleted
from placet.chain.storage import overwrite_deleted
from placet.chain.threaded import ask_chain, ask_store
from placet.core.deletion import ResultDeletion, SignedDeletion, end_of_life
from placet.core.ids import JobId
from placet.core.values import to_hex
from placet.jobs.context import JobContext
from placet.jobs.records import JobRecord
from placet.jobs.store import JobStore

log = logging.getLogger("placet.jobs")


class DataLives:
    """One institution's."""

    def __init__(self, context: JobContext, store: JobStore) -> None:
        self.context = context
        self.store = store

    async def note(self, record: JobRecord, events: list[Event]) -> None:
        """A job has ended, by these events: from now on its result has an end, at its consumer."""
        days = record.terms.data_life
        end = next((event for event in events if isinstance(event, JobCompleted | JobClosed)), None)
        if days is None or end is None or record.plan.consumer != self.context.address:
            return
        ended = end.timestamp
        if ended is None:
            ended = (await ask_chain(self.context.chain.block, end.block)).timestamp
        await self.store.threaded.keep_until(record.job, end_of_life(ended, days))

    async def sweep(self, now: int) -> None:
        """Delete the results whose time is over at the chain's time `now`."""
        for job, keep_until in await self.store.threaded.overdue(now):
            await ask_store(self._delete, ResultDeletion(job=job, keep_until=keep_until, deleted=now))
            log.info("the result of job %s is deleted: its data life is over", to_hex(job)[:10])

    def _delete(self, deletion: ResultDeletion) -> None:
        signature = self.context.recorder.sign(deletion.digest(self.context.deployment.jobs))
        delete_result(self.context, self.store, deletion.job, SignedDeletion(deletion=deletion, signature=signature))


def delete_result(context: JobContext, store: JobStore, job: JobId, deletion: SignedDeletion | None = None) -> None:
    """All that this node holds of a job's result, with what it `signed` of that; whatever the reason. Twice is as
    once."""
    if context.payloads is not None:
        context.payloads.forget((job,))
    store.delete_result(job, deletion)
    overwrite_deleted(context.engine)
