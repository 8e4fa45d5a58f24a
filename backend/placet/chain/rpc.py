"""JSON-RPC over HTTP through web3's provider: bounded retries, and errors as Placet's.

One `Rpc` may be used by many threads at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import requests
from pydantic_core import from_json
from requests.adapters import HTTPAdapter
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter
from web3.providers.rpc import HTTPProvider
from web3.types import RPCEndpoint, RPCResponse

from placet.chain.abi import decode_revert
from placet.core.errors import ChainError, Reverted
from placet.core.values import from_hex

ATTEMPTS = 3
PAUSE = 0.2
"""Seconds before the second try, twice as many before each further one, and up to as many at random."""
TIMEOUT = 20.0
MAX_BATCH = 100
_UNREACHABLE = (requests.RequestException, ValueError)


class RpcError(ChainError):
    """The endpoint answered, with a JSON-RPC error that is not a contract's revert."""

    def __init__(self, method: str, message: str) -> None:
        super().__init__(f"the chain's endpoint refused {method}", found=message[:300])


class _Provider(HTTPProvider):
    """Reads answers by a decoder that stops at a depth of 200: Python's own goes on until the stack overflows, since
    py_ecc (below eth-account) raises the recursion limit."""

    @staticmethod
    def decode_rpc_response(raw_response: bytes) -> RPCResponse:
        return cast("RPCResponse", from_json(raw_response))


class Rpc:
    """Calls of one endpoint. ChainError if it can't be reached in `ATTEMPTS` tries, Reverted if a contract refused."""

    def __init__(self, url: str) -> None:
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", HTTPAdapter(pool_maxsize=16))
        session.mount("https://", HTTPAdapter(pool_maxsize=16))
        self._provider = _Provider(
            url,
            request_kwargs={"timeout": TIMEOUT, "allow_redirects": False},
            session=session,
            exception_retry_configuration=None,
        )

    def call(self, method: str, *params: object) -> Any:
        """The result of one call."""
        answer = self._tried(method, lambda: self._provider.make_request(RPCEndpoint(method), list(params)))
        return _result(method, answer)

    def batch(self, method: str, many: Sequence[Sequence[object]]) -> list[Any]:
        """The results of many calls of the same method, in order."""
        results: list[Any] = []
        for start in range(0, len(many), MAX_BATCH):
            requests_ = [(RPCEndpoint(method), list(params)) for params in many[start : start + MAX_BATCH]]
            answers = self._tried(method, lambda asked=requests_: self._provider.make_batch_request(asked))
            if not isinstance(answers, list) or len(answers) != len(requests_):
                raise ChainError(f"a batch of {method} got an impossible answer", expected=f"{len(requests_)} answers")
            results.extend(_result(method, answer) for answer in answers)
        return results

    def _tried(self, method: str, ask: Any) -> Any:
        retrying = Retrying(
            retry=retry_if_exception_type(_UNREACHABLE),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential_jitter(multiplier=PAUSE, jitter=PAUSE),
            reraise=True,
        )
        try:
            return retrying(ask)
        except _UNREACHABLE as error:
            raise ChainError(
                f"the chain's endpoint can't be reached for {method}",
                expected=f"an answer within {ATTEMPTS} tries",
                found=type(error).__name__,
                remedy="is the chain up, and is the endpoint's URL right?",
            ) from None


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
