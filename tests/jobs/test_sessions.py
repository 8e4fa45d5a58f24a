"""Warm sessions of a node: one job at a time, until their time, their scores, a failure or a want of place."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any, cast

import pytest

from placet.core.errors import LimitError
from placet.jobs import context
from placet.jobs.context import EnginePorts
from placet.jobs.sessions import MOST, Warm, WarmSessions
from placet.protocols.spu import EngineSession

KEY, OTHER = b"k" * 32, b"o" * 32


class FakeSession:
    """A session without a process."""

    def __init__(self, seconds: float = 3600.0) -> None:
        self.seconds_left = seconds
        self.alive = True
        self.closed = 0

    @property
    def usable(self) -> bool:
        return self.alive and not self.closed and self.seconds_left > 0

    async def close(self) -> None:
        self.closed += 1


def warm(session: FakeSession, scores: int = 10, gone: list[str] | None = None) -> Warm:
    holds = contextlib.AsyncExitStack()
    holds.callback((gone if gone is not None else []).append, "port")
    return Warm(cast(EngineSession, session), scores, holds)


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0)


async def test_who_takes_a_session_has_it_alone() -> None:
    sessions, session = WarmSessions(), FakeSession()
    assert sessions.take(KEY, 1) is None
    sessions.bring(KEY, warm(session))
    taken = sessions.take(KEY, 1)
    assert taken is not None and sessions.take(KEY, 1) is None and sessions.take(OTHER, 1) is None
    sessions.bring(KEY, taken)
    assert sessions.take(KEY, 1) is taken


@pytest.mark.parametrize("what", ["too few scores", "its process is gone", "its time is over"])
async def test_a_session_that_is_over_is_none(what: str) -> None:
    sessions, session, gone = WarmSessions(), FakeSession(), list[str]()
    sessions.bring(KEY, warm(session, 5, gone))
    if what == "its process is gone":
        session.alive = False
    if what == "its time is over":
        session.seconds_left = 0.0
    assert sessions.take(KEY, 6 if what == "too few scores" else 1) is None
    await until(lambda: gone == ["port"])
    assert session.closed == 1
    assert sessions.take(KEY, 1) is None


async def test_its_time_ends_it_while_nobody_uses_it() -> None:
    sessions, session, gone = WarmSessions(), FakeSession(0.01), list[str]()
    sessions.bring(KEY, warm(session, 5, gone))
    await until(lambda: session.closed)
    await until(lambda: gone == ["port"])


async def test_the_last_score_ends_it() -> None:
    sessions, session = WarmSessions(), FakeSession()
    sessions.bring(KEY, warm(session, 0))
    await until(lambda: session.closed)
    assert sessions.take(KEY, 1) is None


async def test_there_are_few_and_the_oldest_goes_first() -> None:
    sessions, made = WarmSessions(), [FakeSession() for _ in range(MOST + 1)]
    for number, session in enumerate(made):
        sessions.bring(bytes([number]) * 32, warm(session))
    await until(lambda: made[0].closed)
    assert [session.closed for session in made[1:]] == [0] * MOST
    again = FakeSession()
    sessions.bring(bytes([1]) * 32, warm(again))  # another of the same key
    await until(lambda: made[1].closed)
    await sessions.close()
    assert all(session.closed == 1 for session in (*made, again))
    assert not await sessions.spare()


async def test_a_task_without_a_port_gets_that_of_a_session_that_nobody_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    free = [1]

    def free_port(host: str, first: int, last: int, *, but: Any) -> int:
        for port in free:
            if port not in but:
                return port
        raise LimitError("no port is free", code="spu.port")

    monkeypatch.setattr(context, "free_port", free_port)
    ports, session = EnginePorts("127.0.0.1", (1, 1), b"", Path()), FakeSession()
    holds = contextlib.AsyncExitStack()
    assert await holds.enter_async_context(ports.port()) == 1
    ports.sessions.bring(KEY, Warm(cast(EngineSession, session), 5, holds))
    async with asyncio.timeout(60), ports.port() as port:
        assert (port, session.closed) == (1, 1)
