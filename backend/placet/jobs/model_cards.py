"""The card of a model that a job made, as a party of that job writes it: from the plan, the seal and its own trail."""

from __future__ import annotations

from typing import Any

from placet.catalogue.declared import DeclaredJob, declared
from placet.catalogue.spec import CONSUMER
from placet.chain.events import Event, JobCompleted, JobSealed
from placet.core.errors import StateError
from placet.core.ids import JobId
from placet.core.lineage import COMMITMENT, KEEP
from placet.core.model_card import CardInput, Held, ModelCard, held_as, limits
from placet.core.values import from_hex, to_hex
from placet.jobs.records import JobRecord
from placet.jobs.runner import Runner

RESULTS = (
    "too_few",
    "smallest_group",
    "rows",
    "provider_rows",
    "fitted",
    "metrics",
    "alone",
    "gain",
    "importance",
    "contribution",
)
"""What a card has of the report that a job's consumer got: all that is said of the model, and not the model."""


def held(job: DeclaredJob) -> Held:
    """How the model of a job is held. StateError `model.none` for a job that makes none."""
    how = held_as(job.spec.tells(job.parameters).output)
    if how is None:
        raise StateError(
            "the job makes no model",
            expected="a job of a recipe that trains a model",
            found=job.spec.name,
            code="model.none",
        )
    return how


def holders(job: DeclaredJob) -> tuple[bytes, ...]:
    """Who has a part of the model, or all of it."""
    if held(job) == "clear":
        return (job.plan.consumer,)
    return tuple(party.signer for party in job.plan.parties)


def purpose_of(runner: Runner, record: JobRecord) -> str:
    """The purpose's IRI, which is in the scopes of this party's offers. Reads the chain."""
    first = record.plan.parties[record.party].inputs[0]
    return runner.context.scope(runner.context.chain.offer(first.offer).offer).purpose


def card_of(runner: Runner, job: JobId) -> ModelCard:
    """This party's card of the model that a completed job made. NotFoundError for an unknown job; StateError
    `model.none` where it makes none, has not completed, had too few rows, or gave this party nothing of it. Reads
    the chain."""
    record = runner.store.job(job)
    planned = declared(record.plan, record.terms)
    how = held(planned)
    sealed = _sealed(runner, record)
    report = _report(runner, record)
    purpose, plan = purpose_of(runner, record), record.plan
    roots = runner.answers.attempts.current_roots(record, sealed.attempt)
    return ModelCard(
        job=job,
        commitment=_commitment(runner, record, sealed, report, how),
        holder=runner.context.address,
        held=how,
        holders=holders(planned),
        recipe=record.terms.recipe,
        recipe_version=record.terms.recipe_version,
        engine=record.terms.engine,
        purpose=purpose,
        consumer=plan.consumer,
        parties=tuple(party.signer for party in plan.parties),
        data=tuple(
            CardInput(
                institution=(use := planned.use(number)).provider,
                role=record.terms.roles[[party.signer for party in plan.parties].index(use.provider)],
                offer=one.offer,
                root=one.consent if one.named else roots[number],
                epoch=sealed.epochs[number],
                columns=use.columns,
            )
            for number, one in enumerate(plan.inputs)
        ),
        parameters=record.terms.parameters,
        results=None if report is None else {name: report[name] for name in RESULTS if name in report},
        limits=limits(how, purpose, planned.spec.tells(planned.parameters).group, results=report is not None),
    )


def _sealed(runner: Runner, record: JobRecord) -> JobSealed:
    runner.context.index.sync()
    events: list[Event] = runner.context.index.job_events(record.job)
    sealed = next((event for event in events if isinstance(event, JobSealed)), None)
    if sealed is None or record.ended is None or not any(isinstance(event, JobCompleted) for event in events):
        raise StateError(
            "the job has made no model yet",
            expected="a completed job",
            found=record.ended or "one that goes on",
            code="model.none",
        )
    return sealed


def _report(runner: Runner, record: JobRecord) -> dict[str, Any] | None:
    """What the job told its consumer; None for others."""
    if record.terms.roles[record.party] != CONSUMER:
        return None
    report = runner.settlement.result(record.job).get("report")
    return report if isinstance(report, dict) else None


def _commitment(
    runner: Runner, record: JobRecord, sealed: JobSealed, report: dict[str, Any] | None, how: Held
) -> bytes:
    """The whole model's: of one in clear as its consumer computed it, else as this party's trail has it."""
    if how == "clear":
        if report is not None and "commitment" in report:
            return from_hex(str(report["commitment"]))
        raise StateError(
            "nothing of this model is here: it went to its consumer in clear, or rows were too few for one",
            expected=f"the consumer's node, {runner.context.trust.name(record.plan.consumer)}'s",
            found=to_hex(runner.context.address),
            code="model.none",
        )
    for step in runner.store.steps(record.job, sealed.attempt):
        for output in step.outputs if step.name == KEEP else ():
            if output.name == COMMITMENT:
                return output.commitment
    raise StateError("the job had too few rows to make a model", code="model.none")
