"""Enclaves as a service over HTTP: for the companies of a job, each by requests that its own key signed.

What comes in and goes out here is encrypted; keys come over the peer link, sealed to the enclave.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, JsonValue
from sse_starlette import EventSourceResponse

from placet.catalogue.contract_compare import SPEC
from placet.core.enclave_policy import ROLES, Role
from placet.core.errors import AccessError, LimitError, NotFoundError, StateError
from placet.core.ids import JobId
from placet.core.values import Bytes32, to_hex
from placet.jobs.records import JobRecord
from placet.jobs.runner import Runner
from placet.node.http.auth import AnyCaller, Caller, Lasting
from placet.node.http.dependencies import LastEventId, TheRunner
from placet.node.http.problems import problems
from placet.node.jobs.api import event_stream
from placet.protocols.enclave.evidence.model import measurement_id
from placet.recipes.contract_compare.extension import HostedEnclaves
from placet.recipes.contract_compare.sessions import MAX_PIECE, EnclaveSession, EnclaveSessions

router = APIRouter(tags=["enclaves"], prefix="/v1/enclave")


class EnclaveInfoResponse(BaseModel):
    """What runs here: its class, the policy that a plan must name, and its measurements' ids in `EnclaveRegistry`."""

    enclave_class: str
    policy: dict[str, JsonValue]
    measurement_ids: list[Bytes32]


class ProofRequest(BaseModel):
    job: JobId


class SessionRequest(BaseModel):
    """A nonce of 32 random bytes, drawn for this question."""

    nonce: Bytes32


class SessionResponse(BaseModel):
    """A job's enclave: the attempt that it serves and its X25519 key, which its evidence must bind."""

    job: JobId
    attempt: int
    enclave_key: Bytes32


class Arrived(BaseModel):
    """Bytes of a document that are here."""

    size: int


async def _sessions(runner: TheRunner) -> EnclaveSessions:
    hosted = next((e for e in runner.context.extensions if isinstance(e, HostedEnclaves)), None)
    if hosted is None:
        raise NotFoundError("this node runs no enclaves", code="enclave.none")
    return hosted.sessions


TheSessions = Annotated[EnclaveSessions, Depends(_sessions)]
"""The enclaves of this node's jobs; NotFoundError `enclave.none` where it runs none."""


async def _demand_company(runner: Runner, job: JobId, caller: Caller) -> JobRecord:
    """AccessError unless a company of the job asks."""
    record = await runner.store.threaded.find(job)
    if record is None or caller.signer not in _companies(record):
        raise _not_a_company(job)
    return record


def _companies(record: JobRecord) -> list[bytes]:
    parties = record.plan.parties[:-1] if record.terms.recipe == SPEC.name else ()
    return [party.signer for party in parties]


def _not_a_company(job: JobId) -> AccessError:
    return AccessError("only a company of this job may do this", found=to_hex(job), code="access.party")


async def _job_of_company(runner: TheRunner, job: JobId, caller: AnyCaller) -> JobRecord:
    return await _demand_company(runner, job, caller)


CompanysJob = Annotated[JobRecord, Depends(_job_of_company)]
"""The path's job; AccessError unless one of its companies asks."""


def _demand_party(record: JobRecord, caller: Caller, party: int) -> None:
    """AccessError unless it is this party of the job that asks."""
    if [caller.signer] != _companies(record)[party : party + 1]:
        raise _not_a_company(record.job)


@router.get("", responses=problems(404))
async def show(sessions: TheSessions) -> EnclaveInfoResponse:
    """What this institution's enclaves prove. Public."""
    policy = sessions.policy
    ids = [measurement_id(rule.kind, one) for rule in policy.rules for one in rule.measurements]
    (enclave_class,) = policy.classes
    return EnclaveInfoResponse(enclave_class=enclave_class, policy=policy.to_json(), measurement_ids=ids)


@router.post("/jobs", status_code=201, responses=problems(401, 403, 404, 409))
async def begin(runner: TheRunner, request: ProofRequest, caller: AnyCaller, sessions: TheSessions) -> SessionResponse:
    """The enclave of a job that is open on chain; 409 `enclave.early` until it is there."""
    record = await _demand_company(runner, request.job, caller)
    return _answer(sessions.of(record.job))


def _answer(session: EnclaveSession) -> SessionResponse:
    return SessionResponse(job=session.job, attempt=session.attempt, enclave_key=session.enclave.key)


@router.post("/jobs/{job}/evidence", responses=problems(401, 403, 404, 409))
async def prove(job: CompanysJob, request: SessionRequest, sessions: TheSessions) -> dict[str, Any]:
    """The enclave's evidence over chain, job, key and the caller's nonce: {key, evidence}."""
    return (await sessions.of(job.job).prove(request.nonce)).to_json()


@router.put("/jobs/{job}/documents/{role}", responses=problems(401, 403, 404, 409))
async def upload(
    job: CompanysJob,
    role: Role,
    caller: AnyCaller,
    sessions: TheSessions,
    attempt: Annotated[int, Query(ge=1, lt=2**32)],
    offset: Annotated[int, Query(ge=0, lt=2**53)],
    piece: Annotated[bytes, Body(media_type="application/octet-stream")] = b"",
) -> Arrived:
    """A piece of the company's own encrypted document, at most 768 KiB; the answer says how much is here. Pieces that
    are here already are not written again, so an upload goes on where it was broken off."""
    if len(piece) > MAX_PIECE:
        raise LimitError("the piece is too long", expected=f"at most {MAX_PIECE} bytes", found=len(piece))
    _demand_party(job, caller, ROLES.index(role))
    return Arrived(size=await sessions.of(job.job).take(role, attempt, offset, piece))


@router.get("/jobs/{job}/events", response_class=EventSourceResponse, responses=problems(401, 403, 404))
async def events(
    runner: TheRunner, job: CompanysJob, lasts: Lasting, last_event_id: LastEventId = 0
) -> EventSourceResponse:
    """Server-sent events of a job, for its companies: as `/v1/jobs/{job}/events` for the institution itself."""
    return event_stream(runner, job.job, last_event_id, lasts)


@router.get("/jobs/{job}/results/{party}", responses=problems(401, 403, 404, 409))
async def result(
    job: CompanysJob,
    party: Annotated[int, Path(ge=0, lt=16)],
    caller: AnyCaller,
    sessions: TheSessions,
) -> FileResponse:
    """A company's masked result, from when the enclave gave it out until the job ends."""
    _demand_party(job, caller, party)
    file = sessions.of(job.job).result_file(party)
    if not await asyncio.to_thread(file.exists):
        raise StateError("there is no result yet", code="enclave.early")
    return FileResponse(file, media_type="application/octet-stream")
