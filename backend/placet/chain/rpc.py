"""JSON-RPC over HTTP: bounded retries, and errors as Placet's.

One `Rpc` may be used by many threads at once.
"""

from __future__ import annotations

import functools
import ssl
import time
from collections.abc import Sequence
from typing import Any, cast

import httpx
from pydantic_core import from_json

from placet.chain.abi import decode_revert
from placet.core.errors import ChainError, Reverted
from placet.core.values import from_hex

ATTEMPTS = 3
PAUSE = 0.15
TIMEOUT = 20.0
MAX_BATCH = 100


class RpcError(ChainError):
    """The endpoint answered, with a JSON-RPC error that is not a contract's revert."""

    def __init__(self, method: str, message: str) -> None:
        super().__init__(f"the chain's endpoint refused {method}", found=message[:300])


class Rpc:
    """Calls of one endpoint. ChainError if it can't be reached in `ATTEMPTS` tries, Reverted if a contract refused."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = httpx.Client(trust_env=False, timeout=TIMEOUT, verify=_tls())

    def call(self, method: str, *params: object) -> Any:
        """The result of one call."""
        return _result(method, self._tried(method, _request(0, method, params)))

    def batch(self, method: str, many: Sequence[Sequence[object]]) -> list[Any]:
        """The results of many calls of the same method, in order."""
        results: list[Any] = []
        for start in range(0, len(many), MAX_BATCH):
            asked = [_request(i, method, params) for i, params in enumerate(many[start : start + MAX_BATCH])]
            answers = self._tried(method, asked)
            results.extend(_result(method, answer) for answer in _in_order(method, answers, len(asked)))
        return results

    def _tried(self, method: str, asked: object) -> Any:
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE * 2**attempt)
            try:
                return from_json(self._http.post(self._url, json=asked).raise_for_status().content)
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                last = type(error).__name__
        raise ChainError(
            f"the chain's endpoint can't be reached for {method}",
            expected=f"an answer within {ATTEMPTS} tries",
            found=last,
            remedy="is the chain up, and is the endpoint's URL right?",
        )


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _request(number: int, method: str, params: Sequence[object]) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}


def _in_order(method: str, answers: Any, count: int) -> list[Any]:
    """The answers of a batch by their ids, each of 0 to `count` - 1 once."""
    if isinstance(answers, dict) and "error" in answers:
        _result(method, answers)
    listed = answers if isinstance(answers, list) else []
    by_id = {a["id"]: a for a in listed if isinstance(a, dict) and isinstance(a.get("id"), int)}
    if len(listed) != count or by_id.keys() != set(range(count)):
        raise ChainError(f"a batch of {method} got an impossible answer", expected=f"{count} answers, one a request")
    return [by_id[number] for number in range(count)]


def _result(method: str, answer: Any) -> Any:
    if not isinstance(answer, dict):
        raise ChainError(f"{method} got an impossible answer", expected="a JSON-RPC object")
    error = answer.get("error")
    if error is None:
        if "result" not in answer:
            raise ChainError(f"{method} got an impossible answer", expected="a result or an error")
        return answer["result"]
    revert = _revert(cast("dict[str, Any]", error)) if isinstance(error, dict) else None
    if revert is not None:
        raise revert
    raise RpcError(method, str(error.get("message", "")) if isinstance(error, dict) else str(error))


def _revert(error: dict[str, Any]) -> Reverted | None:
    data = error.get("data")
    if isinstance(data, dict):
        data = data.get("data", data.get("result"))
    if isinstance(data, str) and data.startswith("0x"):
        return decode_revert(from_hex(data))
    message = str(error.get("message", ""))
    return Reverted("Reverted") if error.get("code") == 3 or "revert" in message.lower() else None


def quantity(value: object) -> int:
    """A JSON-RPC quantity; ChainError if it is none."""
    try:
        return int(cast("str", value), 16)
    except (TypeError, ValueError):
        raise ChainError("the endpoint gave no number", expected="0x… quantity", found=str(value)[:80]) from None


def octets(value: object, size: int | None = None) -> bytes:
    """JSON-RPC data as bytes; ChainError if it is none."""
    if not isinstance(value, str):
        raise ChainError("the endpoint gave no data", expected="0x… data", found=type(value).__name__)
    try:
        return from_hex(value, size=size)
    except Exception as error:
        raise ChainError("the endpoint gave no data", expected="0x… data", found=value[:80]) from error
