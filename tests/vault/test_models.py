"""A party's part of a model that a job makes: sealed, of no use before that is completed, for its jobs alone."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from declaring import CUSTOMER, vectors
from placet.catalogue.specs import spec_of
from placet.core.consent import Status
from placet.core.errors import DataError, NotFoundError, StateError, WarrantError
from placet.core.hashing import canonical, sha256
from placet.core.ids import JobId
from placet.core.lawful import ModelRef
from placet.core.lineage import Lineage, Origin, Registration
from placet.core.model_part import ModelPart, model_commitment
from placet.core.model_table import pieces_of
from placet.core.offers import Subjects
from placet.core.plan import Input, Plan, Terms
from placet.core.values import to_hex
from placet.vault.gate import RowRequest
from placet.vault.models import KeptModel
from placet.vault.released import demand_unreleased


def made(training: RowRequest, **changes: Any) -> KeptModel:
    """The provider's part of what a job made, and that of the two others."""
    fields = {"job": training.job, "attempt": 1, "party": 0, "kind": "scorecard", "content": {"points": "0x0102"}}
    part = ModelPart(**(fields | {"salt": secrets.token_bytes(32)} | changes))
    return KeptModel(part=part, commitments=(part.commitment, secrets.token_bytes(32), secrets.token_bytes(32)))


def keep(environment: Any, job: RowRequest, kept: KeptModel) -> None:
    environment.vault.keep_model(job.job, job.plan, job.terms, kept)


def complete(environment: Any, job: RowRequest, **changes: Any) -> None:
    ended = {"open": False, "sealed_block": 94, "completed_block": 95} | changes
    environment.chain.jobs[job.job] = replace(environment.chain.jobs[job.job], **ended)
    environment.vault.settle_model(job.job)


@pytest.fixture
def training(environment: Any) -> RowRequest:
    """Any job will do that runs now."""
    environment.anchor(environment.accept("customer-00001"))
    job: RowRequest = environment.opened(environment.lawful().root)
    return job


@pytest.fixture
def kept(environment: Any, training: RowRequest) -> KeptModel:
    """A part of a job that is completed."""
    model = made(training)
    keep(environment, training, model)
    complete(environment, training)
    return model


def brought(**what: bytes) -> Input:
    return Input(offer=secrets.token_bytes(32), epoch=bytes(24), opens_before=5, **what)


def scored(environment: Any, kept: KeptModel, **changes: Any) -> RowRequest:
    """A job that scores by the model, opened, with the provider's named consent over its part, which is input 1."""
    which, info = ModelRef(kept.part.job, kept.commitment), kept.info(environment.provider.address)
    scope = environment.a_scope(
        title="Model",
        columns=("model",),
        identifier=None,
        namespace=None,
        output="score",
        recipes=("model-score",),
        personal=False,
        enrollers=(),
        tolerated_withdrawals=changes.pop("tolerated", None),
    )
    offer = environment.make_offer(scope, dataset=info.dataset)
    facts = replace(environment.chain.offers[offer.id], subjects=Subjects.MODEL, model=changes.pop("registered", which))
    environment.chain.offers[offer.id] = facts
    consent, submission = environment.consent(
        "nobody", owner=environment.provider, scope=scope, offer=offer, named=True
    )
    assert environment.vault.admit_many(offer, scope, [submission]) == [consent.id]
    environment.chain.named[consent.id] = changes.pop("status", Status.GIVEN)
    feature = {"column": "balance", "kind": "number", "bins": 2}
    model = {"job": "0x" + which.origin.hex(), "commitment": "0x" + which.commitment.hex()}
    asked = {"features": {"first-provider": [feature]}, "protocol": "cheetah", "output": "score", "model": model}
    terms = Terms(
        recipe="model-score",
        recipe_version=1,
        engine="spu",
        parameters=CUSTOMER | asked,
        roles=("first-provider", "consumer"),
        inputs=("features", "model", "applicants", "model"),
        block=60,
        consumer_key=secrets.token_bytes(32),
        on_withdrawal="drop",
    )
    draft = environment.agree(secrets.token_bytes(32)).plan
    first, _, consumer = draft.parties
    root = secrets.token_bytes(32)
    own = brought(lawful_root=root), brought(consent=consent.id).model_copy(update={"offer": offer.id})
    theirs = brought(lawful_root=root), brought(consent=root)
    parties = (
        type(first)(**(dict(first) | {"inputs": own})),
        type(consumer)(**(dict(consumer) | {"inputs": theirs, "output": False})),
    )
    plan = Plan(**(dict(draft) | {"terms": terms.hash, "operations": 3, "parties": parties}))
    job = RowRequest(plan.job(environment.deployment.jobs), plan, terms, attempt=1, input=1)
    environment.open(job, openings=(0, 0, 0, 0))
    registration = Registration(info.dataset, environment.provider.address, which.origin, which.commitment, (96, 0))
    origin = Origin(which.origin, (environment.provider.address, environment.consumer.address), (), (94, 0))
    withdrawn = ((offer.id, changes.pop("withdrawn", 0)),)
    environment.chain.lineages[info.dataset, job.job] = Lineage(registration, origin, withdrawn)
    return job


def refused(code: str, ask: Any, *arguments: Any, **named: Any) -> None:
    with pytest.raises((WarrantError, StateError, NotFoundError)) as caught:
        ask(*arguments, **named)
    assert caught.value.code == code


def test_a_part_is_of_no_use_before_its_job_is_completed(environment: Any, training: RowRequest) -> None:
    keep(environment, training, made(training))
    keep(environment, training, made(training))  # an attempt has one part, the first
    assert environment.vault.datasets() == [environment.dataset]
    refused("vault.unsettled", environment.vault.settle_model, training.job)
    refused("vault.unsettled", complete, environment, training, completed_block=99)  # not deep yet


def test_a_part_comes_back_for_a_job_that_scores_by_it(environment: Any, kept: KeptModel) -> None:
    environment.restart()
    assert kept.info(environment.provider.address) in environment.vault.datasets()
    assert environment.vault.model(scored(environment, kept)) == kept
    refused("warrant.model", environment.vault.rows, scored(environment, kept))


def test_a_part_is_found_without_opening_others(
    environment: Any, training: RowRequest, kept: KeptModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        other = made(training, job=JobId(bytes([number]) * 32))
        environment.models.keep(other)
        environment.models.settle(other.part.job, 1)
    opened: list[bytes] = []
    sealer = environment.models._sealer
    monkeypatch.setattr(
        environment.models, "_sealer", SimpleNamespace(open=lambda *a: opened.append(a[1]) or sealer.open(*a))
    )
    assert environment.models.named(kept.name) == kept
    assert environment.models.by_id(kept.info(environment.provider.address).dataset) == kept
    refused("not-found", environment.models.by_id, bytes(32))
    for unknown in ("accounts", "model-", kept.name[:-1], "model-" + kept.part.job.hex()):
        refused("not-found", environment.models.named, unknown)
    assert len(opened) == 2


def test_two_models_never_have_one_name(environment: Any, training: RowRequest, kept: KeptModel) -> None:
    """A proposer chooses what goes into a job's id. Another attempt of one job has that job's name."""
    twin = made(training, job=JobId(kept.part.job[:16] + secrets.token_bytes(15) + b"\0"))
    assert twin.name == kept.name
    refused("model.name", environment.models.keep, twin)
    environment.models.keep(made(training, attempt=2))
    assert environment.models.named(kept.name) == kept
    near = made(training, job=JobId(kept.part.job[:15] + bytes([kept.part.job[15] ^ 1]) + kept.part.job[16:]))
    environment.models.keep(near)


def test_no_table_has_a_name_as_models_have_it(environment: Any, kept: KeptModel) -> None:
    with pytest.raises(DataError) as caught:
        environment.tables.save(kept.name, environment.dataset.table, {})
    assert caught.value.code == "data.name"


def test_a_part_lies_sealed(environment: Any, kept: KeptModel) -> None:
    stored = b"".join(file.read_bytes() for file in environment.folder.rglob("*") if file.is_file())
    assert all(secret not in stored for secret in (b"0x0102", kept.part.salt.hex().encode(), kept.part.salt))


@pytest.mark.parametrize("end", ["aborted_block", "closed_block"])
def test_a_part_goes_with_a_job_that_ends_otherwise(environment: Any, training: RowRequest, end: str) -> None:
    model = made(training)
    keep(environment, training, model)
    complete(environment, training, completed_block=None, **{end: 95})
    complete(environment, training)
    refused("not-found", environment.models.named, model.name)


def test_only_the_sealed_attempts_part_stays(environment: Any, training: RowRequest) -> None:
    first, second = made(training), made(training, attempt=2)
    keep(environment, training, first)
    facts = environment.chain.jobs[training.job]
    environment.chain.jobs[training.job] = replace(facts, attempt=2, attempt_block=92, amendments=((bytes(32),) * 3,))
    keep(environment, training, second)
    complete(environment, training)
    assert [info.origin for info in environment.models.infos()] == [training.job]
    assert environment.models.named(second.name) == second


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"party": 1}, "warrant.model"),
        ({"job": bytes(31) + b"1"}, "warrant.model"),
        ({"attempt": 2}, "warrant.attempt"),
    ],
)
def test_only_an_open_jobs_own_part_is_kept(
    environment: Any, training: RowRequest, changes: dict[str, Any], code: str
) -> None:
    refused(code, keep, environment, training, made(training, **changes))


def test_a_part_that_the_others_were_told_otherwise_of_is_not_kept(environment: Any, training: RowRequest) -> None:
    model = made(training)
    told = (secrets.token_bytes(32), *model.commitments[1:])
    refused("warrant.model", keep, environment, training, model.model_copy(update={"commitments": told}))


def test_a_part_of_another_model_than_the_chains_is_not_brought(environment: Any, kept: KeptModel) -> None:
    """Neither another job's, nor another commitment; nor one whose holder's consent was withdrawn."""
    forged = (
        ModelRef(kept.part.job, model_commitment([secrets.token_bytes(32)])),
        ModelRef(type(kept.part.job)(bytes(32)), kept.commitment),
        None,
    )
    for registered in forged:
        refused("warrant.model", environment.vault.model, scored(environment, kept, registered=registered))
    refused("warrant.withdrawn", environment.vault.model, scored(environment, kept, status=Status.WITHDRAWN))


def test_a_part_of_another_model_than_the_plans_is_not_brought(environment: Any, kept: KeptModel) -> None:
    """A plan may name a model that the chain knows: what lies here must be that one."""
    job = scored(environment, kept)
    offer = job.plan.inputs[1].offer
    other = ModelRef(kept.part.job, secrets.token_bytes(32))
    environment.chain.offers[offer] = replace(environment.chain.offers[offer], model=other)
    refused("warrant.model", environment.vault.model, job)


@pytest.mark.parametrize(("tolerated", "withdrawn"), [(None, 1), (2, 3)])
def test_a_part_that_too_many_have_withdrawn_from_stays_here(
    environment: Any, kept: KeptModel, tolerated: int | None, withdrawn: int
) -> None:
    assert environment.vault.model(scored(environment, kept, tolerated=tolerated, withdrawn=withdrawn - 1)) == kept
    refused("model.stale", environment.vault.model, scored(environment, kept, tolerated=tolerated, withdrawn=withdrawn))


def test_a_removed_part_is_gone(environment: Any, kept: KeptModel) -> None:
    job = scored(environment, kept)
    environment.models.remove(kept.name)
    refused("not-found", environment.vault.model, job)


# ------------------------------------------------------------------------------- a model that came in clear

SCORECARD = {"type": "placet.scorecard", "columns": [{"points": [12, -3, 40]}, {"points": [7, 7, 55, -20]}]}


def clear_job(environment: Any, model: str = "consumer") -> RowRequest:
    """A job that trained a scorecard, this institution its consumer, completed."""
    feature = {"column": "balance", "kind": "number", "bins": 2}
    asked = vectors("joint-scorecard")[0]["parameters"] | {"features": {"first-provider": [feature]}, "model": model}
    terms = Terms(
        recipe="joint-scorecard",
        recipe_version=1,
        engine="spu",
        parameters=asked,
        roles=("first-provider", "consumer"),
        inputs=("features", "labels"),
        block=60,
        consumer_key=secrets.token_bytes(32),
        on_withdrawal="drop",
    )
    draft = environment.agree(secrets.token_bytes(32)).plan
    consumer, other, _ = draft.parties
    parties = tuple(
        type(one)(**(dict(one) | {"inputs": (brought(lawful_root=b"r" * 32),), "output": output}))
        for one, output in ((other, True), (consumer, False))
    )
    operations = int(spec_of("joint-scorecard").operations)
    changes = {"terms": terms.hash, "operations": operations, "parties": parties}
    own = environment.provider.address
    plan = Plan(**(dict(draft) | changes | {"consumer": own, "sponsor": own}))
    job = RowRequest(plan.job(environment.deployment.jobs), plan, terms, attempt=1, input=0)
    return environment.open(job, open=False, sealed_block=94, completed_block=95)


def in_clear(job: RowRequest, document: dict[str, Any] = SCORECARD, party: int = 1) -> KeptModel:
    commitment = sha256(canonical(document))
    fields: dict[str, Any] = {"job": job.job, "attempt": 1, "party": party, "kind": "joint-scorecard"}
    content = {"scorecard": document, "commitment": to_hex(commitment), "rows": {"train": 10}}
    return KeptModel(part=ModelPart(**fields, content=content, salt=bytes(32)), clear=commitment)


def test_a_model_that_came_in_clear_is_kept_with_its_origin(environment: Any) -> None:
    job = clear_job(environment)
    for _ in range(2):
        keep(environment, job, in_clear(job))
    (info,) = [one for one in environment.vault.datasets() if one.origin is not None]
    assert (info.origin, info.commitment) == (job.job, sha256(canonical(SCORECARD)))
    assert (info.name, info.personal) == (in_clear(job).name, False)


def test_a_model_in_clear_is_its_consumers_alone_once_the_job_is_completed(environment: Any) -> None:
    job = clear_job(environment)
    refused("warrant.model", keep, environment, job, in_clear(job, party=0))
    shared = clear_job(environment, model="shared")
    refused("warrant.model", keep, environment, shared, in_clear(shared))
    running = environment.open(clear_job(environment))
    refused("vault.unsettled", keep, environment, running, in_clear(running))
    refused("warrant.plan", keep, environment, replace(job, job=running.job), in_clear(running))
    assert not environment.models.infos()


@pytest.mark.parametrize(
    ("points", "note", "known"),
    [
        ([7, 7, 12, -3, 40, 55, -20], "", True),
        ([7, 7, 12, -3, 40, 55, -21], "", False),
        ([7, 7, 12, -3, 40, 55], "", False),
        ([1, 2, 3], to_hex(sha256(canonical(SCORECARD))), True),
        ([1, 2, 3], to_hex(sha256(b"another model")), False),
    ],
    ids=["its points in another order", "one changed", "one left out", "its commitment", "another commitment"],
)
def test_a_model_in_clear_is_no_rows_of_the_institutions_own(
    environment: Any, points: list[int], note: str, known: bool
) -> None:
    job = clear_job(environment)
    keep(environment, job, in_clear(job))
    cells = {"id": [f"bin-{number}" for number, _ in enumerate(points)], "points": points}
    if note:
        cells["note"] = [note] * len(points)
    if not known:
        return demand_unreleased(cells, environment.models.released())
    with pytest.raises(DataError) as caught:
        demand_unreleased(cells, environment.models.released())
    assert caught.value.code == "data.model" and in_clear(job).name in caught.value.found
    return None


@pytest.mark.parametrize("spoil", [None, lambda rows: rows, lambda _: [("0000", "eyJhIjogMX0=")]])
def test_nor_are_its_documents_pieces(environment: Any, spoil: Any) -> None:
    job = clear_job(environment)
    keep(environment, job, in_clear(job))
    rows = pieces_of(json.dumps(SCORECARD, indent=1).encode())
    pieces, texts = zip(*(rows if spoil is None else spoil([*rows, *rows])), strict=True)
    cells: dict[str, Any] = {"piece": pieces, "document": texts}
    if spoil is not None:
        return demand_unreleased(cells, environment.models.released())
    with pytest.raises(DataError) as caught:
        demand_unreleased(cells, environment.models.released())
    assert caught.value.code == "data.model"
    whole, *_ = pieces_of(json.dumps({"model": SCORECARD, "parts": []}).encode())  # of trees the structure is enough
    with pytest.raises(DataError):
        demand_unreleased({"piece": whole[:1], "document": whole[1:]}, environment.models.released())
    return None


# ----------------------------------------------------------------------------------------- who is erased


def test_to_erase_a_person_changes_no_part_of_a_model_and_leaves_nothing_of_him(
    environment: Any, training: RowRequest
) -> None:
    """A part has cells of columns and shares of points: no row, no identifier and no consent, so nothing of one person
    can be taken out of it. It is that of the vault's own records that goes."""
    (person,) = environment.accept("customer-00002")
    content = {"columns": [{"column": "balance", "bins": {"kind": "number", "edges": ["1.5"]}}], "points": "0x0102"}
    model = made(training, content=content)
    keep(environment, training, model)
    complete(environment, training)
    sealed = environment.models.named(model.name)
    assert environment.vault.erase(person)
    assert environment.models.named(model.name) == sealed == model
    text = sealed.model_dump_json()
    assert all(mark not in text for mark in ("customer-0000", person.hex()))
    refused("consent.unknown", environment.vault.named_evidence, person)
