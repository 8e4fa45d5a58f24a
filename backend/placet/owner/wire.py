"""HTTP as owners speak it: requests signed by a consent's own key, problem details back as errors."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol, TypeVar

import httpx
from pydantic import BaseModel
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from placet.core.eip712 import Domain
from placet.core.errors import (
    AccessError,
    ChainError,
    ConfigError,
    ConsentError,
    InputError,
    LimitError,
    NotFoundError,
    PeerError,
    PlacetError,
    PlanError,
    SignatureError,
    StateError,
    WarrantError,
)
from placet.core.requests import RequestParts, signed_request
from placet.core.values import parse
from placet.owner.answers import ProblemAnswer

LIFETIME = 120
MAX_ANSWER = 32 << 20
SLOWEST = 300.0
TRIES = 4
_BACK_OFF = wait_exponential_jitter(multiplier=0.2, jitter=0.2)
_KINDS: dict[str, type[PlacetError]] = {
    kind.code: kind
    for kind in (
        AccessError,
        ChainError,
        ConfigError,
        ConsentError,
        InputError,
        LimitError,
        NotFoundError,
        PeerError,
        PlanError,
        SignatureError,
        StateError,
        WarrantError,
    )
}
M = TypeVar("M", bound=BaseModel)


class Signing(Protocol):
    """A key that signs requests and consents; `signer` is its ERC-7913 form."""

    @property
    def signer(self) -> bytes: ...

    def sign(self, digest: bytes, /) -> bytes: ...


@dataclass(frozen=True)
class RequestSigner:
    """Signs requests to one receiver, whose address it names: nobody else can use them."""

    key: Signing
    domain: Domain
    receiver: bytes

    def header(self, method: str, path: str, body: bytes) -> str:
        """The `Authorization` header of one request; good for LIFETIME seconds, once."""
        request, expiry = RequestParts(self.receiver, method, path, body), int(time.time()) + LIFETIME
        return signed_request(self.key.signer, self.key.sign, request, expiry=expiry, domain=self.domain).header()


async def ask(
    http: httpx.AsyncClient,
    model: type[M],
    method: str,
    base: str,
    path: str,
    body: bytes = b"",
    *,
    signer: RequestSigner | None = None,
    media: str = "application/json",
) -> M:
    """One request and its answer. PlacetError as the other side's problem says, PeerError if it is unreachable.

    Tried again after a lost connection, 429 with a short `Retry-After` and 503: everything here may be sent twice.
    """

    async def once() -> M:
        headers = {"Accept-Encoding": "identity"} | ({"Content-Type": media} if body else {})
        if signer is not None:
            headers["Authorization"] = signer.header(method, path, body)
        try:
            async with http.stream(method, base.rstrip("/") + path, content=body or None, headers=headers) as answer:
                content = await bounded(answer)
        except httpx.HTTPError as error:
            found = type(error).__name__
            raise _Later(PeerError(f"{base} can't be reached", found=found, remedy="is it running?")) from None
        if answer.is_success:
            return parse(model, content, limit=MAX_ANSWER, what=f"the answer of {base}{path.split('?')[0]}")
        raise _later(answer, refusal(answer.status_code, content, base))

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(_Later), stop=stop_after_attempt(TRIES), wait=_pause, reraise=True
    )
    try:
        return await retrying(once)
    except _Later as later:
        raise later.failure from None


class _Later(Exception):  # noqa: N818 - what to do, not what was wrong
    """A failure after which the same request may succeed; `wait` is what the other side asked for, in seconds."""

    def __init__(self, failure: PlacetError, wait: float | None = None) -> None:
        super().__init__()
        self.failure = failure
        self.wait = wait


def _later(answer: httpx.Response, failure: PlacetError) -> Exception:
    """The failure itself, unless the answer says that it passes: 503, or 429 with a `Retry-After` of 10 s at most."""
    text = answer.headers.get("retry-after", "")
    wait = float(text) if text.isascii() and text.isdigit() and len(text) < 4 else None
    if answer.status_code not in (429, 503) or (wait or 0.0) > 10 or (answer.status_code == 429 and wait is None):
        return failure
    return _Later(failure, wait)


def _pause(state: RetryCallState) -> float:
    error = None if state.outcome is None else state.outcome.exception()
    if isinstance(error, _Later) and error.wait is not None:
        return error.wait
    return _BACK_OFF(state)


async def bounded(answer: httpx.Response) -> bytes:
    """An answer's body of at most `MAX_ANSWER` bytes, which come within `SLOWEST` seconds. LimitError otherwise."""
    content = bytearray()
    try:
        async with asyncio.timeout(SLOWEST):
            async for piece in answer.aiter_raw():
                content += piece
                if len(content) > MAX_ANSWER:
                    raise LimitError("an answer is too large", expected=f"at most {MAX_ANSWER} bytes")
    except TimeoutError:
        raise LimitError("an answer comes too slowly", expected=f"within {SLOWEST:g} s") from None
    return bytes(content)


def problem_of(answer: httpx.Response, base: str) -> PlacetError:
    """A problem document as the error that it was on the other side."""
    return refusal(answer.status_code, answer.content, base)


def refusal(status: int, content: bytes, base: str) -> PlacetError:
    """The same of an answer's status and body."""
    try:
        problem = parse(ProblemAnswer, content[: 1 << 16], what="problem")
    except InputError:
        return PeerError(f"{base} refused", expected="problem details", found=f"HTTP {status}")
    kind = _KINDS.get(problem.code.split(".")[0], PlacetError)
    return kind(
        problem.detail or problem.title or f"HTTP {status}",
        expected=problem.expected,
        found=problem.found,
        remedy=problem.remedy,
        code=problem.code,
    )
