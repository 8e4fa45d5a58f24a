"""Limits: what a request may weigh, and how often who may ask.

Two kinds of counters. Per client address, in memory only: an address is personal data. Per enrolled subject, owner and
in total, in the database, so that a restart doesn't reset them; a subject stands there as an HMAC.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import threading
import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic_core import from_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from placet.core.errors import InputError, LimitError, PlacetError
from placet.node.config import NodeLimits
from placet.node.http.problems import answer
from placet.node.state import counters, insert

MINUTE = 60
DAY = 86_400
_CLIENTS = 20_000
_MAX_HEADERS = 100


class TooOften(LimitError):  # noqa: N818 - it reads as what it is
    """A rate is exceeded; `retry_after` in seconds."""

    code = "limit.rate"

    def __init__(self, what: str, allowed: int, window: int, retry_after: int) -> None:
        super().__init__(
            f"too many {what}", expected=f"at most {allowed} in {window} seconds", remedy=f"wait {retry_after} seconds"
        )
        self.retry_after = retry_after


class ClientRates:
    """Requests per client address and minute, for the last `_CLIENTS` addresses."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, what: str, client: str, allowed: int) -> None:
        """Count one; TooOften beyond `allowed` a minute."""
        at = int(time.monotonic())
        window = at // MINUTE
        with self._lock:
            began, count = self._seen.pop((what, client), (window, 0))
            count = count + 1 if began == window else 1
            self._seen[what, client] = (window, min(count, allowed + 1))
            if len(self._seen) > _CLIENTS:
                self._seen.popitem(last=False)
        if count > allowed:
            raise TooOften(f"{what} from this address", allowed, MINUTE, MINUTE - at % MINUTE)


class SubjectKey:
    """Turns a subject into a counter's key that means nothing without the node's secret."""

    def __init__(self, secret: bytes) -> None:
        self._key = HKDF(SHA256(), 32, None, b"placet.node.subject-limits/1").derive(secret)

    def name(self, offer: bytes, subject: str) -> str:
        return hmac.digest(self._key, offer + subject.encode(), hashlib.sha256).hex()


@dataclass(frozen=True)
class Budget:
    """At most `allowed` in a window of `seconds`, counted under `key`; `what` for people."""

    key: str
    what: str
    allowed: int
    seconds: int


def spend(connection: sa.Connection, now: int, *budgets: Budget) -> None:
    """Count one under each budget, in the caller's transaction; TooOften, which undoes it, if one is used up."""
    for budget in budgets:
        window = now // budget.seconds
        entry = {"key": budget.key, "window": window, "count": 1, "expiry": (window + 2) * budget.seconds}
        added = insert(connection, counters).values(entry)
        counted = added.on_conflict_do_update(
            index_elements=["key", "window"],
            set_={"count": counters.c.count + 1},
            where=counters.c.count < budget.allowed,
        ).returning(counters.c.count)
        if connection.execute(counted).first() is None:
            raise TooOften(budget.what, budget.allowed, budget.seconds, (window + 1) * budget.seconds - now)


def spend_all(connection: sa.Connection, now: int, many: Sequence[Sequence[Budget]]) -> bool:
    """`spend` for many at once, in a few statements; False, with nothing counted, if one budget is used up."""
    counted = Counter(budget for budgets in many for budget in budgets)
    by_allowed: dict[int, list[dict[str, object]]] = defaultdict(list)
    for budget, times in counted.items():
        window = now // budget.seconds
        entry = {"key": budget.key, "window": window, "count": times, "expiry": (window + 2) * budget.seconds}
        by_allowed[budget.allowed].append(entry)
        if times > budget.allowed:
            return False
    with connection.begin_nested() as nested:
        for allowed, entries in by_allowed.items():
            added = insert(connection, counters)
            larger = counters.c.count + added.excluded["count"]
            counting = added.on_conflict_do_update(
                index_elements=["key", "window"], set_={"count": larger}, where=larger <= allowed
            ).returning(counters.c.key)
            if len(connection.execute(counting, entries).all()) != len(entries):
                nested.rollback()
                return False
    return True


def forget(connection: sa.Connection, now: int) -> None:
    """Drop counters of past windows."""
    connection.execute(sa.delete(counters).where(counters.c.expiry < now))


def _demand_shallow(body: bytes) -> None:
    # Python's own JSON decoder trusts in the recursion limit, and py_ecc (below eth-account) raises that so far that
    # 100 KB of brackets overflow the stack and end the process. pydantic's decoder stops at a depth of 200.
    try:
        from_json(body or b"null", allow_inf_nan=False)
    except ValueError:
        raise InputError(
            "the body is not JSON", expected="JSON in UTF-8, nested less than 200 deep", code="input.json"
        ) from None


class RequestLimits:
    """ASGI middleware: headers and body are bounded while they stream in, and a body may not trickle for ever.

    A JSON body reaches the application only if it is JSON and not nested too deep.
    """

    def __init__(self, app: ASGIApp, limits: NodeLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._headers(scope)
            body = await self._body(receive)
            if any(name == b"content-type" and b"json" in value.lower() for name, value in scope["headers"]):
                _demand_shallow(body)
        except PlacetError as error:
            await answer(error)(scope, receive, send)
            return
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        await self._app(scope, replay, send)

    def _headers(self, scope: Scope) -> None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        size = sum(len(name) + len(value) + 4 for name, value in headers) + len(scope.get("raw_path") or b"")
        size += len(scope.get("query_string") or b"")
        if size > self._limits.header_bytes or len(headers) > _MAX_HEADERS:
            raise LimitError(
                "the request's headers are too large",
                expected=f"at most {self._limits.header_bytes} bytes and {_MAX_HEADERS} headers",
                code="limit.header",
            )
        for name, value in headers:
            if name == b"content-length" and not (value.isdigit() and int(value[:20]) <= self._limits.body_bytes):
                raise self._too_large()

    async def _body(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise InputError("the caller went away before the body's end", code="input.json")
                    chunk = message.get("body", b"")
                    size += len(chunk)
                    if size > self._limits.body_bytes:
                        raise self._too_large()
                    chunks.append(chunk)
                    if not message.get("more_body", False):
                        return b"".join(chunks)
        except TimeoutError:
            raise LimitError(
                "the request's body came too slowly",
                expected=f"all of it within {self._limits.body_seconds:g} seconds",
                code="limit.slow",
            ) from None

    def _too_large(self) -> LimitError:
        return LimitError(
            "the request's body is too large", expected=f"at most {self._limits.body_bytes} bytes", code="limit.body"
        )
