"""Runs a local network's nodes: `python -m placet.chain.network.supervisor FOLDER DESCRIPTOR...`, a listening socket a
node. `host` starts it as the first process of namespaces of its own for processes and network: all of the clients end
with it, however it ends, and nothing but those sockets leads into the network.

It takes orders at `control` in the folder, a Unix socket: one JSON object a connection, one back.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from placet.chain.network import namespaces
from placet.chain.network.node import NetworkNode, Peer
from placet.chain.network.settings import NetworkSettings
from placet.core.errors import PlacetError, StateError

GENESIS_DELAY = 30
"""Seconds from the first start to slot 0: by then all clients should run."""
MAX_ORDER = 4096

log = logging.getLogger("placet.network")


class Supervisor:
    """All nodes. Orders are carried out one after the other."""

    def __init__(self, folder: Path, settings: NetworkSettings, listeners: list[socket.socket]) -> None:
        self._folder = folder
        self._settings = settings
        namespaces.raise_bridge()
        self.nodes = {place: NetworkNode(folder, place, one) for place, one in enumerate(listeners, 1)}
        self._enodes: dict[int, str] = {}
        self._peers: dict[int, Peer] = {}
        self._sides: list[list[int]] = []
        self._started = False
        self._busy = asyncio.Lock()
        self.ended = asyncio.Event()

    async def start(self) -> None:
        """All execution clients, then all consensus clients: their first block is the execution clients'."""
        first, *others = self.nodes
        await self._start_execution(first)
        await asyncio.gather(*map(self._start_execution, others))
        if not self._settings.genesis_hash:
            hash_ = await self.nodes[first].within(self.nodes[first].genesis_hash())
            self._settings = replace(self._settings, genesis_hash=hash_, genesis_time=int(time.time()) + GENESIS_DELAY)
            self._settings.write(self._folder)
        await self._start_consensus(first)
        await asyncio.gather(*map(self._start_consensus, others))
        self._started = True

    async def obey(self, order: dict[str, Any]) -> dict[str, object]:
        """Carry out an order and say how things stand."""
        async with self._busy:
            match order:
                case {"do": "status"}:
                    pass
                case {"do": "down"}:
                    await asyncio.gather(*(one.within(one.stop()) for one in self.nodes.values()))
                    self.ended.set()
                case {"do": "kill", "node": int(node)} if node in self.nodes:
                    await self.nodes[node].within(self.nodes[node].stop(kill=True))
                case {"do": "start", "node": int(node)} if node in self.nodes and not self.nodes[node].runs:
                    await self._start_execution(node)
                    await self._start_consensus(node)
                case {"do": "divide", "sides": [*sides]} if not self._sides and self._are_sides(sides):
                    namespaces.divide(sides)
                    self._sides = sides
                case {"do": "unite"} if self._sides:
                    sides, self._sides = self._sides, []
                    namespaces.unite(sides)
                    await self._reconnect(sides)
                case _:
                    raise StateError("this order can't be carried out", found=json.dumps(order)[:200])
        nodes = [node for node, one in self.nodes.items() if one.runs]
        return {"started": self._started, "nodes": nodes, "sides": self._sides}

    def _are_sides(self, sides: list[Any]) -> bool:
        whole = [node for side in sides if isinstance(side, list) for node in side]
        return len(sides) > 1 and sorted(whole) == sorted(self.nodes)

    async def _start_execution(self, node: int) -> None:
        boot = [enode for other, enode in self._enodes.items() if other != node]
        self._enodes[node] = await self.nodes[node].within(self.nodes[node].start_execution(boot))

    async def _start_consensus(self, node: int) -> None:
        boot = [peer.record for other, peer in self._peers.items() if other != node]
        start = self.nodes[node].start_consensus(self._settings, boot)
        self._peers[node] = await self.nodes[node].within(start)

    async def _reconnect(self, sides: list[list[int]]) -> None:
        """Nodes that ran divided have forgotten each other, and ask their boot nodes only when they start."""
        for place, side in enumerate(sides):
            others = [node for later in sides[place + 1 :] for node in later]
            for node in filter(self._runs, side):
                for other in filter(self._runs, others):
                    await self.nodes[node].within(self.nodes[node].dial(self._peers[other]))

    def _runs(self, node: int) -> bool:
        return self.nodes[node].runs


async def _answer(supervisor: Supervisor, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        answer: dict[str, object] = await supervisor.obey(json.loads(await reader.readline()))
    except PlacetError as error:
        answer = {"error": str(error)}
    except (ValueError, TypeError):
        answer = {"error": "an order is one JSON object on one line"}
    writer.write(json.dumps(answer).encode() + b"\n")
    writer.close()


async def run(folder: Path, listeners: list[socket.socket]) -> None:
    """Until told to end, or a signal says so."""
    settings = NetworkSettings.read(folder)
    if settings is None:
        raise StateError("no network in this folder", found=str(folder))
    supervisor = Supervisor(folder, settings, listeners)
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, supervisor.ended.set)
    control = folder / "control"
    control.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(
        lambda reader, writer: _answer(supervisor, reader, writer), control, limit=MAX_ORDER
    )
    async with server:
        control.chmod(0o600)
        await supervisor.start()
        log.info("all nodes run")
        await supervisor.ended.wait()
    control.unlink(missing_ok=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asyncio.run(run(Path(sys.argv[1]), [socket.socket(fileno=int(word)) for word in sys.argv[2:]]))
