"""Enclaves as a service over HTTP: for the companies of a job, each by requests that its own key signed.

What comes in and goes out here is encrypted; keys come over the peer link, sealed to the enclave.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field, JsonValue
from sse_starlette import EventSourceResponse

from placet.catalogue.contract_compare import SPEC
from placet.core.enclave_policy import ROLES, Role
from placet.core.errors import AccessError, LimitError, NotFoundError, StateError
from placet.core.values import from_hex, to_hex
from placet.jobs.store import JobRecord
from placet.node.http.auth import AnyCaller, Caller
from placet.node.http.problems import problems
from placet.node.jobs.api import JobId, LastEventId, event_stream, runner_of
from placet.protocols.enclave.evidence.model import measurement_id
from placet.recipes.contract_compare.extension import HostedEnclaves
from placet.recipes.contract_compare.sessions import MAX_PIECE, EnclaveSession, EnclaveSessions

router = APIRouter(tags=["enclaves"], prefix="/v1/enclave")
Hex32 = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{64}$")]


class EnclaveInfoResponse(BaseModel):
    """What runs here: its class, the policy that a plan must name, and its measurements' ids in `EnclaveRegistry`."""

    enclave_class: str
    policy: dict[str, JsonValue]
    measurement_ids: list[str]


class ProofRequest(BaseModel):
    job: Hex32


class SessionRequest(BaseModel):
    """A nonce of 32 random bytes, drawn for this question."""

    nonce: Hex32


class SessionResponse(BaseModel):
    """A job's enclave: the attempt that it serves and its X25519 key, which its evidence must bind."""

    job: str
    attempt: int
    enclave_key: str


class Arrived(BaseModel):
    """Bytes of a document that are here."""

    size: int


def _sessions(request: Request) -> EnclaveSessions:
    hosted = next((e for e in runner_of(request).context.extensions if isinstance(e, HostedEnclaves)), None)
    if hosted is None:
        raise NotFoundError("this node runs no enclaves", code="enclave.none")
    return hosted.sessions


def _demand_party(request: Request, job: str, caller: Caller, party: int | None = None) -> JobRecord:
    """AccessError unless a company of the job asks (that one, where one is named)."""
    record = runner_of(request).store.find(from_hex(job))
    companies = () if record is None or record.terms.recipe != SPEC.name else record.plan.parties[:-1]
    allowed = [company.signer for place, company in enumerate(companies) if party in (None, place)]
    if record is None or caller.signer not in allowed:
        raise AccessError("only a company of this job may do this", found=job, code="access.party")
    return record


@router.get("", responses=problems(404))
async def show(request: Request) -> EnclaveInfoResponse:
    """What this institution's enclaves prove. Public."""
    policy = _sessions(request).policy
    ids = [to_hex(measurement_id(rule.kind, one)) for rule in policy.rules for one in rule.measurements]
    (enclave_class,) = policy.classes
    return EnclaveInfoResponse(enclave_class=enclave_class, policy=policy.to_json(), measurement_ids=ids)


@router.post("/jobs", status_code=201, responses=problems(401, 403, 404, 409))
async def begin(request: Request, wanted: ProofRequest, caller: AnyCaller) -> SessionResponse:
    """The enclave of a job that is open on chain; 409 `enclave.early` until it is there."""
    record = _demand_party(request, wanted.job, caller)
    return _answer(_sessions(request).of(record.job))


def _answer(session: EnclaveSession) -> SessionResponse:
    return SessionResponse(job=to_hex(session.job), attempt=session.attempt, enclave_key=to_hex(session.enclave.key))


@router.post("/jobs/{job}/evidence", responses=problems(401, 403, 404, 409))
async def prove(request: Request, job: JobId, asked: SessionRequest, caller: AnyCaller) -> dict[str, Any]:
    """The enclave's evidence over chain, job, key and the caller's nonce: {key, evidence}."""
    record = _demand_party(request, job, caller)
    return (await _sessions(request).of(record.job).prove(from_hex(asked.nonce))).to_json()


@router.put("/jobs/{job}/documents/{role}", responses=problems(401, 403, 404, 409))
async def upload(
    request: Request,
    job: JobId,
    role: Role,
    caller: AnyCaller,
    attempt: Annotated[int, Query(ge=1, lt=2**32)],
    offset: Annotated[int, Query(ge=0, lt=2**53)],
    piece: Annotated[bytes, Body(media_type="application/octet-stream")] = b"",
) -> Arrived:
    """A piece of the company's own encrypted document, at most 768 KiB; the answer says how much is here. Pieces that
    are here already are not written again, so an upload goes on where it was broken off."""
    if len(piece) > MAX_PIECE:
        raise LimitError("the piece is too long", expected=f"at most {MAX_PIECE} bytes", found=len(piece))
    record = _demand_party(request, job, caller, ROLES.index(role))
    return Arrived(size=await _sessions(request).of(record.job).take(role, attempt, offset, piece))


@router.get("/jobs/{job}/events", response_class=EventSourceResponse, responses=problems(401, 403, 404))
async def events(
    request: Request, job: JobId, caller: AnyCaller, last_event_id: LastEventId = 0
) -> EventSourceResponse:
    """Server-sent events of a job, for its companies: as `/v1/jobs/{job}/events` for the institution itself."""
    record = _demand_party(request, job, caller)
    return event_stream(runner_of(request), record.job, last_event_id)


@router.get("/jobs/{job}/results/{party}", responses=problems(401, 403, 404, 409))
async def result(
    request: Request, job: JobId, party: Annotated[int, Path(ge=0, lt=16)], caller: AnyCaller
) -> FileResponse:
    """A company's masked result, from when the enclave gave it out until the job ends."""
    record = _demand_party(request, job, caller, party)
    file = _sessions(request).of(record.job).result_file(party)
    if not await asyncio.to_thread(file.exists):
        raise StateError("there is no result yet", code="enclave.early")
    return FileResponse(file, media_type="application/octet-stream")
