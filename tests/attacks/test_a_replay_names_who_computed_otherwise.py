"""A party that did something else than its recipe, or holds something else than it had, is named by its own replay.

Each job ends well all the same: its messages are signed, its steps chained, the other parties' replays all the same.
That is what an audit without a replay has to go by."""

from __future__ import annotations

import contextvars
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from declaring import CUSTOMER
from placet.cli import audit_replay
from placet.cli.main import app
from placet.core.at_rest import JOBS, AtRest
from placet.core.column_table import ColumnTable, FixedColumn
from placet.core.framing import FrameReader, frame
from placet.core.masking import unmask
from placet.core.plan import Terms
from placet.core.values import to_hex
from placet.jobs.masked_outputs import masked_outputs
from placet.jobs.party_run import PartyRun
from placet.jobs.recipe import RecipeRun, WrongParts
from placet.jobs.replay import signed
from placet.jobs.replay_report import ReplayReport
from placet.jobs.store import JobStore
from placet.jobs.tables import jobs, steps
from placet.recipes.asset_view import run as asset_view
from placet.recipes.asset_view.run import ASSET_VIEW
from placet.recipes.blocks import psi_join
from placet.recipes.private_statistics.run import PRIVATE_STATISTICS
from replaying import Sealed, sealed, spec_of

CHEATS: contextvars.ContextVar[bool] = contextvars.ContextVar("cheats", default=False)
NORTH, SOUTH, CONSUMER = range(3)
PEOPLE = [f"c{number}" for number in range(6)]


def honest(**options: Any) -> Sealed:
    provider = {"accounts": {"customer": PEOPLE, "balance": [10, 20, 30, 40, 50, 60]}}
    customers = {"customers": {"customer": PEOPLE[1:]}}
    return sealed("asset-view", {**CUSTOMER, "value": "balance"}, [provider, provider, customers], **options)


def cheating(
    party: int, before: Callable[[PartyRun], None] = lambda job: None, recipe: RecipeRun = ASSET_VIEW
) -> Mapping[int, RecipeRun]:
    """The recipe as that party runs it: in its own task alone `CHEATS` is set."""

    async def run(job: PartyRun) -> None:
        CHEATS.set(True)
        before(job)
        await recipe.run(job)

    return {party: replace(recipe, run=run)}


def totals(job: Sealed) -> dict[str, int]:
    """What the consumer comes to."""
    context, store = job.environment.contexts[CONSUMER], job.environment.stores[CONSUMER]
    attempt = store.attempt(job.job, 1)  # type: ignore[arg-type]
    assert attempt is not None and attempt.output is not None and attempt.private is not None
    parts = {}
    for party, masked in masked_outputs(attempt.output).items():
        sender = job.environment.stores[party].attempt(job.job, 1)  # type: ignore[arg-type]
        assert sender is not None and sender.key is not None
        key = AtRest(JOBS, job.environment.contexts[party].hpke).open(sender.key, b"key")
        parts[party] = unmask(masked, key=key, secret=context.hpke, job=job.job, attempt=1, party=party)
    private = AtRest(JOBS, context.hpke).open(attempt.private, b"private")
    assert ASSET_VIEW.combine is not None
    return {row["customer"]: int(row["total"]) for row in ASSET_VIEW.combine(parts, private, Path())["rows"]}


TRUTH = {"c1": 40, "c2": 60, "c3": 80, "c4": 100, "c5": 120}


def demand_named(job: Sealed, party: int, step: str) -> ReplayReport:
    """That party and no other, at that step, by address and role."""
    reports = job.all_replayed()
    assert [report.outcome for report in reports if report.party != party] == ["same", "same"]
    report = reports[party]
    assert (report.outcome, report.institution) == ("differs", job.environment.address(party))
    assert report.role == ("consumer" if party == CONSUMER else "provider")
    assert report.first is not None and report.first.name == step
    return report


def test_an_honest_job_is_the_same_at_all() -> None:
    job = honest()
    assert totals(job) == TRUTH
    assert {report.outcome for report in job.all_replayed()} == {"same"}


def test_a_provider_that_counts_other_values_than_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    true = asset_view.whole

    def whole(*arguments: Any) -> Any:
        values = true(*arguments)
        return [value + 1 for value in values] if CHEATS.get() else values

    with monkeypatch.context() as changed:
        changed.setattr(asset_view, "whole", whole)
        job = honest(cheats=cheating(NORTH))
    assert totals(job) == {who: total + 1 for who, total in TRUTH.items()}
    report = demand_named(job, NORTH, "commit-values")
    assert {step.name: step.outcome for step in report.steps}["psi-place"] == "same"


def test_a_provider_that_releases_another_part_than_it_computed() -> None:
    def before(job: PartyRun) -> None:
        async def release(part: bytes, *inputs: Any) -> None:
            await PartyRun.release(job, bytes([part[0] ^ 1]) + part[1:], *inputs)

        job.release = release  # type: ignore[method-assign]

    job = honest(cheats=cheating(SOUTH, before))
    with pytest.raises(WrongParts):
        totals(job)
    first = demand_named(job, SOUTH, "mask-output").first
    assert first is not None and any(one.what.endswith("output.masked") for one in first.differences)


def test_a_consumer_whose_order_is_not_the_one_of_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an order of its own it knows beforehand at which place whom it asks about."""
    true = psi_join.secret_permutation

    def chosen(count: int, *rest: Any) -> Any:
        return tuple(range(count)) if CHEATS.get() else true(count, *rest)

    with monkeypatch.context() as changed:
        changed.setattr(psi_join, "secret_permutation", chosen)
        job = honest(cheats=cheating(CONSUMER))
    assert totals(job) == TRUTH
    demand_named(job, CONSUMER, "psi-arrange")


def test_a_party_with_randomness_of_its_own() -> None:
    """It could have chosen it: shares of its own making hide nothing from who knows how they were made."""

    def before(job: PartyRun) -> None:
        job.entropy = lambda *_: secrets.token_bytes  # type: ignore[method-assign]

    job = honest(cheats=cheating(NORTH, before))
    assert totals(job) == TRUTH
    demand_named(job, NORTH, "open-accounts")


def test_rows_that_were_altered_after_the_job() -> None:
    job = honest()
    table = job.drawers[NORTH].tables[0]
    job.drawers[NORTH].tables = {
        0: ColumnTable({**table.columns, "balance": FixedColumn.of("integer", [11, 20, 30, 40, 50, 60])})
    }
    report = demand_named(job, NORTH, "open-accounts")
    assert [step.outcome for step in report.steps[1:]] == ["not-covered"] * (len(report.steps) - 1)


def test_a_trail_that_was_written_anew_is_not_the_one_on_chain() -> None:
    """Or a party that cheated could make its trail fit its replay afterwards."""
    job = honest()
    store = job.environment.stores[NORTH]
    last = store.steps(job.job)[-1]  # type: ignore[arg-type]
    other = last.model_copy(update={"at": last.at + 1})
    with job.environment.contexts[NORTH].engine.begin() as connection:
        connection.execute(sa.update(steps).where(steps.c.number == last.index).values(step=other.model_dump_json()))
    report = job.replayed(NORTH)
    assert (report.outcome, report.trail.outcome, report.first) == ("differs", "differs", None)


def test_another_seed_than_the_plans() -> None:
    """Nothing is run with it: whoever may choose the seed afterwards chooses what comes out."""
    job = honest()
    context = job.environment.contexts[SOUTH]
    other = AtRest(JOBS, context.hpke).seal(bytes(32), b"seed")
    with context.engine.begin() as connection:
        connection.execute(sa.update(jobs).values(seed=other))
    report = job.replayed(SOUTH)
    assert (report.outcome, report.seed.outcome) == ("differs", "differs")
    assert {step.outcome for step in report.steps} == {"not-covered"}


@pytest.mark.parametrize("own_key", [False, True])
def test_a_payload_that_was_altered_where_it_is_kept(own_key: bool) -> None:
    """Also by who has the key: it is no more what the sender signed. Nothing matches for want of it, and the party is
    not accused: it may have lost it."""
    job = honest()
    folder, context = job.environment.folder / "received-0", job.environment.contexts[NORTH]
    (file,) = folder.iterdir()
    reader, content = FrameReader(file.read_bytes(), "payloads"), b""
    while reader.left:
        name, sealed_payload = reader.frame(32), reader.frame(1 << 20)
        if own_key:
            at_rest = AtRest(JOBS, context.hpke)
            payload = at_rest.open(sealed_payload, name)
            sealed_payload = at_rest.seal(bytes([payload[0] ^ 1]) + payload[1:], name)
        else:
            sealed_payload = sealed_payload[:-1] + bytes([sealed_payload[-1] ^ 1])
        content += frame(name) + frame(sealed_payload)
    file.write_bytes(content)
    report = job.replayed(NORTH)
    assert (report.outcome, report.received.outcome) == ("not-covered", "not-covered")
    assert [step.outcome for step in report.steps] == ["same", *["not-covered"] * (len(report.steps) - 1)]


def test_the_command_names_the_party_and_ends_with_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def before(job: PartyRun) -> None:
        job.entropy = lambda *_: secrets.token_bytes  # type: ignore[method-assign]

    job = honest(cheats=cheating(NORTH, before))
    folders = ("north", "south", "consumer")
    for name in folders:
        (tmp_path / name).mkdir()
        (tmp_path / name / "node.toml").write_text("")
    monkeypatch.setattr("placet.node.config.NodeSettings.load", lambda file: _Settings(file.parent.name))
    monkeypatch.setattr(
        audit_replay,
        "_replayed",
        lambda settings, _: signed(
            job.environment.contexts[(party := folders.index(settings.name))], job.replayed(party)
        ),
    )
    words = ["audit", "replay", to_hex(job.job), "--all", "--sandbox", str(tmp_path)]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 3
    accused = f"Bank North (provider, {to_hex(job.environment.address(NORTH))})"
    assert f"{accused}: computed something else" in shown.stdout
    assert f"{accused} differs first in step 0, open-accounts" in shown.stdout
    assert shown.stdout.count("the same came out") == 2
    document = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert document["outcome"] == "differs" and len(document["replays"]) == 3
    alone = CliRunner().invoke(app, ["audit", "replay", to_hex(job.job), "--config", str(tmp_path / "south/node.toml")])
    assert alone.exit_code == 0, alone.output


class _Settings:
    """Of one institution's node, as far as the command asks."""

    def __init__(self, name: str) -> None:
        self.name = name

    def model_copy(self, *, update: dict[str, Any]) -> _Settings:
        assert update == {}
        return self


def test_a_provider_under_other_terms_than_it_agreed_to() -> None:
    """It adds up another column, and its database says that this was agreed: without a look at the job's own hash the
    replay adds up that column, too. (Its vault hands out no row for that; here it has one of its own.)"""
    provider = {"accounts": {"customer": PEOPLE, "balance": [1] * 6, "inflated": [1000] * 6}}
    other: list[Terms] = []

    def before(job: PartyRun) -> None:
        terms = job.terms.model_copy(update={"parameters": {**job.terms.parameters, "value": "inflated"}})
        other.append(terms)
        job.record = replace(job.record, terms=terms)
        job.declared = replace(job.declared, parameters=spec_of("asset-view").parse(terms.parameters))

    customers = {"customers": {"customer": PEOPLE}}
    parameters = {**CUSTOMER, "value": "balance"}
    job = sealed("asset-view", parameters, [provider, provider, customers], cheats=cheating(NORTH, before))
    assert set(totals(job).values()) == {1001}
    assert job.replayed(NORTH).outcome == "differs"
    engine = job.environment.contexts[NORTH].engine
    with engine.begin() as connection:
        plan = job.plan.model_copy(update={"terms": other[0].hash})
        columns = {"plan": json.dumps(plan.to_json()), "terms": json.dumps(other[0].to_json())}
        connection.execute(sa.update(jobs).values(columns))
    job.environment.stores[NORTH] = JobStore(engine)  # a program that has parsed no terms before
    report = job.replayed(NORTH)
    assert (report.outcome, report.trail.outcome) == ("differs", "differs")
    assert {step.outcome for step in report.steps} == {"not-covered"}


class MovedIndex:
    """A node's index that has each job's opening a block later."""

    def __init__(self, true: Any) -> None:
        self._true = true

    def __getattr__(self, name: str) -> Any:
        return getattr(self._true, name)

    def job_events(self, job: bytes) -> list[Any]:
        return [replace(event, block=event.block + 1) for event in self._true.job_events(job)]


def test_a_provider_that_chooses_the_block_of_its_noise() -> None:
    """Noise follows from the hash of the job's opening block. A party whose index has another one draws other noise,
    and by its own index draws the same again."""
    accounts = {"accounts": {"customer": PEOPLE * 7, "balance": [10] * 42}}
    mean = {"ask": "mean", "column": "balance", "bounds": [-100, 1000], "budget": 20_000_000}
    parameters = {"questions": [mean], "smallest_group": 10}

    def before(job: PartyRun) -> None:
        job.context = replace(job.context, index=MovedIndex(job.context.index))

    job = sealed("private-statistics", parameters, [accounts, {}], cheats=cheating(0, before, PRIVATE_STATISTICS))
    context = job.environment.contexts[0]
    assert [report.outcome for report in job.all_replayed()] == ["differs", "same"]
    job.environment.contexts[0] = replace(context, index=MovedIndex(context.index))  # type: ignore[arg-type]
    report = job.replayed(0)
    assert report.outcome == "differs"
    assert report.first is not None and "another block" in str(report.first.why)
