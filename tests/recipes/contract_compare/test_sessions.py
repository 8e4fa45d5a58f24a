"""What a service takes in for an enclave: pieces in order, the agreed document alone, each job by itself."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from placet.core.enclave_policy import EnclavePolicy, Recipient, TpmRule
from placet.core.errors import InputError, PlacetError, StateError
from placet.protocols.enclave.sealed.task import Task, TaskInput
from placet.recipes.contract_compare.sessions import MOST, EnclaveSessions

RULE = TpmRule(kind="tpm", enclave_class="simulated", measurements=(bytes(32),), keys=(bytes(32),))
POLICY = EnclavePolicy(max_age=60, rules=(RULE,))
JOB = b"\x01" * 32
TEXTS = {"before": b"b" * 1000, "after": b"a" * 700}


class Enclave:
    key = b"\x05" * 32

    def __init__(self) -> None:
        self.ended = False

    async def end(self) -> None:
        self.ended = True


class Platform:
    """Counts what runs; nothing is isolated, since nothing is computed."""

    measurement = bytes(32)

    def __init__(self) -> None:
        self.started: list[Enclave] = []

    async def start(self, *, chain: int, job: bytes) -> Any:
        self.started.append(Enclave())
        return self.started[-1]

    async def close(self) -> None:
        return None


def task(job: bytes = JOB) -> Task:
    inputs = [
        TaskInput(
            role=role,  # type: ignore[arg-type]
            party=party,
            consent=bytes([party + 1]) * 32,
            document=hashlib.sha256(TEXTS[role]).digest(),
            size=len(TEXTS[role]),
            commitment=bytes(32),
            release=bytes([party + 1]) * 32,
        )
        for party, role in enumerate(TEXTS)
    ]
    recipients = (Recipient(party=0, key=bytes(32)),)
    return Task(chain=1, job=job, policy=bytes(32), attempt=1, inputs=tuple(inputs), recipients=recipients)


@pytest.fixture
def sessions(tmp_path: Path) -> EnclaveSessions:
    return EnclaveSessions(Platform(), POLICY, tmp_path / "enclaves")


async def test_pieces_come_in_order_and_an_upload_goes_on_where_it_was(sessions: EnclaveSessions) -> None:
    async with sessions.running(1, JOB, 1) as session:
        with pytest.raises(StateError) as early:
            await session.take("before", 1, 0, b"b")
        assert early.value.code == "enclave.early"
        session.expect(task())
        assert await session.take("before", 1, 0, b"b" * 400) == 400
        assert await session.take("before", 1, 0, b"x" * 400) == 400, "what is here is not written again"
        for offset, piece in ((500, b"b"), (400, b"b" * 601)):
            with pytest.raises(InputError) as caught:
                await session.take("before", 1, offset, piece)
            assert caught.value.code == "enclave.document"
        with pytest.raises(StateError):
            await session.take("before", 2, 400, b"b")
        assert await session.take("before", 1, 400, b"b" * 600) == 1000
        assert await session.take("before", 1, 1000, b"more") == 1000
        waiting = asyncio.create_task(session.arrived())
        await asyncio.sleep(0)
        assert not waiting.done()
        await session.take("after", 1, 0, TEXTS["after"])
        await waiting


async def test_another_document_is_not_kept(sessions: EnclaveSessions) -> None:
    async with sessions.running(1, JOB, 1) as session:
        session.expect(task())
        with pytest.raises(InputError) as caught:
            await session.take("after", 1, 0, b"x" * 700)
        assert caught.value.code == "enclave.document"
        assert not list((sessions._folder / f"{JOB.hex()}-1").iterdir())
        assert await session.take("after", 1, 0, TEXTS["after"]) == 700


async def test_the_same_piece_twice_at_once_is_written_once(sessions: EnclaveSessions) -> None:
    async with sessions.running(1, JOB, 1) as session:
        session.expect(task())
        sizes = await asyncio.gather(*(session.take("before", 1, 0, b"b" * 400) for _ in range(8)))
        assert set(sizes) == {400}
        assert await session.take("before", 1, 400, b"b" * 600) == 1000


async def test_jobs_have_folders_of_their_own_and_wait_for_a_place(sessions: EnclaveSessions) -> None:
    jobs = [bytes([n]) * 32 for n in range(1, MOST + 2)]
    done = asyncio.Event()
    up: list[bytes] = []

    async def one(job: bytes) -> None:
        async with sessions.running(1, job, 1) as session:
            session.expect(task(job))
            await session.take("before", 1, 0, job[:10])
            up.append(job)
            await done.wait()

    running = [asyncio.create_task(one(job)) for job in jobs]
    async with asyncio.timeout(60):
        while len(up) < MOST:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)  # in which one more could get in
    assert len(up) == MOST
    for job in up:
        assert [file.read_bytes() for file in (sessions._folder / f"{job.hex()}-1").iterdir()] == [job[:10]]
    done.set()
    await asyncio.gather(*running)
    assert set(up) == set(jobs)
    assert all(one.ended for one in sessions._platform.started)  # type: ignore[attr-defined]
    for job in jobs:
        sessions.forget(job)
        with pytest.raises(PlacetError) as caught:
            sessions.of(job)
        assert caught.value.code == "enclave.early"
    assert not list(sessions._folder.iterdir())


async def test_the_enclave_ends_whatever_happens(sessions: EnclaveSessions) -> None:
    with pytest.raises(RuntimeError):
        async with sessions.running(1, JOB, 1):
            raise RuntimeError
    assert sessions._platform.started[0].ended  # type: ignore[attr-defined]


def test_nothing_of_an_earlier_process_stays(tmp_path: Path) -> None:
    old = tmp_path / "enclaves" / "left"
    old.mkdir(parents=True)
    (old / "before.locked").write_bytes(b"x")
    EnclaveSessions(Platform(), POLICY, tmp_path / "enclaves")
    assert not list((tmp_path / "enclaves").iterdir())


async def test_a_document_that_was_whole_when_it_could_not_be_read_is_judged_again(
    sessions: EnclaveSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails at the last byte must not leave the job waiting."""
    from placet.recipes.contract_compare import sessions as module

    def fails(_: Path) -> bytes:
        raise OSError("disk")

    async with sessions.running(1, JOB, 1) as session:
        session.expect(task())
        with monkeypatch.context() as patched:
            patched.setattr(module, "_digest", fails)
            with pytest.raises(OSError, match="disk"):
                await session.take("before", 1, 0, TEXTS["before"])
        assert await session.take("before", 1, 0, b"") == 1000
        await session.take("after", 1, 0, TEXTS["after"])
        async with asyncio.timeout(60):
            await session.arrived()
