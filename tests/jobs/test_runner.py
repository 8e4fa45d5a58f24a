"""How the runner meets a vault that is not there yet, or has no room at the moment."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from parties import CONSUMER, NOW, JobEnvironment, at_once
from placet.chain.signals import listening
from placet.chain.states import JobStatus
from placet.core.consent import Status
from placet.core.errors import ChainError, LimitError, PeerError, PlacetError, StateError, WarrantError
from placet.core.plan import Party
from placet.core.trail import Step
from placet.jobs import computing
from placet.jobs import coordinator as coordinators
from placet.jobs import settlement as settlements
from placet.jobs.messages import LEFT_TO_SEAL, AttemptRef, AttemptRoots
from placet.jobs.records import Phase
from placet.jobs.runner import Runner
from placet.jobs.trail import SEAL_BLOCKS
from placet.protocols.spu import SpareEngine
from placet.recipes.runs import RUNS
from placet.vault.responses import DeadLeaves

PASSING = (
    WarrantError("not open here", code="warrant.unopened"),
    WarrantError("not deep enough", code="warrant.unconfirmed"),
    StateError("the vault does not answer", code="vault.unreachable"),
    LimitError("too many connections", code="vault.busy"),
)


def compute(*fates: PlacetError, started: bool = False) -> int:
    """Run a recipe that meets these errors, one a run; the number of runs."""
    runs = 0

    async def run(work: Any) -> None:
        nonlocal runs
        runs += 1
        if runs <= len(fates):
            raise fates[runs - 1]

    record = SimpleNamespace(job=bytes(32))
    runner = Runner(JobEnvironment().contexts[0], {**RUNS, "match": replace(RUNS["match"], run=run)})
    terms = SimpleNamespace(recipe="match")
    work: Any = SimpleNamespace(terms=terms, started=started, record=record, context=runner.context)
    at_once(runner._computing._warranted(work))
    return runs


def test_what_passes_is_waited_for() -> None:
    assert compute(*PASSING) == len(PASSING) + 1


@pytest.mark.parametrize("fate", [LimitError("the answer is too large"), WarrantError("no", code="warrant.withdrawn")])
def test_what_stays_is_told_at_once(fate: PlacetError) -> None:
    with pytest.raises(type(fate)):
        compute(fate)


@pytest.mark.parametrize("fate", PASSING)
def test_nothing_is_begun_twice(fate: PlacetError) -> None:
    with pytest.raises(type(fate)):
        compute(fate, started=True)


def test_it_does_not_wait_for_ever() -> None:
    with pytest.raises(PeerError):
        compute(*(PASSING[-1],) * int(3 * computing.VAULT_SECONDS))


async def test_a_plan_that_this_version_does_not_declare_fails_its_attempt_by_its_code() -> None:
    """A job of an earlier version, after an upgrade: its parties hear why."""
    environment = JobEnvironment()
    job = environment.agreed()
    record, store = environment.stores[0].job(job), environment.stores[0]
    roots = tuple(i.lawful_root for i in record.plan.inputs)
    store.begin(job, 1, roots)
    older = replace(record, terms=record.terms.model_copy(update={"recipe_version": 9}))
    runner = Runner(environment.contexts[0], RUNS)
    await runner._computing.run(older, 1, lambda: runner._party_run(older, 1, roots))
    attempt = store.attempt(job, 1)
    assert attempt is not None and (attempt.phase, attempt.why) == (Phase.FAILED, "plan.terms")


# A consent that dies while an attempt runs.


class Running:
    """North's runner, or the consumer's, with an attempt at work."""

    def __init__(self, party: int) -> None:
        self.environment = JobEnvironment()
        self.job = self.environment.agreed()
        self.store = self.environment.stores[party]
        self.record = self.store.job(self.job)
        self.environment.ledger.put(self.record.plan, self.job)
        self.runner = Runner(self.environment.contexts[party], RUNS)
        self.offer = self.environment.offers[party]
        self.store.begin(self.job, 1, tuple(i.lawful_root for i in self.record.plan.inputs))
        self.work = asyncio.create_task(asyncio.Event().wait())
        self.runner._hand(self.job).running[1] = self.work  # type: ignore[assignment]

    async def watch(self) -> None:
        phase = self.store.phase(self.job, 1)
        assert phase is not None
        await self.runner._watch.own(self.record, self.runner._hand(self.job), 1, phase)


async def test_a_withdrawal_is_acted_upon_though_the_first_look_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running(0)
    shelf, really = running.environment.shelves[0], running.runner.answers.attempts.ended_inputs

    async def fails(*_: Any) -> dict[int, DeadLeaves]:
        raise ChainError("the chain does not answer")

    await running.watch()
    running.environment.ledger.ended[running.offer] = 1
    shelf.ended[shelf.root] = [bytes(32)]
    monkeypatch.setattr(running.runner.answers.attempts, "ended_inputs", fails)
    with pytest.raises(ChainError):
        await running.watch()
    monkeypatch.setattr(running.runner.answers.attempts, "ended_inputs", really)
    await running.watch()
    attempt = running.store.attempt(running.job, 1)
    assert attempt is not None and attempt.why == "consent.withdrawn"
    assert running.work.cancelling()


async def test_a_job_of_a_dead_named_consent_ends_though_the_first_try_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running(CONSUMER)
    tried: list[int] = []

    async def abort_for(record: Any, number: int) -> None:
        tried.append(number)
        if len(tried) == 1:
            raise ChainError("the chain does not answer")

    monkeypatch.setattr(running.runner.coordinator, "abort_for", abort_for)
    running.environment.ledger.ended[running.offer] = 1
    running.environment.ledger.consents[running.environment.consent] = Status.WITHDRAWN
    with pytest.raises(ChainError):
        await running.watch()
    await running.watch()
    assert tried == [3, 3]
    running.work.cancel()


async def test_another_ones_withdrawal_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running(0)
    looks: list[int] = []

    async def look(*_: Any) -> dict[int, DeadLeaves]:
        looks.append(1)
        return {}

    monkeypatch.setattr(running.runner.answers.attempts, "ended_inputs", look)
    running.environment.ledger.ended[running.offer] = 1
    for _ in range(3):
        await running.watch()
    assert looks == [1]
    running.work.cancel()


# A key that is lost.


@pytest.mark.parametrize(("party", "kept", "ends"), [(0, False, True), (0, True, False), (CONSUMER, True, False)])
async def test_an_open_job_ends_where_its_key_is_lost_alone(
    party: int, kept: bool, ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Running(party)
    context = running.environment.contexts[party]
    fresh = replace(context, hpke=bytes(range(32)), earlier_hpke=(context.hpke,) if kept else ())
    runner, aborted = Runner(fresh, RUNS), list[str]()

    async def abort(record: Any, why: str) -> None:
        aborted.append(why)

    monkeypatch.setattr(runner.coordinator, "abort", abort)
    monkeypatch.setattr(runner, "_blocks_left", lambda _: 1)
    await runner._open(running.record, running.environment.ledger.job(running.job), NOW)
    assert aborted == (["hpke.lost"] if ends else [])
    running.work.cancel()


def test_a_result_is_opened_by_the_key_that_its_plan_names() -> None:
    environment = JobEnvironment()
    context, terms = environment.contexts[CONSUMER], environment.terms()
    fresh = replace(context, hpke=bytes(range(32)), earlier_hpke=(bytes(32), context.hpke))
    assert fresh.hpke_of(terms.consumer_key) == context.hpke
    assert fresh.at_rest.open(context.at_rest.seal(b"a result", b"result"), b"result") == b"a result"
    with pytest.raises(StateError) as lost:
        replace(context, hpke=bytes(range(32))).hpke_of(terms.consumer_key)
    assert lost.value.code == "hpke.lost"


# A party that hangs.


async def test_a_party_that_hangs_does_not_hold_the_consumer(monkeypatch: pytest.MonkeyPatch) -> None:
    """All are asked at once, and who answers nothing ends the question with an error that the next look repeats."""
    running = Running(CONSUMER)
    coordinator, asked = running.runner.coordinator, []
    monkeypatch.setitem(coordinators.PATIENCE, "roots", 0.05)

    async def ask_party(party: Party, *_: Any) -> AttemptRoots:
        asked.append(party.signer)
        if party.signer == running.record.plan.parties[0].signer:
            await asyncio.Event().wait()
        return AttemptRoots(roots=())

    monkeypatch.setattr(coordinator.peer_client, "ask_party", ask_party)
    with pytest.raises(PeerError) as failed:
        await coordinator._ask_all(running.record, "roots", AttemptRef(job=running.job, attempt=2), AttemptRoots)
    assert failed.value.code == "peer.unreachable"
    assert asked == [party.signer for party in running.record.plan.parties]


# Who hears what is on no chain.


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.COMPUTED])
async def test_a_party_whose_attempt_has_ended_has_the_consumer_look_at_once(phase: Phase) -> None:
    environment = JobEnvironment()
    job = environment.agreed()
    asked: list[tuple[bytes, str]] = []

    async def handle(asker: bytes, what: str, body: bytes) -> bytes:
        asked.append((asker, what))
        return (await environment.answers[CONSUMER].answer(asker, what, body)).model_dump_json().encode()

    environment.wires.handlers[environment.consumer] = handle
    record = environment.stores[0].job(job)
    with listening(environment.stores[CONSUMER].due) as listener:
        runner = Runner(environment.contexts[0], RUNS)
        for _ in range(2):  # once is enough
            await runner._tell(record, 1, phase)
        assert await listener.wait(60)
    assert asked == [(environment.address(0), "look")]
    with pytest.raises(PeerError):
        await environment.answers[CONSUMER].attempts.look(bytes(20), AttemptRef(job=job, attempt=1))
    del environment.wires.handlers[environment.consumer]
    await Runner(environment.contexts[0], RUNS)._tell(record, 1, phase)  # to nobody: it is found out later


# Steps that the seal records.


def steps_made(running: Running, number: int) -> None:
    """The party has done so many steps, none of them on chain."""
    fields = {"job": running.job, "attempt": 1, "party": 0, "name": "a-step", "protocol": "none/1", "at": 0}
    for index in range(number):
        running.store.add_step(Step(index=index, **fields))  # type: ignore[arg-type]


async def test_steps_are_left_to_the_seal_for_some_blocks_only() -> None:
    running = Running(0)
    steps_made(running, 3)
    for blocks, left in ((0, True), (SEAL_BLOCKS - 1, True), (1, False), (1, False)):
        running.environment.ledger.head += blocks
        assert await running.runner._left_to_seal(running.record, 1) == left
    running.work.cancel()


async def test_a_trail_that_is_too_long_for_a_seal_is_not_left_to_it() -> None:
    running = Running(0)
    steps_made(running, LEFT_TO_SEAL + 1)
    assert not await running.runner._left_to_seal(running.record, 1)
    running.environment.ledger.trails[running.job, 1, 0] = (bytes(32), 1)
    assert await running.runner._left_to_seal(running.record, 1)
    running.work.cancel()


async def test_a_look_that_is_asked_for_while_one_is_under_way_follows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    running, looks = Running(0), 0
    under_way, go = asyncio.Event(), asyncio.Event()

    async def advance(_: Any) -> None:
        nonlocal looks
        looks += 1
        under_way.set()
        await go.wait()

    monkeypatch.setattr(running.runner, "_advance", advance)
    await running.runner.tick()
    await under_way.wait()
    await running.runner.tick()
    with listening(running.runner.store.due) as listener:
        go.set()
        assert await listener.wait(60)
    assert looks == 1


async def test_what_is_refused_again_and_again_is_asked_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    """By every block and every signal otherwise: a seal that a party refuses cost more than half a processor."""
    running, looks, fate = Running(0), 0, list[Exception]()
    runner, hand = running.runner, running.runner._hand(running.job)

    async def advance(_: Any) -> None:
        nonlocal looks
        looks += 1
        if fate:
            raise fate[0]

    async def looked() -> int:
        """How many looks some ticks have begun, after the rest before them."""
        before, hand.rest_until = looks, 0.0
        for _ in range(5):
            await runner.tick()
            assert hand.look is not None
            await hand.look
        return looks - before

    monkeypatch.setattr(runner, "_advance", advance)
    now = asyncio.get_running_loop().time()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)  # ticks take no time, however busy the machine
    for fate[:] in ([PeerError("no", code="plan.stale")], [ValueError("a mistake")]):
        hand.failures = 0
        rests = []
        for _ in range(7):
            assert await looked() == 1
            rests.append(hand.rest_until - now)
        assert rests == pytest.approx([0.5, 1, 2, 4, 8, 8, 8])
    await runner.say(running.record, "computed", attempt=1)
    await runner.tick()
    assert hand.look is not None and not hand.look.done()
    await hand.look
    fate.clear()
    assert await looked() == 5 and not hand.failures
    running.work.cancel()


async def test_after_its_rest_a_job_is_looked_at_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running(0)

    async def advance(_: Any) -> None:
        raise PeerError("no", code="plan.stale")

    monkeypatch.setattr(running.runner, "_advance", advance)
    with listening(running.runner.store.due) as listener:
        for _ in range(2):
            await running.runner.tick()
            assert await listener.wait(60)
            assert asyncio.get_running_loop().time() >= running.runner._hand(running.job).rest_until
    running.work.cancel()


@dataclasses.dataclass
class Brought:
    """An extension that notes what it forgets."""

    forgotten: list[bytes] = dataclasses.field(default_factory=list)

    def forget(self, job: bytes) -> None:
        self.forgotten.append(job)


async def test_a_job_goes_on_though_the_loops_own_threads_are_all_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever hangs in them is another's: databases and files have threads of their own."""
    running, brought, opened, free = Running(CONSUMER), Brought(), list[bytes](), threading.Event()
    runner, loop = running.runner, asyncio.get_running_loop()
    runner.context = dataclasses.replace(runner.context, extensions=(brought,))  # type: ignore[arg-type]

    async def nothing(*_: Any) -> list[Any]:
        return []

    monkeypatch.setattr(runner, "_advance", nothing)
    monkeypatch.setattr(runner.settlement, "_deep", nothing)
    monkeypatch.setattr(runner.settlement, "_events", lambda record, kind: ([], 0))
    monkeypatch.setattr(runner.settlement, "_open_result", lambda record, events: opened.append(record.job) or {})
    monkeypatch.setattr(settlements, "record_steps", nothing)
    loop.set_default_executor(ThreadPoolExecutor(1))
    hanging = loop.run_in_executor(None, free.wait)
    try:
        async with asyncio.timeout(60):
            await runner.tick()
            await running.watch()
            state: Any = SimpleNamespace(status=JobStatus.COMPLETED, rewarded=False)
            assert await runner.settlement.ended(running.record, state) == "completed"
            await runner._end(running.record, "completed")
        assert not hanging.done() and opened == brought.forgotten == [running.job]
    finally:
        free.set()
        running.work.cancel()
    await hanging


@pytest.mark.parametrize(
    ("recipe", "engine", "wanted"), [("match", "spu", 1), ("match", "embedded", 0), ("overlap", "spu", 0)]
)
async def test_an_engine_starts_while_the_opening_gets_deep_once_a_job(
    monkeypatch: pytest.MonkeyPatch, recipe: str, engine: str, wanted: int
) -> None:
    running, asked = Running(0), list[None]()
    monkeypatch.setattr(SpareEngine, "want", lambda self: asked.append(None))
    record: Any = SimpleNamespace(job=running.job, terms=SimpleNamespace(recipe=recipe, engine=engine))
    for _ in range(2):
        running.runner._want_engine(record)
    assert len(asked) == wanted
