"""A party's part of a model that a job makes: sealed, of no use before that is completed, for its jobs alone."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

import pytest

from declaring import CUSTOMER
from placet.core.consent import Status
from placet.core.errors import NotFoundError, StateError, WarrantError
from placet.core.lawful import ModelRef
from placet.core.lineage import Lineage, Origin, Registration
from placet.core.model_part import ModelPart, model_commitment
from placet.core.offers import Subjects
from placet.core.plan import Input, Plan, Terms
from placet.vault.gate import RowRequest
from placet.vault.models import KeptModel


def made(training: RowRequest, **changes: Any) -> KeptModel:
    """The provider's part of what a job made, and that of the two others."""
    fields = {"job": training.job, "attempt": 1, "party": 0, "kind": "scorecard", "content": {"points": "0x0102"}}
    part = ModelPart(**(fields | {"salt": secrets.token_bytes(32)} | changes))
    return KeptModel(part=part, commitments=(part.commitment, secrets.token_bytes(32), secrets.token_bytes(32)))


def keep(world: Any, job: RowRequest, kept: KeptModel) -> None:
    world.vault.keep_model(job.job, job.plan, job.terms, kept)


def complete(world: Any, job: RowRequest, **changes: Any) -> None:
    ended = {"open": False, "sealed_block": 94, "completed_block": 95} | changes
    world.chain.jobs[job.job] = replace(world.chain.jobs[job.job], **ended)
    world.vault.settle_model(job.job)


@pytest.fixture
def training(world: Any) -> RowRequest:
    """Any job will do that runs now."""
    world.anchor(world.accept("customer-00001"))
    job: RowRequest = world.opened(world.lawful().root)
    return job


@pytest.fixture
def kept(world: Any, training: RowRequest) -> KeptModel:
    """A part of a job that is completed."""
    model = made(training)
    keep(world, training, model)
    complete(world, training)
    return model


def brought(**what: bytes) -> Input:
    return Input(offer=secrets.token_bytes(32), epoch=bytes(24), opens_before=5, **what)


def scored(world: Any, kept: KeptModel, **changes: Any) -> RowRequest:
    """A job that scores by the model, opened, with the provider's named consent over its part, which is input 1."""
    which, info = ModelRef(kept.part.job, kept.commitment), kept.info(world.provider.address)
    scope = world.a_scope(
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
    offer = world.make_offer(scope, dataset=info.dataset)
    facts = replace(world.chain.offers[offer.id], subjects=Subjects.MODEL, model=changes.pop("registered", which))
    world.chain.offers[offer.id] = facts
    consent, submission = world.consent("nobody", owner=world.provider, scope=scope, offer=offer, named=True)
    assert world.vault.admit_many(offer, scope, [submission]) == [consent.id]
    world.chain.named[consent.id] = changes.pop("status", Status.GIVEN)
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
    draft = world.agree(secrets.token_bytes(32)).plan
    first, _, consumer = draft.parties
    root = secrets.token_bytes(32)
    own = brought(lawful_root=root), brought(consent=consent.id).model_copy(update={"offer": offer.id})
    theirs = brought(lawful_root=root), brought(consent=root)
    parties = (
        type(first)(**(dict(first) | {"inputs": own})),
        type(consumer)(**(dict(consumer) | {"inputs": theirs, "output": False})),
    )
    plan = Plan(**(dict(draft) | {"terms": terms.hash, "operations": 3, "parties": parties}))
    job = RowRequest(plan.job(world.deployment.jobs), plan, terms, attempt=1, input=1)
    world.open(job, openings=(0, 0, 0, 0))
    registration = Registration(info.dataset, world.provider.address, which.origin, which.commitment, (96, 0))
    origin = Origin(which.origin, (world.provider.address, world.consumer.address), (), (94, 0))
    withdrawn = ((offer.id, changes.pop("withdrawn", 0)),)
    world.chain.lineages[info.dataset, job.job] = Lineage(registration, origin, withdrawn)
    return job


def refused(code: str, ask: Any, *arguments: Any, **named: Any) -> None:
    with pytest.raises((WarrantError, StateError, NotFoundError)) as caught:
        ask(*arguments, **named)
    assert caught.value.code == code


def test_a_part_is_of_no_use_before_its_job_is_completed(world: Any, training: RowRequest) -> None:
    keep(world, training, made(training))
    keep(world, training, made(training))  # an attempt has one part, the first
    assert world.vault.datasets() == [world.dataset]
    refused("vault.unsettled", world.vault.settle_model, training.job)
    refused("vault.unsettled", complete, world, training, completed_block=99)  # not deep yet


def test_a_part_comes_back_for_a_job_that_scores_by_it(world: Any, kept: KeptModel) -> None:
    world.restart()
    assert kept.info(world.provider.address) in world.vault.datasets()
    assert world.vault.model(scored(world, kept)) == kept
    refused("warrant.model", world.vault.rows, scored(world, kept))


def test_a_part_lies_sealed(world: Any, kept: KeptModel) -> None:
    stored = b"".join(file.read_bytes() for file in world.folder.rglob("*") if file.is_file())
    assert all(secret not in stored for secret in (b"0x0102", kept.part.salt.hex().encode(), kept.part.salt))


@pytest.mark.parametrize("end", ["aborted_block", "closed_block"])
def test_a_part_goes_with_a_job_that_ends_otherwise(world: Any, training: RowRequest, end: str) -> None:
    model = made(training)
    keep(world, training, model)
    complete(world, training, completed_block=None, **{end: 95})
    complete(world, training)
    refused("not-found", world.models.named, model.name)


def test_only_the_sealed_attempts_part_stays(world: Any, training: RowRequest) -> None:
    first, second = made(training), made(training, attempt=2)
    keep(world, training, first)
    facts = world.chain.jobs[training.job]
    world.chain.jobs[training.job] = replace(facts, attempt=2, attempt_block=92, amendments=((bytes(32),) * 3,))
    keep(world, training, second)
    complete(world, training)
    assert [info.origin for info in world.models.infos()] == [training.job]
    assert world.models.named(second.name) == second


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"party": 1}, "warrant.model"),
        ({"job": bytes(31) + b"1"}, "warrant.model"),
        ({"attempt": 2}, "warrant.attempt"),
    ],
)
def test_only_an_open_jobs_own_part_is_kept(
    world: Any, training: RowRequest, changes: dict[str, Any], code: str
) -> None:
    refused(code, keep, world, training, made(training, **changes))


def test_a_part_that_the_others_were_told_otherwise_of_is_not_kept(world: Any, training: RowRequest) -> None:
    model = made(training)
    told = (secrets.token_bytes(32), *model.commitments[1:])
    refused("warrant.model", keep, world, training, model.model_copy(update={"commitments": told}))


def test_a_part_of_another_model_than_the_chains_is_not_brought(world: Any, kept: KeptModel) -> None:
    """Neither another job's, nor another commitment; nor one whose holder's consent was withdrawn."""
    forged = (
        ModelRef(kept.part.job, model_commitment([secrets.token_bytes(32)])),
        ModelRef(type(kept.part.job)(bytes(32)), kept.commitment),
        None,
    )
    for registered in forged:
        refused("warrant.model", world.vault.model, scored(world, kept, registered=registered))
    refused("warrant.withdrawn", world.vault.model, scored(world, kept, status=Status.WITHDRAWN))


def test_a_part_of_another_model_than_the_plans_is_not_brought(world: Any, kept: KeptModel) -> None:
    """A plan may name a model that the chain knows: what lies here must be that one."""
    job = scored(world, kept)
    offer = job.plan.inputs[1].offer
    other = ModelRef(kept.part.job, secrets.token_bytes(32))
    world.chain.offers[offer] = replace(world.chain.offers[offer], model=other)
    refused("warrant.model", world.vault.model, job)


@pytest.mark.parametrize(("tolerated", "withdrawn"), [(None, 1), (2, 3)])
def test_a_part_that_too_many_have_withdrawn_from_stays_here(
    world: Any, kept: KeptModel, tolerated: int | None, withdrawn: int
) -> None:
    assert world.vault.model(scored(world, kept, tolerated=tolerated, withdrawn=withdrawn - 1)) == kept
    refused("model.stale", world.vault.model, scored(world, kept, tolerated=tolerated, withdrawn=withdrawn))


def test_a_removed_part_is_gone(world: Any, kept: KeptModel) -> None:
    job = scored(world, kept)
    world.models.remove(kept.name)
    refused("not-found", world.vault.model, job)
