"""Who is asking: the institution by its bearer credential, an owner or an auditor by a signed request; or a browser in
the name of one of them, by a session."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, Request, Response
from fastapi.security import APIKeyHeader

from placet.chain.threaded import ask_store
from placet.core.errors import AccessError, SignatureError
from placet.core.requests import REQUEST, Credential, RequestParts, fresh_digest, not_signed
from placet.node.http.sessions import cookie_of
from placet.node.service import Node
from placet.node.state import insert_new, nonces, now
from placet.serving.connections import client_network


@dataclass(frozen=True)
class Caller:
    """Who sent a request: the institution itself, or the signer of the request."""

    institution: bool
    signer: bytes | None = None


_scheme = APIKeyHeader(
    name="Authorization",
    scheme_name="authorization",
    auto_error=False,
    description="Institution: `Bearer <credential>`. Owner or auditor: `Placet <base64url of the signed request>`, or, "
    "to read, `Session <token>` of `POST /v1/session`.",
)
_READS = ("GET", "HEAD")
Lasts = Callable[[], Awaitable[bool]]
"""Does the session by which something was asked still last?"""


def node_of(request: Request) -> Node:
    """The node that serves this request."""
    node: Node = request.app.state.node
    return node


def client_of(request: Request) -> str:
    """The client a request came from, an address or an IPv6 /64; used for limits in memory, never stored or logged."""
    return "?" if request.client is None else client_network(request.client.host)


def target_of(request: Request) -> str:
    """Path and query string as sent: what a signed request names."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    return (raw + (b"?" + query if query else b"")).decode("latin-1")


async def caller_of(
    request: Request, response: Response, authorization: Annotated[str | None, Depends(_scheme)]
) -> Caller:
    """AccessError unless the request carries the institution's credential, or a fresh signature not seen before. What
    is answered stays in no cache: a cookie, other than `Authorization`, does not keep one from it (RFC 9111, 3.5)."""
    response.headers["cache-control"] = "no-store"
    node = node_of(request)
    node.clients.take("requests", client_of(request), node.settings.limits.requests_per_client_minute)
    header = authorization or ""
    if await is_institution(request):
        return Caller(institution=True)
    if header.startswith("Session "):
        return await _reader(node, request, header.removeprefix("Session ").strip())
    credential = Credential.from_header(header)
    body = await request.body()
    parts = RequestParts(node.address, request.method, target_of(request), body)
    at = now()
    digest = fresh_digest(credential, parts, now=at, domain=node.deployment.consents)
    try:
        await node.signers.normal(client_of(request), REQUEST, credential.signer, digest, credential.signature)
    except SignatureError as error:
        raise not_signed(error, parts) from None
    await asyncio.to_thread(_demand_new, node, credential, at)
    return Caller(institution=False, signer=credential.signer)


async def is_institution(request: Request) -> bool:
    """Does it come with the institution's credential, or by a session of its console from its own pages? AccessError
    for a credential that is wrong, and for a session that another origin's page would use."""
    node, header = node_of(request), request.headers.get("authorization", "")
    if header.startswith("Bearer "):
        demand_credential(node, header.removeprefix("Bearer "))
        return True
    token = _token(node, request)
    if header or token is None:
        return False
    demand_same_origin(request)
    session = await ask_store(node.sessions.of, token)
    if session is None or session.signer is not None:
        raise AccessError("the session has ended", remedy="log in again", code="access.session")
    return True


async def is_logged_in(request: Request) -> bool:
    """`is_institution`, of a route that answers anybody: who comes by a cookie that shows nothing is anybody.
    AccessError for a credential that is wrong."""
    try:
        return await is_institution(request)
    except AccessError:
        if "authorization" in request.headers:
            raise
        return False


class Audience(Enum):
    """Who asks a route that answers anybody: how much a dataset's `visible` lets them know."""

    ANYBODY = ("public",)
    TRUSTED = ("public", "trusted")
    ITSELF = ("public", "trusted", "nobody")

    def knows(self, visible: str) -> bool:
        """Whether these may know of what is so visible."""
        return visible in self.value


async def audience_of(node: Node, request: Request, response: Response) -> Audience:
    """The institution itself, or one of the trust list's by its signature, or anybody. AccessError for a credential
    that is wrong."""
    header = request.headers.get("authorization")
    if header is not None and header.startswith("Placet "):
        caller = await caller_of(request, response, header)
        listed = any(one.address == caller.signer for one in node.trust.institutions)
        return Audience.TRUSTED if listed else Audience.ANYBODY
    return Audience.ITSELF if await is_logged_in(request) else Audience.ANYBODY


def _token(node: Node, request: Request) -> str | None:
    """What the institution's cookie holds."""
    return request.cookies.get(cookie_of(node.address))


def demand_credential(node: Node, text: str) -> None:
    """AccessError unless it is the institution's."""
    if not hmac.compare_digest(text.strip().encode(), node.credential):
        raise AccessError("this is not the institution's credential", code="access.credential")


def demand_same_origin(request: Request) -> None:
    """AccessError unless the browser says that one of the node's own pages sent it (Fetch Metadata)."""
    site = request.headers.get("sec-fetch-site")
    if site != "same-origin":
        raise AccessError(
            "only this node's own pages may ask so",
            expected="Sec-Fetch-Site: same-origin",
            found=site,
            code="access.origin",
        )


async def _reader(node: Node, request: Request, token: str) -> Caller:
    session = await ask_store(node.sessions.of, token)
    if session is None or session.signer is None:
        raise AccessError("the session has ended", remedy="sign a request to /v1/session", code="access.session")
    if request.method not in _READS:
        raise AccessError(
            "a session reads and does not write",
            expected="a signed request",
            found=request.method,
            code="access.session-reads",
        )
    return Caller(institution=False, signer=session.signer)


def _demand_new(node: Node, credential: Credential, at: int) -> None:
    entry = {"signer": credential.signer, "nonce": credential.nonce, "expiry": credential.expiry}
    with node.engine.begin() as connection:
        connection.execute(sa.delete(nonces).where(nonces.c.expiry < at))
        if not insert_new(connection, nonces, entry):
            raise AccessError(
                "this signed request was used before", remedy="sign a new one with a new nonce", code="access.replayed"
            )


async def institution(caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
    """AccessError unless it is the institution."""
    if not caller.institution:
        raise AccessError("only the institution itself may do this", code="access.institution")
    return caller


async def institution_or_auditor(request: Request, caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
    """AccessError unless it is the institution, or an auditor of the trust list."""
    if caller.institution or (caller.signer is not None and node_of(request).trust.is_auditor(caller.signer)):
        return caller
    raise AccessError("only the institution and the trust list's auditors may do this", code="access.auditor")


async def _lasting(request: Request) -> Lasts:
    node, header = node_of(request), request.headers.get("authorization", "")
    token = _token(node, request) if not header else None
    if header.startswith("Session "):
        token = header.removeprefix("Session ").strip()

    async def lasts() -> bool:
        return token is None or await ask_store(node.sessions.of, token) is not None

    return lasts


AnyCaller = Annotated[Caller, Depends(caller_of)]
Institution = Annotated[Caller, Depends(institution)]
InstitutionOrAuditor = Annotated[Caller, Depends(institution_or_auditor)]
Lasting = Annotated[Lasts, Depends(_lasting)]
"""For an answer that goes on and on: does the session by which it was asked, if it was by one, still last?"""
