"""Who works on a job's plan works on it alone."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from placet.core.ids import JobId


class JobLocks:
    """One lock a job, for as long as anybody holds it or waits for it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[JobId, asyncio.Lock] = WeakValueDictionary()

    def of(self, job: JobId) -> asyncio.Lock:
        return self._locks.setdefault(job, asyncio.Lock())
