"""A process of the engine that has started and has no task yet, for the next task: its start takes a second or two.

It knows nothing of any job: it was told of no party, has no key and no rows, and does not listen. Nobody waits for it:
a task that finds none starts its own. There is one at the most, and it ends when nobody takes it for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path

from placet.core.errors import PlacetError
from placet.protocols.spu.process import Started

IDLE = 120.0
"""Seconds after which one that nobody takes ends."""


@dataclass
class SpareEngine:
    """One node's, on its event loop."""

    scratch: Path
    _starting: asyncio.Task[Started | None] | None = None
    _ends: asyncio.TimerHandle | None = None
    _ending: asyncio.Task[None] | None = None

    def want(self) -> None:
        """Have one ready soon. What keeps it from starting is told by the task that starts its own."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
            self._ends = asyncio.get_running_loop().call_later(IDLE, self._over)

    async def take(self) -> Started | None:
        """The one that is ready, no longer kept here; None where there is none."""
        starting, self._starting = self._starting, None
        if self._ends is not None:
            self._ends.cancel()
        started = None if starting is None else await starting
        if started is None or started.process.alive:
            return started
        await started.end()
        return None

    async def close(self) -> None:
        """End it."""
        if self._ending is not None:
            await self._ending
        if (started := await self.take()) is not None:
            await started.end()

    async def _start(self) -> Started | None:
        with contextlib.suppress(OSError, PlacetError):
            return await Started.anew(self.scratch)
        return None

    def _over(self) -> None:
        self._ending = asyncio.create_task(self._end())

    async def _end(self) -> None:
        if (started := await self.take()) is not None:
            await started.end()
