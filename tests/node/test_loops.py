"""A node at rest asks little, and hears at once of what happens."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from placet.chain import heads
from placet.node import lifetime, loops
from placet.node.app import create_app
from placet.node.loops import run_forever
from placet.node.service import Node
from wire import Wire

from .conftest import NodeEnvironment, Running

BLOCKS = 40


@contextlib.asynccontextmanager
async def alive(environment: NodeEnvironment, wire: Wire, folder: Path, **changes: Any) -> AsyncIterator[Node]:
    """A node with all its loops, whose chain is behind `wire`."""
    await wire.join()
    settings = environment.settings(folder, chain_url=f"http://127.0.0.1:{wire.port}", **changes)
    app = await asyncio.to_thread(create_app, settings)
    async with app.router.lifespan_context(app):
        yield app.state.node
    await wire.cut()


@pytest.fixture
def wire(environment: NodeEnvironment) -> Wire:
    return Wire(httpx.URL(environment.anvil.url).port or 0)


async def until(true: Callable[[], bool], what: str) -> None:
    for _ in range(1200):
        if true():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(what)


async def test_a_node_at_rest_asks_less_than_once_a_block(
    environment: NodeEnvironment, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of blocks that hold nothing of ours it asks nothing; what is left are its slow ticks."""
    for module in (loops, lifetime):
        monkeypatch.setattr(module, "SLOW", 60.0)
    async with alive(environment, wire, tmp_path / "node") as node:
        await until(lambda: node.heads.pushed and node.health.chain_error is None, "no blocks are pushed")
        await until(lambda: node.health.loops.get("relay") == "ok", "the relay has not ticked")
        before, begun, start = wire.requests, time.monotonic(), environment.chain.head().number
        for number in range(start + 1, start + BLOCKS + 1):
            await asyncio.to_thread(environment.anvil.mine, 1)
            await until(lambda number=number: (node.health.indexed or 0) >= number, "a block is not taken in")
        ticks = (time.monotonic() - begun) / loops.SLOW + 1
        assert wire.requests - before <= 6 * ticks
        assert wire.requests - before < BLOCKS


async def test_without_a_push_blocks_are_asked_for(
    environment: NodeEnvironment, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "AGAIN", 3600)
    async with alive(environment, wire, tmp_path / "node") as node:
        await until(lambda: node.heads.pushed, "no blocks are pushed")
        await wire.cut()
        await until(lambda: not node.heads.pushed, "the loss is not told")
        await until(lambda: node.health.chain_error is not None, "the loss is not seen")
        await wire.join()
        await until(lambda: node.health.chain_error is None, "the endpoint is not found again")
        await asyncio.to_thread(environment.anvil.mine, 1)
        head = environment.chain.head().number
        await until(lambda: (node.health.indexed or 0) >= head, "a block is not asked for")
        assert not node.heads.pushed


async def test_a_signal_ends_a_loops_rest(node: Running) -> None:
    ticks = 0

    async def tick() -> float:
        nonlocal ticks
        ticks += 1
        return 3600

    task = asyncio.create_task(run_forever(node.node, "test", 3600, tick, node.node.moved))
    for count in range(1, 4):
        await until(lambda count=count: ticks == count, "the signal is not heard")
        node.node.moved.send()
    task.cancel()
