"""Which routes other origins' pages may use: those whose authority is in a signature, never in a cookie.

So an owner's page can withdraw at any node, and a page that is an origin of its own can ask who is who. No credentials
are allowed: a browser sends no cookie along.
"""

from __future__ import annotations

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_OPEN = (
    *("/v1/offers", "/v1/datasets", "/v1/consents", "/v1/session", "/v1/export", "/v1/owners"),
    *("/v1/transactions", "/v1/trust", "/v1/proofs"),
)


class OwnersFromAnywhere:
    """ASGI middleware: `Access-Control-Allow-Origin: *` on the routes for owners, and on those that tell everybody the
    same."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app,
            allow_origins=("*",),
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type"),
            expose_headers=("Retry-After",),
            max_age=600,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        open_ = scope["type"] == "http" and any(
            scope["path"] == path or scope["path"].startswith(path + "/") for path in _OPEN
        )
        await (self._open if open_ else self._app)(scope, receive, send)
