"""Blocks that the endpoint pushes: what their headers say, what is skipped for it, and what happens without them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from placet.chain import heads as module
from placet.chain import index as index_module
from placet.chain.blocks import BlockHeader
from placet.chain.blooms import LogFilter
from placet.chain.client import Chain
from placet.chain.event_types import addresses
from placet.chain.heads import Heads
from placet.chain.index import Index
from placet.chain.signals import listening
from placet.core.errors import ChainError
from wire import Wire


def header(environment, number: int | str = "latest") -> BlockHeader:
    asked = hex(number) if isinstance(number, int) else number
    return BlockHeader.read(environment.local.rpc("eth_getBlockByNumber", asked, False))


@contextlib.asynccontextmanager
async def subscribed(url: str) -> AsyncIterator[Heads]:
    heads = Heads(url)
    task = asyncio.create_task(heads.run())
    try:
        yield heads
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(heads: Heads, true: Any) -> None:
    with listening(heads.arrived) as listener:
        async with asyncio.timeout(60):
            while not true():
                await listener.wait(1)


async def test_each_mined_block_is_pushed_as_the_chain_has_it(environment) -> None:
    async with subscribed(environment.local.url) as heads:
        await until(heads, lambda: heads.pushed)
        before = header(environment).head
        await asyncio.to_thread(environment.local.mine, 3)
        headers: list[BlockHeader] = []
        await until(heads, lambda: headers.extend(heads.take()) or len(headers) >= 3)
        assert headers == [header(environment, before.number + i) for i in (1, 2, 3)]
        assert headers[0].parent == before.hash
        assert heads.take() == []


async def test_a_lost_connection_is_told_and_made_again(environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN", 0.05)
    wire = Wire(httpx.URL(environment.local.url).port or 0)
    await wire.join()
    async with subscribed(f"http://127.0.0.1:{wire.port}") as heads:
        await until(heads, lambda: heads.pushed)
        await wire.cut()
        await until(heads, lambda: not heads.pushed)
        await wire.join()
        await until(heads, lambda: heads.pushed)
    await wire.cut()


async def test_an_endpoint_without_subscriptions_pushes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN", 0.01)
    calls = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with subscribed(f"http://127.0.0.1:{port}") as heads, asyncio.timeout(60):
            while calls < 3:
                await asyncio.sleep(0.01)
            assert not heads.pushed


@pytest.mark.parametrize("spoil", ["hash", "parentHash", "logsBloom", "number"])
def test_a_header_that_is_none_is_refused(environment, spoil: str) -> None:
    block = environment.local.rpc("eth_getBlockByNumber", "latest", False)
    for value in (None, "0x", 7):
        with pytest.raises(ChainError):
            BlockHeader.read({**block, spoil: value})
    with pytest.raises(ChainError):
        BlockHeader.read(None)


def test_the_filter_holds_what_is_ours_and_rules_out_what_is_not(environment) -> None:
    contracts = LogFilter(addresses(environment.deployment))
    environment.offer()
    ours = header(environment)
    environment.local.mine(1)
    assert contracts.may_hold(ours.bloom)
    assert not contracts.may_hold(header(environment).bloom)
    strangers = [LogFilter({secrets.token_bytes(20): "ConsentRegistry"}) for _ in range(50)]
    assert sum(stranger.may_hold(ours.bloom) for stranger in strangers) < 5


class Counted(Chain):
    """Counts what it asks the endpoint."""

    requests = 0

    def __init__(self, url: str, deployment: Any) -> None:
        super().__init__(url, deployment)
        call, batch = self.rpc.call, self.rpc.batch

        def counting(ask: Any) -> Any:
            def asked(*values: Any) -> Any:
                self.requests += 1
                return ask(*values)

            return asked

        self.rpc.call, self.rpc.batch = counting(call), counting(batch)  # type: ignore[method-assign]


@pytest.fixture
def chain(environment) -> Counted:
    return Counted(environment.local.url, environment.deployment)


def synced(environment, chain: Chain) -> Index:
    index = Index(environment.engine, chain)
    index.sync()
    return index


def test_empty_blocks_are_skipped_without_a_request(environment, chain: Counted) -> None:
    index = synced(environment, chain)
    environment.local.mine(2)
    requests, last = chain.requests, header(environment).head.number
    assert index.skip(header(environment, last - 1))
    assert index.skip(header(environment, last))
    assert chain.requests == requests
    assert index.sync() == last


def test_a_block_that_may_hold_something_of_ours_is_read(environment, chain: Counted) -> None:
    index, offer = synced(environment, chain), environment.offer()
    blocks = range(index.latest() + 1, header(environment).head.number + 1)
    assert not all(index.skip(header(environment, number)) for number in blocks)
    index.sync()
    assert offer.id in {made.offer for made in index.offers()}


def test_what_a_lying_header_hides_is_read_with_the_next_block_after_a_while(
    environment, chain: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = synced(environment, chain)
    start = index.latest()
    offer = environment.offer()
    for number in range(start + 1, header(environment).head.number + 1):
        assert index.skip(replace(header(environment, number), bloom=0))
    environment.local.mine(1)
    monkeypatch.setattr(index_module, "SKIP_SECONDS", 0.0)
    assert not index.skip(header(environment))
    index.sync()
    assert offer.id in {made.offer for made in index.offers()}


def test_blocks_that_do_not_follow_are_read(environment, chain: Counted) -> None:
    """One that was missed, another branch, and before the first reading."""
    fresh = Index(environment.engine, chain)
    environment.local.mine(1)
    assert not fresh.skip(header(environment))
    fresh.sync()
    environment.local.mine(2)
    assert not fresh.skip(header(environment))
    fresh.sync()
    environment.local.mine(1)
    assert not fresh.skip(replace(header(environment), parent=secrets.token_bytes(32)))
    assert fresh.skip(header(environment))


def test_blocks_are_read_until_what_is_ours_is_confirmed(environment) -> None:
    index = synced(environment, environment.at_depth(2))
    environment.offer()
    index.sync()
    skipped = []
    for _ in range(4):
        environment.local.mine(1)
        skipped.append(index.skip(header(environment)))
        if not skipped[-1]:
            index.sync()
    assert skipped == [False, False, True, True]
