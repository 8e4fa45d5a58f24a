"""The enrolling service over HTTP: one endpoint that matters. Every error is an RFC 9457 problem document."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from placet.core.enrolment import Enrolment, WalletLink
from placet.core.errors import (
    AccessError,
    ConfigError,
    InputError,
    LimitError,
    NotFoundError,
    PlacetError,
    StorageError,
    unforeseen,
)
from placet.core.requests import Credential
from placet.core.storage import system_error
from placet.core.values import parse, to_hex
from placet.identity.presentations import (
    MAX_FORM,
    PRESENTATIONS,
    SHOWN,
    PresentationRequest,
    demand_presentations,
)
from placet.identity.service import PATH, Enrolling, EnrolmentRequest
from placet.identity.shown_page import SHOWN_HEADERS, SHOWN_PAGE
from placet.serving.related_origins import related_origins_router

log = logging.getLogger("placet.identity")
MAX_BODY = 4096
_STATUS: tuple[tuple[type[PlacetError], int], ...] = (
    (LimitError, 429),
    (AccessError, 403),
    (InputError, 400),
    (ConfigError, 503),
    (StorageError, 503),
)
_STATUS_OF_CODE = {"limit.size": 413, "presentation.unknown": 404, "storage.full": 507}


def _taking(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A body that is read as bytes, and what is said to one that is refused, for the document of this API."""
    refusals = ((400, "malformed"), (403, "refused"), (404, "unknown"), (413, "too large"), (429, "too often"))
    return {
        "requestBody": {"required": True, "content": {kind: {"schema": schema}}},
        "responses": {
            str(status): {"description": what, "content": {"application/problem+json": {}}} for status, what in refusals
        },
    }


_BODY = _taking("application/json", EnrolmentRequest.model_json_schema())
_ASKED = _taking("application/json", PresentationRequest.model_json_schema())
_FORM = _taking(
    "application/x-www-form-urlencoded",
    {
        "type": "object",
        "required": ["state"],
        "properties": {name: {"type": "string"} for name in ("state", "vp_token", "error", "error_description")},
    },
)


router = APIRouter()


async def _enrolling(request: Request) -> Enrolling:
    enrolling: Enrolling = request.app.state.enrolling
    return enrolling


async def _credential(request: Request) -> Credential:
    return Credential.from_header(request.headers.get("authorization", ""))


async def _body(request: Request) -> bytes:
    """The request's body. LimitError `limit.size` beyond MAX_BODY bytes."""
    return await _read(request, MAX_BODY)


async def _form(request: Request) -> bytes:
    """A wallet's answer. LimitError `limit.size` beyond MAX_FORM bytes."""
    return await _read(request, MAX_FORM)


async def _read(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise LimitError("the request is too large", expected=f"at most {limit} bytes", code="limit.size")
    return bytes(body)


TheEnroller = Annotated[Enrolling, Depends(_enrolling)]
SignedBy = Annotated[Credential, Depends(_credential)]
RawBody = Annotated[bytes, Depends(_body)]
RawForm = Annotated[bytes, Depends(_form)]


@router.get("/healthz")
async def healthz(request: Request, enroller: TheEnroller, response: Response) -> dict[str, str]:
    """Is the service up, who is it, and by which kind of identifier does it know persons? 503, and a code as the
    status, where it can't read its register."""
    status = "ok"
    try:
        await asyncio.to_thread(enroller.demand_register)
    except PlacetError as error:
        status, response.status_code = error.code, 503
    return {
        "status": status,
        "name": request.app.state.name,
        "enroller": to_hex(enroller.address),
        "namespace": enroller.namespace,
    }


@router.post(PATH, openapi_extra=_BODY)
async def enrol(enroller: TheEnroller, credential: SignedBy, raw: RawBody) -> Enrolment:
    """Enrol a key for a person. `Authorization: Placet …` is the key's own signature over this request."""
    body = parse(EnrolmentRequest, raw, limit=MAX_BODY, what="enrolment request")
    return await enroller.enrol(body, credential, raw)


@router.post(PRESENTATIONS, openapi_extra=_ASKED)
async def ask_wallet(enroller: TheEnroller, credential: SignedBy, raw: RawBody) -> WalletLink:
    """A request for a wallet that shows who the owner of a key is, in place of an access code."""
    body = parse(PresentationRequest, raw, limit=MAX_BODY, what="presentation request")
    return enroller.ask_wallet(body, credential, raw)


@router.post(f"{PRESENTATIONS}/answers", openapi_extra=_FORM)
async def answer(enroller: TheEnroller, form: RawForm) -> JSONResponse:
    """What a wallet posts (OpenID4VP `direct_post`). The answer says where its browser goes, if anywhere."""
    presentations = demand_presentations(enroller.presentations)
    target = await asyncio.to_thread(presentations.take, form)
    content = {} if target is None else {"redirect_uri": target}
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


@router.get(SHOWN, response_class=HTMLResponse)
async def shown() -> HTMLResponse:
    """The page that shows a wallet's owner the code; the code is in the address's fragment, which is not sent."""
    return HTMLResponse(SHOWN_PAGE, headers=SHOWN_HEADERS)


def create_app(
    enrolling: Enrolling, name: str, page_origins: Sequence[str] = (), passkey_origins: Sequence[str] = ()
) -> FastAPI:
    """The app for one enroller. Pages of `page_origins` may enrol in a browser; no cookie counts here. Those of
    `passkey_origins` may use passkeys of this host."""
    app = FastAPI(title=f"Placet enrolment: {name}", version="1", docs_url=None, redoc_url=None)
    app.state.enrolling, app.state.name = enrolling, name
    for routes in (router, related_origins_router(passkey_origins)):
        app.router.routes.extend(routes.routes)  # include_router would work them out once more
    app.add_exception_handler(PlacetError, _problem_of)
    app.add_exception_handler(HTTPException, _refused)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=page_origins,
        allow_methods=("POST",),
        allow_headers=("Authorization", "Content-Type"),
    )
    app.add_middleware(_NoSurprises)
    return app


async def _problem_of(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PlacetError)  # noqa: S101 - what the handler is registered for
    if isinstance(error, ConfigError | StorageError):
        log.error("%s", error)
    return _told(error)


def _told(error: PlacetError) -> JSONResponse:
    """An error as strangers hear it: without the path of what this service can't read or write."""
    if isinstance(error, ConfigError | StorageError):
        error = type(error)(error.message, remedy="try again later", code=error.code)
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    return _problem(_STATUS_OF_CODE.get(error.code, status), error)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    code, what = _REFUSED.get(error.status_code, ("input", "the request can't be read"))
    answer = _problem(error.status_code, NotFoundError(what, remedy="see /openapi.json", code=code))
    answer.headers.update(error.headers or {})
    return answer


_REFUSED = {404: ("not-found", "no such path"), 405: ("not-allowed", "no such method on this path")}


class _NoSurprises:
    """ASGI middleware: an error that nobody foresaw is a problem document too, and its words, which may name a person,
    reach no log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            if scope["type"] != "http":
                raise
            full = system_error(error) if isinstance(error, OSError) else None
            log.error("%s", full or unforeseen(error))
            if not begun:
                stumbled = PlacetError(
                    "the service made a mistake", code="internal", remedy="its operator's log has it"
                )
                await _told(full or stumbled)(scope, receive, send)


def _problem(status: int, error: PlacetError) -> JSONResponse:
    later = error.code == "limit.busy" or status in (503, 507)
    content = {
        "type": f"urn:placet:problem:{error.code}",
        "title": "The request was refused",
        "status": status,
        "code": error.code,
        "detail": error.message,
        "expected": error.expected,
        "found": error.found,
        "remedy": error.remedy,
    }
    return JSONResponse(
        {name: value for name, value in content.items() if value is not None},
        status_code=status,
        headers={"Cache-Control": "no-store"} | ({"Retry-After": "2"} if later else {}),
        media_type="application/problem+json",
    )
