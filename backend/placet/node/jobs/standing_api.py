"""Standing plans over HTTP for the institution's scripts: agree once, open for each application."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from placet.core.standing import StandingPlan
from placet.core.values import Bytes32
from placet.jobs.messages import StandingRequest
from placet.jobs.runner import Runner
from placet.jobs.standing_store import StandingRecord
from placet.node.http.auth import Institution
from placet.node.http.dependencies import TheNode, TheRunner
from placet.node.http.problems import problems
from placet.node.jobs.api import JobResponse, job_response

router = APIRouter(tags=["jobs"])


class StandingResponse(BaseModel):
    """A standing plan as this node knows it. `used` of its `openings` are gone. `missing`: whose signatures are not
    here. `agreed`: this institution signs it; `ended`: it signs no opening of it any more. `plan` is what is signed."""

    id: Bytes32
    recipe: str
    openings: int
    used: int
    not_before: int
    not_after: int
    missing: list[str]
    agreed: bool
    ended: bool
    plan: StandingPlan


class StandingList(BaseModel):
    """Newest first."""

    standing: list[StandingResponse]


def _answer(runner: Runner, record: StandingRecord) -> StandingResponse:
    plan, trust = record.plan, runner.context.trust
    pairs = zip(plan.fixed.parties, record.signatures, strict=False)
    return StandingResponse(
        id=plan.hash,
        recipe=plan.fixed.terms.recipe,
        openings=plan.openings,
        used=record.used,
        not_before=plan.not_before,
        not_after=plan.not_after,
        missing=[trust.name(party.signer) for party, signature in pairs if not signature],
        agreed=record.agreed,
        ended=record.ended,
        plan=plan,
    )


@router.post("/v1/standing", status_code=202, response_model=StandingResponse, responses=problems(403, 409, 424, 503))
async def propose(node: TheNode, runner: TheRunner, request: StandingRequest, _: Institution) -> StandingResponse:
    """Propose a standing plan. Parties whose operator has to agree first are `missing` until the next opening asks."""
    node.demand_chain()
    return _answer(runner, await runner.stand(request))


@router.get("/v1/standing", response_model=StandingList, responses=problems(403))
async def listed(runner: TheRunner, _: Institution) -> StandingList:
    """The standing plans that this institution is a party of."""
    records = await runner.answers.agreement.standing.store.threaded.all()
    return StandingList(standing=[_answer(runner, record) for record in records])


@router.get("/v1/standing/{plan}", response_model=StandingResponse, responses=problems(403, 404))
async def show(runner: TheRunner, plan: Bytes32, _: Institution) -> StandingResponse:
    """One standing plan."""
    return _answer(runner, await runner.answers.agreement.standing.store.threaded.known(plan))


@router.post("/v1/standing/{plan}/agree", response_model=StandingResponse, responses=problems(403, 404, 409))
async def agree(runner: TheRunner, plan: Bytes32, _: Institution) -> StandingResponse:
    """This institution's operator agrees: its node signs the plan when it is asked again, and openings from then on."""
    return _answer(runner, await runner.answers.agreement.standing.agree(plan))


@router.post("/v1/standing/{plan}/end", response_model=StandingResponse, responses=problems(403, 404))
async def end(runner: TheRunner, plan: Bytes32, _: Institution) -> StandingResponse:
    """Sign no opening of it any more, for ever. Every party can, at its own node."""
    return _answer(runner, await runner.answers.agreement.standing.end(plan))


@router.post(
    "/v1/standing/{plan}/openings",
    status_code=202,
    response_model=JobResponse,
    responses=problems(403, 404, 409, 424, 503),
)
async def open_one(node: TheNode, runner: TheRunner, plan: Bytes32, _: Institution) -> JobResponse:
    """Propose the next opening: a job over those who consent now. 202 once all have signed its plan."""
    node.demand_chain()
    return await job_response(runner, await runner.start_opening(plan))
