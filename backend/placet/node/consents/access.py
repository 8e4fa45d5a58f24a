"""What an owner may know of the use of his data (GDPR, 15): his export, and of each job that used a consent of his what
was done by whom, who got the result, and who was paid, by this institution's records and the chain."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from placet.chain import events
from placet.chain.threaded import ask_chain
from placet.core.ids import ConsentId, JobId
from placet.core.plan import Party
from placet.core.purposes import purpose_words
from placet.core.values import U96, Address, BigUint, Name
from placet.jobs.records import JobRecord
from placet.jobs.store import JobStore
from placet.node.consents import export, models
from placet.node.consents.models import Named
from placet.node.jobs.api import named
from placet.node.service import Node


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class PartyOfJob(_Answer):
    """An institution in a job. `steps`: how many it has recorded on chain, over all attempts; `reward` is its by the
    plan, `paid` what the escrow has put down for its payee."""

    institution: Named
    role: Name
    steps: int
    reward: U96
    paid: BigUint


class StepOfJob(_Answer):
    """What this institution did in a job, by its own trail: the protocol, and when (Unix seconds)."""

    attempt: int
    name: str
    protocol: str
    at: int


class JobOfOwner(_Answer):
    """A job that used consents of the owner's. `recipient` got its result; `auditor`, where the plan names one, may
    have been shown drawn rows. `sponsor` paid, in the `token`'s smallest unit, and has `refunded` back. `steps` are
    this institution's alone: the others answer for theirs."""

    job: JobId
    recipe: str
    recipe_version: int
    engine: str
    purpose: str
    outcome: str | None
    recipient: Named
    auditor: Named | None
    sponsor: Named
    token: Address
    refunded: BigUint
    parties: list[PartyOfJob]
    steps: list[StepOfJob]


class OwnersAccess(models.Export):
    """What this institution's node holds of one owner, and the jobs that used what is on this page."""

    jobs: list[JobOfOwner]


async def of_owner(node: Node, owner: bytes, cursor: ConsentId | None, client: str) -> OwnersAccess:
    """A page, for an owner at the address `client`, or for the institution that answers him."""
    page = await export.of_owner(node, owner, cursor, client)
    return await ask_chain(_with_jobs, node, page)


def _with_jobs(node: Node, page: models.Export) -> OwnersAccess:
    """Reads what the runner has written, and needs no runner: any process of the institution answers."""
    store = JobStore(node.engine)
    used = dict.fromkeys(use.job for one in page.consents for use in one.uses)
    records = [record for job in used if (record := store.find(job)) is not None]
    return OwnersAccess(**dict(page), jobs=[_job(node, store, record) for record in records])


def _job(node: Node, store: JobStore, record: JobRecord) -> JobOfOwner:
    plan, terms, history = record.plan, record.terms, node.index.job_events(record.job)
    audit = terms.audit
    return JobOfOwner(
        job=record.job,
        recipe=terms.recipe,
        recipe_version=terms.recipe_version,
        engine=terms.engine,
        purpose=purpose_words(plan.purpose),
        outcome=record.ended,
        recipient=named(node.trust, plan.consumer),
        auditor=None if audit is None else named(node.trust, audit.auditor),
        sponsor=named(node.trust, plan.sponsor),
        token=plan.token,
        refunded=sum(event.amount for event in history if isinstance(event, events.Refunded)),
        parties=[_party(node, index, party, terms.roles[index], history) for index, party in enumerate(plan.parties)],
        steps=[
            StepOfJob(attempt=step.attempt, name=step.name, protocol=step.protocol, at=step.at)
            for step in store.steps(record.job)
        ],
    )


def _party(node: Node, index: int, party: Party, role: str, history: Sequence[events.Event]) -> PartyOfJob:
    recorded = [event for event in history if isinstance(event, events.StepsRecorded) and event.party == index]
    credited = [event for event in history if isinstance(event, events.Credited) and event.payee == party.payee]
    return PartyOfJob(
        institution=named(node.trust, party.signer),
        role=role,
        steps=sum(len(event.hashes) for event in recorded),
        reward=party.reward,
        paid=sum(event.amount for event in credited),
    )
