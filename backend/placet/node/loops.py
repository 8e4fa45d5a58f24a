"""Loops that live as long as a node: each does what is due, then rests until a signal or for its time.

Events make a node quick, and the times make it safe: a signal may be lost, with a process or a connection, and the next
tick finds what it would have told. At rest a node hears of each block through one `Heads`, reads the chain where a
header may hold something of ours and every few seconds, and asks database, vault and jobs as rarely.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from placet.chain.signals import Signal, listening
from placet.chain.storage import storage_error
from placet.chain.threaded import ask_chain, ask_store
from placet.core.errors import ChainError, PlacetError, StorageError, unforeseen
from placet.node.consents import uses
from placet.node.service import Node

log = logging.getLogger("placet.node.loops")
SLOW = 10.0
"""Seconds between two looks at a chain whose blocks are pushed."""
GOING = 3.0
"""Seconds between two looks at the jobs while any goes on and no signal calls: their deadlines pass without one."""
PROBE_SECONDS = 5.0
"""Between two looks at vault and storage."""
_LONGEST = 10.0
Tick = Callable[[], Awaitable[float | None]]
"""One turn of a loop; seconds until the next one, None for the loop's own."""


async def run_forever(node: Node, name: str, seconds: float, tick: Tick, *signals: Signal) -> None:
    """Run `tick` again and again until cancelled, `seconds` apart or as it says, and at once after a signal; what goes
    wrong is logged and shown by /healthz, and tried again ever more slowly."""
    failures = 0
    with listening(*signals) as listener:
        while True:
            rest = None
            try:
                rest = await tick()
                failures = 0
                node.health.loops[name] = "ok"
            except PlacetError as error:
                failures += 1
                node.health.loops[name] = error.code
                log.warning("%s: %s", name, error if isinstance(error, ChainError | StorageError) else error.message)
            except Exception as error:  # a mistake in one tick must not end the loop: the next may well succeed
                failures += 1
                full = storage_error(error)
                node.health.loops[name] = "internal" if full is None else full.code
                log.error("%s: %s", name, full or unforeseen(error))
            if failures:
                await asyncio.sleep(min(seconds * 2 ** min(failures, 6), max(seconds, _LONGEST)))
            else:
                await listener.wait(seconds if rest is None else rest)


async def follow_chain(node: Node) -> float:
    """Take in the blocks that were pushed, or ask for the latest; seconds until the next look if none is pushed."""
    headers = node.heads.take()
    if headers:
        node.sender.new_block()
    if not node.skip(headers):
        await ask_chain(node.sync)
        await ask_store(uses.follow, node)
        node.moved.send()
    return SLOW if node.heads.pushed else node.settings.sync_seconds


async def watch_index(node: Node) -> float:
    """Take in what the process that leads has read; what was pushed only says when to look."""
    node.heads.take()
    await ask_chain(node.sync)
    return node.settings.sync_seconds


async def send(node: Node) -> None:
    """The sender of transactions, which waits and is woken by itself."""
    node.health.loops["sender"] = "ok"
    await node.sender.run()
