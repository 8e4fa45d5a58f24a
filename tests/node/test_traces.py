"""Traces: two institutions' parts of a job are one trace, and nothing is in them but what is meant to be."""

from __future__ import annotations

import asyncio
import http.server
import importlib.abc
import logging
import secrets
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from placet.core.errors import ConfigError
from placet.core.ids import JobId
from placet.core.values import to_hex
from placet.jobs.store import JobStore
from placet.node import traces
from placet.node.state import open_engine
from placet.node.traces import JobSteps, exporting

NORTH, SOUTH = bytes([1]) * 20, bytes([2]) * 20
JOB = JobId(secrets.token_bytes(32))
SECRET = "Ada Lovelace owes 4711"


class Collector:
    """What a collector of OTLP over HTTP is sent; `status` is its answer."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.raw = b""
        self.status, self.heard = 200, threading.Semaphore(0)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") is None and outer.status == 200:
                    outer.raw += raw
                    request = ExportTraceServiceRequest.FromString(raw)
                    for resource in request.resource_spans:
                        outer.spans += [span for scope in resource.scope_spans for span in scope.spans]
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                outer.heard.release()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/traces?key=hidden"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    engine = open_engine(f"sqlite:///{tmp_path / 'state.db'}")
    yield JobStore(engine)
    engine.dispose()


async def run(store: JobStore, collector: Collector, institution: bytes, *noted: tuple[str, dict[str, Any]]) -> None:
    async with exporting(collector.url, institution, "North Bank", store):
        await asyncio.sleep(0)
        await asyncio.wait_for(_began(store), 30)
        for status, details in noted:
            await asyncio.to_thread(store.note, JOB, status, **details)
        for _ in noted:
            assert await asyncio.to_thread(collector.heard.acquire, timeout=30)


async def _began(store: JobStore) -> None:
    """Until the export listens: what was noted before is not told."""
    while not store.told._listeners:  # type: ignore[attr-defined]
        await asyncio.sleep(0.01)


async def test_a_job_of_two_institutions_is_one_trace(store: JobStore, collector: Collector, tmp_path: Path) -> None:
    await asyncio.to_thread(store.note, JOB, "opening")  # before: a node tells what happens from its start on
    story = ("computing", {"attempt": 1}), ("waiting", {"code": "chain.lost", "why": SECRET}), ("completed", {})
    await run(store, collector, NORTH, *story)
    engine = open_engine(f"sqlite:///{tmp_path / 'other.db'}")
    await run(JobStore(engine), collector, SOUTH, ("computing", {"attempt": 1}), ("completed", {"amount": 4711}))
    engine.dispose()
    spans = collector.spans
    assert {span.trace_id for span in spans} == {JOB[:16]}
    names = [span.name for span in spans]
    assert names == ["computing", "waiting", "completed", "job completed", "computing", "completed", "job completed"]
    whole = [span for span in spans if span.name == "job completed"]
    assert all(span.parent_span_id == b"" for span in whole)
    assert [span.parent_span_id for span in spans if span not in whole] == [whole[0].span_id] * 3 + [
        whole[1].span_id
    ] * 2
    assert len({span.span_id for span in spans}) == 7
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in spans)
    assert b"Lovelace" not in collector.raw and b"4711" not in collector.raw
    told = {a.key: a.value.string_value or a.value.int_value for a in spans[1].attributes}
    assert told == {"placet.job": to_hex(JOB), "placet.institution": to_hex(NORTH), "error.type": "chain.lost"}


async def test_a_collector_that_fails_keeps_nobody_waiting_and_is_not_named(
    store: JobStore, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.status = 400
    await run(store, collector, NORTH, ("computing", {}), ("sealed", {}))
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert said == ["the collector of traces does not take them; jobs go on"]
    assert not any("hidden" in record.getMessage() for record in caplog.records if record.name.startswith("placet"))


async def test_a_database_that_fails_for_a_while_ends_nothing(
    store: JobStore, collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(traces, "_PATIENCE", 0.01)
    ask, failed = store.threaded.all_moments, list[int]()

    async def fails_once(after: int, most: int) -> list[tuple[int, dict[str, Any]]]:
        found = await ask(after, most)
        if found and not failed:
            failed.append(after)
            raise RuntimeError(SECRET)
        return found

    monkeypatch.setattr(store.threaded, "all_moments", fails_once)
    await run(store, collector, NORTH, ("computing", {}))
    assert failed and [span.name for span in collector.spans] == ["computing"]
    assert "unforeseen RuntimeError" in caplog.text and SECRET not in caplog.text


async def test_nothing_is_told_without_a_collector(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "_export", lambda *_: pytest.fail("told"))
    async with exporting(None, NORTH, "North Bank", store):
        await asyncio.to_thread(store.note, JOB, "computing")


@pytest.mark.parametrize("missing", ["opentelemetry", "opentelemetry.exporter", "opentelemetry.sdk"])
async def test_a_collector_without_opentelemetry_is_an_error(
    store: JobStore, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """Python finds no package in one that is not there, and says so by an exception."""
    for name in [name for name in sys.modules if f"{name}.".startswith(f"{missing}.")]:
        monkeypatch.delitem(sys.modules, name)

    class Hidden(importlib.abc.MetaPathFinder):
        def find_spec(self, name: str, *_: object) -> None:
            if name == missing:
                raise ModuleNotFoundError(name)

    monkeypatch.setattr(sys, "meta_path", [Hidden(), *sys.meta_path])
    with pytest.raises(ConfigError, match=r"placet\[traces\]"):
        async with exporting("http://127.0.0.1:9", NORTH, "North Bank", store):
            pass


WORDS = st.recursive(st.text() | st.integers() | st.none() | st.booleans(), lambda inner: st.lists(inner, max_size=3))


@given(st.dictionaries(st.sampled_from(["attempt", "code", "why", "who", "amount"]), WORDS))
def test_no_detail_is_told_but_attempts_and_codes(details: dict[str, Any]) -> None:
    moment = {"job": to_hex(JOB), "at": 5.0, "status": "waiting", **details}
    (step,) = JobSteps(NORTH).take(1, moment)
    rest = {name: value for name, value in step.attributes.items() if name.partition(".")[0] != "placet"}
    assert set(rest) <= {"error.type"}
    assert all(value == details["code"] and value.isascii() and " " not in value for value in rest.values())
    assert set(step.attributes) <= {"placet.job", "placet.institution", "placet.attempt", "error.type"}


def test_jobs_that_never_end_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "_MOST", 3)
    steps = JobSteps(NORTH)
    for n in range(10):
        list(steps.take(n, {"job": to_hex(bytes([n]) * 32), "at": float(n), "status": "computing"}))
    assert len(steps._times) == 3
