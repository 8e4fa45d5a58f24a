"""One node of a local network: a thread in a network namespace of its own, which starts the node's two clients and lets
this machine reach the execution client's JSON-RPC at one port on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx

from placet.chain.network import namespaces
from placet.chain.network.settings import (
    BEACON_PORT,
    ENVIRONMENT,
    PEER_PORT,
    RPC_PORT,
    NetworkSettings,
    consensus_command,
    execution_command,
)
from placet.core.errors import ChainError

START_SECONDS = 240.0
STOP_SECONDS = 15.0
ANSWER_SECONDS = 15.0
_PIECE = 64 << 10
_PAUSE = 0.2
T = TypeVar("T")


@dataclass(frozen=True)
class Peer:
    """By which other nodes find a node's consensus client: its record (EIP-778), and its name in libp2p."""

    node: int
    record: str
    id: str


class NetworkNode:
    """`listener`: a listening socket of the machine's own namespace, of which what arrives is passed on."""

    def __init__(self, folder: Path, number: int, listener: socket.socket) -> None:
        self.number = number
        self._folder = folder
        self._listener = listener
        self._loop = asyncio.new_event_loop()
        self._ready: Future[int] = Future()
        self._clients: dict[str, subprocess.Popen[bytes]] = {}
        (folder / str(number)).mkdir(exist_ok=True)
        threading.Thread(target=self._run, name=f"node-{number}", daemon=True).start()
        namespaces.plug(number, self._ready.result(10.0))
        self._loop.call_soon_threadsafe(self._plugged.set)

    def _run(self) -> None:
        try:
            self._ready.set_result(namespaces.enter_own())
        except BaseException as error:
            self._ready.set_exception(error)
            return
        self._plugged = asyncio.Event()
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        await self._plugged.wait()
        namespaces.configure(self.number)
        server = await asyncio.start_server(self._pass_on, sock=self._listener)
        async with server:
            await server.serve_forever()

    async def within(self, work: Coroutine[Any, Any, T]) -> T:
        """What has to be done in this node's namespace."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def start_execution(self, boot: list[str]) -> str:
        """Returns the client's enode URL. ChainError where it does not answer."""
        self._start("execution", execution_command(self._folder, self.number, boot))
        answer = await self._asked("execution", self._rpc("admin_nodeInfo"))
        return str(answer["enode"])

    async def start_consensus(self, settings: NetworkSettings, boot: list[str]) -> Peer:
        """ChainError where the client does not answer."""
        self._start("consensus", consensus_command(self._folder, settings, self.number, boot))
        identity = (await self._asked("consensus", self._beacon("/eth/v1/node/identity")))["data"]
        return Peer(self.number, str(identity["enr"]), str(identity["peer_id"]))

    async def dial(self, peer: Peer) -> None:
        """Connect the consensus client to another one's. ChainError where it can't be reached."""
        address = f"/ip4/{namespaces.address_of(peer.node)}/tcp/{PEER_PORT}"
        query = urlencode({"peerId": peer.id, "multiaddr": address})
        try:
            await self._ask(self._beacon(f"/eth/v1/lodestar/connect_peer?{query}", "POST"))
        except httpx.HTTPError as error:
            raise ChainError(
                f"node {self.number} can't reach node {peer.node}", found=type(error).__name__, remedy="start it anew"
            ) from None

    async def stop(self, *, kill: bool = False) -> None:
        """End both clients: asked, and killed if they take their time; or killed at once."""
        for name in ("consensus", "execution"):
            process = self._clients.pop(name, None)
            if process is None or process.poll() is not None:
                continue
            deadline = self._loop.time() + (0 if kill else STOP_SECONDS)
            process.kill() if kill else process.terminate()
            while process.poll() is None:
                if self._loop.time() >= deadline:
                    process.kill()
                await asyncio.sleep(_PAUSE)

    async def genesis_hash(self) -> str:
        block = await self._ask(self._rpc("eth_getBlockByNumber", "0x0", False))
        return str(block["hash"])

    @property
    def runs(self) -> bool:
        """Do both clients run?"""
        return len(self._clients) == 2 and all(one.poll() is None for one in self._clients.values())

    def _start(self, name: str, command: list[str]) -> None:
        with (self._folder / str(self.number) / f"{name}.log").open("ab") as sink:
            environment = os.environ | ENVIRONMENT
            self._clients[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=environment,
                start_new_session=True,  # a share of a busy machine for each client
                cwd=self._folder / str(self.number),
            )

    async def _asked(self, name: str, question: tuple[str, str, Any]) -> Any:
        """What a client that was just started answers once it does."""
        deadline = self._loop.time() + START_SECONDS
        while self._loop.time() < deadline:
            if self._clients[name].poll() is not None:
                break
            with contextlib.suppress(httpx.HTTPError, ValueError, KeyError):
                return await self._ask(question)
            await asyncio.sleep(_PAUSE)
        log = self._folder / str(self.number) / f"{name}.log"
        raise ChainError(f"the {name} client of node {self.number} does not answer", remedy=f"see {log}")

    async def _ask(self, question: tuple[str, str, Any]) -> Any:
        method, url, content = question
        async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_SECONDS) as client:
            answer = (await client.request(method, url, json=content)).raise_for_status().json()
        return answer if content is None else answer["result"]

    @staticmethod
    def _rpc(method: str, *parameters: object) -> tuple[str, str, Any]:
        content = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        return "POST", f"http://127.0.0.1:{RPC_PORT}", content

    @staticmethod
    def _beacon(path: str, method: str = "GET") -> tuple[str, str, Any]:
        return method, f"http://127.0.0.1:{BEACON_PORT}{path}", None

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Both ways, until either end closes. Where nobody listens within, the connection ends."""
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", RPC_PORT)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    writer.close()
