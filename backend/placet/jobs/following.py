"""What who follows a job hears, over HTTP or in the same process: its moments, and between them what it waits for."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from typing import Any

from placet.chain.signals import listening
from placet.core.ids import JobId
from placet.jobs.store import JobStore

SOON, QUIET = 1.5, 3.0
"""Seconds of silence after which a follower hears what the job waits for: at first, and then."""


_AT_A_TIME = 500


async def all_happenings(
    store: JobStore, after: int, seconds: float
) -> AsyncGenerator[tuple[int, dict[str, Any]], None]:
    """The moments of all jobs after number `after`, each with its number and its job, for so many seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    with listening(store.told) as listener:
        while loop.time() < end:
            batch = await store.threaded.all_moments(after, _AT_A_TIME)
            for number, moment in batch:
                after = number
                yield number, moment
            if len(batch) < _AT_A_TIME:
                await listener.wait(end - loop.time())


async def happenings(
    store: JobStore, job: JobId, after: int = 0, seconds: float = math.inf
) -> AsyncGenerator[tuple[int | None, dict[str, Any]], None]:
    """The job's moments after number `after`, each with its number, until the job has ended here, or for so many
    seconds. Where nothing happens what it waits for (`Waits.event`), without a number. NotFoundError for an unknown
    job."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    status, _ = await store.threaded.progress(job)
    due = loop.time() + SOON
    with listening(store.told) as listener:
        while loop.time() < end:
            ended, moments = await store.threaded.follow(job, after)
            for number, moment in moments:
                after, status = number, moment["status"]
                due = loop.time() + SOON
                yield number, moment
            if ended is not None:
                return
            if loop.time() >= due:
                due = loop.time() + QUIET
                yield None, store.waits.event(job, status)
            await listener.wait(max(due - loop.time(), 0.0))
