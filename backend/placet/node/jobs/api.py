"""Jobs over HTTP for the institution's scripts, their trail for auditors, and the peers' questions about them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, JsonValue
from sse_starlette import EventSourceResponse, ServerSentEvent

from placet.catalogue.specs import spec_of
from placet.chain.threaded import ask_store
from placet.core.errors import PlanError
from placet.core.evidence import SignedEvidence
from placet.core.ids import JobId
from placet.core.noise_opening import SealedNoise
from placet.core.purposes import purpose_words
from placet.core.trust import TrustList
from placet.core.values import Bytes32
from placet.jobs.evidence import Beside, opened_noise, signed
from placet.jobs.following import all_happenings, happenings
from placet.jobs.messages import JobRequest
from placet.jobs.progress import PROPOSALS
from placet.jobs.records import JobRecord
from placet.jobs.runner import Runner
from placet.node.consents import uses
from placet.node.consents.models import Named
from placet.node.http.auth import Institution, InstitutionOrAuditor, Lasting, Lasts
from placet.node.http.dependencies import LastEventId, TheNode, TheRunner
from placet.node.http.problems import problems

router = APIRouter(tags=["jobs"])
PAGE = 100
_EVENT_SECONDS = 3600


class JobResponse(BaseModel):
    """A job as this node knows it. `status` is the last thing that happened, `waits` what it waits for now; `why` it
    was refused or aborted, null otherwise. `party` and `role` are this institution's. `nth`: which of its consumer's
    jobs over the consents that it used here it is, from 1; null before it used any."""

    id: JobId
    recipe: str
    purpose: str
    consumer: Named
    party: int
    role: str
    parties: list[Named]
    status: str
    ended: str | None
    why: str | None
    waits: list[dict[str, JsonValue]]
    attempt: int
    created: int
    open_by: int
    deadline: int
    settle_by: int
    nth: int | None


class JobList(BaseModel):
    """`cursor` asks for the page after this one; none is left where it is null."""

    jobs: list[JobResponse]
    cursor: JobId | None


class JobResult(BaseModel):
    """One row for each customer that the recipe tells of; `docs/reference/api.md` has each recipe's fields.
    `disclosed_in_protocol` are the roles that knew of it before the release; `report` holds what is told of many at
    once: counts where lists were aligned, statistics."""

    rows: list[dict[str, str]]
    report: dict[str, JsonValue] | None = None
    disclosed_in_protocol: list[str]


def named(trust: TrustList, address: bytes) -> Named:
    """An institution for people, also one that is no more in the trust list."""
    return Named(address=address, name=trust.name_or_address(address))


async def job_response(runner: Runner, record: JobRecord) -> JobResponse:
    """A job as it is told."""
    status, attempt = await runner.store.threaded.progress(record.job)
    trust, plan = runner.context.trust, record.plan
    return JobResponse(
        id=record.job,
        recipe=record.terms.recipe,
        purpose=purpose_words(plan.purpose),
        consumer=named(trust, plan.consumer),
        party=record.party,
        role=record.terms.roles[record.party],
        parties=[named(trust, party.signer) for party in plan.parties],
        status=status,
        ended=record.ended,
        why=await runner.store.threaded.why(record.job) if record.ended in ("refused", "aborted") else None,
        waits=runner.store.waits.of(record.job),
        attempt=attempt,
        created=record.created,
        open_by=plan.open_by,
        deadline=record.plan.deadline,
        settle_by=record.plan.settle_by,
        nth=await ask_store(uses.nth, runner.context.engine, record.job),
    )


@router.post("/v1/jobs", status_code=202, response_model=JobResponse, responses=problems(403, 409, 424, 503))
async def start(node: TheNode, runner: TheRunner, proposal: JobRequest, _: Institution) -> JobResponse:
    """Propose a job to its parties. 202 once all have signed its plan; the opening follows by itself."""
    node.demand_chain()
    return await job_response(runner, await runner.start(proposal))


@router.get("/v1/jobs", response_model=JobList, responses=problems(403, 404))
async def listed(
    runner: TheRunner,
    _: Institution,
    cursor: Annotated[JobId | None, Query()] = None,
    ended: Annotated[str | None, Query(pattern="^[a-z]{1,32}$")] = None,
) -> JobList:
    """The jobs that this institution takes part in, newest first, a hundred at a time; those alone that `ended` so, or
    are `going`."""
    page = await runner.store.threaded.page(cursor, PAGE, ended)
    answers = [await job_response(runner, record) for record in page]
    return JobList(jobs=answers, cursor=answers[-1].id if len(answers) == PAGE else None)


@router.get("/v1/jobs/{job}", response_model=JobResponse, responses=problems(403, 404))
async def show(runner: TheRunner, job: JobId, _: Institution) -> JobResponse:
    """One job."""
    return await job_response(runner, await runner.store.threaded.job(job))


@router.get("/v1/jobs/{job}/events", response_class=EventSourceResponse, responses=problems(403, 404))
async def events(
    runner: TheRunner, job: JobId, _: Institution, lasts: Lasting, last_event_id: LastEventId = 0
) -> EventSourceResponse:
    """Server-sent events: what happened so far, or after `Last-Event-ID`, then what happens, until the job ends."""
    return event_stream(runner, (await runner.store.threaded.job(job)).job, last_event_id, lasts)


@router.get("/v1/events", response_class=EventSourceResponse, responses=problems(403))
async def all_events(
    runner: TheRunner,
    _: Institution,
    lasts: Lasting,
    last_event_id: Annotated[int | None, Header(ge=0, le=2**53)] = None,
) -> EventSourceResponse:
    """Server-sent events of all jobs in one stream, from now on or after `Last-Event-ID`; each names its `job`. The
    first has a number alone: after which the stream goes on, so that who loses it before anything happened misses
    nothing."""
    return EventSourceResponse(_all_moments(runner, last_event_id, lasts), sep="\n")


async def _all_moments(runner: Runner, last: int | None, lasts: Lasts) -> AsyncIterator[ServerSentEvent]:
    begin = await runner.store.threaded.last_moment() if last is None else last
    yield ServerSentEvent(id=str(begin), sep="\n")
    async with contextlib.aclosing(all_happenings(runner.store, begin, _EVENT_SECONDS)) as stream:
        async for number, moment in stream:
            if not await lasts():
                return
            yield ServerSentEvent(json.dumps(moment), event="moment", id=str(number), sep="\n")


class NumberedMoments(BaseModel):
    """What happened in a job: each {id, status, at, …}, in order."""

    moments: list[dict[str, JsonValue]]


@router.get("/v1/jobs/{job}/moments", response_model=NumberedMoments, responses=problems(403, 404))
async def moments(
    runner: TheRunner, job: JobId, _: Institution, after: Annotated[int, Query(ge=0, le=2**53)] = 0
) -> NumberedMoments:
    """What happened so far, or after that number: the events of the job's stream, at once and without waiting."""
    numbered = (await runner.store.threaded.follow(job, after))[1]
    return NumberedMoments(moments=[{"id": number, **moment} for number, moment in numbered])


def event_stream(runner: Runner, job: JobId, last: int, lasts: Lasts) -> EventSourceResponse:
    """The job's moments after number `last` as server-sent events: `id` is the moment's number, `event` its status,
    `data` the moment as one line of JSON. Where nothing happens an event `progress`, without a number, tells what
    the job waits for: after a second or two, and every three. It ends where `lasts` no longer says yes."""
    return EventSourceResponse(_moments(runner, job, last, lasts), sep="\n")


async def _moments(runner: Runner, job: JobId, last: int, lasts: Lasts) -> AsyncIterator[ServerSentEvent]:
    async with contextlib.aclosing(happenings(runner.store, job, last, _EVENT_SECONDS)) as stream:
        async for number, moment in stream:
            if not await lasts():
                return
            numbered = None if number is None else str(number)
            yield ServerSentEvent(json.dumps(moment), event=moment["status"], id=numbered, sep="\n")


class ProposalWaits(BaseModel):
    """Whom the plans wait for that this node proposes now: {for, seconds}, the longest wait first."""

    waits: list[dict[str, JsonValue]]


@router.get("/v1/proposals", response_model=ProposalWaits, responses=problems(403))
async def proposals(runner: TheRunner, _: Institution) -> ProposalWaits:
    """Who has not answered yet to a plan that is proposed: `POST /v1/jobs` answers once all have signed."""
    return ProposalWaits(waits=runner.store.waits.of(PROPOSALS))


@router.get("/v1/jobs/{job}/result", response_model=JobResult, responses=problems(403, 404, 409))
async def result(runner: TheRunner, job: JobId, _: Institution) -> dict[str, Any]:
    """The result, for the job's consumer, once the job completed."""
    output = await ask_store(runner.settlement.result, job)
    terms = (await runner.store.threaded.job(job)).terms
    try:
        spec = spec_of(terms.recipe)
        disclosed = list(spec.tells(spec.parse(terms.parameters)).within)
    except PlanError:  # an earlier version ran it, by another declaration: at worst everybody knew
        disclosed = list(terms.roles)
    return {**output, "disclosed_in_protocol": disclosed}


_SECTIONS = "application/vnd.placet.evidence"


@router.get(
    "/v1/jobs/{job}/trail",
    response_model=SignedEvidence,
    responses={200: {"content": {_SECTIONS: {}}}, **problems(403, 404)},
)
async def trail(runner: TheRunner, job: JobId, _: InstitutionOrAuditor) -> Response:
    """This party's signed evidence about a job: for auditors of the trust list, and the institution itself. Where it
    has more leaves than a document holds, they follow it after a line feed, and the media type says so."""
    beside = Beside()
    shown = await signed(runner, job, beside)
    document = shown.model_dump_json().encode()
    if shown.evidence.sections():
        return StreamingResponse(beside.pieces(document), media_type=_SECTIONS)
    return Response(document, media_type="application/json")


class NoiseRequest(BaseModel):
    """Whom this institution opens its noise to: the auditor's X25519 key."""

    auditor: Bytes32


@router.post("/v1/jobs/{job}/noise", response_model=SealedNoise, responses=problems(403, 404, 409))
async def noise(runner: TheRunner, job: JobId, whom: NoiseRequest, _: Institution) -> SealedNoise:
    """Open this institution's noise of a job that has ended to one auditor. Whoever has it and the noisy numbers has
    the exact ones."""
    return await opened_noise(runner, job, whom.auditor)


@router.post("/v1/jobs/{job}/cancel", status_code=202, response_model=JobResponse, responses=problems(403, 404, 409))
async def cancel(runner: TheRunner, job: JobId, _: Institution) -> JobResponse:
    """Cancel a job before its opening; afterwards it is refused (`job.opened`)."""
    record = await runner.store.threaded.job(job)
    await runner.coordinator.cancel(record)
    return await job_response(runner, await runner.store.threaded.job(record.job))
