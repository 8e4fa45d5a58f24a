"""Limits: what a request may weigh, and how often who may ask.

Two kinds of counters. Per client address, in memory: an address is personal data. Per enrolled subject, owner and in
total, in the database, so that a restart doesn't reset them; a subject stands there as an HMAC. `shared_limits` is how
several processes keep one limit together.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from placet.core.errors import InputError, LimitError, PlacetError
from placet.core.ids import OfferId
from placet.core.json_text import read_json
from placet.node.config import NodeLimits
from placet.node.http.problems import answer
from placet.node.state import counters, insert

MINUTE = 60
DAY = 86_400
_CLIENTS = 20_000
_MAX_HEADERS = 100
_PLACES = 256
_PLACES_TO_WITHDRAW = 64


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
        at = self._clock()
        if self._count(at // MINUTE, what, client, allowed) > allowed:
            raise TooOften(f"{what} from this address", allowed, MINUTE, MINUTE - at % MINUTE)

    def _clock(self) -> int:
        return int(time.monotonic())

    def _count(self, window: int, what: str, client: str, allowed: int) -> int:
        with self._lock:
            began, count = self._seen.pop((what, client), (window, 0))
            count = count + 1 if began == window else 1
            self._seen[what, client] = (window, min(count, allowed + 1))
            if len(self._seen) > _CLIENTS:
                self._seen.popitem(last=False)
        return count


class SubjectKey:
    """Turns a subject into a counter's key that means nothing without the node's secret."""

    def __init__(self, secret: bytes) -> None:
        self._key = HKDF(SHA256(), 32, None, b"placet.node.subject-limits/1").derive(secret)

    def name(self, offer: OfferId, subject: str) -> str:
        return hmac.digest(self._key, offer + subject.encode(), hashlib.sha256).hex()

    def owner(self, owner: bytes) -> bytes:
        """An owner's key, found again by who has it (32 bytes)."""
        return hmac.digest(self._key, b"owner " + owner, hashlib.sha256)

    def client(self, window: int, what: str, client: str) -> str:
        """The same for requests of an address in one window of time."""
        return hmac.digest(self._key, f"client {window} {what} {client}".encode(), hashlib.sha256).hex()


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


def used(connection: sa.Connection, now: int, budgets: Iterable[Budget]) -> dict[str, int]:
    """What was counted in the present window (`now` in Unix seconds) of each budget, by its key."""
    windows = {budget.key: now // budget.seconds for budget in budgets}
    counted = sa.select(counters).where(counters.c.key.in_(windows))
    rows = connection.execute(counted).mappings()
    return {row["key"]: row["count"] for row in rows if row["window"] == windows[row["key"]]}


def count(connection: sa.Connection, now: int, budgets: Iterable[Budget]) -> None:
    """Count what was reserved, in the caller's transaction (`now` in Unix seconds). A budget that stands here twice
    counts twice."""
    entries = [
        {
            "key": budget.key,
            "window": now // budget.seconds,
            "count": times,
            "expiry": (now // budget.seconds + 2) * budget.seconds,
        }
        for budget, times in Counter(budgets).items()
    ]
    if entries:
        added = insert(connection, counters)
        larger = counters.c.count + added.excluded["count"]
        connection.execute(
            added.on_conflict_do_update(index_elements=["key", "window"], set_={"count": larger}), entries
        )


class Reservations:
    """What submissions use up of their budgets while the vault judges them.

    Reservations are in memory. A budget is counted for good in the transaction that stores what was admitted, so that
    a refusal gives its share back, and a node that is killed in between has counted nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reserved: Counter[str] = Counter()

    def reserve(
        self, now: int, many: Sequence[Sequence[Budget]], used: Callable[[], Mapping[str, int]]
    ) -> list[TooOften | None]:
        """For each in order: None, and one is reserved under each of its budgets; or the budget that is used up, and
        nothing is. `used`: what is counted already, by key; asked while no other reservation ends. `now` in Unix
        seconds."""
        with self._lock:
            counted = used()
            outcomes: list[TooOften | None] = []
            for budgets in many:
                full = (b for b in budgets if counted.get(b.key, 0) + self._reserved[b.key] >= b.allowed)
                if (budget := next(full, None)) is None:
                    self._reserved.update(budget.key for budget in budgets)
                    outcomes.append(None)
                else:
                    retry_after = budget.seconds - now % budget.seconds
                    outcomes.append(TooOften(budget.what, budget.allowed, budget.seconds, retry_after))
            return outcomes

    @contextlib.contextmanager
    def settle(self, many: Iterable[Sequence[Budget]]) -> Iterator[None]:
        """End reservations, however the block ends. What is to be counted for good is committed within the block."""
        with self._lock:
            try:
                yield
            finally:
                self._reserved.subtract(budget.key for budgets in many for budget in budgets)
                self._reserved = +self._reserved


def forget(connection: sa.Connection, now: int) -> None:
    """Drop counters of past windows."""
    connection.execute(sa.delete(counters).where(counters.c.expiry < now))


def _demand_json(body: bytes) -> None:
    # Python's own JSON decoder trusts in the recursion limit, and py_ecc (below eth-account) raises that so far that
    # 100 KB of brackets overflow the stack and end the process. pydantic's decoder stops at a depth of 200.
    read_json(body or b"null", "the body")


class _Places:
    """How many requests are worked on at a time."""

    def __init__(self, number: int) -> None:
        self._left = number

    def take(self) -> _Place:
        """LimitError `limit.busy` if none is left."""
        if self._left <= 0:
            raise LimitError("the node is busy", remedy="try again in a few seconds", code="limit.busy")
        self._left -= 1
        return _Place(self)

    def give_back(self) -> None:
        self._left += 1


class _Place:
    """One of them, until it is freed."""

    def __init__(self, places: _Places) -> None:
        self._places: _Places | None = places

    def free(self) -> None:
        """Again changes nothing."""
        places, self._places = self._places, None
        if places is not None:
            places.give_back()


def _withdraws(scope: Scope) -> bool:
    path: str = scope["path"]
    return path.endswith(("/withdrawal", "/withdrawal/draft"))


class RequestLimits:
    """ASGI middleware: headers and body are bounded while they stream in, and a body may not trickle for ever.

    A JSON body reaches the application only if it is JSON and not nested too deep. Requests that have come whole take
    one of `_PLACES` until their answer begins, and withdrawals one of their own: whatever else a node is asked, and
    however slowly answers are read, people can withdraw.
    """

    def __init__(self, app: ASGIApp, limits: NodeLimits) -> None:
        self._app = app
        self._limits = limits
        self._places, self._withdrawing = _Places(_PLACES), _Places(_PLACES_TO_WITHDRAW)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._headers(scope)
            body = await self._body(receive)
            if any(name == b"content-type" and b"json" in value.lower() for name, value in scope["headers"]):
                _demand_json(body)
            place = (self._withdrawing if _withdraws(scope) else self._places).take()
        except PlacetError as error:
            await answer(error)(scope, receive, send)
            return
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        async def sending(message: Message) -> None:
            place.free()
            await send(message)

        try:
            await self._app(scope, replay, sending)
        finally:
            place.free()

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
