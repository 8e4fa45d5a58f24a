"""Serves the built pages: hashed assets, kept by browsers for ever; HTML that nobody keeps; strict headers on both."""

from __future__ import annotations

import functools
import gzip
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from importlib import resources
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Header, Path
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse

from placet.pages.verifier import verifier

PageLanguage = Literal["en", "de", "zh"]
Page = Literal["owner", "console", "audit", "proof", "doors"]
_LANGUAGES: tuple[PageLanguage, ...] = ("en", "de", "zh")

_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "html": "text/html; charset=utf-8"}
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
_DIGEST = r"^[0-9a-f]{16}$"
_FILE = r"^[a-z]+([._-][a-z]+)?\.[a-z]+$"
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
_PIECE = 1 << 16
_FOR_EVER = "public, max-age=31536000, immutable"
_ANYBODY = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
"""Of files that are the same for everybody: the auditor's page is another origin than the node that serves it."""


def content_security_policy(servers: Iterable[str]) -> str:
    """That of pages that sign: nothing but this origin's files, no inline anything, no strings as scripts, and
    connections to these servers alone beside the own one."""
    connected = " ".join(("'self'", *dict.fromkeys(origin for url in servers for origin in _origin(url))))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src {connected}; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types placet"
    )


EXPLORER_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types placet; sandbox allow-scripts allow-downloads allow-modals"
)
"""That of the auditor's page, which reads what strangers wrote: it runs WebAssembly, signs nothing, and is an origin of
its own without cookies or storage (`sandbox`), so that nothing in it reaches the owner's page."""

PROOF_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'; sandbox allow-scripts allow-modals"
)
"""That of the page that shows and checks proofs, also written by strangers: an origin of its own too. It prints."""


def _origin(url: str) -> Iterable[str]:
    """A URL's origin; nothing for what could say more than one in a header."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    return (origin,) if _ORIGIN.fullmatch(origin) else ()


def _fixed(html: Callable[[PageLanguage, str], Response], language: PageLanguage) -> Callable[..., Awaitable[Response]]:
    """A route of one language: a path of any one word would answer for what is not there."""

    async def route(accept_encoding: Annotated[str, Header()] = "") -> Response:
        return html(language, accept_encoding)

    return route


def _add_doors(
    router: APIRouter,
    negotiating: Callable[..., Awaitable[Response]],
    html: Callable[[PageLanguage, str], Response],
) -> None:
    router.add_api_route("/", negotiating)
    for language in _LANGUAGES:
        router.add_api_route(f"/{language}/", _fixed(html, language))


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


def _answer(plain: bytes, packed: bytes | None, encodings: str, kind: str, headers: dict[str, str]) -> Response:
    if packed is None or "gzip" not in encodings:
        return Response(plain, media_type=kind, headers=headers)
    return Response(packed, media_type=kind, headers=headers | {"Content-Encoding": "gzip"})


def _in_pieces(content: bytes, kind: str, headers: dict[str, str]) -> Response:
    """An answer of megabytes, a piece after the other as the client reads them: a connection waits for its client piece
    by piece (`placet.serving.connections`), so that who reads slowly is not cut off, and who does not read at all keeps
    one piece in memory and no more."""

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), _PIECE):
            yield content[start : start + _PIECE]

    return StreamingResponse(pieces(), media_type=kind, headers=headers | {"Content-Length": str(len(content))})


def pages_router(servers: Iterable[str], name: str) -> APIRouter:
    """The routes of all pages. `servers`: URLs that an owner's page may ask beside this node; `name`: whose node it
    is."""
    policies: dict[Page, str] = {
        "owner": content_security_policy(servers),
        "console": content_security_policy(()),
        "audit": EXPLORER_POLICY,
        "proof": PROOF_POLICY,
        "doors": content_security_policy(()),
    }
    return _router(policies, name)


def explorer_digest() -> str:
    """SHA-256, in hex, over all that the auditor's page consists of here: a line for each file, its name and SHA-256,
    in the order of their names."""
    names = [name for name in _files() if re.match(r"audit\.|assets/(audit|report|style|worker)\.", name)]
    lines = {name: hashlib.sha256(_files()[name][0]).hexdigest() for name in names}
    served = verifier()
    if served is not None:
        lines |= {f"verifier/{name}": file.sha256 for name, file in served.files.items()}
    return hashlib.sha256("".join(f"{name} {lines[name]}\n" for name in sorted(lines)).encode()).hexdigest()


def explorer_router() -> APIRouter:
    """The auditor's page alone, on his own machine."""
    return _router({"audit": EXPLORER_POLICY}, None)


def _router(policies: dict[Page, str], name: str | None) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    def answer(name: str, encodings: str, policy: str, cache: str, **headers: str) -> Response:
        both = _files().get(name)
        if both is None:
            raise HTTPException(404)
        more = {"Content-Security-Policy": policy, "Cache-Control": cache, "Vary": "Accept-Encoding, Accept-Language"}
        return _answer(*both, encodings, _TYPES[name.rpartition(".")[2]], _HEADERS | more | headers)

    @router.get("/assets/{name}")
    async def asset(
        name: Annotated[str, Path(pattern=_ASSET)], accept_encoding: Annotated[str, Header()] = ""
    ) -> Response:
        return answer(f"assets/{name}", accept_encoding, content_security_policy(()), _FOR_EVER, **_ANYBODY)

    @router.get("/verifier/manifest.json")
    def manifest() -> Response:
        """Whose node it is, and what a browser loads to verify; `verifier` is null where that is not installed."""
        served = verifier()
        content = {"name": name, "verifier": None if served is None else served.manifest}
        return JSONResponse(content, headers=_HEADERS | _ANYBODY | {"Cache-Control": "no-store"})

    @router.get("/verifier/{folder}/{file}")
    def part(
        folder: Annotated[str, Path(pattern=_DIGEST)],
        file: Annotated[str, Path(pattern=_FILE)],
        accept_encoding: Annotated[str, Header()] = "",
    ) -> Response:
        served = verifier()
        if served is None or served.folder != folder or file not in served.files:
            raise HTTPException(404)
        one = served.files[file]
        headers = _HEADERS | _ANYBODY | {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
        if one.packed and "gzip" in accept_encoding:
            return _in_pieces(one.content, one.kind, headers | {"Content-Encoding": "gzip"})
        return _in_pieces(one.plain, one.kind, headers)

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

        if page == "doors":
            return _add_doors(router, negotiating, html)
        for rest in ("", "/{rest:path}"):
            router.add_api_route(f"/{page}{rest}", negotiating)
            router.add_api_route(f"/{{language}}/{page}{rest}", in_language)

    for page in policies:
        add(page)
    return router
