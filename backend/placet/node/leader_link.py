"""From a process that answers people to the one that leads: requests about jobs, and other institutions' connections.

Both processes are on one machine, beside their vault. A request goes on over TLS in which either side shows the
institution's own certificate, since it carries credentials. A peer's connection is passed on as it is: its TLS ends at
the leader, who sees for himself who is there.

What could not be delivered is tried at the next leader. What may have been delivered is not, unless it only reads:
`leader.lost` says so, and what was asked for is then seen among the jobs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIRouter
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from placet.chain.threaded import ask_store
from placet.core.errors import PlacetError, StateError
from placet.node.config import NodeLimits
from placet.node.http.limits import RequestLimits
from placet.node.http.problems import answer
from placet.node.leadership import Leader, leader

HOST = "127.0.0.1"
LOOK_SECONDS = 0.5
PATIENCE = 15.0
"""Seconds for which a leader is waited for: longer than a take-over takes."""
CONNECTIONS = 256
"""Of other institutions at a time."""
CONNECTION_SECONDS = 150.0
"""For a peer's question and its answer: longer than either side waits."""
_PIECE = 64 << 10
_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
_OWN = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"content-length", b"date"})

log = logging.getLogger("placet.node.leader_link")
logging.getLogger("httpx").setLevel(logging.WARNING)  # below that it logs who is asked what


def own_tls(folder: Path, passphrase: str, *, server: bool = False) -> ssl.SSLContext:
    """Between processes of one institution: its certificate at this end, and no other one at the other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # the certificate is the institution's alone
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key", lambda: passphrase)
    context.load_verify_locations(folder / "tls.crt")
    return context


class LeaderLink:
    """Knows who leads. For one event loop."""

    def __init__(self, engine: sa.Engine, tls: ssl.SSLContext) -> None:
        self._engine = engine
        self._tls = tls
        self._leader: Leader | None = None
        self._http: httpx.AsyncClient | None = None
        self._spliced: set[asyncio.Task[None]] = set()
        self._delivered: set[asyncio.Task[None]] = set()
        """Those of them that a leader has."""

    async def look(self) -> None:
        """Ask the database who leads. What a leader before has is given up; what none has yet waits for the next.
        StateError `leader.absent`."""
        current = await ask_store(leader, self._engine)
        if current != self._leader:
            log.info("the leader is %s", "away" if current is None else f"in term {current.term}")
            self._leader = current
            await self._give_up(self._delivered)
            if current is not None:
                limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
                timeout = httpx.Timeout(None, connect=5.0)
                self._http = httpx.AsyncClient(
                    base_url=f"https://{HOST}:{current.api_port}",
                    verify=self._tls,
                    trust_env=False,
                    timeout=timeout,
                    limits=limits,
                )
        if current is None:
            raise _absent()

    async def close(self) -> None:
        """End what goes on."""
        await self._give_up(self._spliced)

    async def _give_up(self, connections: set[asyncio.Task[None]]) -> None:
        for task in connections:
            task.cancel()
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def send(self, method: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> Any:
        """The leader's answer, its body unread. StateError `leader.absent` or `leader.lost`."""
        until = asyncio.get_running_loop().time() + PATIENCE
        while True:
            http = self._http
            if http is not None:
                url = http.base_url.copy_with(raw_path=target)
                try:
                    return await http.send(http.build_request(method, url, headers=headers, content=body), stream=True)
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    pass  # nothing has been delivered
                except (httpx.TransportError, RuntimeError):  # RuntimeError: the client was closed, its leader is gone
                    if method not in ("GET", "HEAD"):
                        raise _lost() from None
            if asyncio.get_running_loop().time() >= until:
                raise _absent()
            await asyncio.sleep(LOOK_SECONDS / 2)

    async def splice(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass a peer's connection on, both ways, until the leader ends it: who says nothing keeps no place here."""
        task = asyncio.current_task()
        if task is None or len(self._spliced) >= CONNECTIONS:
            writer.close()
            return
        self._spliced.add(task)
        try:
            async with asyncio.timeout(CONNECTION_SECONDS):
                inner_reader, inner_writer = await self._connect()
                self._delivered.add(task)
                inward = asyncio.create_task(_pipe(reader, inner_writer))
                try:
                    await _pipe(inner_reader, writer)
                finally:
                    inward.cancel()
                    await asyncio.gather(inward, return_exceptions=True)
                    inner_writer.close()
        except (OSError, TimeoutError, StateError, asyncio.CancelledError) as error:
            # Python 3.11 logs a server's task that ends as cancelled as an error; this one has nothing more to do.
            log.info("a peer's connection ended: %s", type(error).__name__)
        finally:
            self._spliced.discard(task)
            self._delivered.discard(task)
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        until = asyncio.get_running_loop().time() + PATIENCE
        while True:
            current = self._leader
            if current is not None:
                with contextlib.suppress(OSError):
                    reader, writer = await asyncio.open_connection(HOST, current.peer_port)
                    if current == self._leader:
                        return reader, writer
                    writer.close()
            if asyncio.get_running_loop().time() >= until:
                raise _absent()
            await asyncio.sleep(LOOK_SECONDS / 2)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()


class ToLeader:
    """ASGI middleware: requests whose route works with the jobs' runner go to the process that has one, held to the
    same limits here as there: this process keeps a request's body until it has come whole."""

    def __init__(
        self,
        app: ASGIApp,
        link: LeaderLink,
        routers: Sequence[APIRouter],
        needs: Callable[..., Any],
        limits: NodeLimits,
    ) -> None:
        self._app = app
        self._link = link
        self._limited = RequestLimits(self._pass_on, limits)
        self._routes = [
            (route, _depends(route.dependant, needs))
            for router in routers
            for route in router.routes
            if isinstance(route, APIRoute)
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._route(scope) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        await self._limited(scope, receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._forward(Request(scope, receive))
        except PlacetError as error:
            await answer(error)(scope, receive, send)
            return
        await response(scope, receive, send)

    def _route(self, scope: Scope) -> APIRoute | None:
        """The route, if it is one for the leader. As in the application, the first that fits is the one."""
        for route, for_leader in self._routes:
            if route.matches(scope)[0] is Match.FULL:
                return route if for_leader else None
        return None

    async def _forward(self, request: Request) -> StreamingResponse:
        headers = [(k, v) for k, v in request.headers.raw if k not in _HOP_BY_HOP | _OWN]
        if request.client is not None:
            headers.append((b"x-forwarded-for", request.client.host.encode()))
        target: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
        query: bytes = request.scope["query_string"]
        target += b"?" + query if query else b""
        reply = await self._link.send(request.method, target, headers, await request.body())
        response = StreamingResponse(_body(reply), status_code=reply.status_code)
        headers = [(name.lower(), value) for name, value in reply.headers.raw]
        response.raw_headers = [(name, value) for name, value in headers if name not in _HOP_BY_HOP | {b"date"}]
        return response


async def _body(reply: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in reply.aiter_raw():
            yield piece
    finally:
        await reply.aclose()


def _depends(dependant: Dependant, needs: Callable[..., Any]) -> bool:
    return any(one.call is needs or _depends(one, needs) for one in dependant.dependencies)


def _absent() -> StateError:
    return StateError(
        "no process of this institution leads at the moment", remedy="try again in a few seconds", code="leader.absent"
    )


def _lost() -> StateError:
    return StateError(
        "the process that leads was lost before it answered",
        remedy="look whether what you asked for was done, and ask again if not",
        code="leader.lost",
    )
