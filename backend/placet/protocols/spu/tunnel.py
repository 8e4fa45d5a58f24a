"""The way between the parties' engines: TLS 1.3 with each party's own certificate, and nobody else's.

SPU's link speaks through Unix sockets in the task's private folder and never touches the network: its own TLS accepts
connections without TLS as well (brpc serves both on one port), so anybody could speak for a party. Here every
connection shows a certificate, each must be exactly the one of a party (its signature chain is not enough), and an
outgoing connection's exactly that of the party that is called.

A connection begins with the session's 32 bytes from the one who calls; one byte answers that it is let in.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from placet.core.errors import ConfigError, PeerError, PlacetError, ProtocolError
from placet.protocols.spu.task import EngineLink

_WELCOME = b"\x01"
_CHUNK = 1 << 18
_HANDSHAKE = 10.0
_PAUSE = 0.2
_LINGER = 0.3
_GONE = 10.0
_PROBE_PAUSE = 0.5

Lost = Callable[[PlacetError], None]
Doubted = Callable[[int | None], None]


def socket_of(rank: int) -> str:
    """Where party `rank` is reached, in the folder: our own engine, or the tunnel's end towards a peer's."""
    return f"party_{rank}.sock"


class Tunnel:
    """Our end, on an event loop in a thread of its own.

    There it calls `lost`, once, when a party is gone for good; `doubted` with its rank when a connection to it ended,
    before the engine notices, and with None if it is there after all. The engine's sockets and `key` (PEM, read at
    once) lie in `folder`.
    """

    def __init__(self, link: EngineLink, folder: Path, key: Path, lost: Lost, doubted: Doubted) -> None:
        self._link = link
        self._folder = folder
        self._lost = lost
        self._doubted = doubted
        self._certificates = [ssl.PEM_cert_to_DER_cert(member.certificate) for member in link.members]
        self._as_server = self._context(key, server=True)
        self._as_client = self._context(key, server=False)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._watching = False

    def open(self, seconds: float) -> None:
        """Listen, wait until every party has let us in and shown its certificate, and watch that none goes away.

        ProtocolError `spu.port` if our port is taken; PeerError `spu.unreachable` if a party has not appeared after
        `seconds`, `spu.stranger` as soon as another one answers in its place, `spu.refused` if it does not let us in.
        """
        self._thread.start()
        self._run(self._open(seconds), seconds + 2 * _HANDSHAKE)
        self._watching = True

    def ease(self) -> None:
        """From here on parties may leave: everybody is done."""
        self._watching = False

    def close(self) -> None:
        """Let the last acknowledgements leave, and end."""
        self.ease()
        self._run(self._drain(), _HANDSHAKE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_HANDSHAKE)

    def _run(self, what: Coroutine[Any, Any, None], seconds: float) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(seconds)

    def _others(self) -> list[int]:
        return [rank for rank in range(len(self._link.members)) if rank != self._link.me]

    def _context(self, key: Path, *, server: bool) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        certificate = key.with_suffix(".crt")
        certificate.write_text(self._link.members[self._link.me].certificate)
        try:
            context.load_cert_chain(certificate, key, lambda: "")
        except (OSError, ssl.SSLError, ValueError) as error:
            raise ConfigError("our TLS key and certificate don't fit", found=type(error).__name__) from None
        for rank in self._others():
            context.load_verify_locations(cadata=self._link.members[rank].certificate)
        return context

    async def _open(self, seconds: float) -> None:
        mine = self._link.members[self._link.me]
        try:
            outer = await asyncio.start_server(
                self._called, mine.host, mine.port, ssl=self._as_server, ssl_handshake_timeout=_HANDSHAKE
            )
        except OSError as error:
            raise ProtocolError(
                "the engine can't listen at its address", found=type(error).__name__, code="spu.port"
            ) from None
        self._servers.append(outer)
        for rank in self._others():
            inner = await asyncio.start_unix_server(self._caller(rank), self._folder / socket_of(rank))
            self._servers.append(inner)
        deadline = self._loop.time() + seconds
        await asyncio.gather(*(self._meet(rank, deadline) for rank in self._others()))

    async def _meet(self, rank: int, deadline: float) -> None:
        retrying = AsyncRetrying(
            retry=retry_if_exception(_not_there),
            stop=stop_after_delay(deadline - self._loop.time()),
            wait=wait_exponential_jitter(multiplier=0.05, max=_PAUSE, jitter=0.05),
            reraise=True,
        )
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] = await retrying(self._call, rank)
        streams[1].close()

    async def _call(self, rank: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        member = self._link.members[rank]
        try:
            async with asyncio.timeout(_HANDSHAKE):
                reader, writer = await asyncio.open_connection(member.host, member.port, ssl=self._as_client)
        except ssl.SSLCertVerificationError:
            raise PeerError("another party answers there", found=f"party {rank}", code="spu.stranger") from None
        except (OSError, TimeoutError) as error:
            kind = type(error).__name__
            raise PeerError("a party can't be reached", found=f"party {rank}: {kind}", code="spu.unreachable") from None
        try:
            if _shown(writer) != self._certificates[rank]:
                raise PeerError("another party answers there", found=f"party {rank}", code="spu.stranger")
            writer.write(self._link.session)
            async with asyncio.timeout(_HANDSHAKE):
                if await reader.readexactly(1) == _WELCOME:
                    _keep_alive(writer)
                    return reader, writer
            raise PeerError("a party does not let us in", found=f"party {rank}", code="spu.refused")
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            writer.close()
            raise PeerError("a party does not let us in", found=f"party {rank}", code="spu.refused") from None
        except PeerError:
            writer.close()
            raise

    async def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody calls: a party of this session is joined to our engine, anybody else is dropped."""
        with contextlib.closing(writer):
            shown = _shown(writer)
            rank = next((rank for rank in self._others() if self._certificates[rank] == shown), None)
            if rank is None:
                return
            try:
                async with asyncio.timeout(_HANDSHAKE):
                    session = await reader.readexactly(len(self._link.session))
                if not hmac.compare_digest(session, self._link.session):
                    return
                writer.write(_WELCOME)
                _keep_alive(writer)
                first = await reader.read(_CHUNK)
                if not first:
                    return
                inside = await asyncio.open_unix_connection(self._folder / socket_of(self._link.me))
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                return
            inside[1].write(first)
            await self._join(rank, (reader, writer), inside)

    def _caller(self, rank: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.closing(writer):
                try:
                    outside = await self._call(rank)
                except PeerError:
                    self._suspect(rank)
                    return
                await self._join(rank, (reader, writer), outside)

        return serve

    async def _join(
        self,
        rank: int,
        one: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        other: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        """Carry bytes both ways until either side ends."""
        ways = [asyncio.create_task(_carry(one[0], other[1])), asyncio.create_task(_carry(other[0], one[1]))]
        self._tasks.update(ways)
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            self._suspect(rank)
        finally:
            for way in ways:
                self._tasks.discard(way)
                way.cancel()
            one[1].close()
            other[1].close()

    def _suspect(self, rank: int) -> None:
        if self._watching:
            self._doubted(rank)
            task = self._loop.create_task(self._probe(rank))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _probe(self, rank: int) -> None:
        deadline = self._loop.time() + _GONE
        while self._watching and self._loop.time() < deadline:
            with contextlib.suppress(PeerError):
                (await self._call(rank))[1].close()
                self._doubted(None)
                return
            await asyncio.sleep(_PROBE_PAUSE)
        if self._watching:
            self._watching = False
            self._lost(PeerError("a party went away", found=f"party {rank}", code="spu.lost"))

    async def _drain(self) -> None:
        for server in self._servers:
            server.close()
        await asyncio.sleep(_LINGER)


def _not_there(error: BaseException) -> bool:
    return isinstance(error, PeerError) and error.code != "spu.stranger"


def _shown(writer: asyncio.StreamWriter) -> bytes | None:
    tls = writer.get_extra_info("ssl_object")
    return None if tls is None else tls.getpeercert(binary_form=True)


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    """A machine that vanishes without a word is noticed within half a minute."""
    link: socket.socket = writer.get_extra_info("socket")
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            link.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()
