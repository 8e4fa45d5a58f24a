"""The engine's ports: each task at a node has one of its own, and gives it back however it ends."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from placet.chain.local import free_port
from placet.core.errors import LimitError
from placet.core.ids import JobId
from placet.jobs import context as context
from placet.jobs.context import EnginePorts
from placet.jobs.party_run import PartyRun
from placet.jobs.progress import Waits

HOST = "127.0.0.1"


def room(ports: tuple[int, int]) -> EnginePorts:
    return EnginePorts(HOST, ports, b"", Path())


@pytest.fixture
def pair() -> tuple[int, int]:
    """Two ports in a row on which nothing listens."""
    for _ in range(50):
        first = free_port()
        try:
            for port in (first, first + 1):
                context.free_port(HOST, port, port)
        except LimitError:
            continue
        return first, first + 1
    raise AssertionError("no two free ports in a row")


async def test_two_tasks_at_once_have_different_ports(pair: tuple[int, int]) -> None:
    ours = room(pair)
    async with ours.port() as one, ours.port() as other:
        assert {one, other} == set(pair)


async def test_of_any_ports_too_each_has_its_own(monkeypatch: pytest.MonkeyPatch, pair: tuple[int, int]) -> None:
    """The machine may offer a port again as long as nobody listens there."""
    offered = [pair[0], pair[0], pair[1]]

    class Offering(socket.socket):
        def bind(self, address: object) -> None:
            assert address == (HOST, 0)
            super().bind((HOST, offered.pop(0)))

    machine = SimpleNamespace(**{**vars(socket), "socket": Offering})
    monkeypatch.setattr("placet.protocols.spu.network.socket", machine)
    ours = room((0, 0))
    async with ours.port() as one, ours.port() as other:
        assert (one, other) == pair


async def test_a_port_is_given_back_however_a_task_ends(pair: tuple[int, int]) -> None:
    ours = room((pair[0], pair[0]))
    with pytest.raises(ZeroDivisionError):
        async with ours.port():
            raise ZeroDivisionError
    begun = asyncio.Event()

    async def work() -> None:
        async with ours.port():
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with ours.port() as port:
        assert port == pair[0]


async def test_a_task_waits_for_a_port(pair: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The task that gives it back wakes who waits."""
    monkeypatch.setattr(context, "_LOOK", 3600)
    monkeypatch.setattr(context, "PATIENCE", 7200)
    ours = room((pair[0], pair[0]))

    async def take() -> int:
        async with ours.port() as port:
            return port

    async with ours.port() as port:
        waiting = asyncio.create_task(take())
        while not ours._freed._listeners:
            await asyncio.sleep(0)
        assert not waiting.done()
    async with asyncio.timeout(60):
        assert await waiting == port


async def test_who_follows_the_job_and_its_peers_hear_of_the_wait(pair: tuple[int, int]) -> None:
    ours, waits, job = room((pair[0], pair[0])), Waits(), JobId(b"\5" * 32)
    run: Any = SimpleNamespace(
        context=SimpleNamespace(engine_ports=ours),
        store=SimpleNamespace(waits=waits),
        record=SimpleNamespace(job=job),
    )

    async def take() -> list[dict[str, Any]]:
        async with PartyRun.engine_port(run):
            return waits.of(job)

    async with ours.port():
        taking = asyncio.create_task(take())
        async with asyncio.timeout(60):
            while not waits.of(job):
                await asyncio.sleep(0)
        assert "engine.busy" in waits.of(job)[0]["for"]
        assert waits.lacks(job) == "engine"
    assert (await taking, waits.lacks(job)) == ([], None)


async def test_a_task_that_gets_none_is_refused_by_name(pair: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "PATIENCE", 0.0)
    ours = room(pair)
    async with ours.port(), ours.port():
        with pytest.raises(LimitError) as refused:
            async with ours.port():
                pass
    assert refused.value.code == "engine.busy"
    assert refused.value.found == "all taken, 2 by tasks of this node"
    assert refused.value.remedy is not None and "engine_ports" in refused.value.remedy
