"""One HTTP endpoint of a chain: what it answers as JSON, and its refusals told apart in its own words.

An endpoint's URL often holds a credential: a user and a password, a key in the path or the query. None of it is ever
shown. `EndpointUrl.shown` has scheme, host and port alone, and an endpoint that repeats its own address in an answer is
quoted without it.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import re
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from html import unescape
from urllib.parse import unquote, urlsplit

import certifi
import urllib3
from pydantic_core import from_json
from urllib3.exceptions import HTTPError, NewConnectionError, TimeoutError

from placet.core.errors import ChainError

TIMEOUT = 20.0
"""Seconds for the connection, between two pieces of an answer, and three times as many for all of it."""
MAX_ANSWER = 64 << 20
MAX_WORDS = 200
PATIENCE = 5.0
"""Seconds that a request waits where the endpoint asks for it (`Retry-After`, RFC 9110)."""
LONGEST_REST = 60.0
"""Seconds at the most for which an endpoint that asked for a longer wait is left alone."""
_MAX_READ = 64 << 10
_HIDDEN = "…"
_URL = re.compile(r"\b(?:https?|wss?)://[^\s\"'<>]+", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_WORDS = ("message", "error", "error_description", "msg", "detail", "reason", "title", "errors", "data")
_LONG = 6
"""Characters from which on a part of a URL is hidden within a word too."""


logging.getLogger("urllib3").setLevel(logging.INFO)  # below that it logs each request's path and query


class EndpointError(ChainError):
    """The endpoint can't be used as it is. `again`: may the same request succeed soon? `rest`: seconds that it asks
    for; `smaller`: would less at once be answered?"""

    def __init__(
        self,
        message: str,
        code: str,
        *,
        found: str | None = None,
        remedy: str | None = None,
        again: bool = False,
        rest: float | None = None,
        smaller: bool = False,
    ) -> None:
        super().__init__(message, found=found, remedy=remedy, code=code)
        self.again = again
        self.rest = rest
        self.smaller = smaller


class EndpointUrl:
    """An endpoint's address, and how much of it may be shown."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self.shown = _shown(url)
        self.login: str | None = None
        """For HTTP's Basic authentication (RFC 7617)."""
        secret = {parts.path, parts.query, parts.username or "", parts.password or "", parts.netloc.rpartition("@")[0]}
        secret |= set(parts.path.split("/"))
        for pair in parts.query.split("&"):
            secret |= {pair, pair.partition("=")[2]}
        secret |= {unquote(part) for part in secret}
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self.login = base64.b64encode(login.encode()).decode()
            secret.add(self.login)
        secret -= {"", "/"}
        ordered = sorted(secret, key=len, reverse=True)
        self._secret = re.compile("|".join(_within_text(part) for part in ordered)) if ordered else None

    def words(self, text: str) -> str:
        """Somebody's text as it may be quoted: one line, printable, short, and without anything that a URL hides."""
        line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * MAX_WORDS]).split())
        line = _URL.sub(lambda match: _shown(match[0]), line)
        if self._secret is not None:
            line = self._secret.sub(_HIDDEN, line)
        return line if len(line) <= MAX_WORDS else line[: MAX_WORDS - 1] + "…"


def _shown(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or "?"
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return _HIDDEN
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def _within_text(part: str) -> str:
    """A short part (a version, a user's name) is hidden where it stands alone: it may be within any word."""
    escaped = re.escape(part)
    return escaped if len(part) >= _LONG else rf"(?<![A-Za-z0-9_]){escaped}(?![A-Za-z0-9_])"


class HttpEndpoint:
    """Sends JSON and reads JSON. May be used by many threads at once."""

    def __init__(self, url: str, timeout: float = TIMEOUT, heard: Callable[[int], object] | None = None) -> None:
        """`heard` is told of each piece of an answer how many bytes it has, before anything is made of them."""
        self.address = EndpointUrl(url)
        self._heard = heard
        self._timeout = timeout
        self._resting = threading.Lock()
        self._resume_at = float("-inf")
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
        if self.address.login is not None:
            headers["Authorization"] = f"Basic {self.address.login}"
        self._pool = urllib3.PoolManager(headers=headers, maxsize=16, retries=False, ca_certs=certifi.where())

    def post(self, content: bytes) -> object:
        """The answer's JSON. EndpointError for everything else; a JSON-RPC error is an answer whatever the status."""
        self._rest()
        try:
            answer = self._pool.urlopen(
                "POST", self.address.url, body=content, timeout=self._timeout, redirect=False, preload_content=False
            )
            with contextlib.closing(answer):
                body = self._body(answer)
        except (HTTPError, OSError) as error:
            if isinstance(error, TimeoutError) and not isinstance(error, NewConnectionError):
                raise self._slow() from None
            raise EndpointError(
                "the chain's endpoint can't be reached",
                "chain.unreachable",
                found=f"{self.address.shown}: {_cause(error)}",
                remedy="is the chain up, and is the endpoint's URL right?",
                again=True,
            ) from None
        return self._read(answer, body)

    def quote(self, content: object) -> str:
        """What an answer says, in its own words."""
        return self.address.words(_said(content))

    def _rest(self) -> None:
        with self._resting:
            rest = self._resume_at - time.monotonic()
        if rest > PATIENCE:
            raise self._limited(f"it asked to be left alone for another {rest:.0f} s", rest)
        if rest > 0:
            time.sleep(rest)

    def _body(self, answer: urllib3.BaseHTTPResponse) -> bytes:
        until, pieces, size = time.monotonic() + 3 * self._timeout, [], 0
        for piece in answer.stream(_MAX_READ):
            pieces.append(piece)
            size += len(piece)
            if self._heard is not None:
                self._heard(len(piece))
            if size > MAX_ANSWER:
                raise EndpointError(
                    "the chain's endpoint answers too much at once", "chain.answer", found=f"over {MAX_ANSWER} bytes",
                    smaller=True,
                )  # fmt: skip
            if time.monotonic() > until:
                raise self._slow()
        return b"".join(pieces)

    def _read(self, answer: urllib3.BaseHTTPResponse, body: bytes) -> object:
        try:
            content = from_json(body)
        except ValueError:
            content = None
        status = answer.status
        if 200 <= status < 300 and isinstance(content, dict | list):
            return content
        words = self.address.words(_said(content) if content is not None else _text(body))
        found = f"{self.address.shown}: HTTP {status}{f': {words}' if words else ''}"
        if 300 <= status < 400:
            target = answer.headers.get("Location", "")
            raise EndpointError(
                "the chain's endpoint redirects, and no redirect is followed",
                "chain.redirected",
                found=f"{self.address.shown}: HTTP {status} to {_shown(target) if '://' in target else 'another path'}",
                remedy="set chain_url to the endpoint itself",
            )
        if status == 401:
            raise EndpointError(
                "the chain's endpoint wants other credentials",
                "chain.unauthorized",
                found=found,
                remedy="put the right user and password, or key, into chain_url",
            )
        if status == 403:
            raise EndpointError(
                "the chain's endpoint forbids this", "chain.forbidden", found=found,
                remedy="ask its operator what this key, or this machine's address, may do",
            )  # fmt: skip
        if status == 429 or (status == 503 and "Retry-After" in answer.headers):
            raise self._limited(found, _retry_after(answer.headers.get("Retry-After")))
        if _is_answer(content):
            return content
        if 200 <= status < 300:
            raise EndpointError(
                "the chain's endpoint does not answer with JSON", "chain.not-json",
                found=found if body else f"{self.address.shown}: HTTP {status}, and nothing in it",
                remedy="is a JSON-RPC endpoint there? a proxy, a login page or a web site may answer instead",
                again=not body,
            )  # fmt: skip
        raise EndpointError(
            "the chain's endpoint fails" if status >= 500 else "the chain's endpoint refuses the request",
            "chain.server" if status >= 500 else "chain.refused",
            found=found,
            remedy="is chain_url right? else ask its operator",
            again=status >= 500,
            smaller=status in (400, 413) or status >= 500,
        )

    def _limited(self, found: str, rest: float | None) -> EndpointError:
        """Too many requests: nobody asks before the time that the endpoint names, within bounds."""
        bounded = None if rest is None else min(max(rest, 0.0), LONGEST_REST)
        if bounded is not None:
            with self._resting:
                self._resume_at = max(self._resume_at, time.monotonic() + bounded)
        return EndpointError(
            "the chain's endpoint has had too many requests",
            "chain.limited",
            found=found,
            remedy="wait, or get an endpoint that takes more",
            again=bounded is None or bounded <= PATIENCE,
            rest=bounded,
        )

    def _slow(self) -> EndpointError:
        return EndpointError(
            "the chain's endpoint does not answer in time",
            "chain.slow",
            found=f"{self.address.shown}: nothing within {self._timeout:g} s",
            remedy="is it overloaded, or behind something that swallows requests?",
            again=True,
        )


def _cause(error: Exception) -> str:
    """Why there is no connection, without the URL that the library's own text holds."""
    place: BaseException | None = error
    seen: set[int] = set()
    while place is not None and id(place) not in seen:
        seen.add(id(place))
        if isinstance(place, OSError) and place.strerror:
            return place.strerror
        inner = getattr(place, "reason", None)
        arguments = [one for one in place.args if isinstance(one, BaseException)]
        place = (
            inner if isinstance(inner, BaseException) else next(iter(arguments), place.__cause__ or place.__context__)
        )
    return type(error).__name__


def _is_answer(content: object) -> bool:
    """JSON-RPC, whatever status stands on it: many endpoints send their errors with one of 400 or 500."""
    first = content[0] if isinstance(content, list) and content else content
    return isinstance(first, dict) and ("result" in first or isinstance(first.get("error"), dict))


def _said(content: object, depth: int = 0) -> str:
    """The words in a JSON answer: its error's message, wherever gateways and nodes put it, or else all of it."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return _said(content[0], depth + 1) if content and depth < 4 else ""
    if isinstance(content, dict) and depth < 4:
        for name in _WORDS:
            if name in content and (words := _said(content[name], depth + 1)):
                return words
        return ", ".join(f"{name}: {value}" for name, value in list(content.items())[:8] if not isinstance(value, dict))
    return "" if content is None else str(content)[:MAX_WORDS]


def _text(body: bytes) -> str:
    """The words of a page or a plain text."""
    text = body[:_MAX_READ].decode(errors="replace")
    title = _TITLE.search(text)
    return unescape(_TAG.sub(" ", title[1] if title and title[1].strip() else text))


def _retry_after(value: str | None) -> float | None:
    """Seconds, or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        if value.strip().isdigit():
            return float(value.strip()[:9])
        return parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
