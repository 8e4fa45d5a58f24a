"""One round of secure aggregation among four clients over one grid: Flower's SecAgg+, and our own.

Run by the engine's Python, since it imports flwr: `_secagg.py WORDS` prints one JSON object. Both send every message
through the same grid, as protobuf bytes that are hashed; nobody trains, and all are in one process.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import flwr.common.serde as serde
import numpy as np
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.client import NumPyClient
from flwr.client.mod import secaggplus_mod
from flwr.clientapp import ClientApp
from flwr.common import ndarrays_to_parameters
from flwr.proto.message_pb2 import Message as ProtoMessage
from flwr.server import LegacyContext, ServerConfig
from flwr.server.strategy import FedAvg
from flwr.server.workflow import DefaultWorkflow, SecAggPlusWorkflow

from placet.protocols.flower.grid import LocalGrid, identify
from placet.protocols.mpc.secure_sum import Dealt, Revealed, SumMember, total

CLIENTS, ROUNDS = 4, 10
STEP = 2**24


class HashingGrid(LocalGrid):
    """Hands each message to its client, and the reply back; both as bytes that are hashed."""

    def __init__(self, clients: dict[int, Callable[[Any, Any], Any]]) -> None:
        super().__init__()
        self.clients, self.sent = clients, 0
        self._contexts = {
            one: Context(run_id=1, node_id=one, node_config={}, state=RecordDict(), run_config={}) for one in clients
        }

    def get_node_ids(self) -> list[int]:
        return list(self.clients)

    def turn(self, message: Any) -> Any:
        to = message.metadata.dst_node_id
        self.sent += 1
        message.metadata.__dict__["_message_id"] = f"{self.sent}"
        return _carried(self.clients[to](_carried(message), self._contexts[to]))


def _carried(message: Any) -> Any:
    content = serde.message_to_proto(message).SerializeToString(deterministic=True)
    hashlib.sha256(content).digest()
    return serde.message_from_proto(ProtoMessage.FromString(content))


def theirs(vectors: dict[int, Any]) -> tuple[float, float]:
    """Processor seconds of a round, and the largest error of the mean."""

    class Client(NumPyClient):  # type: ignore[misc]
        def __init__(self, number: int) -> None:
            self.number = number

        def fit(self, parameters: Any, config: Any) -> Any:
            return [vectors[self.number]], 1, {}

    def client(number: int) -> Any:
        return ClientApp(client_fn=lambda context: Client(number).to_client(), mods=[secaggplus_mod])

    grid = HashingGrid({number: client(number) for number in vectors})
    words = len(vectors[1])
    context = LegacyContext(
        context=Context(run_id=1, node_id=0, node_config={}, state=RecordDict(), run_config={}),
        config=ServerConfig(num_rounds=ROUNDS),
        strategy=FedAvg(
            fraction_fit=1.0, fraction_evaluate=0.0, min_available_clients=3,
            initial_parameters=ndarrays_to_parameters([np.zeros(words)]),
        ),
    )  # fmt: skip
    began = time.process_time()
    DefaultWorkflow(fit_workflow=SecAggPlusWorkflow(num_shares=CLIENTS, reconstruction_threshold=CLIENTS - 1))(
        grid, context
    )
    seconds = (time.process_time() - began) / ROUNDS
    (mean,) = next(iter(context.state.array_records.values())).to_numpy_ndarrays()
    return seconds, float(np.abs(mean - np.mean(list(vectors.values()), axis=0)).max())


class Ours:
    """A member of `protocols.mpc.secure_sum` that answers the grid's messages, each of one field of bytes."""

    def __init__(self, index: int, words: Any) -> None:
        self.index, self.words = index, words

    def __call__(self, message: Any, _: Any) -> Any:
        parts, stage = unpacked(message.content["sum"]["parts"]), message.metadata.message_type.rpartition(".")[2]
        if stage == "begin":
            self.member = SumMember(self.index, CLIENTS, CLIENTS, b"a round")
            answer = [self.member.public]
        elif stage == "deal":
            answer = [one.key + one.seed for _, one in sorted(self.member.deal(parts).items())]
        elif stage == "mask":
            half = len(parts[0]) // 2
            dealt = {n: Dealt(one[:half], one[half:]) for n, one in parts.items()}
            answer = [self.member.masked(dealt, self.words).tobytes()]
        else:
            answer = [one for _, one in sorted(self.member.reveal(range(CLIENTS)).seeds.items())]
        return Message(content=packed(answer), reply_to=message)


def packed(parts: Sequence[bytes]) -> Any:
    """Of one size each."""
    return RecordDict({"sum": ConfigRecord({"parts": b"".join(parts), "count": len(parts)})})


def unpacked(content: bytes, count: int = CLIENTS) -> dict[int, bytes]:
    size = len(content) // count
    return {n: content[n * size : (n + 1) * size] for n in range(count)}


def ours(vectors: dict[int, Any]) -> tuple[float, float]:
    whole = {number: np.rint(one * STEP).astype(np.int64).view(np.uint64) for number, one in vectors.items()}
    grid = HashingGrid({number: Ours(number - 1, one) for number, one in whole.items()})
    everybody = range(CLIENTS)

    def asked(stage: str, contents: Sequence[Any]) -> list[bytes]:
        messages = [
            grid.create_message(content, f"query.{stage}", number + 1, "sum") for number, content in enumerate(contents)
        ]
        return [reply.content["sum"]["parts"] for reply in grid.send_and_receive(messages)]

    began = time.process_time()
    for _ in range(ROUNDS):
        publics = asked("begin", [packed([b""])] * CLIENTS)
        dealt = [unpacked(one) for one in asked("deal", [packed(publics)] * CLIENTS)]
        masked = asked("mask", [packed([dealt[k][n] for k in everybody]) for n in everybody])
        uploads = {n: np.frombuffer(one, np.uint64) for n, one in enumerate(masked)}
        shares = {n: Revealed(unpacked(one), {}) for n, one in enumerate(asked("reveal", [packed([b""])] * CLIENTS))}
        sums = total(b"a round", CLIENTS, dict(enumerate(publics)), uploads, shares)
    seconds = (time.process_time() - began) / ROUNDS
    expected = sum(one.view(np.int64) for one in whole.values())
    return seconds, float(np.abs(sums.view(np.int64) - expected).max())


def by_link(vectors: dict[int, Any]) -> tuple[float, float]:
    """The same as a job has it, beside the grid: bytes that are hashed by who sends and who gets them."""
    whole = [np.rint(one * STEP).astype(np.int64).view(np.uint64) for one in vectors.values()]
    began = time.process_time()
    for _ in range(ROUNDS):
        sums = summed(whole)
    seconds = (time.process_time() - began) / ROUNDS
    return seconds, float(np.abs(sums.view(np.int64) - sum(one.view(np.int64) for one in whole)).max())


def summed(words: list[Any]) -> Any:
    def carried(content: bytes) -> bytes:
        hashlib.sha256(content).digest()
        hashlib.sha256(content).digest()
        return content

    everybody = range(CLIENTS)
    members = [SumMember(n, CLIENTS, CLIENTS, b"a round") for n in everybody]
    publics = {n: carried(one.public) for n, one in enumerate(members)}
    dealt = [one.deal(publics) for one in members]
    uploads = {n: one.masked({k: dealt[k][n] for k in everybody}, words[n]) for n, one in enumerate(members)}
    for one in uploads.values():
        for _ in range(CLIENTS - 1):
            carried(one.tobytes())
    return total(b"a round", CLIENTS, publics, uploads, {n: one.reveal(uploads) for n, one in enumerate(members)})


def main() -> None:
    logging.disable(logging.CRITICAL)
    identify()
    chance, words = np.random.default_rng(0), int(sys.argv[1])
    vectors = {number: chance.normal(size=words) for number in range(1, CLIENTS + 1)}
    (flower, error), (placet, off), (link, away) = theirs(vectors), ours(vectors), by_link(vectors)
    figures = {
        "clients": CLIENTS,
        "words": words,
        "secaggplus_cpu_ms": round(1e3 * flower, 1),
        "secaggplus_error": error,
        "ours_cpu_ms": round(1e3 * placet, 1),
        "ours_error": off,
        "times": round(flower / placet, 1),
        "link_cpu_ms": round(1e3 * link, 1),
        "link_error": away,
        "times_of_link": round(flower / link, 1),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
