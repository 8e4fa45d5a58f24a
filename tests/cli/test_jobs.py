"""`placet job watch` against a node whose stream of events breaks off."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest
from httpx_sse import ServerSentEvent

from placet.cli import jobs, standing
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


def test_what_is_waited_for_is_shown_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    waits = [
        {"for": "psi.rows from Bank South", "seconds": 12, "why": "waits for a free port of its engine (engine.busy)"},
        {"for": "finding 9 rows", "seconds": 3, "rows": [4, 9]},
    ]
    progress = {"status": "progress", "at": 1.5, "after": "computing", "waits": waits}
    quiet = f"event: progress\ndata: {json.dumps(progress)}\n\n".encode()
    node = Node(Broken(told(1, "computing"), quiet), quiet + told(2, "completed"))
    jobs.watch_job(cast(Operator, node), JOB)
    assert node.asked == ["0", "1"]
    line = (
        "00:00:01 UTC since computing: waits for psi.rows from Bank South (12 s, waits for a free port of its engine "
        "(engine.busy)); finding 9 rows (3 s, 4 of 9 rows)"
    )
    said = capsys.readouterr().err.splitlines()
    assert said.count(line) == 2 and said[-1] == "the job completed"
    assert "no word of the node (ReadError): asking again" in said


def test_who_has_not_signed_is_told_while_the_plan_is_proposed(capsys: pytest.CaptureFixture[str]) -> None:
    asked = threading.Event()

    class Proposing:
        def ask(self, method: str, path: str) -> dict[str, Any]:
            assert (method, path) == ("GET", "/v1/proposals")
            asked.set()
            return {"waits": [{"for": "Bank South to sign the plan", "seconds": 2}]}

    with jobs._telling_who_signs(cast(Operator, Proposing())):
        assert asked.wait(60)
    assert "the plan waits for Bank South to sign the plan (2 s)" in capsys.readouterr().err


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


def test_what_became_of_a_plan_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    plan = {"job": JOB, "recipe": "match", "consumer": {"name": "Lender"}, "state": "signed", "reason": None}
    jobs._decided(plan, as_json=False)
    jobs._decided(plan | {"state": "refused", "reason": "not today"}, as_json=False)
    signed, refused = capsys.readouterr().out.splitlines()
    assert signed == f"{JOB} (match, asked by Lender) is signed"
    assert refused == f"{JOB} (match, asked by Lender) is refused: not today"
    jobs._decided(plan, as_json=True)
    assert json.loads(capsys.readouterr().out) == plan


def test_how_a_standing_plan_stands_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    plan = {"id": JOB, "recipe": "match", "used": 2, "openings": 9, "not_after": 1_800_000_000}
    standing._told(plan | {"ended": None, "agreed": True, "missing": []}, as_json=False)
    assert capsys.readouterr().out.startswith(f"{JOB} (match): agreed; opened 2 of 9 times, until 2027-01-15")
