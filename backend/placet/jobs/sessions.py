"""This institution's warm sessions: links between engines that outlive the job that began them, for later jobs alike.

A session is for one key: the parties' certificates, the engine, the model, and the plan's bounds of it. It serves one
job at a time. Who takes it out holds it alone and brings it back after a turn that went well; it ends otherwise, and
with its time, its scores, this node, or where its place is wanted.

Nothing here decides what may be computed: each job has its own opening, warrant, rows and steps. A session that is gone
costs the seconds of another's beginning.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from placet.protocols.spu import EngineSession

MOST = 4
"""Sessions that a node keeps: each is a process with some 400 MB."""


@dataclass
class Warm:
    """A session, its scores left, and what it holds beside its process: its port, given back at its end."""

    session: EngineSession
    scores: int
    holds: contextlib.AsyncExitStack

    def fits(self, scores: int) -> bool:
        return self.session.usable and self.scores >= scores

    async def end(self) -> None:
        async with self.holds:
            await self.session.close()


class WarmSessions:
    """Of one node, on its event loop; those that nobody uses now."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Warm] = {}
        self._timers: dict[bytes, asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def take(self, key: bytes, scores: int) -> Warm | None:
        """The key's session, out of here, if it has time and so many scores left."""
        warm = self._kept.get(key)
        if warm is None:
            return None
        self._remove(key)
        if not warm.fits(scores):
            self._end(warm)
            return None
        return warm

    def bring(self, key: bytes, warm: Warm) -> None:
        """Keep a session that nobody uses now; the one of the same key, or the oldest of too many, ends."""
        if not warm.fits(1):
            return self._end(warm)
        if key in self._kept:
            self._end(self._remove(key))
        while len(self._kept) >= MOST:
            self._end(self._remove(next(iter(self._kept))))
        self._kept[key] = warm
        self._timers[key] = asyncio.get_running_loop().call_later(warm.session.seconds_left, self._over, key)

    async def spare(self) -> bool:
        """End the oldest session that nobody uses, for a job that wants its port; whether there was one."""
        if not self._kept:
            return False
        await self._remove(next(iter(self._kept))).end()
        return True

    async def close(self) -> None:
        """End all."""
        while await self.spare():
            pass
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _over(self, key: bytes) -> None:
        self._end(self._remove(key))

    def _remove(self, key: bytes) -> Warm:
        self._timers.pop(key).cancel()
        return self._kept.pop(key)

    def _end(self, warm: Warm) -> None:
        task = asyncio.create_task(warm.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
