"""`placet job watch` against a node whose stream of events breaks off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest
from httpx_sse import ServerSentEvent

from placet.cli import jobs
from placet.cli.jobs import moment_of
from placet.cli.operator import Operator
from placet.core.errors import NotFoundError, PeerError

JOB = "0x" + "ab" * 32


def told(number: int, status: str) -> bytes:
    return (
        f"id: {number}\nevent: {status}\ndata: {json.dumps({'status': status, 'at': 1.5})}\n\n: still here\n\n".encode()
    )


class Broken(httpx.SyncByteStream):
    """Some events, and then the connection is gone."""

    def __init__(self, *events: bytes) -> None:
        self._events = events

    def __iter__(self) -> Iterator[bytes]:
        yield from self._events
        raise httpx.ReadError("gone")


class Node:
    """What an `Operator` asks: one answer after the other; `asked` are the ids that streams go on after."""

    api = "http://node"

    def __init__(self, *answers: httpx.SyncByteStream | bytes) -> None:
        self._answers = iter(answers)
        self.asked: list[str] = []
        self.http = httpx.Client(base_url=self.api, transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.headers["Last-Event-ID"])
        answer = next(self._answers)
        headers = {"Content-Type": "text/event-stream"}
        if isinstance(answer, bytes):
            return httpx.Response(200, headers=headers, content=answer)
        return httpx.Response(200, headers=headers, stream=answer)

    def statuses(self) -> list[str]:
        return [moment["status"] for moment in jobs._moments(cast(Operator, self), JOB)]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs.time, "sleep", lambda _: None)


def test_a_stream_that_breaks_or_ends_early_goes_on_where_it_was() -> None:
    node = Node(Broken(told(1, "agreed"), told(2, "opening")), told(3, "computing"), told(7, "completed"))
    assert node.statuses() == ["agreed", "opening", "computing", "completed"]
    assert node.asked == ["0", "2", "3"]


def test_a_node_that_does_not_come_back_is_an_error() -> None:
    node = Node(told(1, "agreed"), *(Broken() for _ in range(100)))
    with pytest.raises(PeerError, match="ended early"):
        node.statuses()
    assert node.asked == ["0", *["1"] * jobs._ATTEMPTS]


def test_a_node_that_refuses_is_not_asked_again() -> None:
    node = Node()
    problem = {"code": "not-found.job", "detail": "no such job", "title": "x", "status": 404, "type": "x"}
    node.http = httpx.Client(
        base_url=node.api, transport=httpx.MockTransport(lambda _: httpx.Response(404, json=problem))
    )
    with pytest.raises(NotFoundError):
        node.statuses()


@pytest.mark.parametrize("data", ["{", "[]", '"step"', "{}"])
def test_an_event_that_is_no_moment_is_an_error(data: Any) -> None:
    with pytest.raises(PeerError):
        moment_of(ServerSentEvent(event="step", data=data))
