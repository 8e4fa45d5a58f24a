"""Plans that wait for a person: held, signed or refused by him, over restarts, until their time has passed."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from typing import Any

import pytest
from pydantic import ValidationError

from parties import CONSUMER, NOW, PURPOSE, JobEnvironment, LinkedParties
from placet.chain.events import JobCancelled
from placet.core.errors import PlacetError, PlanError
from placet.core.plan import demand_signatures
from placet.core.purposes import PURPOSES, purpose_id
from placet.core.values import ZERO32
from placet.jobs import runner as runners
from placet.jobs.held_store import KEPT, PlanState
from placet.jobs.holding import HoldRule, PlanInShort, is_held
from placet.jobs.messages import BY_HAND, SOON, PlanRef, SignatureResponse, SignRequest
from placet.jobs.proposal import propose
from placet.jobs.records import JobRecord
from placet.jobs.runner import Runner
from placet.node.config import ParticipationPolicy
from placet.recipes.runs import RUNS

NORTH, SOUTH, FUND = range(3)
OTHER = next(name for name in PURPOSES if name != PURPOSE)


@pytest.fixture
def parties() -> LinkedParties:
    made = LinkedParties(JobEnvironment())
    made.policy(NORTH, hold="all")
    return made


async def refused(work: Any, code: str) -> PlacetError:
    with pytest.raises(PlacetError) as error:
        await work
    assert error.value.code == code, error.value
    return error.value


def statuses(parties: LinkedParties, party: int, record: JobRecord) -> list[str]:
    return [moment["status"] for _, moment in parties.environment.stores[party].moments(record.job)]


def plan_state(parties: LinkedParties, record: JobRecord) -> PlanState:
    return parties.environment.agreements[NORTH].held.store.known(record.job).state


async def ask_again(parties: LinkedParties, record: JobRecord) -> bytes:
    """As the consumer's node does: North's signature, or none yet."""
    request = SignRequest(plan=record.plan, terms=record.terms)
    answer = await parties.client.ask(parties.environment.address(NORTH), "sign", request, SignatureResponse)
    return answer.signature


class Consumer:
    """The consumer's node: what its runner does in a tick, without an opening."""

    def __init__(self, parties: LinkedParties, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parties, self.opened = parties, list[bytes]()
        self.runner = Runner(parties.environment.contexts[CONSUMER], RUNS)

        async def opening(record: JobRecord) -> None:
            self.opened.append(record.job)

        monkeypatch.setattr(self.runner.coordinator, "open", opening)

        async def answer(asker: bytes, what: str, body: bytes) -> bytes:
            return (await self.runner.answers.answer(asker, what, body)).model_dump_json().encode()

        parties.environment.wires.handlers[parties.environment.consumer] = answer

    async def tick(self) -> None:
        """One look at every job, to its end."""
        await self.runner.tick()
        looks = [hand.look for hand in self.runner._jobs.values() if hand.look is not None]
        await asyncio.gather(*looks)

    def job(self, record: JobRecord) -> JobRecord:
        return self.runner.store.job(record.job)


# Which plans are held.


@pytest.mark.parametrize(
    ("rule", "held"),
    [
        ({"recipes": ["asset-view"]}, True),
        ({"recipes": ["match"]}, False),
        ({"purposes": [PURPOSE]}, True),
        ({"purposes": [OTHER]}, False),
        ({"consumers": ["0x" + "11" * 20]}, True),
        ({"consumers": ["0x" + "22" * 20]}, False),
        ({"rows_above": 2}, True),
        ({"rows_above": 3}, False),
        ({"recipes": ["asset-view"], "rows_above": 3}, False),
        ({"recipes": ["match", "asset-view"], "purposes": [PURPOSE], "rows_above": 0}, True),
    ],
)
def test_a_rule_holds_what_all_of_it_is_of(rule: dict[str, Any], held: bool) -> None:
    hold = ParticipationPolicy.model_validate({"hold": [rule]}).hold
    plan = PlanInShort("asset-view", purpose_id(PURPOSE), b"\x11" * 20, 3)
    assert is_held(hold, plan) is held
    assert is_held((*hold, HoldRule(rows_above=2)), plan)  # type: ignore[misc]
    assert is_held("all", plan) and not is_held("none", plan)


def test_of_rows_that_nobody_knows_yet_there_may_be_many() -> None:
    assert is_held((HoldRule(rows_above=2**32 - 1),), PlanInShort("match", purpose_id(PURPOSE), bytes(20), None))


@pytest.mark.parametrize(
    "hold",
    [
        *("some", "", [], [{}], [{"recipes": []}], [{"recipes": ["asset-vew"]}], [{"purposes": ["CreditChecking"]}]),
        *([{"rows_above": -1}], [{"rows": 3}], [{"consumers": ["0x12"]}], None, {"recipes": ["match"]}),
    ],
)
def test_a_rule_that_would_hold_nothing_is_refused(hold: object) -> None:
    with pytest.raises(ValidationError):
        ParticipationPolicy.model_validate({"hold": hold})


# From a request to a signature.


async def test_a_plan_waits_for_a_person_and_is_signed_by_his_word(parties: LinkedParties) -> None:
    environment, north = parties.environment, parties.environment.agreements[NORTH]
    shelf = environment.shelves[NORTH]
    record = await propose(parties.client, parties.request())
    assert not record.signed and [bool(one) for one in record.signatures[:4]] == [False, True, True, True]
    assert record.plan.open_by == NOW + BY_HAND  # hours, since a person decides
    assert statuses(parties, CONSUMER, record) == ["agreed", "held"]
    [waiting] = environment.stores[CONSUMER].waits.of(record.job)
    assert waiting["for"] == "Bank North to agree to the plan"
    plan = north.held.store.known(record.job)
    assert (plan.state, plan.plan, plan.terms, plan.created) == (PlanState.WAITING, record.plan, record.terms, NOW)
    assert plan.numbers is not None and plan.numbers.rows == 3
    assert (environment.stores[NORTH].find(record.job), shelf.kept) == (None, [])  # neither agreed nor kept as signed
    assert await ask_again(parties, record) == b""
    decided = await north.approve(record.job, "Ms Officer")
    assert (decided.state, decided.by, decided.decided) == (PlanState.SIGNED, "Ms Officer", NOW)
    assert statuses(parties, NORTH, record) == ["held", "agreed", "approved"]
    assert shelf.kept == [shelf.root]
    signature = await ask_again(parties, record)
    signatures = (signature, *record.signatures[1:])
    demand_signatures("the plan", record.plan.signers, signatures, record.job, environment.ledger.verifiers)
    kept = environment.stores[NORTH].job(record.job)
    await north.approve(record.job, "another")  # once more is nothing new
    assert (north.held.store.known(record.job), environment.stores[NORTH].job(record.job)) == (decided, kept)
    await refused(north.refuse(record.job, "Ms Officer", "no"), "plan.decided")


async def test_what_was_decided_is_kept_for_a_quarter_and_what_waits_for_longer(parties: LinkedParties) -> None:
    store = parties.environment.agreements[NORTH].held.store
    first, waiting, last = [(await propose(parties.client, parties.request())).job for _ in range(3)]
    store.decide(first, PlanState.REFUSED, at=NOW, by="Ms Officer", reason="no")
    store.decide(last, PlanState.EXPIRED, at=NOW + KEPT)
    assert store.known(first).by == "Ms Officer"
    store.decide(last, PlanState.EXPIRED, at=NOW + KEPT + 1)  # which comes later and changes nothing of it
    assert store.find(first) is None
    assert (store.known(waiting).state, store.known(last).state) == (PlanState.WAITING, PlanState.EXPIRED)


async def test_what_the_rules_allow_is_signed_at_once(parties: LinkedParties) -> None:
    parties.policy(NORTH, hold=(HoldRule(rows_above=3), HoldRule(recipes=("match",))))
    record = await propose(parties.client, parties.request())
    assert record.signed and record.plan.open_by == NOW + SOON
    assert statuses(parties, CONSUMER, record) == ["agreed"]
    assert parties.environment.agreements[NORTH].held.store.waiting() == []
    parties.policy(NORTH, hold=(HoldRule(rows_above=2),))
    assert not (await propose(parties.client, parties.request(open_seconds=300))).signed


async def test_a_refusal_reaches_the_consumer_with_its_reason(
    parties: LinkedParties, monkeypatch: pytest.MonkeyPatch
) -> None:
    north = parties.environment.agreements[NORTH]
    record = await propose(parties.client, parties.request())
    consumer = Consumer(parties, monkeypatch)
    await north.refuse(record.job, "Ms Officer", "not for this purpose")
    await north.refuse(record.job, "another", "again")
    plan = north.held.store.known(record.job)
    assert (plan.state, plan.by, plan.reason) == (PlanState.REFUSED, "Ms Officer", "not for this purpose")
    assert statuses(parties, NORTH, record) == ["held", "refused"]
    await consumer.tick()
    assert consumer.job(record).ended == "refused"
    [moment] = [m for _, m in consumer.runner.store.moments(record.job) if m["status"] == "refused"]
    assert (moment["code"], moment["reason"]) == ("plan.refused", "not for this purpose")
    assert (await refused(ask_again(parties, record), "plan.refused")).found == "not for this purpose"
    await refused(north.approve(record.job, "Ms Officer"), "plan.decided")
    assert consumer.runner.store.waits.of(record.job) == [] and consumer.opened == []


async def test_both_sides_may_restart_while_a_person_thinks(
    parties: LinkedParties, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was decided while the consumer was away reaches it: signed once, lost never."""
    environment = parties.environment
    record = await propose(parties.client, parties.request())
    consumer = Consumer(parties, monkeypatch)
    await consumer.tick()
    del environment.wires.handlers[environment.consumer]  # the consumer's node is down
    parties.policy(NORTH)  # North's is another process now
    await environment.agreements[NORTH].approve(record.job, "Ms Officer")
    parties.policy(NORTH)
    signed = environment.stores[NORTH].job(record.job)
    consumer = Consumer(parties, monkeypatch)
    await consumer.tick()
    assert consumer.job(record).signed and consumer.opened == []
    await consumer.tick()
    assert consumer.opened == [record.job]
    assert environment.stores[NORTH].job(record.job) == signed
    assert statuses(parties, CONSUMER, record) == ["agreed", "held"]  # said once, over all restarts


async def test_a_consumer_that_was_killed_between_its_questions_asks_the_others_alone(
    parties: LinkedParties, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing but its own signature was written."""
    environment = parties.environment
    record = await propose(parties.client, parties.request())
    environment.stores[CONSUMER].signed(record.job, [b"", b"", b"", record.signatures[3], b"", b""])
    await environment.agreements[NORTH].approve(record.job, "Ms Officer")
    consumer = Consumer(parties, monkeypatch)
    await consumer.tick()
    signatures = consumer.job(record).signatures
    demand_signatures("the plan", record.plan.signers, signatures, record.job, environment.ledger.verifiers)


async def test_people_are_not_asked_all_the_time(parties: LinkedParties, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ever more rarely; at once where a party says that it has decided."""
    environment, questions, clock = parties.environment, list[float](), [0.0]
    record = await propose(parties.client, parties.request())
    consumer = Consumer(parties, monkeypatch)
    monkeypatch.setattr(runners.asyncio.get_running_loop(), "time", lambda: clock[0])
    answer = environment.wires.handlers[environment.address(NORTH)]

    async def counted(asker: bytes, what: str, body: bytes) -> bytes:
        questions.append(clock[0])
        result: bytes = await answer(asker, what, body)
        return result

    environment.wires.handlers[environment.address(NORTH)] = counted
    for _ in range(130):
        await consumer.tick()
        clock[0] += 1
    between = [later - sooner for sooner, later in itertools.pairwise(questions)]
    assert between[:5] == [2, 4, 8, 16, 30] and set(between[5:]) == {30}
    await environment.agreements[NORTH].approve(record.job, "Ms Officer")
    await consumer.tick()
    assert consumer.job(record).signed


async def test_what_says_nothing_about_the_plan_ends_no_proposal(
    parties: LinkedParties, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = parties.environment
    record = await propose(parties.client, parties.request())
    consumer = Consumer(parties, monkeypatch)
    monkeypatch.setattr("placet.jobs.peer_client.PATIENCE", 0.0)
    answer = environment.wires.handlers.pop(environment.address(NORTH))
    await consumer.tick()
    assert consumer.job(record).ended is None
    assert statuses(parties, CONSUMER, record)[-1] == "waiting"
    environment.wires.handlers[environment.address(NORTH)] = answer
    await environment.agreements[NORTH].approve(record.job, "Ms Officer")
    consumer = Consumer(parties, monkeypatch)
    await consumer.tick()
    assert consumer.job(record).signed


# What ends the waiting.


async def test_a_plan_whose_time_has_passed_is_nobodys_to_decide(
    parties: LinkedParties, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, north = parties.environment, parties.environment.agreements[NORTH]
    first, second = [await propose(parties.client, parties.request(open_seconds=300)) for _ in range(2)]
    environment.ledger.time = NOW + 301
    await refused(north.approve(first.job, "Ms Officer"), "plan.stale")
    await refused(ask_again(parties, first), "plan.stale")
    await north.held.end_overdue()
    assert {plan_state(parties, one) for one in (first, second)} == {PlanState.EXPIRED}
    assert statuses(parties, NORTH, second) == ["held", "expired"]
    await refused(north.refuse(second.job, "Ms Officer", "no"), "plan.decided")
    consumer = Consumer(parties, monkeypatch)
    environment.ledger.block = lambda number: environment.ledger  # type: ignore[attr-defined]
    environment.ledger.timestamp = NOW + 301  # type: ignore[attr-defined]
    await consumer.tick()
    assert [consumer.job(one).ended for one in (first, second)] == ["expired", "expired"]


async def test_a_plan_that_its_consumer_cancelled_waits_no_more(parties: LinkedParties) -> None:
    environment, north = parties.environment, parties.environment.agreements[NORTH]
    records = [await propose(parties.client, parties.request()) for _ in range(2)]
    event = {"block": 90, "log_index": 0, "transaction": ZERO32, "block_hash": ZERO32, "signer": 3}
    environment.ledger.events += [JobCancelled(**event, job=record.job) for record in records]
    await refused(north.approve(records[0].job, "Ms Officer"), "plan.decided")
    await north.held.end_overdue()
    assert {plan_state(parties, record) for record in records} == {PlanState.CANCELLED}


@pytest.mark.parametrize("later", [False, True])
async def test_nobody_decides_about_a_plan_that_another_party_refuses(
    parties: LinkedParties, monkeypatch: pytest.MonkeyPatch, later: bool
) -> None:
    """At once, or by a person of its own."""
    north = parties.environment.agreements[NORTH]
    if later:
        parties.policy(SOUTH, hold="all")
        record = await propose(parties.client, parties.request())
        await parties.environment.agreements[SOUTH].refuse(record.job, "Mr Other", "no")
        consumer = Consumer(parties, monkeypatch)
        await consumer.tick()
    else:

        async def no(*_: Any) -> None:
            raise PlanError("no", code="plan.recipe")

        monkeypatch.setattr(parties.environment.agreements[SOUTH].policy, "demand_plan", no)
        await refused(propose(parties.client, parties.request()), "plan.recipe")
    [plan] = north.held.store.decided(10)
    assert (plan.state, north.held.store.waiting()) == (PlanState.CANCELLED, [])
    await refused(north.approve(plan.job, "Ms Officer"), "plan.decided")


async def test_only_its_consumer_drops_a_plan(parties: LinkedParties) -> None:
    environment, north = parties.environment, parties.environment.agreements[NORTH]
    record = await propose(parties.client, parties.request())
    await north.dropped(environment.address(SOUTH), PlanRef(job=record.job))
    assert plan_state(parties, record) is PlanState.WAITING
    await north.dropped(environment.consumer, PlanRef(job=record.job))
    assert plan_state(parties, record) is PlanState.CANCELLED


@pytest.mark.parametrize("change", ["withdrawal", "offer", "policy", "epoch"])
async def test_what_changed_meanwhile_is_not_signed_and_its_consumer_hears_so(
    parties: LinkedParties, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    environment = parties.environment
    record = await propose(parties.client, parties.request())
    codes = {"withdrawal": "plan.stale", "epoch": "plan.stale", "offer": "not-found", "policy": "plan.recipe"}
    if change == "withdrawal":
        environment.shelves[NORTH].root = secrets.token_bytes(32)
    elif change == "epoch":
        environment.shelves[NORTH].epoch = b"1" * 24
    elif change == "policy":
        parties.policy(NORTH, recipes=("match",))
    else:
        codes["offer"] = "consent.recipe"
        environment.rescope(NORTH, recipes=("match",))
        old = record.plan.parties[NORTH].inputs[0].offer
        environment.ledger.offers[old] = environment.ledger.offers[environment.offers[NORTH]]
    north = environment.agreements[NORTH]
    await refused(north.approve(record.job, "Ms Officer"), codes[change])
    assert (plan_state(parties, record), environment.stores[NORTH].find(record.job)) == (PlanState.STALE, None)
    assert codes[change] in str(north.held.store.known(record.job).reason)
    consumer = Consumer(parties, monkeypatch)
    await consumer.tick()
    assert consumer.job(record).ended == "refused"
    [moment] = [m for _, m in consumer.runner.store.moments(record.job) if m["status"] == "refused"]
    assert moment["code"] == "plan.stale"


# Standing plans.


async def test_a_standing_plan_of_what_is_held_waits_too_and_its_openings_do_not(parties: LinkedParties) -> None:
    """One word of a person, many openings. Without it a standing plan would be the way around him."""
    parties.policy(NORTH, hold=(HoldRule(rows_above=1_000_000),))
    environment = parties.environment
    standing = await parties.stand()
    kept = environment.agreements[NORTH].standing.store.known(standing.plan.hash)
    assert not standing.signed and not kept.agreed
    await refused(parties.open(standing), "plan.standing")
    parties.policy(NORTH, hold="all")
    await environment.agreements[NORTH].standing.agree(standing.plan.hash)
    opened = await parties.open(standing)
    assert opened.signed and opened.plan.open_by == NOW + SOON
    assert environment.agreements[NORTH].held.store.waiting() == []
