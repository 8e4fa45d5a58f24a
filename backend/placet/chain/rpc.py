"""JSON-RPC over HTTP: bounded retries, batches as large as the endpoint takes them, and errors as Placet's.

One `Rpc` may be used by many threads at once. https://www.jsonrpc.org/specification
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, stop_after_delay
from tenacity.wait import wait_exponential_jitter

from placet.chain.abi import decode_revert
from placet.chain.endpoint import PATIENCE, TIMEOUT, EndpointError, HttpEndpoint
from placet.chain.sizes import AdaptiveSize
from placet.core.errors import ChainError, Reverted
from placet.core.values import from_hex

ATTEMPTS = 3
PAUSE = 0.2
"""Seconds before the second try, twice as many before each further one, and up to as many at random; or as many as the
endpoint asks for."""
MAX_BATCH = 100
NO_METHOD = -32601
_LIMITED = re.compile(r"rate.?limit|too many requests|compute units|capacity|throttl|request count", re.IGNORECASE)
_NO_METHOD = re.compile(
    r"method .{0,60}(?:not found|not available|not supported|does not exist|not allowed|disabled)"
    r"|(?:unknown|unsupported|no such) method",
    re.IGNORECASE,
)
_LAGS = re.compile(r"header not found|block not found|unknown block|block ?out ?of ?range|resource not found", re.I)
_SIZE = re.compile(r"limit|large|size|exceed|max|many|most|count", re.IGNORECASE)
T = TypeVar("T")
_backoff = wait_exponential_jitter(multiplier=PAUSE, jitter=PAUSE)


class RpcError(ChainError):
    """The endpoint answered, with a JSON-RPC error that is not a contract's revert. `number` is the error's code,
    `found` its words."""

    code = "chain.refused"

    def __init__(self, method: str, message: str, number: object = None) -> None:
        super().__init__(f"the chain's endpoint refused {method}", found=message)
        self.number = number if isinstance(number, int) else None

    @property
    def no_method(self) -> bool:
        """Does the endpoint not have this method at all?"""
        return self.number == NO_METHOD or _NO_METHOD.search(self.found or "") is not None

    @property
    def lags(self) -> bool:
        """Does the machine that was asked not have the block yet? Behind a load balancer another one may."""
        return _LAGS.search(self.found or "") is not None


class _BatchRefusedError(ChainError):
    """The endpoint takes no batch, or none so large."""


class Rpc:
    """Calls of one endpoint. ChainError if it does not answer in `attempts` tries, Reverted if a contract refused."""

    def __init__(
        self,
        url: str,
        *,
        timeout: float = TIMEOUT,
        attempts: int = ATTEMPTS,
        heard: Callable[[int], object] | None = None,
    ) -> None:
        """`heard` as of `HttpEndpoint`."""
        self._endpoint = HttpEndpoint(url, timeout, heard)
        self._timeout = timeout
        self._attempts = attempts
        self.batches = AdaptiveSize(MAX_BATCH)

    def impatient(self, seconds: float) -> Rpc:
        """Another client of the same endpoint, which tries once: for who asks how it is."""
        return Rpc(self._endpoint.address.url, timeout=seconds, attempts=1)

    @property
    def shown(self) -> str:
        """The endpoint's address as it may be shown."""
        return self._endpoint.address.shown

    def call(self, method: str, *params: object) -> Any:
        """The result of one call."""
        content = json.dumps(_request(0, method, params)).encode()
        return self._tried(method, lambda: self._result(method, self._endpoint.post(content), 0))

    def batch(self, method: str, many: Sequence[Sequence[object]]) -> list[Any]:
        """The results of many calls of the same method, in order, in as few requests as the endpoint takes."""
        results: list[Any] = []
        while len(results) < len(many):
            part = many[len(results) : len(results) + self.batches.now]
            if len(part) == 1:
                results.append(self.call(method, *part[0]))
                self.batches.took(1)
                continue
            try:
                results.extend(self._batch(method, part))
            except _BatchRefusedError as error:
                self.batches.refused(len(part) if _SIZE.search(error.found or "") else 2)
            else:
                self.batches.took(len(part))
        return results

    def _batch(self, method: str, part: Sequence[Sequence[object]]) -> list[Any]:
        content = json.dumps([_request(place, method, params) for place, params in enumerate(part)]).encode()
        return self._tried(method, lambda: self._results(method, self._posted(content), len(part)))

    def _posted(self, content: bytes) -> object:
        try:
            return self._endpoint.post(content)
        except EndpointError as error:
            if error.code == "chain.refused" or (error.smaller and error.code == "chain.answer"):
                raise _BatchRefusedError(error.message, found=error.found) from None
            raise

    def _results(self, method: str, answers: object, count: int) -> list[Any]:
        if not isinstance(answers, list) or len(answers) != count:
            raise _BatchRefusedError(f"a batch of {method} is refused", found=self._endpoint.quote(answers))
        by_place = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        if by_place.keys() != set(range(count)):
            raise _BatchRefusedError(
                f"a batch of {method} got an impossible answer", found=self._endpoint.quote(answers)
            )
        return [self._result(method, by_place[place], place) for place in range(count)]

    def _result(self, method: str, answer: object, place: int) -> Any:
        if not isinstance(answer, dict) or not ("result" in answer or answer.get("error") is not None):
            raise ChainError(
                f"{method} got an impossible answer",
                expected="a result or an error",
                found=self._endpoint.quote(answer),
                code="chain.answer",
            )
        error = answer.get("error")
        if error is None:
            if answer.get("id", place) != place:
                raise ChainError(f"{method} got the answer to something else", code="chain.answer")
            return answer["result"]
        revert = _revert(error) if isinstance(error, dict) else None
        if revert is not None:
            raise revert
        words = self._endpoint.quote(answer)
        number = error.get("code") if isinstance(error, dict) else None
        if number == 429 or (method != "eth_getLogs" and _LIMITED.search(words)):
            raise EndpointError(
                "the chain's endpoint has had too many requests", "chain.limited", found=words, again=True
            )
        raise RpcError(method, words, number)

    def _tried(self, method: str, ask: Callable[[], T]) -> T:
        retrying = Retrying(
            retry=retry_if_exception(_may_succeed),
            stop=stop_after_attempt(self._attempts) | stop_after_delay(self._timeout),
            wait=_pause,
            reraise=True,
        )
        try:
            return retrying(ask)
        except EndpointError as error:
            error.expected = error.expected or f"an answer to {method}"
            raise


def _may_succeed(error: BaseException) -> bool:
    return (isinstance(error, EndpointError) and error.again) or (isinstance(error, RpcError) and error.lags)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    rest = getattr(error, "rest", None)
    return min(rest, PATIENCE) if rest is not None else float(_backoff(state))


def _request(place: int, method: str, params: Sequence[object]) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": place, "method": method, "params": list(params)}


def _revert(error: dict[str, Any]) -> Reverted | None:
    data = error.get("data")
    if isinstance(data, dict):
        data = data.get("data", data.get("result"))
    if isinstance(data, str) and data.startswith("0x"):
        try:
            return decode_revert(from_hex(data))
        except ValueError:
            return None
    message = str(error.get("message", ""))
    return Reverted("Reverted") if error.get("code") == 3 or "revert" in message.lower() else None


def quantity(value: object) -> int:
    """A JSON-RPC quantity; ChainError if it is none."""
    try:
        return int(cast("str", value), 16)
    except (TypeError, ValueError):
        raise ChainError(
            "the endpoint gave no number", expected="0x… quantity", found=str(value)[:80], code="chain.answer"
        ) from None


def octets(value: object, size: int | None = None) -> bytes:
    """JSON-RPC data as bytes; ChainError if it is none."""
    if not isinstance(value, str):
        raise ChainError(
            "the endpoint gave no data", expected="0x… data", found=type(value).__name__, code="chain.answer"
        )
    try:
        return from_hex(value, size=size)
    except Exception as error:
        raise ChainError(
            "the endpoint gave no data", expected="0x… data", found=value[:80], code="chain.answer"
        ) from error


def members(value: object, what: str) -> dict[str, Any]:
    """A JSON-RPC object, such as a block or a receipt; ChainError if it is none."""
    if not isinstance(value, dict):
        raise ChainError(
            f"the endpoint gave a malformed {what}", expected="an object", found=str(value)[:80], code="chain.answer"
        )
    return value
