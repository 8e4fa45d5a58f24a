"""Which other origins' pages may use the passkeys that are of this host: related origin requests (WebAuthn 3, 5.11).

A passkey is of one host. Whoever may use it can ask its owner for signatures, and for the secrets that keys of consents
follow from: so these origins are named by the host's operator one by one, and are not taken from a trust list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import JSONResponse

Origin = Annotated[str, Field(pattern=r"^https?://[a-z0-9.\[\]:-]{1,253}$")]
Origins = Annotated[tuple[Origin, ...], Field(max_length=64)]


def related_origins_router(origins: Sequence[str]) -> APIRouter:
    """`/.well-known/webauthn`; no route where there are none."""
    router = APIRouter(include_in_schema=False)
    if origins:

        @router.get("/.well-known/webauthn")
        async def related() -> JSONResponse:
            return JSONResponse({"origins": list(origins)})

    return router
