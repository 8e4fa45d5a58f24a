"""Jobs of parties in one process, over real signed links into real databases, that are then replayed.

The chain and the vaults are what a test sets; recipes, messages, steps, seals of what is kept are real."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from columned import columned
from declaring import declaring
from parties import NOW, JobEnvironment, Ledger, at_once
from placet.catalogue.declared import declared
from placet.catalogue.specs import spec_of
from placet.chain.blocks import Head
from placet.chain.states import JobStatus
from placet.core.at_rest import JOBS, AtRest
from placet.core.column_table import ColumnTable
from placet.core.errors import WarrantError
from placet.core.masking import public_key
from placet.core.plan import Plan, Terms
from placet.core.trail import trail_head, trail_start
from placet.jobs.kept_payloads import KeptPayloads, Retention
from placet.jobs.link import Acknowledged, Link, unpack
from placet.jobs.messages import AttemptStatus
from placet.jobs.party_run import PartyRun
from placet.jobs.randomness import seed_commitment
from placet.jobs.recipe import RecipeRun, run_of
from placet.jobs.records import JobRecord
from placet.jobs.replay import replay
from placet.jobs.replay_report import ReplayReport
from placet.recipes.runs import RUNS
from placet.vault.responses import DeadLeaves
from placet.vault.rows import Rows

KEPT = Retention(days=30, attempt_bytes=64 << 20, total_bytes=1 << 30)


class DeepLedger(Ledger):
    """A chain whose every block is deep."""

    def trail(self, job: bytes, attempt: int, party: int, *, block: int | None = None) -> tuple[bytes, int]:
        return super().trail(job, attempt, party)

    def is_opening(self, job: bytes, block: int) -> bool:
        return any(event.block == block for event in self.job_events(job))

    def block(self, number: int) -> Head:
        return Head(number, NOW, hashlib.sha256(b"block %d" % number).digest())


@dataclass
class Drawer:
    """A vault with one table an input. `gone`: why it hands none out again."""

    tables: Mapping[int, ColumnTable]
    identifier: str
    gone: WarrantError | None = None

    async def rows(self, job: bytes, plan: Plan, terms: Terms, attempt: int, input: int) -> Rows:
        table = self.tables[input]
        ids = [] if plan.inputs[input].named else [hashlib.sha256(b"%d" % row).digest() for row in range(len(table))]
        return Rows(table, self.identifier, b"".join(ids))

    async def rows_again(self, job: bytes, plan: Plan, terms: Terms, attempt: int, input: int) -> Rows:
        if self.gone is not None:
            raise self.gone
        return await self.rows(job, plan, terms, attempt, input)

    async def matched(self, *_: Any) -> None:
        pass

    async def dead(self, offer: bytes, root: bytes) -> DeadLeaves:
        return DeadLeaves(epoch=bytes(24), consents=())


@dataclass
class Sealed:
    """A job whose first attempt all parties have computed."""

    environment: JobEnvironment
    job: bytes
    plan: Plan
    terms: Terms
    drawers: list[Drawer] = field(default_factory=list)

    def replayed(self, party: int, runs: Mapping[str, RecipeRun] = RUNS) -> ReplayReport:
        context, store = self.environment.contexts[party], self.environment.stores[party]
        return at_once(replay(context, store, runs, self.job))  # type: ignore[arg-type]

    def all_replayed(self) -> list[ReplayReport]:
        return [self.replayed(party) for party in range(len(self.plan.parties))]


def sealed(
    recipe: str,
    parameters: Mapping[str, Any],
    tables: Sequence[Mapping[str, Mapping[str, Sequence[Any]]]],
    *,
    engine: str = "embedded",
    cheats: Mapping[int, RecipeRun] | None = None,
    retention: Retention = KEPT,
) -> Sealed:
    """Run a job to its seal. `tables`: by party its inputs' columns by alias; `cheats`: what a party runs in place of
    the recipe."""
    environment = JobEnvironment()
    environment.ledger = DeepLedger()
    plan, terms = declaring(recipe, spec_of(recipe).parse(dict(parameters)).to_json(), engine, len(tables))
    consumer = next(place for place, party in enumerate(plan.parties) if party.signer == plan.consumer)
    terms = terms.model_copy(update={"consumer_key": public_key(environment.contexts[consumer].hpke)})
    parties = tuple(
        party.model_copy(
            update={
                "signer": environment.address(number),
                "recorder": environment.recorders[number].address,
                "tls_key": environment.contexts[number].tls_key,
                "seed": seed_commitment(bytes([number + 1]) * 32),
            }
        )
        for number, party in enumerate(plan.parties)
    )
    changes = {"parties": parties, "consumer": environment.address(consumer), "terms": terms.hash}
    plan = plan.model_copy(update=changes | {"sponsor": environment.address(consumer)})
    outcome = Sealed(environment, plan.job(environment.deployment.jobs), plan, terms)
    identifier = str(parameters.get("identifier", "customer"))
    for number, own in enumerate(tables):
        first = plan.input_offset(number)
        aliases = terms.inputs[first : first + len(plan.parties[number].inputs)]
        columns = {first + place: columned(dict(own[alias])) for place, alias in enumerate(aliases)}
        drawer = Drawer(columns, identifier)
        outcome.drawers.append(drawer)
        context = environment.contexts[number]
        payloads = KeptPayloads(environment.folder / f"received-{number}", context.at_rest, retention)
        chain: dict[str, Any] = {"chain": environment.ledger, "index": environment.ledger, "rows": drawer}
        environment.contexts[number] = replace(context, **chain, payloads=payloads)
    at_once(_run(outcome, dict(cheats or {})))
    return outcome


async def _run(job: Sealed, cheats: Mapping[int, RecipeRun]) -> None:
    environment, plan = job.environment, job.plan
    parties = range(len(plan.parties))
    roots = tuple(one.lawful_root for one in plan.inputs)
    signatures = tuple(key.sign(job.job) for key in environment.signers[: len(parties)])
    links = []
    for party in parties:
        context, store = environment.contexts[party], environment.stores[party]
        seed = AtRest(JOBS, context.hpke).seal(bytes([party + 1]) * 32, b"seed")
        record = JobRecord(job.job, plan, job.terms, (*signatures, b"", b""), party, seed, None, None, 1)
        store.add(record)
        store.begin(job.job, 1, roots)
        links.append(Link(context, store, record, 1))
        environment.wires.handlers[environment.address(party)] = _handler(links[-1])
    environment.ledger.put(plan, job.job)
    runs = [_party_run(job, links[party], roots) for party in parties]
    works = [cheats.get(run.party, run_of(RUNS, job.terms.recipe)).run(run) for run in runs]
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work)  # type: ignore[arg-type]
    for party in parties:
        _record(job, party)
        environment.stores[party].computed(job.job, 1)
    environment.ledger.put(plan, job.job, JobStatus.COMPLETED)


def _handler(link: Link) -> Any:
    async def handle(asker: bytes, what: str, body: bytes) -> bytes:
        if what == "alive":
            return AttemptStatus(state="running").model_dump_json().encode()
        return Acknowledged(signature=await link.accept(*unpack(body))).model_dump_json().encode()

    return handle


def _record(job: Sealed, party: int) -> int:
    hashes = [step.hash for step in job.environment.stores[party].steps(job.job, 1)]
    place = (job.job, 1, party)
    job.environment.ledger.trails[place] = (trail_head(trail_start(*place), hashes), len(hashes))
    for context in job.environment.contexts:
        context.moved.send()
    return len(hashes)


def _party_run(job: Sealed, link: Link, roots: tuple[bytes, ...]) -> PartyRun:
    async def say(*_: Any, **__: Any) -> None:
        pass

    async def record_now() -> int:
        return _record(job, link.record.party)

    record = link.record
    now = lambda: record.plan.open_by  # noqa: E731
    agreed = declared(record.plan, record.terms)
    return PartyRun(link.context, record, agreed, 1, roots, link.store, link, now, say, record_now)


def names(report: ReplayReport) -> list[str]:
    return [step.name for step in report.steps]


__all__ = ["KEPT", "Drawer", "Sealed", "names", "sealed", "spec_of"]
