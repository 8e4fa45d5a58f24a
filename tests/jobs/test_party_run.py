"""What a recipe may hand over, where the vault waits to be told which rows match; what it records of contributions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from columned import columned
from parties import NOW, JobEnvironment, at_once
from placet.catalogue.declared import declared
from placet.core.errors import ProtocolError, StateError, WarrantError
from placet.core.trail import START_PROTOCOL, Exchange, start_told, trail_head, trail_start
from placet.jobs.party_run import PartyRun
from placet.models.contribution import Division, sealed_payouts
from placet.vault.rows import Rows

CUSTOMERS = [f"c{number}" for number in range(10)]


class Vault:
    """Hands ten rows out, and refuses or takes the marks of those that match."""

    def __init__(self, *, asks: bool, refuses: bool = False) -> None:
        self.asks, self.refuses = asks, refuses
        self.marks: list[tuple[int, bytes]] = []

    async def rows(self, *_: Any) -> Rows:
        table = columned({"customer": CUSTOMERS, "balance": list(range(10))})
        return Rows(table, "customer", bytes(320), asks_matches=self.asks)

    async def matched(self, job: bytes, plan: Any, terms: Any, attempt: int, input: int, marks: bytes) -> None:
        self.marks.append((input, marks))
        if self.refuses:
            raise WarrantError("too few", code="warrant.change")


class Wire:
    """What was sent; `told` is what the others say in the name of their trails."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.payloads: list[tuple[int, bytes]] = []
        self.told: dict[int, bytes] = {}

    async def send(self, receiver: int, tag: str, payload: bytes) -> Exchange:
        self.sent.append(tag)
        self.payloads.append((receiver, payload))
        return Exchange(peer=receiver, sequence=0, tag=tag, digest=bytes(32))

    async def receive(self, sender: int, tag: str, limit: int) -> tuple[Exchange, bytes]:
        return Exchange(peer=sender, sequence=0, tag=tag, digest=bytes(32)), self.told[sender]


def provider(vault: Vault) -> tuple[PartyRun, Wire]:
    """The second provider's attempt."""
    environment, wire = JobEnvironment(), Wire()
    job, store = environment.agreed(), environment.stores[1]
    record = store.job(job)
    store.begin(job, 1, [])

    async def nothing(*_: Any, **__: Any) -> int:
        return 0

    context = replace(environment.contexts[1], rows=vault)  # type: ignore[arg-type]
    roots = tuple(chosen.lawful_root for chosen in record.plan.inputs)
    parts: Any = (context, record, declared(record.plan, record.terms), 1, roots, store, wire, lambda: NOW)
    return PartyRun(*parts, nothing, nothing), wire


async def _run(run: PartyRun, tell: Callable[[PartyRun, Rows], Any]) -> None:
    rows, opened = await run.open("accounts")
    await tell(run, rows)
    await run.release(b"part", opened)


async def _nothing(run: PartyRun, rows: Rows) -> None:
    pass


async def _matches(run: PartyRun, rows: Rows) -> None:
    await run.matched("accounts", rows, [9, 0, 3])


def test_nothing_leaves_before_the_vault_knows_the_matches() -> None:
    vault = Vault(asks=True)
    run, wire = provider(vault)
    with pytest.raises(StateError) as caught:
        at_once(_run(run, _nothing))
    assert (caught.value.code, vault.marks, wire.sent) == ("warrant.untold", [], [])


async def test_uses_are_noted_by_the_databases_own_threads() -> None:
    run, _ = provider(Vault(asks=False))
    threads: list[str] = []
    run.context = replace(run.context, note_uses=lambda *_: threads.append(threading.current_thread().name))
    await run.open("accounts")
    assert [name.partition("_")[0] for name in threads] == ["store"]


def test_nothing_leaves_where_the_vault_says_no() -> None:
    vault = Vault(asks=True, refuses=True)
    run, wire = provider(vault)
    with pytest.raises(WarrantError):
        at_once(_run(run, _matches))
    with pytest.raises(StateError):
        at_once(run.release(b"part"))
    assert wire.sent == []


def test_each_row_has_a_mark_of_its_own() -> None:
    vault = Vault(asks=True)
    run, wire = provider(vault)
    at_once(_run(run, _matches))
    assert (vault.marks, wire.sent) == ([(1, bytes((0b10010000, 0b01000000)))], ["output.masked"])


def starting(told: bytes) -> tuple[PartyRun, Wire]:
    """A provider with its rows, about to tell two others what it starts from; one of them says `told`."""
    run, wire = provider(Vault(asks=False))

    async def open_still() -> None:
        wire.sent.append("open still")

    run.demand_open = open_still  # type: ignore[method-assign]
    at_once(run.open("accounts"))
    wire.told = {0: start_told(b"\1" * 32, 1), 2: told}
    return run, wire


def test_a_party_signs_its_trail_to_the_others_before_anything_is_disclosed() -> None:
    run, wire = starting(start_told(b"\2" * 32, 1))
    (opened,) = run.store.steps(run.record.job, 1)
    head = trail_head(trail_start(run.record.job, 1, run.party), [opened.hash])
    at_once(run.started_with(0, 2))
    assert sorted(wire.payloads) == [(0, start_told(head, 1)), (2, start_told(head, 1))]
    assert wire.sent == ["trail.head", "trail.head", "open still"]
    start = run.store.steps(run.record.job, 1)[-1]
    assert (start.name, start.protocol, len(start.sent), len(start.received)) == ("start", START_PROTOCOL, 2, 2)
    assert run.head == trail_head(head, [start.hash])


@pytest.mark.parametrize("told", [start_told(b"\2" * 32, 0), start_told(b"\2" * 32, 2), b"\2" * 32, b""])
def test_nothing_is_disclosed_to_who_starts_from_elsewhere(told: bytes) -> None:
    """Who has committed to less could choose the rest once it has learned something."""
    run, wire = starting(told)
    with pytest.raises(ProtocolError) as caught:
        at_once(run.started_with(0, 2))
    assert caught.value.code == "peer.start"
    assert "open still" not in wire.sent
    assert len(run.store.steps(run.record.job, 1)) == 1


def spending(attempt: int, *, masked: bool) -> tuple[PartyRun, Wire, list[str]]:
    """A provider whose rows spend a privacy budget, in an attempt; what happened on chain and on the wire, in order."""
    run, wire = provider(Vault(asks=False))
    place = run.record.party
    party = run.plan.parties[place]
    (chosen,) = party.inputs
    party = party.model_copy(update={"inputs": (chosen.model_copy(update={"budget": 5}),)})
    parties = (*run.plan.parties[:place], party, *run.plan.parties[place + 1 :])
    run.record = replace(run.record, plan=run.plan.model_copy(update={"parties": parties}))
    run.declared = replace(run.declared, spec=replace(run.declared.spec, masked=masked))
    happened: list[str] = []

    async def record_now() -> int:
        happened.append(f"{len(run.store.steps(run.record.job, run.attempt))} on chain")
        return 1

    async def open_still() -> None:
        happened.append("open still")

    run.attempt, run.record_now, run.demand_open = attempt, record_now, open_still  # type: ignore[method-assign]
    return run, wire, happened


def test_nobody_starts_without_a_trail_in_a_job_whose_budget_could_go_back() -> None:
    """Of no party's steps the contract takes a record once the budget is back; of one step on chain it gives none."""
    run, wire, happened = spending(1, masked=True)
    mine, other = run.plan.parties[run.party], run.plan.parties[0]
    parties = [one.model_copy(update={"inputs": ()}) if one is mine else one for one in run.plan.parties]
    parties[0] = other.model_copy(update={"inputs": mine.inputs})
    run.record = replace(run.record, plan=run.plan.model_copy(update={"parties": tuple(parties)}))
    wire.told = {0: start_told(b"\1" * 32, 0)}
    at_once(run.started_with(0))
    assert happened == ["0 on chain", "open still", "open still"] and wire.sent == ["trail.head"]


def test_rows_that_spend_a_budget_are_on_chain_before_anything_follows() -> None:
    """Or whoever ends the job in time takes the budget back, and keeps what was sent."""
    run, _, happened = spending(1, masked=False)
    rows, _ = at_once(run.open("accounts"))
    assert rows.count == 10
    assert happened == ["1 on chain", "open still"]
    free, _ = provider(Vault(asks=False))
    at_once(free.open("accounts"))  # `nothing` on chain, and nobody asks


@pytest.mark.parametrize("masked", [True, False])
def test_a_budget_pays_for_one_attempt_that_tells_before_the_release(masked: bool) -> None:
    """Noise is new in each attempt, so what each tells adds up; masked outputs of unsealed attempts tell nothing."""
    run, _, _ = spending(1, masked=masked)
    at_once(run.open("accounts"))
    run.store.fail(run.record.job, 1, "peer")
    run.store.begin(run.record.job, 2, [])
    run.attempt, run._steps = 2, 0
    if masked:
        assert at_once(run.open("accounts"))[0].count == 10
    else:
        with pytest.raises(StateError) as caught:
            at_once(run.open("accounts"))
        assert caught.value.code == "job.spent"
        assert run.store.steps(run.record.job, 2) == []


def test_a_vault_that_does_not_ask_is_not_told() -> None:
    vault = Vault(asks=False)
    run, wire = provider(vault)
    at_once(_run(run, _matches))
    assert (vault.marks, wire.sent) == ([], ["output.masked"])


def test_what_each_contributed_is_recorded_where_the_plans_rule_can_divide_by_it() -> None:
    run, _ = provider(Vault(asks=False))
    division = Division("shapley", 2)
    run.declared = replace(run.declared, spec=replace(run.declared.spec, pays=lambda parameters, roles: division))
    table = {frozenset(): 500_000, frozenset({0}): 600_000, frozenset({1}): 700_000}
    with pytest.raises(ProtocolError, match="metric of a coalition is missing"):
        at_once(run.contributed("auc", table))
    assert run.store.steps(run.record.job, 1) == []
    at_once(run.contributed("auc", {**table, frozenset({0, 1}): 740_000}))
    steps = run.store.steps(run.record.job, 1)
    assert [step.name for step in steps] == ["contribution"]
    assert sealed_payouts(240, division, steps, 4) == (70, 170, 0, 0)
