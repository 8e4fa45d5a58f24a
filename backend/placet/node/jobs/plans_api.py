"""Plans that wait for a person of this institution, over HTTP: what each is about, and his word."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from placet.catalogue.declared import declared
from placet.catalogue.specs import spec_of
from placet.catalogue.words import words_of
from placet.core.errors import PlanError
from placet.core.ids import JobId
from placet.core.plan import Plan, Terms
from placet.core.purposes import purpose_words
from placet.core.values import U96, Address, Value, line, to_hex
from placet.jobs.context import JobContext
from placet.jobs.held_store import HeldPlan, PlanState
from placet.jobs.runner import Runner
from placet.node.consents.models import Named
from placet.node.http.auth import Institution
from placet.node.http.dependencies import TheNode, TheRunner
from placet.node.http.problems import problems
from placet.node.jobs.api import named

router = APIRouter(tags=["jobs"])
MOST_DECIDED = 100


class PlanParty(BaseModel):
    """A party of a plan. `learns`: what its role learns, in the catalogue's words."""

    address: Address
    name: str
    role: str
    learns: str
    reward: U96


class PlanAudit(BaseModel):
    """The audit that a plan names: of `places` that are drawn of each provider, or, by null, of garblings. `stake`:
    what this institution puts up of `token` before it computes, in the smallest unit; 0 where nothing is found of it.
    `find_by` ends the time to report something of it."""

    auditor: Named
    places: int | None
    token: Address
    stake: U96
    beneficiary: Named
    find_by: int
    answer_seconds: int


class PlanResponse(BaseModel):
    """A plan that was held. `role` and `reward` are this institution's; `rows` its lawful rows when the plan came, of
    how many live `consents` and `table_rows`, null where it brings no persons'; `budget` what the job spends of its
    offers' and datasets' privacy budgets, in nano-rho. `open_by` ends the time to decide.
    `decided` when, `by` whom, and why (`reason`)."""

    job: JobId
    state: PlanState
    consumer: Named
    recipe: str
    does: str
    engine: str
    parameters: dict[str, Any]
    purpose: str
    operations: str
    learns: dict[str, str]
    role: str
    parties: list[PlanParty]
    rows: int | None
    consents: int | None
    table_rows: int | None
    budget: int
    reward: U96
    pot: U96
    token: Address
    audit: PlanAudit | None
    asked: int
    open_by: int
    deadline: int
    settle_by: int
    decided: int | None
    by: str | None
    reason: str | None


class PlanList(BaseModel):
    """Those that wait first, newest first, then those decided last. `holds`: what `hold` says in this node's policy."""

    holds: Annotated[str, Field(pattern="^(none|all|rules)$")]
    plans: list[PlanResponse]


class Approval(Value):
    """`by`: who agrees, as the institution wants to remember it."""

    by: Annotated[str, *line(100)] | None = None


class Refusal(Approval):
    """`reason` goes to the consumer."""

    reason: Annotated[str, *line(400)]


def _answer(context: JobContext, record: HeldPlan) -> PlanResponse:
    plan, terms, numbers = record.plan, record.terms, record.numbers
    words = _words(terms.recipe)
    parties = [
        PlanParty(
            address=party.signer,
            name=context.trust.name_or_address(party.signer),
            role=role,
            learns=words["learns"].get(role, ""),
            reward=party.reward,
        )
        for party, role in zip(plan.parties, terms.roles, strict=True)
    ]
    own = plan.party_of(context.address)
    return PlanResponse(
        job=record.job,
        state=record.state,
        consumer=named(context.trust, plan.consumer),
        recipe=terms.recipe,
        does=words["does"],
        engine=terms.engine,
        parameters=terms.parameters,
        purpose=purpose_words(plan.purpose),
        operations=words["operations"],
        learns=words["learns"],
        role=parties[own].role,
        parties=parties,
        rows=None if numbers is None else numbers.rows,
        consents=None if numbers is None else numbers.consents,
        table_rows=None if numbers is None else numbers.of,
        budget=sum(one.budget for one in plan.parties[own].inputs),
        reward=plan.parties[own].reward,
        pot=plan.pot,
        token=plan.token,
        audit=_audit(context, plan, terms),
        asked=record.created,
        open_by=plan.open_by,
        deadline=plan.deadline,
        settle_by=plan.settle_by,
        decided=record.decided,
        by=record.by,
        reason=record.reason,
    )


def _audit(context: JobContext, plan: Plan, terms: Terms) -> PlanAudit | None:
    audit, trust = terms.staked, context.trust
    if audit is None:
        return None
    stakes = plan.party_of(context.address) in declared(plan, terms).staking
    auditor = next((one.name for one in trust.auditors if one.address == audit.auditor), to_hex(audit.auditor))
    return PlanAudit(
        auditor=Named(address=audit.auditor, name=auditor),
        places=None if terms.audit is None else terms.audit.places,
        token=audit.token,
        stake=audit.stake if stakes else 0,
        beneficiary=named(trust, audit.beneficiary),
        find_by=plan.settle_by + audit.find_seconds,
        answer_seconds=audit.answer_seconds,
    )


def _words(recipe: str) -> dict[str, Any]:
    try:
        return words_of(spec_of(recipe))
    except PlanError:  # of an earlier version, which had another catalogue
        return {"does": "", "operations": "", "learns": {}}


def _who(request: Request, named: str | None) -> str:
    return named or ("a program by the credential" if "authorization" in request.headers else "the console")


async def _known(runner: Runner, job: JobId) -> PlanResponse:
    return _answer(runner.context, await runner.answers.agreement.held.store.threaded.known(job))


@router.get("/v1/plans", response_model=PlanList, responses=problems(403))
async def listed(runner: TheRunner, _: Institution) -> PlanList:
    """Plans that wait for a person here, and the last hundred that were decided."""
    plans = runner.answers.agreement.held.store
    records = [*await plans.threaded.waiting(), *await plans.threaded.decided(MOST_DECIDED)]
    hold = runner.context.hold
    holds = hold if isinstance(hold, str) else "rules"
    return PlanList(holds=holds, plans=[_answer(runner.context, record) for record in records])


@router.get("/v1/plans/{job}", response_model=PlanResponse, responses=problems(403, 404))
async def show(runner: TheRunner, job: JobId, _: Institution) -> PlanResponse:
    """One plan that was held, and what became of it."""
    return await _known(runner, job)


@router.post("/v1/plans/{job}/sign", response_model=PlanResponse, responses=problems(403, 404, 409, 503))
async def sign(
    node: TheNode, runner: TheRunner, request: Request, job: JobId, approval: Approval, _: Institution
) -> PlanResponse:
    """A person agrees: the plan is checked again and signed. One that can't be signed any more waits no longer, and its
    consumer hears so."""
    node.demand_chain()
    await runner.answers.agreement.approve(job, _who(request, approval.by))
    return await _known(runner, job)


@router.post("/v1/plans/{job}/refuse", response_model=PlanResponse, responses=problems(403, 404, 409, 503))
async def refuse(
    node: TheNode, runner: TheRunner, request: Request, job: JobId, refusal: Refusal, _: Institution
) -> PlanResponse:
    """A person refuses, for ever. The reason is kept and goes to the consumer."""
    node.demand_chain()
    await runner.answers.agreement.refuse(job, _who(request, refusal.by), refusal.reason)
    return await _known(runner, job)
