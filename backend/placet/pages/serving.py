"""Serves the built pages: hashed assets, kept by browsers for ever; HTML that nobody keeps; strict headers on both."""

from __future__ import annotations

import functools
import gzip
import re
from collections.abc import Iterable
from importlib import resources
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Header, Path
from starlette.exceptions import HTTPException
from starlette.responses import Response

PageLanguage = Literal["en", "de", "zh"]
Page = Literal["owner", "console"]
_LANGUAGES: tuple[PageLanguage, ...] = ("en", "de", "zh")

_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "html": "text/html; charset=utf-8"}
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
_ASSET = r"^[a-z]+(\.[a-z]{2})?\.[0-9a-f]{16}\.(js|css)$"

_HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), "
    "microphone=(), geolocation=(), usb=(), hid=(), serial=()",
}


def content_security_policy(servers: Iterable[str]) -> str:
    """That of pages that sign: nothing but this origin's files, no inline anything, no strings as scripts, and
    connections to these servers alone beside the own one."""
    connected = " ".join(("'self'", *dict.fromkeys(origin for url in servers for origin in _origin(url))))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src {connected}; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types placet"
    )


def _origin(url: str) -> Iterable[str]:
    """A URL's origin; nothing for what could say more than one in a header."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    return (origin,) if _ORIGIN.fullmatch(origin) else ()


@functools.cache
def _files() -> dict[str, tuple[bytes, bytes]]:
    """All built files by name, as they are and by gzip. All at once, so that no name is remembered that is of none."""
    folder = resources.files("placet.pages") / "dist"
    there = [(file.name, file) for file in folder.iterdir() if file.is_file()]
    there += [(f"assets/{file.name}", file) for file in (folder / "assets").iterdir() if file.is_file()]
    contents = {name: file.read_bytes() for name, file in there}
    return {name: (content, gzip.compress(content, mtime=0)) for name, content in contents.items()}


def negotiated(accept: str) -> PageLanguage:
    """The first language of an Accept-Language header (RFC 9110, 12.5.4) that the pages have; English otherwise."""
    weighted: list[tuple[float, str]] = []
    for part in accept.split(",")[:20]:
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighted.append((float(weight or 1), tag.strip().lower()[:2]))
        except ValueError:
            continue
    ranked = [tag for weight, tag in sorted(weighted, key=lambda one: -one[0]) if weight > 0]
    return next((language for tag in ranked for language in _LANGUAGES if tag == language), "en")


def pages_router(servers: Iterable[str]) -> APIRouter:
    """The routes of the pages. `servers`: URLs that an owner's page may ask beside this node."""
    router = APIRouter(include_in_schema=False)
    policies: dict[Page, str] = {"owner": content_security_policy(servers), "console": content_security_policy(())}

    def answer(name: str, encodings: str, policy: str, cache: str, **headers: str) -> Response:
        both = _files().get(name)
        if both is None:
            raise HTTPException(404)
        packed = "gzip" in encodings
        more = {"Content-Security-Policy": policy, "Cache-Control": cache, "Vary": "Accept-Encoding, Accept-Language"}
        encoding = {"Content-Encoding": "gzip"} if packed else {}
        kind = _TYPES[name.rpartition(".")[2]]
        return Response(both[packed], media_type=kind, headers=_HEADERS | more | encoding | headers)

    @router.get("/assets/{name}")
    async def asset(
        name: Annotated[str, Path(pattern=_ASSET)], accept_encoding: Annotated[str, Header()] = ""
    ) -> Response:
        cache = "public, max-age=31536000, immutable"
        return answer(f"assets/{name}", accept_encoding, content_security_policy(()), cache)

    def add(page: Page) -> None:
        async def negotiating(
            accept_encoding: Annotated[str, Header()] = "", accept_language: Annotated[str, Header()] = ""
        ) -> Response:
            return html(negotiated(accept_language), accept_encoding)

        async def in_language(language: PageLanguage, accept_encoding: Annotated[str, Header()] = "") -> Response:
            return html(language, accept_encoding)

        def html(language: PageLanguage, encodings: str) -> Response:
            named = {"Content-Language": language}
            return answer(f"{page}.{language}.html", encodings, policies[page], "no-store", **named)

        for rest in ("", "/{rest:path}"):
            router.add_api_route(f"/{page}{rest}", negotiating)
            router.add_api_route(f"/{{language}}/{page}{rest}", in_language)

    for page in policies:
        add(page)
    return router
