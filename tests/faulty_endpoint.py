"""A JSON-RPC endpoint with the faults of the wild between a program and a chain, one process's thread.

`mode` holds any of these, joined with `+`, and may be changed at any moment:

limitN          eth_getLogs over more than N blocks is refused
laglogsN        eth_getLogs is answered as N blocks ago, and by block hash not at all, while heads are fresh
shortlogs       eth_getLogs leaves out the last log of its answer
behind          one request of two is told of the head before the latest one, and blocks beyond it are unknown
lagN, flipN     a machine that is N blocks behind answers all, or one HTTP request of two: it knows of nothing later
finalN          the block tag `finalized` stands at block N; nofinal: there is no such block
without:METHOD  this method does not exist
batchN          more than N requests at once are refused; nobatch: no batch is taken
nopending       the block tag `pending` is refused
known, sendfail a transaction is taken and refused; is refused
broken:METHOD   the answer has another form; half:METHOD: it lacks its members; empty: neither result nor error
401 403 429 500 html redirect hang   as they say
hangcontracts   questions to contracts about signatures (ERC-1271) hang; `held` counts those that do
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

WORDS = "Your app has exceeded its compute units per second capacity"
LOGIN = b"<html><head><title>Please log in to hotel wifi</title></head></html>"


class FaultyEndpoint:
    """Listens on loopback; `url` may be given a user, a path and a query of one's own."""

    def __init__(self, upstream: str) -> None:
        self.mode = ""
        self.calls: Counter[str] = Counter()
        self.batches: list[int] = []
        self.ranges: list[int] = []
        self.rest = 1
        self.held = 0
        self.let_go = threading.Event()
        self._heads = 0
        self._turns = 0
        self._client = httpx.Client(base_url=upstream, trust_env=False, timeout=120)
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()
        self._client.close()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.post("", json=request).json()
        return answer

    def head(self) -> int:
        return int(self.ask({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []})["result"], 16)

    def modes(self) -> list[str]:
        return self.mode.split("+") if self.mode else []

    def shown(self) -> int | None:
        """The last block that the machine knows which takes the next HTTP request; None for one that knows all."""
        self._turns += 1
        for mode in self.modes():
            if mode.startswith("lag") and mode[3:].isdecimal():
                return self.head() - int(mode[3:])
            if mode.startswith("flip") and self._turns % 2:
                return self.head() - int(mode[4:])
        return None

    def answer(self, request: dict[str, Any], shown: int | None = None) -> dict[str, Any]:
        method, parameters = request["method"], request.get("params", [])
        self.calls[method] += 1
        if method == "eth_getLogs" and "fromBlock" in parameters[0]:
            self.ranges.append(int(parameters[0]["toBlock"], 16) - int(parameters[0]["fromBlock"], 16) + 1)
        for mode in self.modes():
            changed = self._faulty(mode, method, parameters, request)
            if changed is not None:
                return changed
        answer = self.ask(request) if shown is None else self._late(request, method, parameters, shown)
        for mode in self.modes():
            if mode == "shortlogs" and method == "eth_getLogs" and answer["result"]:
                answer["result"].pop()
            if mode == f"broken:{method}":
                answer["result"] = [7] if isinstance(answer["result"], dict) else {"unexpected": 7}
            if mode == f"half:{method}" and answer["result"]:
                whole = answer["result"]
                answer["result"] = [dict.fromkeys(one) for one in whole] if isinstance(whole, list) else {}
        return answer

    def _faulty(self, mode: str, method: str, parameters: list[Any], request: dict[str, Any]) -> dict[str, Any] | None:
        if mode in (f"without:{method}", "without:everything"):
            return _error(request, -32601, f"the method {method} does not exist/is not available")
        if mode.startswith("final") and "finalized" in parameters:
            return self.ask({**request, "params": [hex(int(mode[5:])), False]})
        if mode == "nofinal" and "finalized" in parameters:
            return _error(request, -39001, "unknown block")
        if mode == "nopending" and "pending" in parameters:
            return _error(request, -32602, "block tag pending is not supported")
        if mode == "sendfail" and method == "eth_sendRawTransaction":
            return _error(request, -32000, "replacement transaction underpriced")
        if mode == "known" and method == "eth_sendRawTransaction":
            self.ask(request)
            return _error(request, -32000, "ALREADY_EXISTS: already known")
        if mode == "behind" and method == "eth_getBlockByNumber":
            self._heads += 1
            head = self.head()
            if self._heads % 2 and parameters[0] in ("latest", hex(head)):
                late = self.ask({**request, "params": [hex(head - 1), False]})
                return late if parameters[0] == "latest" else {"jsonrpc": "2.0", "id": request["id"], "result": None}
        if mode == "empty":
            return {"jsonrpc": "2.0", "id": request["id"], "note": "Invalid project id"}
        if method != "eth_getLogs":
            return None
        first, last = parameters[0].get("fromBlock"), parameters[0].get("toBlock")
        if mode.startswith("limit") and int(last, 16) - int(first, 16) + 1 > int(mode[5:]):
            return _error(request, -32602, f"range exceeds limit of {mode[5:]}")
        if mode.startswith("laglogs"):
            shown = self.head() - int(mode[7:])
            if first is None or int(first, 16) > shown:
                return {"jsonrpc": "2.0", "id": request["id"], "result": []}
            part = {**parameters[0], "toBlock": hex(min(int(last, 16), shown))}
            return self.ask({**request, "params": [part]})
        return None

    def _late(self, request: dict[str, Any], method: str, parameters: list[Any], shown: int) -> dict[str, Any]:
        """The answer of a machine whose latest block is `shown`."""
        nothing = {"jsonrpc": "2.0", "id": request["id"], "result": None}
        if method == "eth_blockNumber":
            return {**nothing, "result": hex(shown)}
        if method == "eth_getLogs" and "fromBlock" in parameters[0]:
            first, last = (int(parameters[0][name], 16) for name in ("fromBlock", "toBlock"))
            if first > shown:
                return {**nothing, "result": []}
            return self.ask({**request, "params": [{**parameters[0], "toBlock": hex(min(last, shown))}]})
        if method in _AT_A_BLOCK:
            place = _AT_A_BLOCK[method]
            block = parameters[place] if len(parameters) > place else "latest"
            if block.startswith("0x") and int(block, 16) > shown:
                if method == "eth_getBlockByNumber":
                    return nothing
                return _error(request, -32000, "header not found")
            at = hex(shown) if block in ("latest", "pending") else block
            return self.ask({**request, "params": [*parameters[:place], at, *parameters[place + 1 :]]})
        answer = self.ask(request)
        result = answer.get("result")
        blocks = result if isinstance(result, list) else [result]
        late = [one for one in blocks if isinstance(one, dict) and int(one.get("blockNumber") or "0x0", 16) > shown]
        return nothing if method in _OF_TRANSACTIONS and late else answer


_AT_A_BLOCK = {
    "eth_getBlockByNumber": 0, "eth_call": 1, "eth_estimateGas": 1, "eth_getTransactionCount": 1, "eth_getBalance": 1,
    "eth_getCode": 1,
}  # fmt: skip
"""Methods, and which of their parameters is a block."""
_OF_TRANSACTIONS = ("eth_getTransactionReceipt", "eth_getTransactionByHash", "eth_getBlockReceipts")


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that gave up, or an upstream that has ended."""


def _error(request: dict[str, Any], code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request.get("id"), "error": {"code": code, "message": message}}


def _handler(endpoint: FaultyEndpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with contextlib.suppress(ConnectionError):
                self._answer(content)

        def _answer(self, content: Any) -> None:
            modes = endpoint.modes()
            if "hang" in modes:
                endpoint.let_go.wait(600)
            if "hangcontracts" in modes and '"0x1626ba7e' in json.dumps(content):
                endpoint.held += 1
                endpoint.let_go.wait(600)
            if "401" in modes:
                return self._send(401, f"Unauthorized: {self.path} {self.headers.get('Authorization')}".encode())
            if "403" in modes:
                return self._send(403, {"message": f"key {self.path.rpartition('/')[2]} is not allowed here"})
            if "429" in modes:
                error = {"jsonrpc": "2.0", "error": {"code": 429, "message": WORDS}}
                return self._send(429, error, **{"Retry-After": str(endpoint.rest)})
            if "500" in modes:
                return self._send(500, {"error": "upstream broke"})
            if "html" in modes:
                return self._send(200, LOGIN, **{"Content-Type": "text/html"})
            if "redirect" in modes:
                return self._send(308, b"", Location=f"http://elsewhere.example{self.path}")
            if not isinstance(content, list):
                return self._send(200, endpoint.answer(content, endpoint.shown()))
            endpoint.batches.append(len(content))
            most = next((int(mode[5:]) for mode in modes if mode.startswith("batch")), len(content))
            if "nobatch" in modes or len(content) > most:
                said = "batch requests are not allowed" if "nobatch" in modes else f"at most {most} in a batch"
                return self._send(200, {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": said}})
            shown = endpoint.shown()
            return self._send(200, [endpoint.answer(one, shown) for one in reversed(content)])

        def _send(self, status: int, content: Any, **headers: str) -> None:
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


@contextlib.contextmanager
def faulty_endpoint(upstream: str) -> Iterator[FaultyEndpoint]:
    endpoint = FaultyEndpoint(upstream)
    try:
        yield endpoint
    finally:
        endpoint.close()
