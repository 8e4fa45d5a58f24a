"""Every deterministic recipe comes to the same bytes again, and a replay says of nothing that it matches unless it did.

`CASES` has all of them: a recipe that draws from anything but the job's entropy, or waits for threads in another order,
differs here."""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from declaring import CUSTOMER
from parties import at_once
from placet.catalogue.determinism import DETERMINISTIC, why_not_again
from placet.catalogue.specs import SPECS
from placet.chain.states import JobStatus
from placet.core.at_rest import JOBS, AtRest
from placet.core.ecdsa import recover
from placet.core.errors import NotFoundError, StateError, WarrantError
from placet.core.trail import Message, evidence_hash
from placet.jobs.kept_payloads import DAY, KeptPayloads, Retention, forget
from placet.jobs.party_run import PartyRun
from placet.jobs.replay import replay, signed
from placet.jobs.replay_report import ReplayReport
from placet.recipes.runs import RUNS
from replaying import KEPT, Sealed, names, sealed

Table = dict[str, dict[str, list[Any]]]


def people(first: int, last: int) -> list[str]:
    return [f"c{number}" for number in range(first, last)]


def accounts(first: int, last: int) -> Table:
    return {"accounts": {"customer": people(first, last), "balance": list(range(first, last))}}


def customers(first: int, last: int) -> Table:
    return {"customers": {"customer": people(first, last)}}


def member(seed: int, count: int = 80) -> Table:
    rows = random.Random(seed)
    incomes = [rows.randrange(3000) for _ in range(count)]
    return {
        "rows": {
            "customer": [f"m{seed}-{number}" for number in range(count)],
            "y": [int(rows.random() * 3000 < income) for income in incomes],
            "income": incomes,
            "branch": [rows.choice(["city", "sea"]) for _ in range(count)],
        }
    }


def pooled(**changes: Any) -> dict[str, Any]:
    number = {"kind": "number", "column": "income", "bounds": [0, 5000], "missing": "own"}
    return {"label": "y", "features": [number], "train": 60, "smallest_group": 5, "steps": 4, "l2": 1} | changes


@dataclass(frozen=True)
class Case:
    recipe: str
    parameters: dict[str, Any]
    tables: list[Table]
    engine: str = "embedded"


def trees(engine: str, **changes: Any) -> Case:
    rows, count = random.Random(3), 80
    labels = [int(rows.random() < 0.4) for _ in range(count)]
    features = {
        "first-provider": [{"column": "income", "kind": "number", "bins": 6}],
        "consumer": [{"column": "age", "kind": "number", "bins": 4}],
    }
    parameters = CUSTOMER | {"label": "defaulted", "smallest_group": 5, "trees": 2, "depth": 2, "rate": 50}
    parameters |= {"features": features, "split": {"train": 70, "validation": 0}}
    incomes = [rows.randrange(1000) - 200 * label for label in labels]
    provider = {"features": {"customer": people(0, count), "income": incomes}}
    ages = [rows.randrange(18, 80) for _ in range(count)]
    consumer = {"labels": {"customer": people(0, count), "defaulted": labels, "age": ages}}
    return Case("joint-trees", parameters | changes, [provider, consumer], engine)


def represented() -> Case:
    rows, count = random.Random(4), 60
    ages = [[rows.randrange(18, 90) for _ in range(count)] for _ in range(2)]
    bits = [[rows.randrange(2) for _ in range(count)] for _ in range(2)]
    source = {"source": {"customer": people(0, count), "subscribed": bits[0], "age": ages[0]}}
    visits = [rows.randrange(30) for _ in range(count)]
    target = {"target": {"customer": people(0, count), "bought": bits[1], "age": ages[1], "visits": visits}}
    parameters: dict[str, Any] = {
        "source_labels": ["subscribed"],
        "label": "bought",
        "shared": [{"kind": "number", "column": "age", "bounds": [18, 90], "missing": "own"}],
        "own": [{"column": "visits", "kind": "number", "levels": 10, "missing": "own"}],
        "train": 50,
        "smallest_group": 10,
        "budget": 17_465_000,
        "prior": 10,
    }
    return Case("shared-representation", parameters, [source, target])


TWO: list[Table] = [{"accounts": {"customer": people(0, 10)}}, customers(3, 12)]
MEMBERS = [member(seed) for seed in range(3)]
CARD = {"scale": {"base_score": 600, "pdo": 20, "base_odds": 1, "higher": 0}}
BINS = [{"kind": "bins", "column": "income", "edges": [1000, 2000]}]
SCORES: list[Table] = [{"accounts": {"customer": people(0, 40), "score": list(range(40))}}, customers(3, 38)]
STABLE = {"columns": [{"column": "score", "edges": ["10"], "reference": [5, 5]}], "smallest_group": 2}
MEAN = {"ask": "mean", "column": "balance", "bounds": [-100, 1000], "budget": 20_000_000}
STATISTICS = {"questions": [MEAN], "smallest_group": 10}
COUNTED = {**CUSTOMER, "smallest_group": 2, "protocol": "garbled", "covert": 2}
SUM = Case("asset-view", {**CUSTOMER, "value": "balance"}, [accounts(0, 10), accounts(5, 15), customers(3, 12)])
CASES = {
    "asset-view": SUM,
    "match": Case("match", {**CUSTOMER, "psi": "ecdh", "receiver": "both"}, TWO),
    "match-salted-hash": Case("match-salted-hash", {**CUSTOMER, "psi": "salted-hash", "receiver": "provider"}, TWO),
    "match-statistics": Case("match-statistics", COUNTED | {"value": "balance"}, [accounts(0, 10), customers(3, 12)]),
    "model-stability": Case("model-stability", CUSTOMER | STABLE, SCORES),
    "private-statistics": Case("private-statistics", STATISTICS, [accounts(0, 40), {}]),
    "shared-representation": represented(),
    "pooled-model": Case("pooled-model", pooled(steps=1), MEMBERS),
    "joint-trees": trees("okamoto-uchiyama", nodes="blind"),
}
SLOW = {
    "match-count": Case("match-count", COUNTED, TWO),
    "overlap": Case("overlap", COUNTED | {"budget": 40_000_000}, TWO),
    "joint-trees by Paillier": trees("embedded", nodes="open", permutations=3),
    "pooled-model with noise": Case("pooled-model", pooled(budget=20_000_000), MEMBERS),
    "pooled-model in the open": Case("pooled-model", pooled(leave_one_out="each"), MEMBERS),
    "pooled-model of trees": Case(
        "pooled-model", pooled(trees={"count": 3, "depth": 2, "rate": 20}), [member(seed, 120) for seed in range(3)]
    ),
    "pooled-model as a card": Case("pooled-model", pooled(features=BINS, **CARD), MEMBERS),
    "pooled-model as a noisy card": Case("pooled-model", pooled(features=BINS, budget=17_465_000, **CARD), MEMBERS),
}


def ran(case: Case, **options: Any) -> Sealed:
    return sealed(case.recipe, case.parameters, case.tables, engine=case.engine, **options)


@pytest.mark.parametrize("name", [*CASES, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_all_parties_come_to_the_same_again(name: str) -> None:
    reports = ran((CASES | SLOW)[name]).all_replayed()
    for report in reports:
        assert report.outcome == "same", [one for one in report.steps if one.outcome != "same"]
    assert sum(len(report.steps) for report in reports) >= 4


def test_no_deterministic_recipe_is_left_out() -> None:
    wanted = {(spec.name, engine) for spec in SPECS for engine in spec.engines if engine in DETERMINISTIC}
    assert wanted == {(case.recipe, case.engine) for case in (CASES | SLOW).values()}


@pytest.fixture(scope="module")
def job() -> Sealed:
    """One job for tests that look at it, or change what a party holds and put it back."""
    return ran(SUM)


def outcomes(report: ReplayReport) -> dict[str, str]:
    return {step.name: step.outcome for step in report.steps}


def test_a_recipe_that_draws_its_own_randomness_differs() -> None:
    """Or the first test of this file could not fail."""

    async def run(party: PartyRun) -> None:
        _, opened = await party.open("customers" if party.role == "consumer" else "accounts")
        async with party.step("draw", "test/1", opened) as step:
            artefact = step.output("drawn", secrets.token_bytes(32))
        await (party.collect(b"{}", artefact) if party.role == "consumer" else party.release(b"part", artefact))

    drawing = replace(RUNS["asset-view"], run=run)
    job = ran(SUM, cheats=dict.fromkeys(range(3), drawing))
    report = job.replayed(0, {"asset-view": drawing})
    assert outcomes(report) == {"open-accounts": "same", "draw": "differs", "mask-output": "differs"}
    assert [one.what for one in report.steps[1].differences] == ["output drawn"]


def test_rows_that_may_not_be_opened_again_are_not_covered(job: Sealed) -> None:
    """What was received is still checked, and nothing that hangs on the rows is said to match."""
    job.drawers[0].gone = WarrantError("a leaf's consent was withdrawn", found="1 of 10 dead", code="warrant.withdrawn")
    report = job.replayed(0)
    job.drawers[0].gone = None
    assert set(outcomes(report).values()) == {"not-covered"}
    assert (report.outcome, report.first) == ("not-covered", None)
    assert (report.trail.outcome, report.seed.outcome, report.received.outcome) == ("same", "same", "same")
    assert "warrant.withdrawn" in str(report.steps[0].why) and "1 of 10 dead" in str(report.steps[0].why)
    assert job.replayed(1).outcome == "same"


def test_a_vault_that_is_away_accuses_nobody(job: Sealed) -> None:
    job.drawers[1].gone = StateError("the vault does not answer", code="vault.unreachable")  # type: ignore[assignment]
    report = job.replayed(1)
    job.drawers[1].gone = None
    assert report.outcome == "not-covered"


@pytest.mark.parametrize(
    ("retention", "why"),
    [(replace(KEPT, days=0), "replay.days"), (replace(KEPT, attempt_bytes=500), "replay.attempt_bytes")],
)
def test_what_was_not_kept_is_not_covered(retention: Retention, why: str) -> None:
    report = ran(SUM, retention=retention).replayed(0)
    assert outcomes(report) == {
        "open-accounts": "same",
        "psi-place": "not-covered",
        "commit-values": "not-covered",
        "sum-shares": "not-covered",
        "mask-output": "not-covered",
        "prove-sums": "not-covered",
    }
    assert report.received.outcome == "not-covered" and why in str(report.received.why)
    assert report.outcome == "not-covered"


def test_only_sealed_attempts_of_engines_that_can_be_run_again_are_replayed(job: Sealed) -> None:
    ledger = job.environment.ledger
    with pytest.raises(NotFoundError):
        job.environment.stores[3].job(job.job)  # type: ignore[arg-type]
    for status in (JobStatus.OPEN, JobStatus.ABORTED):
        ledger.put(job.plan, job.job, status)
        with pytest.raises(StateError) as caught:
            job.replayed(0)
        assert caught.value.code == "replay.unsealed"
    ledger.put(job.plan, job.job, JobStatus.COMPLETED)
    for engine in {engine for spec in SPECS for engine in spec.engines} | {"unheard-of"}:
        refusal = why_not_again(job.terms.model_copy(update={"engine": engine}))
        assert (refusal is None) == (engine in DETERMINISTIC)
    for psi, again in (("ecdh", True), ("fhe", False)):
        terms = job.terms.model_copy(update={"recipe": "match", "parameters": {"psi": psi}})
        assert (why_not_again(terms) is None) == again


def test_a_checkpoint_that_is_gone_is_not_covered(job: Sealed) -> None:
    """An attempt that may have gone on from an earlier one began in the middle."""
    context, store = job.environment.contexts[0], job.environment.stores[0]
    record = store.job(job.job)  # type: ignore[arg-type]
    assert context.payloads is not None

    async def run(party: PartyRun) -> None:
        party.attempt = 2
        await party.last_checkpoint()

    report = at_once(replay(context, store, {"asset-view": replace(RUNS["asset-view"], run=run)}, record.job))
    assert {step.outcome for step in report.steps} == {"not-covered"}
    assert "checkpoint" in str(report.steps[0].why)


def test_a_report_is_signed_by_its_partys_recorder(job: Sealed) -> None:
    environment, report = job.environment, job.replayed(0)
    document = signed(environment.contexts[0], report)
    digest = environment.deployment.jobs.digest(evidence_hash(report.job, 0, report.hash()))
    assert recover(digest, document.signature) == environment.recorders[0].address
    assert names(report) == [
        "open-accounts",
        "psi-place",
        "commit-values",
        "sum-shares",
        "mask-output",
        "prove-sums",
    ]


def test_a_replay_changes_nothing(job: Sealed) -> None:
    def kept() -> list[Any]:
        store, folder = job.environment.stores[0], job.environment.folder / "received-0"
        files = {file.name: file.read_bytes() for file in folder.iterdir()}
        identity: Any = job.job
        return [store.steps(identity), store.messages(identity), store.attempts(identity), store.job(identity), files]

    before = kept()
    job.replayed(0)
    assert kept() == before


# --------------------------------------------------------------------------------- what is kept of messages


def message(job: bytes, sequence: int = 0, attempt: int = 1) -> Message:
    return Message(job=job, attempt=attempt, sequence=sequence, sender=1, receiver=0, tag="a", digest=bytes(32))  # type: ignore[arg-type]


def keeping(folder: Path, **changes: int) -> KeptPayloads:
    return KeptPayloads(folder / "received", AtRest(JOBS, bytes(32)), replace(KEPT, **changes))


def test_a_payload_is_sealed_and_opens_in_its_own_place_alone(tmp_path: Path) -> None:
    payloads, job = keeping(tmp_path), b"j" * 32
    payloads.keep(message(job), b"the first payload")
    payloads.keep(message(job, 1), b"the second payload")
    (file,) = (tmp_path / "received").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600 and b"payload" not in file.read_bytes()
    kept = payloads.of(job, 1)  # type: ignore[arg-type]
    assert kept is not None and len(kept) == 2
    one, other = message(job), message(job, 1)
    assert payloads.open(one, kept[one.hash]) == b"the first payload"
    with pytest.raises(StateError):
        payloads.open(one, kept[other.hash])
    file.write_bytes(file.read_bytes()[:-5])  # as a crash leaves it
    assert list(payloads.of(job, 1) or ()) == [one.hash]  # type: ignore[arg-type]


def test_an_attempt_that_is_too_large_is_not_kept_at_all(tmp_path: Path) -> None:
    payloads, job = keeping(tmp_path, attempt_bytes=1000), b"j" * 32
    for sequence in range(9):
        payloads.keep(message(job, sequence), bytes(200))
    assert payloads.of(job, 1) == {}  # type: ignore[arg-type]
    assert [file.stat().st_size for file in (tmp_path / "received").iterdir()] == [0]


def test_what_is_kept_is_not_pushed_out_by_new_jobs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A party that would be rid of an older job's evidence can't fill the room that it has."""
    payloads, folder = keeping(tmp_path, total_bytes=1000), tmp_path / "received"
    jobs = [bytes([number]) * 32 for number in range(1, 6)]
    for job in jobs:
        payloads.keep(message(job), bytes(300))
        assert sum(file.stat().st_size for file in folder.iterdir()) <= 1000
    kept = [payloads.of(job, 1) for job in jobs]  # type: ignore[arg-type]
    assert [bool(one) for one in kept] == [True, True, False, False, False]
    assert kept[2:] == [{}] * 3  # its replay says: too many to be kept
    assert sum("can't be replayed" in line for line in caplog.messages) == 3
    (next(folder.glob(f"{jobs[0].hex()}-*"))).unlink()  # as its days are over
    payloads.keep(message(b"n" * 32), bytes(300))
    payloads.keep(message(jobs[2], 1), bytes(10))  # never a part of an attempt
    assert payloads.of(b"n" * 32, 1) and payloads.of(jobs[2], 1) == {}  # type: ignore[arg-type]


def test_a_disk_that_is_full_fails_no_job(tmp_path: Path) -> None:
    (tmp_path / "received").write_text("not a folder")
    keeping(tmp_path).keep(message(b"j" * 32), b"payload")


def test_what_no_replay_will_ask_for_goes(job: Sealed) -> None:
    store, folder = job.environment.stores[0], job.environment.folder / "received-0"
    identity, until = job.job, job.plan.settle_by
    payloads = KeptPayloads(folder, job.environment.contexts[0].at_rest, KEPT)
    kept = folder / f"{identity.hex()}-1.received"
    content = kept.read_bytes()
    payloads.sweep(store, until)  # the job has not ended here
    assert kept.exists()
    store.end(identity, "completed")  # type: ignore[arg-type]
    payloads.sweep(store, until + KEPT.days * DAY)
    assert kept.exists()
    payloads.sweep(store, until + KEPT.days * DAY + 1)
    assert not kept.exists()
    kept.write_bytes(content)
    store.end(identity, "aborted")  # type: ignore[arg-type]
    payloads.sweep(store, until)
    assert not kept.exists()
    kept.write_bytes(content)
    stranger = folder / f"{'ab' * 32}-1.received"
    stranger.write_bytes(content)
    forget(folder, [identity])  # type: ignore[list-item]
    assert (kept.exists(), stranger.exists()) == (False, True)
    payloads.sweep(store, until)
    assert not stranger.exists()
    kept.write_bytes(content)
