"""Consents that arrive together are admitted together, and each is answered for itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from placet.chain.migrations import upgrade
from placet.core.hashing import sha256
from placet.core.ids import ConsentId, JobId, OfferId
from placet.core.signatures import Key
from placet.node.consents import uses
from placet.node.consents.erasure import erase_everywhere
from placet.node.consents.queue import MOST, AdmissionQueue
from placet.node.migrations import NODE
from placet.node.state import consents, counters, open_engine, reading

from .conftest import Owner, Running

TOGETHER = 24
OFFER = sha256(b"offer")


async def submissions(node: Running, count: int) -> list[dict[str, Any]]:
    offer, _ = node.offer()
    owners = [Owner(node.environment, next(node.environment.customers), Key()) for _ in range(count)]
    return [owner.submission(await node.draft(owner, offer)) for owner in owners]


async def statuses(node: Running, bodies: list[dict[str, Any]]) -> list[int]:
    answers = await asyncio.gather(*(node.client.post("/v1/consents", json=body) for body in bodies))
    return [answer.status_code for answer in answers]


def stored(node: Running) -> int:
    with reading(node.node.engine) as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(consents)).scalar_one())


async def test_a_group_costs_one_call_and_one_commit(node: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies, calls, commits = await submissions(node, TOGETHER), [], []
    honest = node.node.vault.admit_many

    async def admit_many(*arguments: Any) -> Any:
        calls.append(len(arguments[2]))
        return await honest(*arguments)

    monkeypatch.setattr(node.node.vault, "admit_many", admit_many)
    event.listen(node.node.engine, "commit", commits.append)
    assert await statuses(node, bodies) == [202] * TOGETHER
    assert sum(calls) == stored(node) == TOGETHER
    assert len(calls) <= TOGETHER // 2
    assert len(commits) == len(calls)


async def test_each_is_refused_for_itself_and_uses_nothing_up(node: Running) -> None:
    bodies = await submissions(node, 3)
    spoilt = {**bodies[1], "enrolment": {**bodies[1]["enrolment"], "opening": bodies[0]["enrolment"]["opening"]}}
    assert await statuses(node, [bodies[0], spoilt, bodies[2]]) == [202, 422, 202]
    offer, _ = node.offer()
    owner = Owner(node.environment, next(node.environment.customers), Key())
    many = [owner.submission(await node.draft(owner, offer)) for _ in range(8)]
    allowed = node.settings.limits.consents_per_subject_day
    assert sorted(await statuses(node, many)) == [202] * allowed + [429] * (8 - allowed)
    with reading(node.node.engine) as connection:
        counted = dict(connection.execute(sa.select(counters.c.key, counters.c.count)).all())
    assert counted[f"owner:{owner.signer.hex()}"] == allowed
    assert counted["consents"] == 2 + allowed == stored(node)


async def test_a_fault_ends_its_group_only(node: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = await submissions(node, 4)

    async def fault(*_: Any) -> Any:
        raise RuntimeError("a mistake")

    with monkeypatch.context() as patched:
        patched.setattr(node.node.vault, "admit_many", fault)
        outcomes = await asyncio.gather(
            *(node.client.post("/v1/consents", json=body) for body in bodies), return_exceptions=True
        )
        assert all(isinstance(o, RuntimeError) or o.status_code == 500 for o in outcomes)
    assert stored(node) == 0
    assert await statuses(node, bodies) == [202] * 4


async def test_a_group_has_an_upper_size() -> None:
    class Given:
        class submission:  # noqa: N801
            class consent:  # noqa: N801
                class offer:  # noqa: N801
                    id = bytes(32)

    sizes: list[int] = []

    async def admit_group(group: Any) -> list[None]:
        sizes.append(len(group))
        await asyncio.sleep(0)
        return [None] * len(group)

    queue, entry = AdmissionQueue(), Given()
    await asyncio.gather(*(queue.admit(entry, admit_group) for _ in range(2 * MOST + 10)))  # type: ignore[arg-type]
    assert sum(sizes) == 2 * MOST + 10 and max(sizes) <= MOST


def test_who_reads_waits_for_no_writer(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'state.db'}")
    upgrade(engine, NODE)
    entry = {"key": "k", "window": 1, "count": 1, "expiry": 1}
    with engine.begin() as writer:
        writer.execute(sa.insert(counters).values(entry))
        with reading(engine) as reader:
            assert reader.execute(sa.select(counters)).all() == []
    with reading(engine) as reader:
        assert len(reader.execute(sa.select(counters)).all()) == 1
    engine.dispose()


def test_many_uses_are_noted_at_once_and_only_once(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'state.db'}")
    upgrade(engine, NODE)
    used, later, statements = [sha256(number.to_bytes(4, "big")) for number in range(3000)], b"\xff" * 32, []
    event.listen(engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    uses.note_uses(engine, bytes(32), 1, OFFER, b"".join(used))
    uses.note_uses(engine, bytes(32), 1, OFFER, b"".join([*used[:5], later, *used[:2]]))
    uses.note_uses(engine, bytes(32), 2, OFFER, b"")
    assert len([s for s in statements if s.startswith("INSERT INTO node_uses")]) == 2
    assert noted(engine) == sorted([*used, later])
    with engine.begin() as connection:
        uses.forget(connection, used[0])
        uses.forget(connection, later)
        uses.forget(connection, bytes(32))
    assert noted(engine) == sorted(used[1:])
    engine.dispose()


async def test_what_is_kept_for_replays_goes_with_a_consent_that_the_job_used(tmp_path: Path) -> None:
    """No replay of that job gets its rows again."""
    engine = open_engine(f"sqlite:///{tmp_path / 'state.db'}")
    upgrade(engine, NODE)
    mine, other = (ConsentId(sha256(bytes([number]))) for number in range(2))
    jobs = [JobId(sha256(b"job", bytes([number]))) for number in range(3)]
    for job, used in zip(jobs, ([mine, other], [other], [mine]), strict=True):
        uses.note_uses(engine, job, 1, OfferId(OFFER), b"".join(used))
        (tmp_path / f"{job.hex()}-1.received").write_bytes(b"sealed")

    class Vault:
        async def datasets(self) -> list[Any]:
            return []

        async def erase(self, consent: ConsentId) -> bool:
            return consent == mine

    settings, vault = SimpleNamespace(received=tmp_path), Vault()
    assert await erase_everywhere(settings, engine, vault, mine)  # type: ignore[arg-type]
    assert [(tmp_path / f"{job.hex()}-1.received").exists() for job in jobs] == [False, True, False]
    engine.dispose()


def test_a_job_is_the_nth_over_its_consents(tmp_path: Path) -> None:
    """Those before it that used any of the same: of one offer, whatever else they used; its later attempts are it."""
    engine = open_engine(f"sqlite:///{tmp_path / 'state.db'}")
    upgrade(engine, NODE)
    first, second, third, fourth, other = (sha256(bytes([number])) for number in range(5))
    consents = [sha256(number.to_bytes(4, "big")) for number in range(40)]

    def note(job: bytes, used: list[bytes], attempt: int = 1, offer: bytes = OFFER) -> int | None:
        uses.note_uses(engine, JobId(job), attempt, OfferId(offer), b"".join(used))
        return uses.nth(engine, JobId(job))

    assert uses.nth(engine, JobId(first)) is None
    assert note(first, consents[:20]) == 1
    assert note(second, consents[20:]) == 1
    assert note(third, consents[:1]) == 2
    assert note(other, consents, offer=sha256(OFFER)) == 1
    assert note(fourth, consents) == 4
    assert note(first, consents[:10], attempt=2) == 1
    assert note(fourth, consents[5:6], attempt=2) == 4
    assert note(fourth, consents) == 4
    with engine.begin() as connection:
        for consent in consents[1:]:
            uses.forget(connection, ConsentId(consent))
    assert note(sha256(b"a fifth"), consents[1:]) == 1
    engine.dispose()


def noted(engine: sa.Engine) -> list[bytes]:
    with reading(engine) as connection:
        parts = connection.execute(sa.text("SELECT consents FROM node_uses")).scalars().all()
    return sorted(part[at : at + 32] for part in parts for at in range(0, len(part), 32))
