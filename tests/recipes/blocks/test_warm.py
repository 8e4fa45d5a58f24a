"""Which session the parties of a job use: the one that all have at hand at the same turn, or another."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from types import SimpleNamespace
from typing import Any, cast

import pytest

from placet.core.errors import PeerError
from placet.jobs.sessions import Warm, WarmSessions
from placet.recipes.blocks.warm import _at_hand

KEY = b"k" * 32


class FakeSession:
    """A session without a process."""

    def __init__(self, id: bytes, turn: int) -> None:
        self.id, self.turn, self.usable, self.seconds_left = id, turn, True, 3600.0

    async def close(self) -> None:
        self.usable = False


Wires = defaultdict[tuple[int, int], "asyncio.Queue[bytes]"]


class FakeStep:
    """One party's end of in-memory links."""

    def __init__(self, me: int, wires: Wires) -> None:
        self.me, self.wires = me, wires

    async def send(self, to: str, tag: str, payload: bytes) -> None:
        self.wires[self.me, int(to.removeprefix("party-"))].put_nowait(payload)

    async def receive(self, sender: str, tag: str, *, limit: int) -> bytes:
        payload = await self.wires[int(sender.removeprefix("party-")), self.me].get()
        assert len(payload) <= limit
        if payload == b"gone":
            raise PeerError("a peer has given up", code="peer.late")
        return payload


async def agreed(sessions: list[FakeSession | None]) -> list[Warm | None]:
    """What each party uses, by what each has."""
    wires: Wires = defaultdict(asyncio.Queue)

    async def party(me: int) -> Warm | None:
        own = WarmSessions()
        if (session := sessions[me]) is not None:
            own.bring(KEY, Warm(cast(Any, session), 5, contextlib.AsyncExitStack()))
        job = SimpleNamespace(party=me, context=SimpleNamespace(engine_ports=SimpleNamespace(sessions=own)))
        return await _at_hand(cast(Any, job), cast(Any, FakeStep(me, wires)), range(len(sessions)), KEY, 1)

    return await asyncio.gather(*(party(me) for me in range(len(sessions))))


@pytest.mark.parametrize("parties", [2, 3])
async def test_all_use_the_one_that_all_have(parties: int) -> None:
    sessions = [FakeSession(b"s" * 32, 7) for _ in range(parties)]
    used = await agreed([*sessions])
    assert [one.session if one else None for one in used] == sessions
    assert all(session.usable for session in sessions)


@pytest.mark.parametrize(
    "other", [None, FakeSession(b"o" * 32, 7), FakeSession(b"s" * 32, 8)], ids=["none", "another", "another turn"]
)
async def test_where_one_has_another_nobody_uses_any(other: FakeSession | None) -> None:
    sessions = [FakeSession(b"s" * 32, 7), other, FakeSession(b"s" * 32, 7)]
    assert await agreed([*sessions]) == [None] * 3
    assert not any(session.usable for session in sessions if session is not None)


async def test_who_has_none_uses_none() -> None:
    assert await agreed([None, None]) == [None, None]


async def test_a_peer_that_gives_up_leaves_no_session_behind() -> None:
    session, sessions, wires = FakeSession(b"s" * 32, 0), WarmSessions(), cast(Wires, defaultdict(asyncio.Queue))
    sessions.bring(KEY, Warm(cast(Any, session), 5, contextlib.AsyncExitStack()))
    wires[1, 0].put_nowait(b"gone")
    job = SimpleNamespace(party=0, context=SimpleNamespace(engine_ports=SimpleNamespace(sessions=sessions)))
    with pytest.raises(PeerError):
        await _at_hand(cast(Any, job), cast(Any, FakeStep(0, wires)), range(2), KEY, 1)
    assert not session.usable and sessions.take(KEY, 1) is None
