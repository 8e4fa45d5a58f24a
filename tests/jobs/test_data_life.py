"""When a result's data life is over the consumer's node deletes all of it, once and for good, whenever it is killed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from parties import CONSUMER, EVENT, NOW, JobEnvironment, at_once
from placet.chain.events import Event, JobAborted, JobClosed, JobCompleted
from placet.core.at_rest import JOBS, AtRest
from placet.core.deletion import DAY
from placet.core.ecdsa import recover
from placet.core.errors import StateError
from placet.core.ids import JobId
from placet.core.trail import Message
from placet.jobs.data_life import DataLives, delete_result
from placet.jobs.kept_payloads import KeptPayloads, Retention
from placet.jobs.records import Phase
from placet.jobs.results import encoded
from placet.jobs.runner import Runner
from placet.recipes.runs import RUNS

DAYS = 30
END = NOW + DAYS * DAY


class Ended:
    """A completed job at one party, with a result and all from which it could be opened again."""

    def __init__(
        self,
        environment: JobEnvironment,
        folder: Path,
        party: int = CONSUMER,
        days: int | None = DAYS,
        engine: sa.Engine | None = None,
    ) -> None:
        self.environment = environment
        kept = KeptPayloads(
            folder / "received",
            AtRest(JOBS, b"\1" * 32),
            Retention(days=90, attempt_bytes=1 << 20, total_bytes=1 << 20),
        )
        self.context = replace(self.environment.contexts[party], payloads=kept)
        terms = self.environment.terms(data_life=days)
        self.job = JobId(self.environment.agreed(terms=terms))
        record = self.environment.stores[party].job(self.job)
        if engine is not None:
            self.context = replace(self.context, engine=engine)
        self.runner = Runner(self.context, RUNS)
        self.store = self.runner.store
        if engine is not None:
            self.store.add(record)
        self.store.begin(self.job, 1, (bytes(32),))
        self.store.keep(self.job, 1, output=b"masked output", private=b"private")
        self.store.computed(self.job, 1)
        message = Message(
            job=self.job, attempt=1, sequence=0, sender=0, receiver=party, tag="release", digest=bytes(32)
        )
        kept.keep(message, b"a masked part")
        self.store.keep_result(self.job, self.runner.settlement.at_rest.seal(encoded({"rows": [1]}), b"result"))
        self.lives = self.runner.settlement.lives

    def note(self, kind: Any = JobCompleted, **more: Any) -> None:
        end: Event = kind(**EVENT, job=self.job, timestamp=NOW, **more)
        at_once(self.lives.note(self.store.job(self.job), [end]))
        self.store.end(self.job, "completed")

    @property
    def overdue(self) -> list[int]:
        """When the result's life ends, once it is over."""
        return [keep_until for job, keep_until in self.store.overdue(END * 2) if job == self.job]

    def sweep(self, now: int) -> None:
        at_once(self.lives.sweep(now))

    @property
    def left(self) -> tuple[bool, bool, bool]:
        """Of the result, the masked output, the payloads."""
        attempt = self.store.attempt(self.job, 1)
        assert attempt is not None
        payloads = self.context.payloads
        assert payloads is not None
        return self.store.job(self.job).result is not None, attempt.output is not None, bool(payloads.of(self.job, 1))


@pytest.fixture(scope="module")
def environment() -> JobEnvironment:
    return JobEnvironment()


WHOLE, GONE = (True, True, True), (False, False, False)


def test_a_result_is_there_until_its_end_and_then_signed_away(environment: JobEnvironment, tmp_path: Path) -> None:
    ended = Ended(environment, tmp_path)
    ended.note()
    ended.sweep(END)
    assert ended.left == WHOLE
    assert ended.runner.settlement.result(ended.job) == {"rows": [1]}
    assert ended.store.deletion(ended.job) is None
    ended.sweep(END + 1)
    assert ended.left == GONE
    signed = ended.store.deletion(ended.job)
    assert signed is not None
    assert (signed.deletion.job, signed.deletion.keep_until, signed.deletion.deleted) == (ended.job, END, END + 1)
    digest = signed.deletion.digest(ended.context.deployment.jobs)
    assert recover(digest, signed.signature) == ended.context.recorder.address
    with pytest.raises(StateError) as refusal:
        ended.runner.settlement.result(ended.job)
    assert refusal.value.code == "job.deleted"
    ended.sweep(END + 9)
    assert ended.store.deletion(ended.job) == signed


def test_the_tick_of_an_hour_looks_for_them(
    environment: JobEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = Ended(environment, tmp_path)
    ended.note()
    monkeypatch.setattr(environment.ledger, "time", END + 5)
    at_once(ended.runner.tick())
    assert ended.left == GONE


@pytest.mark.parametrize("place", ["payloads", "transaction"])
def test_a_node_that_is_killed_in_between_does_it_again(
    environment: JobEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    ended = Ended(environment, tmp_path)
    ended.note()
    with monkeypatch.context() as patch:
        if place == "payloads":
            patch.setattr(KeptPayloads, "forget", _killed)
        else:
            patch.setattr(sa.engine.Connection, "commit", _killed)
            patch.setattr(sa.engine.RootTransaction, "commit", _killed)
        with pytest.raises(KeyboardInterrupt):
            ended.sweep(END + 1)
    assert ended.store.deletion(ended.job) is None
    assert ended.left[:2] == (True, True)
    at_once(DataLives(ended.context, ended.store).sweep(END + 2))
    assert ended.left == GONE
    assert ended.store.deletion(ended.job) is not None


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_life_counts_from_the_end_of_a_closed_job_too_and_is_said_once(
    environment: JobEnvironment, tmp_path: Path
) -> None:
    ended = Ended(environment, tmp_path)
    ended.note(JobClosed)
    ended.store.keep_until(ended.job, END + 999)
    assert ended.overdue == [END]


@pytest.mark.parametrize("values", [{"days": None}, {"party": 0}])
def test_what_has_no_data_life_and_what_is_no_consumers_stays(
    environment: JobEnvironment, tmp_path: Path, values: dict[str, Any]
) -> None:
    ended = Ended(environment, tmp_path, **values)
    ended.note()
    ended.sweep(END * 2)
    assert ended.left == WHOLE


def test_an_aborted_job_has_no_result_to_keep(environment: JobEnvironment, tmp_path: Path) -> None:
    ended = Ended(environment, tmp_path)
    ended.note(JobAborted, by=bytes(20), reason=bytes(32))
    assert ended.overdue == []


def test_a_result_can_be_deleted_for_another_reason_and_twice(environment: JobEnvironment, tmp_path: Path) -> None:
    """An erasure, of which its own record tells; a data life that ends later is signed all the same."""
    ended = Ended(environment, tmp_path)
    ended.note()
    for _ in range(2):
        delete_result(ended.context, ended.store, ended.job)
        assert ended.left == GONE
    assert ended.store.deletion(ended.job) is None
    ended.sweep(END + 1)
    assert ended.store.deletion(ended.job) is not None
    assert ended.store.phase(ended.job, 1) is Phase.COMPUTED


def test_other_jobs_keep_theirs(environment: JobEnvironment, tmp_path: Path) -> None:
    ended, other = Ended(environment, tmp_path), Ended(environment, tmp_path)
    ended.note()
    delete_result(other.context, other.store, other.job)
    assert (ended.left, other.left) == (WHOLE, GONE)
