"""Who follows a job hears at once of what happens to it, to the last word."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from sse_starlette import ServerSentEvent
from starlette.requests import Request

from parties import JobEnvironment
from placet.cli import jobs
from placet.company.company import Company
from placet.core.values import to_hex
from placet.jobs import following
from placet.jobs.progress import PROGRESS
from placet.jobs.store import JobStore
from placet.node.http.auth import _lasting
from placet.node.http.sessions import Sessions, cookie_of
from placet.node.jobs.api import _all_moments, _moments


@pytest.mark.parametrize("thread", [False, True])
async def test_a_moment_is_sent_when_it_is_noted(thread: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long before the next look at the database, also from another thread."""
    monkeypatch.setattr(following, "SOON", 3600)
    environment = JobEnvironment()
    job = environment.agreed()
    store: JobStore = environment.stores[0]
    runner: Any = SimpleNamespace(store=store)
    stream = _moments(runner, job, 0, always)
    for status in ("opening", "computing"):
        upcoming = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        note = (store.note, job, status)
        await asyncio.to_thread(*note) if thread else note[0](*note[1:])
        async with asyncio.timeout(60):
            assert (await upcoming).event == status
    store.note(job, "completed")
    assert (await anext(stream)).event == "completed"
    upcoming = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    store.end(job, "completed")
    async with asyncio.timeout(60):
        with pytest.raises(StopAsyncIteration):
            await upcoming


async def test_one_stream_tells_of_all_jobs_and_goes_on_where_it_was_left() -> None:
    environment = JobEnvironment()
    store: JobStore = environment.stores[0]
    first, second = environment.agreed(), environment.agreed()
    store.note(first, "opening")
    before = store.last_moment()
    runner: Any = SimpleNamespace(store=store)
    async with asyncio.timeout(60):
        from_now = _all_moments(runner, None, always)
        begin = await anext(from_now)
        assert (begin.id, begin.data) == (str(before), None)  # where it begins, before anything happens
        store.note(second, "opening")
        assert said(await anext(from_now)) == (to_hex(second), "opening")
        resumed = _all_moments(runner, before - 1, always)
        assert (await anext(resumed)).id == str(before - 1)
        store.note(first, "computing")
        events = [await anext(resumed)]
        while said(events[-1]) != (to_hex(first), "computing"):
            events.append(await anext(resumed))
        assert said(events[0]) == (to_hex(first), "opening")
        assert {said(event) for event in events[1:-1]} == {(to_hex(second), "opening")}
        numbers = [int(str(event.id)) for event in events]
        assert numbers == list(range(before, store.last_moment() + 1))
    for stream in (from_now, resumed):
        await stream.aclose()


async def test_a_stream_ends_with_the_session_by_which_it_was_asked() -> None:
    environment = JobEnvironment()
    store: JobStore = environment.stores[0]
    job = environment.agreed()
    store.note(job, "opening")
    store.note(job, "computing")
    runner: Any = SimpleNamespace(store=store)
    sessions = Sessions()
    token, _ = sessions.open(None)
    node: Any = SimpleNamespace(sessions=sessions, address=bytes(20))
    state = SimpleNamespace(node=node)
    for header in ((b"cookie", f"{cookie_of(bytes(20))}={token}".encode()), (b"authorization", b"Bearer x")):
        scope = {"type": "http", "headers": [header], "app": SimpleNamespace(state=state)}
        lasts = await _lasting(Request(scope))
        streams = (_moments(runner, job, 0, lasts), _all_moments(runner, 0, lasts))
        async with asyncio.timeout(60):
            for stream in streams:
                await anext(stream)
            sessions.close(token)
            for stream in streams:
                if await lasts():  # no session's
                    await anext(stream)
                    await stream.aclose()
                else:
                    with pytest.raises(StopAsyncIteration):
                        await anext(stream)
        assert await lasts() is (header[0] == b"authorization")


async def always() -> bool:
    return True


def said(event: ServerSentEvent) -> tuple[str, str]:
    data = json.loads(str(event.data))
    return data["job"], data["status"]


async def test_a_follower_hears_what_is_waited_for_where_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "SOON", 0.0)
    monkeypatch.setattr(following, "QUIET", 0.0)
    environment = JobEnvironment()
    job = environment.agreed()
    store: JobStore = environment.stores[0]
    store.note(job, "computing")
    runner: Any = SimpleNamespace(store=store)
    stream = _moments(runner, job, 0, always)
    async with asyncio.timeout(60):
        names = [(await anext(stream)).event]
        while names[-1] != PROGRESS:
            names.append((await anext(stream)).event)
        assert names[-2] == "computing"
        with store.waits.waiting(job, "psi.rows from Bank South", "engine") as wait:
            wait.count("blind", 512, 9000)
            store.waits.set(job, "chain", "the opening to be deep: 2 more blocks")
            event = await anext(stream)
            assert (event.event, event.id, store.waits.lacks(job)) == (PROGRESS, None, "engine")
            data = json.loads(str(event.data))
            assert (data["status"], data["after"]) == (PROGRESS, "computing")
            assert [(one["for"], one.get("rows")) for one in data["waits"]] == [
                ("psi.rows from Bank South", [512, 9000]),
                ("the opening to be deep: 2 more blocks", None),
            ]
        store.waits.set(job, "chain")
        assert (store.waits.of(job), store.waits.lacks(job)) == ([], None)


async def test_a_company_hears_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "SOON", 0.0)
    monkeypatch.setattr(following, "QUIET", 0.0)
    environment = JobEnvironment()
    job, store = environment.agreed(), environment.stores[0]
    store.note(job, "computing")
    runner: Any = SimpleNamespace(store=store)
    node: Any = None
    here = Company(node, node, node, runner)
    moments: list[dict[str, Any]] = []

    def tell(moment: dict[str, Any]) -> None:
        moments.append(moment)
        if moment["status"] == PROGRESS:
            assert jobs.words_of(moment).endswith("since computing: waits for the seal to be in a block (0 s)")
            store.end(job, "completed")

    with store.waits.waiting(job, "the seal to be in a block"):
        async with asyncio.timeout(60):
            assert await here.ended(job, tell) == "completed"
    assert [moment["status"] for moment in moments][-2:] == ["computing", PROGRESS]


def test_nobody_who_follows_is_left_without_a_word_for_five_seconds() -> None:
    """The node speaks again before the program, which waits for it so long, calls it silent."""
    assert following.SOON < 2 and following.QUIET < jobs._SILENT <= 5 and jobs._TELL <= 2
