"""Errors over HTTP: RFC 9457 problem details with our stable codes. No answer echoes what came in."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from placet.chain.storage import storage_error
from placet.core.errors import (
    AccessError,
    AttestationError,
    ChainError,
    ConfigError,
    ConsentError,
    InputError,
    LimitError,
    NotFoundError,
    PeerError,
    PlacetError,
    PlanError,
    ProtocolError,
    Reverted,
    SignatureError,
    StateError,
    StorageError,
    WarrantError,
    unforeseen,
)

log = logging.getLogger("placet.node")
MEDIA_TYPE = "application/problem+json"

_STATUS: tuple[tuple[type[PlacetError], int], ...] = (
    (InputError, 422),
    (SignatureError, 403),
    (ConsentError, 422),
    (PlanError, 422),
    (WarrantError, 403),
    (AttestationError, 403),
    (PeerError, 424),
    (ProtocolError, 422),
    (Reverted, 409),
    (ChainError, 503),
    (StateError, 409),
    (AccessError, 403),
    (LimitError, 429),
    (NotFoundError, 404),
    (ConfigError, 503),
    (StorageError, 503),
)
_STATUS_OF_CODE = {
    "access.unsigned": 401,
    "access.signature": 401,
    "access.stale": 401,
    "access.replayed": 401,
    "access.credential": 401,
    "access.session": 401,
    "consent.elsewhere": 421,
    "consent.unknown-offer": 404,
    "input.duplicate": 400,
    "input.json": 400,
    "leader.absent": 503,
    "leader.lost": 503,
    "leadership.lost": 503,
    "limit.body": 413,
    "limit.busy": 503,
    "limit.header": 431,
    "limit.slow": 408,
    "not-allowed": 405,
    "storage.full": 507,
    "vault.busy": 503,
    "vault.unreachable": 503,
}
_TITLES = {
    "input": "The request is malformed",
    "data": "The data are malformed",
    "signature": "The signature does not verify",
    "consent": "The consent can't be accepted",
    "plan": "The plan can't be agreed to",
    "warrant": "The chain holds no such opened job",
    "attestation": "The enclave's evidence does not hold",
    "protocol": "The message breaks the protocol",
    "peer": "A peer did not answer as it must",
    "chain": "The chain can't be reached",
    "reverted": "A contract refused",
    "deployment": "The chain does not hold the expected contracts",
    "state": "This does not fit the present state",
    "access": "This caller may not do this",
    "leader": "No process can do this at the moment",
    "leadership": "No process can do this at the moment",
    "limit": "Too much or too often",
    "not-found": "No such thing here",
    "not-allowed": "No such method here",
    "config": "The node is not set up for this",
    "storage": "The node can't store anything at the moment",
    "vault": "The vault said no or is not there",
    "batch": "The batch is malformed",
    "internal": "The node made a mistake",
}


class Problem(BaseModel):
    """RFC 9457. `code` is stable; `remedy` says what to do about it."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(description="urn:placet:problem: and the code")
    title: str
    status: int
    code: Annotated[str, Field(pattern=r"^[a-z0-9]+([.-][a-z0-9]+)*$")]
    detail: str
    expected: str | None = None
    found: str | None = None
    remedy: str | None = None


def problem_of(error: PlacetError) -> Problem:
    """An error as a problem document."""
    # A peer's code is the peer's word: what it means for our own caller is that a peer said no.
    status = None if isinstance(error, PeerError) else _STATUS_OF_CODE.get(error.code)
    if status is None:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    return Problem(
        type=f"urn:placet:problem:{error.code}",
        title=_TITLES.get(error.code.split(".")[0], "The request was refused"),
        status=status,
        code=error.code,
        detail=error.message,
        expected=error.expected,
        found=error.found,
        remedy=error.remedy,
    )


def answer(error: PlacetError) -> Response:
    """An error as an HTTP answer, with `Retry-After` where waiting helps and `WWW-Authenticate` where 401 wants it."""
    problem = problem_of(error)
    headers = {"Cache-Control": "no-store"}
    if problem.status in (429, 503, 507):
        headers["Retry-After"] = str(getattr(error, "retry_after", 5))
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer, Placet"
    return JSONResponse(
        problem.model_dump(exclude_none=True), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers
    )


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route for OpenAPI: these statuses, and those that any request may get."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({*statuses, 400, 408, 413, 422, 429, 431, 500, 503, 507})
    }


def install(app: FastAPI) -> None:
    """Make `app` answer every error as a problem."""
    app.add_exception_handler(PlacetError, _placet)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)


async def _placet(request: Request, error: Exception) -> Response:
    assert isinstance(error, PlacetError)  # noqa: S101 - what the handler is registered for
    if isinstance(error, StorageError):
        log.error("%s", error)
        request.app.state.node.health.storage = error.code
        return answer(type(error)(error.message, remedy="try again later, or at another node", code=error.code))
    return answer(error)


async def _validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])[:200]
    code = "input.json" if first["type"] == "json_invalid" else "input"
    return answer(
        InputError("the request is malformed", expected=first["msg"], found=f"a bad value at {where}", code=code)
    )


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == HTTPStatus.NOT_FOUND:
        return answer(NotFoundError("no such path", remedy="see /openapi.json"))
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        refused = answer(NotFoundError("no such method on this path", code="not-allowed", remedy="see /openapi.json"))
        refused.headers.update(error.headers or {})
        return refused
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return answer(InputError("the body can't be read", expected="JSON in UTF-8", code="input.json"))
    return answer(InputError("the request can't be read", found=f"HTTP status {error.status_code}"))


async def _unforeseen(request: Request, error: Exception) -> Response:
    full = storage_error(error)
    if full is not None:
        return await _placet(request, full)
    log.error("%s in %s %s", unforeseen(error), request.method, request.scope["path"][:200])
    return answer(PlacetError("the node made a mistake", code="internal", remedy="its operator finds it in the log"))
