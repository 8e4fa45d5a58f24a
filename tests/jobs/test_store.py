"""What a node keeps of its jobs comes back as it was, and only what may change changes: on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from declaring import CUSTOMER
from parties import NOW, JobEnvironment
from placet.chain.rpc import Rpc
from placet.chain.threaded import CHAIN_THREADS, ask_chain
from placet.core.errors import ChainError, NotFoundError
from placet.core.ids import JobId, OfferId
from placet.core.plan import Amendment, Seal
from placet.core.trail import Artefact, Exchange, Message, Step
from placet.core.values import parse
from placet.jobs.records import Attempt, JobRecord, Phase
from placet.jobs.store import JobStore, ThreadedJobStore
from placet.node.state import open_engine


@pytest.fixture(scope="module")
def environment() -> JobEnvironment:
    return JobEnvironment()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty database; on PostgreSQL a schema of its own."""
    if request.param == "sqlite":
        made = open_engine(f"sqlite:///{tmp_path / 'state.db'}")
        yield made
        made.dispose()
        return
    url = request.getfixturevalue("postgres_url")
    schema = sa.schema.CreateSchema(f"store_{secrets.token_hex(8)}")
    whole = open_engine(url)
    with whole.begin() as connection:
        connection.execute(schema)
    made = open_engine(f"{url}?options=-csearch_path%3D{schema.element}")
    yield made
    made.dispose()
    with whole.begin() as connection:
        connection.execute(sa.schema.DropSchema(schema.element, cascade=True))
    whole.dispose()


@pytest.fixture
def store(engine: sa.Engine) -> JobStore:
    return JobStore(engine)


def record(environment: JobEnvironment, created: int = NOW) -> JobRecord:
    terms = environment.terms(
        parameters={
            **CUSTOMER,
            "value": "balance",
            "note": "é€\N{OGHAM SPACE MARK}",
        }
    )
    plan = environment.plan(terms)
    job = plan.job(environment.deployment.jobs)
    return JobRecord(job, plan, terms, (b"one", b"", secrets.token_bytes(65)), 2, b"closed", None, None, created)


def kept(store: JobStore, environment: JobEnvironment, created: int = NOW) -> JobRecord:
    made = record(environment, created)
    store.add(made)
    return made


def step(job: bytes, attempt: int, index: int) -> Step:
    return Step(
        job=job,
        attempt=attempt,
        party=2,
        index=index,
        name="open-accounts",
        protocol="vault/1",
        parameters={"rows": [1, 2], "deep": {"é": None}},
        inputs=(Artefact(name="lawful", commitment=bytes(32)),),
        outputs=(Artefact(name="rows", commitment=bytes([1]) * 32),),
        sent=(Exchange(peer=1, sequence=0, tag="psi.points", digest=bytes(32)),),
        at=NOW,
    )


def message(job: bytes, attempt: int, sender: int, receiver: int, sequence: int) -> Message:
    return Message(
        job=job,
        attempt=attempt,
        sequence=sequence,
        sender=sender,
        receiver=receiver,
        tag="psi.points",
        digest=secrets.token_bytes(32),
    )


def test_a_job_comes_back_as_it_was(store: JobStore, engine: sa.Engine, environment: JobEnvironment) -> None:
    made = kept(store, environment)
    assert store.job(made.job) == store.find(made.job) == made
    assert JobStore(engine).job(made.job) == made
    assert store.job(made.job).plan.job(environment.deployment.jobs) == made.job
    assert store.job(made.job).terms.hash == made.plan.terms


def test_an_unknown_job_is_not_found(store: JobStore, environment: JobEnvironment) -> None:
    kept(store, environment)
    unknown = secrets.token_bytes(32)
    assert store.find(unknown) is None
    with pytest.raises(NotFoundError) as refused:
        store.job(unknown)
    assert refused.value.code == "not-found"
    assert (store.attempt(unknown, 1), store.attempts(unknown), store.steps(unknown)) == (None, [], [])
    assert (store.messages(unknown), store.agreed(unknown, "seal"), store.moments(unknown)) == ([], [], [])
    store.end(unknown, "completed")
    store.fail(unknown, 1, "why")
    store.signed(unknown, [b"x"])
    assert store.find(unknown) is None


def test_the_same_job_is_not_added_twice(store: JobStore, environment: JobEnvironment) -> None:
    made = kept(store, environment)
    with pytest.raises(sa.exc.IntegrityError):
        store.add(replace(made, signatures=(b"other",)))
    assert store.job(made.job) == made


def test_signatures_result_and_end_change_and_nothing_else(store: JobStore, environment: JobEnvironment) -> None:
    made, other = kept(store, environment), kept(store, environment)
    signatures = (*(secrets.token_bytes(65) for _ in range(4)), b"", b"")
    store.signed(made.job, signatures)
    store.keep_result(made.job, b"closed result")
    store.end(made.job, "completed")
    assert store.job(made.job) == replace(made, signatures=signatures, result=b"closed result", ended="completed")
    assert store.job(other.job) == other


def test_what_an_attempt_kept_to_itself_goes_with_the_jobs_end(store: JobStore, environment: JobEnvironment) -> None:
    made, other = kept(store, environment), kept(store, environment)
    for job in (made.job, other.job):
        for attempt in (1, 2):
            store.begin(job, attempt, [bytes(32)])
            store.keep(job, attempt, private=b"rows", output=b"masked", key=b"key")
    store.end(made.job, "aborted")
    assert [(one.private, one.output, one.key) for one in store.attempts(made.job)] == [(None, b"masked", b"key")] * 2
    assert [one.private for one in store.attempts(other.job)] == [b"rows"] * 2


def test_all_is_newest_first_and_going_leaves_out_what_has_ended(store: JobStore, environment: JobEnvironment) -> None:
    jobs = [kept(store, environment, NOW + n) for n in (3, 1, 2)]
    assert [r.created - NOW for r in store.all()] == [3, 2, 1]
    store.end(jobs[0].job, "aborted")
    assert [r.created - NOW for r in store.all(going=True)] == [2, 1]
    assert len(store.all()) == 3


def test_what_was_prepared_is_kept_for_a_day(store: JobStore) -> None:
    first, second = secrets.token_bytes(32), secrets.token_bytes(32)
    rows, model = OfferId(b"o" * 32), OfferId(b"m" * 32)
    store.prepare(first, b"seed", [(rows, b"r" * 32), (model, b"c" * 32)], NOW)
    store.prepare(second, b"seed 2", [], NOW + 86_400)
    found = store.prepared(first)
    assert found is not None
    assert (found["seed"], found["offer"], found["root"]) == (b"seed", rows + model, b"r" * 32 + b"c" * 32)
    store.prepare(secrets.token_bytes(32), b"seed 3", [(rows, b"t" * 32)], NOW + 86_401)
    assert store.prepared(first) is None
    assert store.prepared(second) is not None
    assert store.prepared(bytes(32)) is None


def test_an_attempt_comes_back_as_it_was(store: JobStore, environment: JobEnvironment) -> None:
    job = kept(store, environment).job
    roots = (secrets.token_bytes(32), bytes(32))
    store.begin(job, 1, roots)
    fresh = Attempt(1, Phase.RUNNING, None, roots, None, None, None)
    assert store.attempt(job, 1) == fresh
    store.keep(job, 1, key=b"k", output=b"", private=b"p" * 100_000)
    store.computed(job, 1)
    assert store.attempt(job, 1) == Attempt(1, Phase.COMPUTED, None, roots, b"k", b"", b"p" * 100_000)
    store.begin(job, 2, ())
    assert [a.attempt for a in store.attempts(job)] == [1, 2]
    with pytest.raises(sa.exc.IntegrityError):
        store.begin(job, 2, ())


def test_only_what_runs_fails_or_ends_well(store: JobStore, environment: JobEnvironment) -> None:
    job = kept(store, environment).job
    for attempt in (1, 2):
        store.begin(job, attempt, ())
    store.computed(job, 1)
    store.fail(job, 1, "too late")
    assert store.attempts(job)[0] == Attempt(1, Phase.COMPUTED, None, (), None, None, None)
    store.fail(job, 2, "w" * 300)
    store.computed(job, 2)
    store.fail(job, 2, "again")
    assert store.attempts(job)[1] == Attempt(2, Phase.FAILED, "w" * 200, (), None, None, None)


def test_steps_come_back_in_order_with_the_same_hashes(store: JobStore, environment: JobEnvironment) -> None:
    job = kept(store, environment).job
    made = [step(job, attempt, index) for attempt in (1, 2) for index in range(12)]
    for one in reversed(made):
        store.add_step(one)
    assert [s.hash for s in store.steps(job)] == [s.hash for s in made]
    assert store.steps(job, 2) == made[12:]
    with pytest.raises(sa.exc.IntegrityError):
        store.add_step(step(job, 1, 3))


def test_messages_come_back_by_side_and_in_order(store: JobStore, environment: JobEnvironment) -> None:
    job = kept(store, environment).job
    made = {
        (attempt, sender, receiver, n): message(job, attempt, sender, receiver, n)
        for attempt in (1, 2)
        for sender, receiver in ((0, 2), (2, 0), (2, 1), (1, 2))
        for n in range(11)
    }
    for one in reversed(made.values()):
        store.add_message(one, one.digest, b"acknowledged" if one.receiver == 2 else b"")
    sent = store.messages(job, sender=2)
    assert [m.message for m in sent] == [made[k] for k in sorted(made) if k[1] == 2]
    assert {m.acknowledgement for m in sent} == {b""}
    received = store.messages(job, receiver=2)
    assert [m.message for m in received] == [made[k] for k in sorted(made) if k[2] == 2]
    assert all((m.signature, m.acknowledgement) == (m.message.digest, b"acknowledged") for m in received)
    chosen = made[1, 2, 0, 5]
    store.acknowledge(chosen, b"yes")
    assert [m.message for m in store.messages(job, sender=2) if m.acknowledgement] == [chosen]
    with pytest.raises(sa.exc.IntegrityError):
        store.add_message(message(job, 1, 2, 0, 5), b"another under the same number")


def test_heard_tells_whether_anything_was_taken_in(store: JobStore, environment: JobEnvironment) -> None:
    job = kept(store, environment).job
    store.add_message(message(job, 1, 2, 0, 0), b"ours")
    assert (store.heard(job, 1, 2), store.heard(job, 1, 0)) == (False, True)
    store.add_message(message(job, 1, 0, 2, 0), b"theirs", b"acknowledged")
    assert (store.heard(job, 1, 2), store.heard(job, 2, 2), store.heard(bytes(32), 1, 2)) == (True, False, False)


def test_every_agreement_that_was_signed_is_kept(store: JobStore, environment: JobEnvironment) -> None:
    job = kept(store, environment).job

    def seal(attempt: int, epoch: bytes) -> Seal:
        return Seal(job=job, attempt=attempt, heads=(b"h" * 32,), outputs=(), keys=(), epochs=(epoch,), payouts=())

    amendment = Amendment(job=job, attempt=2, roots=(bytes(32),), epochs=(b"1" * 24,))
    for content in (seal(1, bytes(24)), seal(1, b"1" * 24), seal(2, b"1" * 24)):
        store.agree("seal", content, [b"one", b""])
    store.agree("amendment", amendment, [b"two"])
    found = [(parse(Seal, text), signatures) for text, signatures in store.agreed(job, "seal")]
    assert len(found) == 3
    assert all((seal(*which), (b"one", b"")) in found for which in ((1, bytes(24)), (1, b"1" * 24), (2, b"1" * 24)))
    ((text, signatures),) = store.agreed(job, "amendment")
    assert (parse(Amendment, text), signatures) == (amendment, (b"two",))


def test_moments_come_in_order_and_after_a_number(store: JobStore, environment: JobEnvironment) -> None:
    job, other = kept(store, environment).job, kept(store, environment).job
    store.note(job, "agreed", recipe="asset-view")
    store.note(other, "agreed")
    store.note(job, "waiting", code="peer.unreachable", why="é\n\ndata: x")
    moments = store.moments(job)
    assert [event["status"] for _, event in moments] == ["agreed", "waiting"]
    assert moments[1][1]["why"] == "é\n\ndata: x"
    assert moments[0][1]["at"] <= moments[1][1]["at"]
    (first, _), (second, _) = moments
    assert first < second
    assert store.moments(job, first) == moments[1:]
    assert store.moments(job, second) == []


def test_why_a_job_ended_without_a_result_is_told_by_what_happened(
    store: JobStore, environment: JobEnvironment
) -> None:
    refused, aborted, going = (kept(store, environment).job for _ in range(3))
    store.note(refused, "agreed")
    store.note(refused, "refused", code="plan.refused", why="a person refuses the plan", reason="not today")
    store.note(refused, "waiting", code="peer.unreachable", why="gone")
    store.note(aborted, "abort-reason", code="consent.withdrawn")
    store.note(going, "waiting", code="peer.unreachable", why="gone")
    assert store.why(refused) == "plan.refused: a person refuses the plan: not today"
    assert (store.why(aborted), store.why(going)) == ("consent.withdrawn", None)


def test_coroutines_have_every_method_of_the_store() -> None:
    def names(kind: type) -> set[str]:
        return {name for name in dir(kind) if callable(getattr(kind, name)) and not name.startswith("_")}

    assert names(ThreadedJobStore) == names(JobStore) != set()


async def test_a_coroutine_is_answered_from_a_thread_or_with_its_error(
    store: JobStore, environment: JobEnvironment
) -> None:
    made = kept(store, environment)
    assert await store.threaded.job(made.job) == made
    assert await store.threaded.follow(made.job) == (None, [])
    with pytest.raises(NotFoundError):
        await store.threaded.follow(JobId(bytes(32)))


async def test_an_endpoint_that_hangs_leaves_the_store_answering(tmp_path: Path) -> None:
    """Each call to it holds a thread, and the next one waits for such a thread; no other threads are held."""
    engine = open_engine(f"sqlite:///{tmp_path / 'jobs.db'}")
    store = JobStore(engine)
    with socket.create_server(("127.0.0.1", 0)) as endpoint:
        endpoint.settimeout(60)
        rpc = Rpc(f"http://127.0.0.1:{endpoint.getsockname()[1]}", timeout=600, attempts=1)
        asked = [asyncio.create_task(ask_chain(rpc.call, "eth_blockNumber")) for _ in range(CHAIN_THREADS + 1)]
        hanging = [(await asyncio.to_thread(endpoint.accept))[0] for _ in range(CHAIN_THREADS)]
        async with asyncio.timeout(60):
            assert await store.threaded.all() == []
            assert await asyncio.to_thread(store.all) == []
        assert not any(task.done() for task in asked)
    for connection in hanging:
        connection.close()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(answer, ChainError) for answer in answers)
    engine.dispose()
