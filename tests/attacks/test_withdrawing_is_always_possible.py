"""Promise 1 against those who would keep people from withdrawing: a node that strangers fill still takes them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import uvicorn
from tests.node.conftest import NodeEnvironment, Owner, Running, node_at

from placet.node.__main__ import server_options
from placet.node.http import limits

SILENT = 600


@contextlib.asynccontextmanager
async def listening(node: Running) -> AsyncIterator[tuple[str, int]]:
    """The node's API at a real port, as `placet node` serves it."""
    place = socket.create_server(("127.0.0.1", 0), backlog=1024)
    server = uvicorn.Server(uvicorn.Config(node.app, **server_options(node.settings) | {"lifespan": "off"}))
    serving = asyncio.create_task(server.serve([place]))
    try:
        yield place.getsockname()
    finally:
        server.should_exit = True
        await serving
        place.close()


async def test_among_silent_connections(environment: NodeEnvironment, owner: Owner, tmp_path: Path) -> None:
    """As many as fill the server, all from the address from which the owner writes."""
    async with node_at(environment, environment.settings(tmp_path / "node")) as node:
        offer, _ = node.offer()
        consent = await node.give(owner, offer)
        with contextlib.ExitStack() as silent:
            async with listening(node) as address:
                for _ in range(SILENT):
                    one = silent.enter_context(socket.socket())
                    one.setblocking(False)
                    await asyncio.get_running_loop().sock_connect(one, address)
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{address[1]}", trust_env=False) as http:
                    answer = await http.post(f"/v1/consents/{consent}/withdrawal", json=owner.withdrawal(consent))
                    assert answer.status_code == 202, answer.text


async def test_while_every_other_request_waits(
    environment: NodeEnvironment, owner: Owner, tmp_path: Path, monkeypatch
) -> None:
    """All places and all threads of the process are taken by requests that a slow chain holds up."""
    monkeypatch.setattr(limits, "_PLACES", 40)
    held, entered = threading.Event(), threading.Semaphore(0)
    async with node_at(environment, environment.settings(tmp_path / "node")) as node:
        offer, _ = node.offer()
        consent = await node.give(owner, offer)

        def slow(*_: object) -> None:
            entered.release()
            held.wait(600)

        monkeypatch.setattr(node.node.chain, "dataset", slow)
        waiting = [asyncio.create_task(node.client.get("/v1/datasets")) for _ in range(40)]
        try:
            async with asyncio.timeout(180):
                while not entered.acquire(blocking=False):
                    await asyncio.sleep(0.01)
                while (busy := await node.client.get("/v1/offers")).status_code != 503:
                    await asyncio.sleep(0.01)
            assert busy.json()["code"] == "limit.busy" and busy.headers["retry-after"]
            path = f"/v1/consents/{consent}/withdrawal"
            assert (await node.client.post(f"{path}/draft")).status_code == 200
            answer = await node.client.post(path, json=owner.withdrawal(consent))
            assert answer.status_code == 202, answer.text
        finally:
            held.set()
            await asyncio.gather(*waiting, return_exceptions=True)
