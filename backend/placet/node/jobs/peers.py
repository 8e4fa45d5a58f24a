"""The peer link: mutual TLS with the certificates of the trust list, one question a connection.

A question is a frame (`core.framing`, a length of 1 byte) with its name and a frame with its body; an answer is 0 or
1 (a problem as JSON) and a frame with its body. Who is at the other end is read off the key of its certificate.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from pydantic import Field

from placet.core.errors import ConfigError, InputError, LimitError, PeerError, PlacetError, unforeseen
from placet.core.framing import WIDTH, announced, frame, header
from placet.core.trust import Institution, TrustList
from placet.core.values import Value, parse, quotation
from placet.jobs.certificates import of as key_of
from placet.jobs.certificates import tls_key
from placet.jobs.link import MAX_PAYLOAD, problem
from placet.jobs.messages import MAX_ASKED

log = logging.getLogger("placet.node.jobs.peers")
MAX_BODY = MAX_PAYLOAD + 8192
SECONDS = 60.0
AT_ONCE = 8
"""Messages of one institution that are in memory before they are taken in; and other questions that are being read."""
_CONNECT = 5.0
_NAME = 1
"""Bytes of the length before a question's name."""
Handler = Callable[[bytes, str, bytes], Awaitable[bytes]]


_Told = Annotated[str, *quotation(400)]


class _Problem(Value):
    code: Annotated[str, Field(max_length=64, pattern=r"^[a-z0-9]+([.-][a-z0-9]+)*$")]
    message: _Told
    expected: _Told | None = None
    found: _Told | None = None
    remedy: _Told | None = None


def tls_context(folder: Path, passphrase: str, trust: TrustList, *, server: bool) -> ssl.SSLContext:
    """TLS 1.3, our certificate, and the trust list's as the only roots. ConfigError if our own can't be read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key", lambda: passphrase)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError("the TLS key can't be read", found=type(error).__name__, remedy="placet doctor") from None
    for institution in trust.institutions:
        tls_key(institution.certificate)
        context.load_verify_locations(cadata=institution.certificate)
    return context


def private_key(folder: Path, passphrase: str) -> bytes:
    """Our TLS key in PEM, unencrypted, for the engine's process. ConfigError if it can't be read."""
    try:
        key = load_pem_private_key((folder / "tls.key").read_bytes(), passphrase.encode())
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError("the TLS key can't be read", found=type(error).__name__, remedy="placet doctor") from None
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _peer_key(writer: asyncio.StreamWriter) -> bytes:
    tls = writer.get_extra_info("ssl_object")
    certificate = None if tls is None else tls.getpeercert(binary_form=True)
    if certificate is None:
        raise PeerError("the peer shows no certificate", code="peer.stranger")
    return key_of(x509.load_der_x509_certificate(certificate))


class PeerLink:
    """Our side as the one who asks."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls

    async def call(self, to: Institution, what: str, body: bytes, *, limit: int) -> bytes:
        """Ask one institution. PeerError `peer.unreachable` if it is not there, `peer.stranger` if it is another."""
        address = urlsplit(to.peer)
        try:
            async with asyncio.timeout(_CONNECT):
                reader, writer = await asyncio.open_connection(address.hostname, address.port, ssl=self._tls)
        except (OSError, TimeoutError) as error:
            raise PeerError(
                "a peer can't be reached", found=f"{to.name}: {type(error).__name__}", code="peer.unreachable"
            ) from None
        try:
            if _peer_key(writer) != tls_key(to.certificate):
                raise PeerError("another institution answers there", expected=to.name, code="peer.stranger")
            name = what.encode()
            writer.writelines((frame(name, _NAME), header(len(body)), body))
            async with asyncio.timeout(SECONDS):
                await writer.drain()
                status = (await reader.readexactly(1))[0]
                answer = await reader.readexactly(_announced(await reader.readexactly(WIDTH), limit))
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise PeerError(
                "a peer went away", found=f"{to.name}: {type(error).__name__}", code="peer.unreachable"
            ) from None
        finally:
            writer.close()
        if status:
            try:
                refusal = parse(_Problem, answer, limit=8192)
            except InputError:
                raise PeerError("a peer refuses in no known form", found=to.name, code="peer.answer") from None
            raise PeerError(
                f"{to.name}: {refusal.message}",
                expected=refusal.expected,
                found=refusal.found,
                remedy=refusal.remedy,
                code=refusal.code,
            )
        return answer


class PeerServer:
    """Our side as the one who is asked: strangers end at the handshake, oversized questions before they are read."""

    def __init__(self, trust: TrustList, handler: Handler) -> None:
        self._known = {tls_key(who.certificate): who.address for who in trust.institutions}
        self._handler = handler
        self._messages, self._others = (
            {who: asyncio.Semaphore(AT_ONCE) for who in self._known.values()} for _ in range(2)
        )

    async def start(self, host: str, port: int, tls: ssl.SSLContext) -> asyncio.Server:
        return await asyncio.start_server(self._serve, host, port, ssl=tls, ssl_handshake_timeout=_CONNECT)

    async def start_on(self, door: socket.socket, tls: ssl.SSLContext) -> asyncio.Server:
        """The same on a socket that is bound already."""
        return await asyncio.start_server(self._serve, sock=door, ssl=tls, ssl_handshake_timeout=_CONNECT)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(2 * SECONDS):
                status, answer = await self._answer(reader, writer)
                writer.writelines((bytes((status,)), header(len(answer)), answer))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            log.info("a peer went away: %s", type(error).__name__)
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, bytes]:
        try:
            asker = self._known.get(_peer_key(writer))
            if asker is None:
                raise PeerError("not an institution of the trust list", code="peer.stranger")
            name = await reader.readexactly((await reader.readexactly(_NAME))[0])
            message = name == b"message"
            size = _announced(await reader.readexactly(WIDTH), MAX_BODY if message else MAX_ASKED)
            if message:
                async with self._messages[asker]:
                    return 0, await self._handler(asker, "message", await reader.readexactly(size))
            async with self._others[asker]:
                body = await reader.readexactly(size)
            return 0, await self._handler(asker, name.decode("ascii", "replace"), body)
        except PlacetError as error:
            words = {k: None if v is None else str(v)[:400] for k, v in problem(error).items()}
            return 1, json.dumps(words).encode()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            raise
        except Exception as error:
            log.error("%s in a peer's question", unforeseen(error))
            return 1, json.dumps({"code": "internal", "message": "the node that was asked stumbled"}).encode()


def _announced(head: bytes, limit: int) -> int:
    try:
        return announced(head, limit, "what a peer says")
    except LimitError as error:
        raise PeerError(error.message, expected=error.expected, found=error.found, code="peer.oversized") from None
