"""A node's erasures in a process that kills itself. Arguments: settings, job and consumer's key (hex), moment.

Goes on with whatever its database says is under way, until all of it is anchored and answered; dies at `moment`, or at
the end, where it closes nothing: what SQLite's log holds then stays in the folder.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from placet.chain.rpc import Rpc
from placet.chain.sender import Sender
from placet.core.erasure import ErasureReceipt, SignedErasure
from placet.core.signatures import Key
from placet.jobs.messages import EraseRequest, EraseResponse
from placet.node import lifetime
from placet.node.config import NodeSettings
from placet.node.consents import erasing, erasure
from placet.node.service import Node, open_node
from placet.node.state import erasure_notices, erasures
from placet.vault.client import VaultClient

SEND = "eth_sendRawTransaction"


def die(*_: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str, when: Callable[..., bool] = lambda *_: True) -> None:
    honest = getattr(owner, name)

    def patched(*args: Any) -> Any:
        if when(*args):
            die()
        return honest(*args)

    setattr(owner, name, patched)


def after(owner: Any, name: str, when: Callable[..., bool] = lambda *_: True) -> None:
    """Of a method or function that does not wait."""
    honest = getattr(owner, name)

    def patched(*args: Any) -> Any:
        result = honest(*args)
        if when(*args):
            die()
        return result

    setattr(owner, name, patched)


def after_waiting(owner: Any, name: str) -> None:
    honest = getattr(owner, name)

    async def patched(*args: Any) -> Any:
        await honest(*args)
        die()

    setattr(owner, name, patched)


def _sets(**expected: object) -> Callable[..., bool]:
    """Is it the `_set` of these values?"""
    return lambda _node, _table, _here, values: expected.items() <= values.items()


def _answers(_node: Node, table: sa.Table, _here: object, values: dict[str, object]) -> bool:
    return table is erasure_notices and "receipt" in values


MOMENTS: dict[str, Callable[[], None]] = {
    "marked": lambda: before(erasing, "_write_notices"),
    "told": lambda: after(erasing, "_write_notices"),
    "deleting": lambda: before(erasure, "erase_everywhere"),
    "gone here": lambda: after(erasure, "erase"),
    "gone here, logged": lambda: before(erasure, "overwrite_deleted"),
    "gone there": lambda: after_waiting(VaultClient, "erase"),
    "signed": lambda: before(erasing, "_set", _sets(state=erasing.ERASED)),
    "erased": lambda: after(erasing, "_set", _sets(state=erasing.ERASED)),
    "answered": lambda: before(erasing, "_set", _answers),
    "answer noted": lambda: after(erasing, "_set", _answers),
    "submitted": lambda: after(Sender, "submit"),
    "sending": lambda: before(Rpc, "call", lambda _rpc, method, *_: method == SEND),
    "sent": lambda: after(Rpc, "call", lambda _rpc, method, *_: method == SEND),
    "mined": lambda: before(erasing, "_set", _sets(state=erasing.ANCHORED)),
    "anchored": lambda: after(erasing, "_set", _sets(state=erasing.ANCHORED)),
    "never": lambda: None,
}


def peers(node: Node, consumer: Key) -> Any:
    """The runner of a node whose only peer answers at once."""

    async def ask(holder: bytes, _what: str, request: EraseRequest, _answer: object) -> EraseResponse:
        assert holder == consumer.address
        receipt = ErasureReceipt(
            chain_id=node.deployment.chain_id,
            registry=node.deployment.consent_registry.address,
            holder=holder,
            consent=request.consent,
            erased=("payloads", "result"),
            jobs=request.jobs,
            at=1,
        )
        return EraseResponse(erasure=SignedErasure.of(receipt, node.deployment.receipts, consumer.sign))

    return SimpleNamespace(peer_client=SimpleNamespace(ask=ask))


def _going(node: Node) -> bool:
    going = sa.select(erasures.c.state).where(erasures.c.state != erasing.ANCHORED)
    open_ = sa.select(erasure_notices.c.holder).where(erasure_notices.c.receipt.is_(None))
    with node.engine.connect() as connection:
        return connection.execute(going.limit(1)).first() is not None or connection.execute(open_).first() is not None


async def main(settings: str, job: str, secret: str, moment: str) -> None:
    MOMENTS[moment]()
    node = open_node(NodeSettings.load(Path(settings)))
    consumer = Key(bytes.fromhex(secret))
    plan = SimpleNamespace(parties=[SimpleNamespace(signer=node.address)], consumer=consumer.address)
    record = SimpleNamespace(job=bytes.fromhex(job), plan=plan)
    erasing.JobStore = lambda _engine: SimpleNamespace(find=lambda _job: record)  # type: ignore[assignment,misc,return-value]
    await asyncio.to_thread(node.sync)
    async with lifetime.telling(node, peers(node, consumer)):
        while await asyncio.to_thread(_going, node):
            await asyncio.to_thread(node.sender.step)
            await asyncio.to_thread(node.sync)
            node.erasing.send()
            await asyncio.sleep(0.02)
        os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
