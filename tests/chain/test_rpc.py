"""What an endpoint may answer, and what comes of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from placet.chain import rpc as module
from placet.chain.rpc import Rpc, RpcError
from placet.core.errors import ChainError, Reverted


@contextmanager
def endpoint(answer: Callable[[Any], tuple[int, bytes]]) -> Iterator[tuple[Rpc, list[Any]]]:
    """An HTTP server that answers each request's JSON as told, and what it was asked."""
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(body)
            status, content = answer(body)
            self.send_response(status)
            if status == 307:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Rpc(f"http://127.0.0.1:{server.server_port}"), asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.001)


def said(**answer: Any) -> Callable[[Any], tuple[int, bytes]]:
    return lambda asked: (200, json.dumps({"jsonrpc": "2.0", "id": asked["id"], **answer}).encode())


def test_a_result() -> None:
    with endpoint(said(result="0x1")) as (rpc, asked):
        assert rpc.call("eth_chainId") == "0x1"
        assert rpc.call("eth_call", {"to": "0x"}, "latest") == "0x1"
    assert [(one["jsonrpc"], one["method"], one["params"]) for one in asked] == [
        ("2.0", "eth_chainId", []),
        ("2.0", "eth_call", [{"to": "0x"}, "latest"]),
    ]


def test_errors_of_the_endpoint_and_of_a_contract() -> None:
    with endpoint(said(error={"code": -32601, "message": "no such method"})) as (rpc, asked), pytest.raises(RpcError):
        rpc.call("eth_x")
    assert len(asked) == 1
    with endpoint(said(error={"code": 3, "message": "execution reverted"})) as (rpc, _), pytest.raises(Reverted):
        rpc.call("eth_call")


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (200, b""),
        (200, b"<html>"),
        (200, b"[" * 100_000 + b"]" * 100_000),
        (500, b'{"id": 0, "result": 1}'),
        (307, b'{"id": 0, "result": 1}'),
    ],
    ids=["nothing", "no JSON", "too deep", "an error of the server", "another place"],
)
def test_what_is_no_answer_is_asked_again_and_then_given_up(status: int, content: bytes) -> None:
    with endpoint(lambda _: (status, content)) as (rpc, asked), pytest.raises(ChainError, match="can't be reached"):
        rpc.call("eth_chainId")
    assert len(asked) == module.ATTEMPTS


@pytest.mark.parametrize("answer", [1, [], "x", None, {}, {"id": 0}, {"error": None}])
def test_an_impossible_answer(answer: Any) -> None:
    with endpoint(lambda _: (200, json.dumps(answer).encode())) as (rpc, _), pytest.raises(ChainError):
        rpc.call("eth_chainId")


def test_a_batch_is_put_in_order_and_split() -> None:
    def backwards(asked: Any) -> tuple[int, bytes]:
        answers = [{"id": one["id"], "result": one["params"][0] * 2} for one in reversed(asked)]
        return 200, json.dumps(answers).encode()

    with endpoint(backwards) as (rpc, asked):
        assert rpc.batch("double", [(i,) for i in range(250)]) == [2 * i for i in range(250)]
    assert [len(part) for part in asked] == [100, 100, 50]


@pytest.mark.parametrize(
    "answers",
    [
        [],
        {"id": 0, "result": 1},
        {"id": None, "error": {"code": -32600, "message": "no batches"}},
        [{"id": 0, "result": 1}],
        [{"id": 0, "result": 1}, {"id": 0, "result": 1}],
        [{"id": 0, "result": 1}, {"id": 2, "result": 1}],
        [{"id": 0, "result": 1}, {"id": [1], "result": 1}],
        [{"id": 0, "result": 1}, {"id": "1", "result": 1}],
        [{"id": 0, "result": 1}, 7],
        [{"id": 0, "result": 1}, {"id": 1}],
    ],
)
def test_an_impossible_batch(answers: Any) -> None:
    with endpoint(lambda _: (200, json.dumps(answers).encode())) as (rpc, _), pytest.raises(ChainError):
        rpc.batch("eth_x", [(), ()])
