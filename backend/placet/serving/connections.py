"""Connections of an HTTP server that strangers may reach: none is kept for who says nothing.

A connection *waits* while its request has not wholly come, or while its client does not read what it is sent. A
request's head must come within `head_seconds`, and so soon an answer must go on being read. Where a client, or all
together, have as many connections as they may, the one that has waited longest makes room for the next; a request that
has come is answered, whoever fills the server with silence (RFC 9112, 9.8 leaves the choice to us).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class ConnectionLimits:
    """`most` connections in all, `per_client` of an address (IPv6: of a /64), but for `trusted` proxies, which speak
    for many."""

    most: int = 512
    per_client: int = 64
    head_seconds: float = 10.0
    trusted: Collection[Network] = ()


class Connections:
    """All connections of one server, by client, in the order in which they began to wait."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._clients: dict[_BoundedProtocol, str | None] = {}
        self._waiting: dict[str | None, OrderedDict[_BoundedProtocol, None]] = {}
        self._count: dict[str | None, int] = {}
        self._order: OrderedDict[_BoundedProtocol, None] = OrderedDict()

    def add(self, protocol: _BoundedProtocol, address: str | None) -> bool:
        """Take a new connection in, which waits; False if there is no room and nobody waits who could make it."""
        client = self._client(address)
        full = client is not None and self._count.get(client, 0) >= self.limits.per_client
        if full and not self._end_longest(self._waiting.get(client)):
            return False
        if len(self._clients) >= self.limits.most and not self._end_longest(self._order):
            return False
        self._clients[protocol] = client
        self._count[client] = self._count.get(client, 0) + 1
        self.waits(protocol)
        return True

    def waits(self, protocol: _BoundedProtocol) -> None:
        """It waits for the rest of a request, from now on or since it began to."""
        if protocol in self._clients and protocol not in self._order:
            self._order[protocol] = None
            self._waiting.setdefault(self._clients[protocol], OrderedDict())[protocol] = None

    def serves(self, protocol: _BoundedProtocol) -> None:
        """A whole request has come."""
        if self._order.pop(protocol, False) is None:
            client = self._clients[protocol]
            del self._waiting[client][protocol]
            if not self._waiting[client]:
                del self._waiting[client]

    def remove(self, protocol: _BoundedProtocol) -> None:
        """It has ended."""
        if protocol not in self._clients:
            return
        self.serves(protocol)
        client = self._clients.pop(protocol)
        self._count[client] -= 1
        if not self._count[client]:
            del self._count[client]

    def _end_longest(self, waiting: OrderedDict[_BoundedProtocol, None] | None) -> bool:
        if not waiting:
            return False
        longest = next(iter(waiting))
        self.remove(longest)
        longest.transport.abort()
        return True

    def _client(self, address: str | None) -> str | None:
        """What is counted as one client; None for a trusted proxy, and where there is no address."""
        one = _address(address or "")
        return None if one is None or any(one in network for network in self.limits.trusted) else _network(one)


def client_network(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 of an IPv6 one. Text that is no address is itself."""
    one = _address(address)
    return address if one is None else _network(one)


def _network(one: Address) -> str:
    return str(one if one.version == 4 else ipaddress.ip_network((one, 64), strict=False))


def _address(text: str) -> Address | None:
    try:
        one = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(one, "ipv4_mapped", None) or one


class _BoundedProtocol(H11Protocol):
    """uvicorn's protocol, whose connections are in `table`."""

    table: Connections

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self.table.add(self, self.client and self.client[0]):
            transport.abort()
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self.table.remove(self)
        self._expect_no_head()
        self._expect_no_reading()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        self._tell()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(self.table.limits.head_seconds, self._reset)
        self._tell()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._expect_no_reading()
        self._tell()

    def _tell(self) -> None:
        """Whether this connection waits for its client."""
        if self._between_requests() or self.cycle.more_body or self._unread is not None:
            self.table.waits(self)
        else:
            self.table.serves(self)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._between_requests():
            self._expect_head()
        else:
            self._expect_no_head()

    def on_response_complete(self) -> None:
        self.table.waits(self)
        super().on_response_complete()

    def _between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        if self._head is None and not self.transport.is_closing():
            self._head = self.loop.call_later(self.table.limits.head_seconds, self.transport.abort)

    def _reset(self) -> None:
        """End the connection at once; the system forgets what the client has not read."""
        connection = self.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _expect_no_reading(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _expect_no_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None


def server_options(trusted: Collection[Network]) -> dict[str, Any]:
    """How uvicorn serves whom it does not know: bounded connections, no access log (it would say who asks what, and
    when). The address that a proxy forwards is believed of `trusted` ones alone."""
    return {
        "http": bounded(ConnectionLimits(trusted=trusted)),
        "ws": "none",
        "proxy_headers": bool(trusted),
        "forwarded_allow_ips": [str(proxy) for proxy in trusted],
        "server_header": False,
        "access_log": False,
    }


def bounded(limits: ConnectionLimits) -> type[H11Protocol]:
    """The protocol of one server (uvicorn's option `http`)."""

    class Bounded(_BoundedProtocol):
        table = Connections(limits)

    return Bounded
