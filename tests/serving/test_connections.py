"""A server whose connections are bounded: silence keeps no place, and who asks is answered."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from placet.serving.connections import ConnectionLimits, Connections, bounded

HELLO = b"GET / HTTP/1.1\r\nHost: node\r\n\r\n"
ESTABLISHED = 1
"""Of a TCP connection, as Linux counts its states."""
LOCAL = ipaddress.ip_network("127.0.0.0/8")


class App:
    """Answers at once, but at `/slow` once it may."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.slow = threading.Semaphore(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            self.slow.release()
            await asyncio.to_thread(self.may.wait, 60)
        elif scope["method"] == "POST":
            while (await receive()).get("more_body"):
                pass
        body = b"much" * 8_000_000 if scope["path"] == "/much" else b"hi"
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def served(**limits: Any) -> Iterator[tuple[App, tuple[str, int]]]:
    app, listening = App(), socket.create_server(("127.0.0.1", 0))
    options = {"lifespan": "off", "log_config": None, "access_log": False, "ws": "none", "timeout_keep_alive": 30}
    server = uvicorn.Server(uvicorn.Config(app, http=bounded(ConnectionLimits(**limits)), **options))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield app, listening.getsockname()
    finally:
        app.may.set()
        server.should_exit = True
        thread.join(60)
        listening.close()


@contextlib.contextmanager
def connected(address: tuple[str, int], number: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as ends:
        yield [ends.enter_context(socket.create_connection(address, timeout=60)) for _ in range(number)]


def answered(one: socket.socket, request: bytes = HELLO) -> bool:
    """Is the request answered by 200? False where the connection has been ended."""
    try:
        one.sendall(request)
        return heard(one)
    except OSError:
        return False


def heard(one: socket.socket) -> bool:
    """Does a whole answer of 200 come?"""
    answer = b""
    while not answer.endswith(b"hi"):
        if not (piece := one.recv(1000)):
            return False
        answer += piece
    return answer.startswith(b"HTTP/1.1 200")


def test_who_says_nothing_makes_room_for_who_asks() -> None:
    with served(most=8, per_client=8) as (_, address), connected(address, 12) as silent:
        with connected(address, 1) as (asking,):
            assert answered(asking) and answered(asking)
        assert not any(answered(one) for one in silent[:4])
        assert answered(silent[-1])


def test_requests_that_have_come_are_not_ended_for_others() -> None:
    with served(most=4, per_client=4) as (app, address), connected(address, 3) as busy:
        for one in busy:
            one.sendall(b"GET /slow HTTP/1.1\r\nHost: node\r\n\r\n")
            assert app.slow.acquire(timeout=60)
        with connected(address, 5) as others:
            assert answered(others[-1])
        app.may.set()
        assert all(heard(one) for one in busy)


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: n"])
def test_a_head_comes_in_time_or_not_at_all(begun: bytes) -> None:
    with served(head_seconds=0.5) as (_, address), connected(address, 1) as (one,):
        one.sendall(begun)
        with contextlib.suppress(ConnectionResetError):
            while one.recv(1000):
                pass


def test_a_connection_between_two_requests_is_not_hurried() -> None:
    with served(head_seconds=3) as (_, address), connected(address, 1) as (one,):
        assert answered(one)
        one.settimeout(5)
        with pytest.raises(TimeoutError):
            one.recv(1)
        assert answered(one)


def test_a_body_that_trickles_makes_room_too() -> None:
    head = b"POST / HTTP/1.1\r\nHost: node\r\nContent-Length: 9\r\n\r\nsome"
    with served(most=4, per_client=4) as (_, address), connected(address, 4) as slow:
        for one in slow:
            one.sendall(head)
        with connected(address, 1) as (asking,):
            assert answered(asking)
        assert answered(slow[-1], b" more")


def test_who_does_not_read_makes_room_and_keeps_nothing_for_long() -> None:
    """Many requests on one connection, and no answer is read: the server's writing stops, and so does its waiting."""
    asked = HELLO.replace(b"/ HTTP", b"/much HTTP") * 3
    with served(most=4, per_client=4, head_seconds=1) as (_, address), connected(address, 4) as unread:
        for one in unread:
            one.sendall(asked)
        with connected(address, 1) as (asking,):
            assert answered(asking)
    with served(most=4, per_client=4, head_seconds=0.5) as (_, address), connected(address, 1) as (one,):
        one.sendall(asked)
        end = time.monotonic() + 60
        while one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == ESTABLISHED:
            assert time.monotonic() < end, "the connection is kept"
            time.sleep(0.02)


class Transport:
    def __init__(self) -> None:
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


class Protocol:
    def __init__(self) -> None:
        self.transport = Transport()


def test_one_client_is_an_address_or_a_64_and_a_trusted_proxy_is_many() -> None:
    table = Connections(ConnectionLimits(most=100, per_client=2, trusted=(LOCAL,)))
    clients = {
        "198.51.100.1": True,
        "::ffff:198.51.100.1": True,
        "2001:db8::1": False,
        "2001:db8::2:1": False,
        "2001:db8:0:1::1": None,
        "127.0.0.1": None,
    }
    held: dict[str, list[Any]] = {address: [Protocol(), Protocol()] for address in clients}
    for address, protocols in held.items():
        assert all(table.add(one, address) for one in protocols)
    ended = {address: [one.transport.aborted for one in protocols] for address, protocols in held.items()}
    assert ended["198.51.100.1"] == ended["2001:db8::1"] == [True, True]
    assert not any(any(ended[address]) for address in ("::ffff:198.51.100.1", "2001:db8::2:1", "2001:db8:0:1::1"))
    more: list[Any] = [Protocol() for _ in range(5)]
    assert all(table.add(one, "127.0.0.9") for one in more)
    assert not any(one.transport.aborted for one in (*more, *held["127.0.0.1"]))


def test_where_all_are_served_a_new_one_is_refused() -> None:
    table = Connections(ConnectionLimits(most=3, per_client=2))
    protocols: list[Any] = [Protocol() for _ in range(5)]
    assert table.add(protocols[0], "198.51.100.1") and table.add(protocols[1], "198.51.100.1")
    table.serves(protocols[0])
    table.serves(protocols[1])
    assert not table.add(protocols[2], "198.51.100.1")
    assert table.add(protocols[2], "198.51.100.2")
    table.serves(protocols[2])
    assert not table.add(protocols[3], "198.51.100.3")
    table.remove(protocols[0])
    table.remove(protocols[0])
    assert table.add(protocols[3], "198.51.100.1")
    assert not any(one.transport.aborted for one in protocols)
