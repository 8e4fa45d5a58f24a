"""What each process of an institution answers itself, and what goes on to the one that leads."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from placet.cli import certificates
from placet.core.errors import StateError
from placet.node import leader_link
from placet.node.app import ROUTERS
from placet.node.config import NodeLimits
from placet.node.http.dependencies import runner_of
from placet.node.leader_link import LeaderLink, ToLeader
from placet.node.leadership import Leader
from placet.node.state import open_engine

from .conftest import PASSPHRASE

JOB, CONSENT = "0x" + "11" * 32, "0x" + "22" * 32


async def _own(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class Away(LeaderLink):
    """Nobody leads; what would have been sent."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, bytes, dict[bytes, bytes], bytes]] = []

    async def send(self, method: str, target: bytes, headers: Any, body: bytes) -> Any:
        self.requests.append((method, target, dict(headers), body))
        raise StateError("no process leads", code="leader.absent")


async def _ask(app: ToLeader, method: str, path: str, headers: list[tuple[bytes, bytes]] | None = None) -> int:
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"a=1",
        "headers": headers or [],
        "client": ("192.0.2.7", 5),
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"body", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    ("method", "path", "leads"),
    [
        ("POST", "/v1/jobs", True),
        ("GET", "/v1/jobs", True),
        ("GET", f"/v1/jobs/{JOB}/events", True),
        ("GET", f"/v1/jobs/{JOB}/trail", True),
        ("POST", f"/v1/jobs/{JOB}/cancel", True),
        ("GET", "/v1/outcomes", True),
        ("GET", "/v1/standing", True),
        ("POST", "/v1/enclave/jobs", True),
        ("GET", "/v1/offers", False),
        ("POST", "/v1/consents", False),
        ("GET", "/v1/consents/timeline", False),
        ("GET", f"/v1/consents/{CONSENT}/receipt", False),
        ("GET", "/v1/owners/0x" + "33" * 20 + "/access", False),
        ("POST", f"/v1/consents/{CONSENT}/withdrawal", False),
        ("POST", "/console/login", False),
        ("GET", "/healthz", False),
        ("GET", "/v1/nothing", False),
        ("DELETE", "/v1/jobs", False),
    ],
)
async def test_what_needs_the_runner_goes_to_the_leader(method: str, path: str, leads: bool) -> None:
    link = Away()
    app = ToLeader(_own, link, ROUTERS, runner_of, NodeLimits())
    headers = [(b"authorization", b"Bearer x"), (b"x-forwarded-for", b"203.0.113.1"), (b"connection", b"keep-alive")]
    assert await _ask(app, method, path, headers) == (503 if leads else 204)
    if leads:
        ((_, target, passed, body),) = link.requests
        assert (target, body) == (path.encode() + b"?a=1", b"body")
        # Whom the leader counts is who asked here, whatever he says of himself.
        assert passed == {b"authorization": b"Bearer x", b"x-forwarded-for": b"192.0.2.7"}


async def test_a_process_keeps_no_more_of_a_request_for_the_leader_than_of_its_own() -> None:
    """Whether or not it says how much is to come: a body goes on whole, and is in memory until then."""
    link = Away()
    app = ToLeader(_own, link, ROUTERS, runner_of, NodeLimits(body_bytes=3))
    assert await _ask(app, "POST", "/v1/jobs", [(b"content-length", b"4")]) == 413
    assert await _ask(app, "POST", "/v1/jobs") == 413
    assert await _ask(app, "POST", "/v1/offers") == 204
    assert link.requests == []


async def test_who_does_not_show_the_institutions_key_is_not_heard(tmp_path: Path) -> None:
    """The worker's port is for its own institution's processes: another institution's certificate is a stranger's."""
    tls = []
    for name in ("own", "other"):
        (tmp_path / name).mkdir()
        key, certificate = certificates.make(name, ["127.0.0.1"], PASSPHRASE)
        (tmp_path / name / "tls.key").write_bytes(key)
        (tmp_path / name / "tls.crt").write_bytes(certificate)
        tls.append((tmp_path / name, PASSPHRASE))
    served: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(await reader.read(5))
        writer.write(b"hello")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=leader_link.own_tls(*tls[0], server=True))
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=leader_link.own_tls(*tls[0]))
    writer.write(b"hello")
    assert await reader.read() == b"hello"
    writer.close()
    with pytest.raises(OSError, match=r"certificate|CERTIFICATE|reset|EOF"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=leader_link.own_tls(*tls[1]))
    assert served == [b"hello"]
    server.close()


async def test_a_peers_connection_is_passed_on_until_the_leader_ends_it() -> None:
    """Both ways, byte by byte; and a stranger who sends nothing more keeps no place once the leader has had enough."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readexactly(5)).upper())
        await writer.drain()
        writer.close()

    inner = await asyncio.start_server(serve, "127.0.0.1", 0)
    link = LeaderLink(open_engine("sqlite://"), ssl.create_default_context())
    link._leader = Leader(1, 0, inner.sockets[0].getsockname()[1])
    outer = await asyncio.start_server(link.splice, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", outer.sockets[0].getsockname()[1])
    writer.write(b"hello")
    async with asyncio.timeout(60):
        assert await reader.read() == b"HELLO"
        while link._spliced:
            await asyncio.sleep(0.01)
    writer.close()
    inner.close()
    outer.close()


async def test_a_peer_that_no_leader_has_yet_waits_for_the_next_and_one_that_is_with_the_last_is_let_go(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(9):
            writer.write(piece.upper())
            await writer.drain()
        writer.close()

    inner = await asyncio.start_server(serve, "127.0.0.1", 0)
    leads: list[Leader | None] = [None, Leader(2, 0, inner.sockets[0].getsockname()[1]), None]
    monkeypatch.setattr(leader_link, "leader", lambda engine: leads.pop(0))
    link = LeaderLink(open_engine("sqlite://"), ssl.create_default_context())
    outer = await asyncio.start_server(link.splice, "127.0.0.1", 0)
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", outer.sockets[0].getsockname()[1])
        writer.write(b"hello")
        while not link._spliced:
            await asyncio.sleep(0.01)
        with pytest.raises(StateError):
            await link.look()
        await link.look()
        assert await reader.readexactly(5) == b"HELLO"
        with pytest.raises(StateError):
            await link.look()
        assert await reader.read() == b""
        while link._spliced or link._delivered:
            await asyncio.sleep(0.01)
    writer.close()
    inner.close()
    outer.close()
    assert not [record for record in caplog.records if record.name == "asyncio"]
