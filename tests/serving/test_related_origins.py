"""Whose pages may use a host's passkeys: named one by one, bounded, and absent where there are none."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from pydantic import TypeAdapter, ValidationError

from placet.serving.related_origins import Origins, related_origins_router

BANKS = ("https://north.example", "https://south.example:8443")


async def answer(origins: tuple[str, ...]) -> httpx.Response:
    app = FastAPI()
    app.include_router(related_origins_router(origins))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://host") as client:
        return await client.get("/.well-known/webauthn")


async def test_origins_are_told_as_browsers_read_them() -> None:
    told = await answer(BANKS)
    assert (told.status_code, told.headers["content-type"]) == (200, "application/json")
    assert told.json() == {"origins": list(BANKS)}


async def test_where_nobody_else_may_there_is_no_document() -> None:
    assert (await answer(())).status_code == 404


@pytest.mark.parametrize(
    "origins",
    [
        ("north.example",),
        ("https://north.example/path",),
        ("https://NORTH.example",),
        ("*",),
        ("https://a.example",) * 65,
    ],
)
def test_what_is_no_origin_and_too_many_are_refused(origins: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Origins).validate_python(origins)
