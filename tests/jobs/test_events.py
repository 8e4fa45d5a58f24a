"""Who follows a job hears at once of what happens to it, to the last word."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from parties import World
from placet.jobs.store import JobStore
from placet.node.jobs import api
from placet.node.jobs.api import _moments


@pytest.mark.parametrize("thread", [False, True])
async def test_a_moment_is_sent_when_it_is_noted(thread: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long before the next look at the database, also from another thread."""
    monkeypatch.setattr(api, "_LOOK", 3600)
    world = World()
    job = world.agreed()
    store: JobStore = world.stores[0]
    runner: Any = SimpleNamespace(store=store)
    stream = _moments(runner, job, 0)
    for status in ("opening", "computing"):
        following = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        note = (store.note, job, status)
        await asyncio.to_thread(*note) if thread else note[0](*note[1:])
        async with asyncio.timeout(60):
            assert (await following).event == status
    store.note(job, "completed")
    assert (await anext(stream)).event == "completed"
    following = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    store.end(job, "completed")
    async with asyncio.timeout(60):
        with pytest.raises(StopAsyncIteration):
            await following
