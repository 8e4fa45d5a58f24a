"""Routes by which browsers begin and end sessions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from placet.chain.threaded import ask_store
from placet.core.errors import AccessError
from placet.node.http.auth import AnyCaller, demand_credential, demand_same_origin
from placet.node.http.dependencies import ClientAddress, TheNode
from placet.node.http.problems import problems
from placet.node.http.sessions import INSTITUTION_SECONDS, cookie_of

router = APIRouter(tags=["sessions"])
_LOGINS_PER_MINUTE = 10
_SESSIONS_PER_MINUTE = 60
"""Of one address: keys are free, and sessions of all keys together are bounded."""


class OpenedSession(BaseModel):
    """`Authorization: Session <token>` reads what the signer may read, until `expires` (Unix seconds)."""

    token: str
    expires: int


class Login(BaseModel):
    """The institution's credential."""

    credential: Annotated[str, Field(min_length=1, max_length=256, repr=False)]


@router.post(
    "/v1/session",
    status_code=201,
    response_model=OpenedSession,
    responses=problems(401, 403),
    openapi_extra={"security": [{"authorization": []}]},
)
async def begin(node: TheNode, client: ClientAddress, caller: AnyCaller) -> OpenedSession:
    """A session for whoever signed this request: it reads for 15 minutes, and writes nothing."""
    if caller.signer is None:
        raise AccessError("the institution's session begins at /console/login", code="access.owner")
    node.clients.take("sessions", client, _SESSIONS_PER_MINUTE)
    token, session = await ask_store(node.sessions.open, caller.signer)
    return OpenedSession(token=token, expires=int(session.expires))


@router.post("/console/login", status_code=204, responses=problems(401, 403))
async def login(node: TheNode, client: ClientAddress, request: Request, given: Login) -> Response:
    """The institution's session, as a cookie that its own pages send and no script reads."""
    demand_same_origin(request)
    node.clients.take("logins", client, _LOGINS_PER_MINUTE)
    demand_credential(node, given.credential)
    token, _ = await ask_store(node.sessions.open, None)
    response = Response(status_code=204)
    name = cookie_of(node.address)
    response.set_cookie(
        name, token, max_age=INSTITUTION_SECONDS, path="/", secure=True, httponly=True, samesite="strict"
    )
    return response


@router.post("/console/logout", status_code=204, responses=problems(403))
async def logout(node: TheNode, request: Request) -> Response:
    """End the session of the cookie that comes with it."""
    demand_same_origin(request)
    name = cookie_of(node.address)
    await ask_store(node.sessions.close, request.cookies.get(name, ""))
    response = Response(status_code=204)
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="strict")
    return response
