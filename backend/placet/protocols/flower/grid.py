"""Flower's `Grid` without Flower's network: one node, which is all parties under a secure sum.

A strategy sends a message to the node and gets one reply of it. In between the own client trains, what its training
moved is added to the others' (`add`), and the reply carries the mean over all rows with the weight of all rows: a
strategy that averages replies by their weight comes to the same as from all parties' own replies, which nobody sees.
Every message is told to `record`, as deterministic protobuf bytes without the time.

Imported only in the engine's process. Flower's own secure aggregation is refused by name (`SECAGG`).
"""

from __future__ import annotations

import hashlib
import types
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import flwr.common.serde as serde
import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity

from placet.core.errors import InputError, ProtocolError
from placet.core.sum_messages import PROTOCOL
from placet.models import network
from placet.models.network import Whole
from placet.models.network_training import SECAGG, is_secagg

NODE, RUN = 1, 1
ARRAYS, METRICS, EXAMPLES = "arrays", "metrics", "num-examples"
Record = Callable[[bytes], None]
Add = Callable[[Whole], Whole]


def identify() -> None:
    """This process is the run's only one: flwr 1.42 keeps that for all of a process."""
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = RUN, 0, 1


def refusal(found: str) -> InputError:
    """Flower's SecAgg and SecAgg+, by name."""
    return InputError(
        SECAGG,
        expected=f"sums by {PROTOCOL}, which every strategy here gets",
        found=found[:80],
        code="flower.secagg",
    )


def demand_no_mods(client: ClientApp, mods: Sequence[Any] = ()) -> None:
    """InputError for Flower's secure aggregation among a client's mods, by name; and for any other mod: what a client
    sends is for the sum."""
    for mod in (*getattr(client, "_mods", ()), *mods):
        name = getattr(mod, "__name__", type(mod).__name__)
        if is_secagg(name):
            raise refusal(name)
        raise InputError("a client has mods", expected="none", found=name[:80], code="flower.mods")


def raw(message: Message) -> bytes:
    """Deterministic: without times and, since it is made of these bytes, the message's own id."""
    proto = serde.message_to_proto(message)
    proto.metadata.created_at = proto.metadata.ttl = 0.0
    proto.metadata.message_id = ""
    return bytes(proto.SerializeToString(deterministic=True))


def copied(message: Message) -> Message:
    """What another side of a network would get."""
    return serde.message_from_proto(serde.message_to_proto(message))


class LocalGrid(Grid):  # type: ignore[misc]  # flwr has no types here
    """A grid that answers each message at once, in this process: `turn` says by what."""

    def __init__(self) -> None:
        self._run: Any = types.SimpleNamespace(run_id=RUN)
        self._replies: dict[str, Message] = {}

    @abstractmethod
    def turn(self, message: Message) -> Message:
        """The reply to a message that has its id."""

    def set_run(self, run: Any) -> None:
        """Grid: nothing but a name."""
        self._run = run

    @property
    def run(self) -> Any:
        """Grid."""
        return self._run

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        """Grid."""
        return Message(content=content, message_type=message_type, dst_node_id=dst_node_id, group_id=group_id, ttl=ttl)

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        """Grid: each is answered at once."""
        ids = []
        for message in messages:
            reply = self.turn(message)
            ids.append(reply.metadata.reply_to_message_id)
            self._replies[ids[-1]] = reply
        return ids

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        """Grid."""
        return [self._replies.pop(one) for one in message_ids if one in self._replies]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """Grid: all that a strategy calls."""
        return self.pull_messages(self.push_messages(messages))


class SecureGrid(LocalGrid):
    """`client` trains on `rows` own ones of `people` in all."""

    def __init__(self, client: ClientApp, rows: int, people: int, record: Record, add: Add) -> None:
        super().__init__()
        demand_no_mods(client)
        self._client, self._record, self._add = client, record, add
        self._rows, self._people = rows, people
        self._context = Context(run_id=RUN, node_id=NODE, node_config={}, state=RecordDict(), run_config={})
        self.losses: list[float] = []

    def get_node_ids(self) -> list[int]:
        """Grid: all parties are one node."""
        return [NODE]

    def turn(self, message: Message) -> Message:
        """The own training, the sum, and the mean of all."""
        secagg = [key for key in message.content if is_secagg(key)]
        if secagg or is_secagg(message.metadata.message_type):
            raise refusal(secagg[0] if secagg else message.metadata.message_type)
        if message.metadata.message_type.partition(".")[0] != "train" or message.metadata.dst_node_id != NODE:
            raise ProtocolError(
                "a strategy sends what this grid does not carry",
                expected=f"train to node {NODE}",
                found=f"{message.metadata.message_type} to node {message.metadata.dst_node_id}"[:80],
                code="flower.message",
            )
        self._stamp(message)
        before = network.snapped(flat(message.content[ARRAYS]))
        own = self._client(copied(message), self._context)
        if own.has_error():
            raise ProtocolError("the own training failed", found=str(own.error.reason)[:200], code="flower.training")
        moved = flat(own.content[ARRAYS]) - before / network.WEIGHT
        loss = float(own.content[METRICS]["loss"])
        words = np.append(network.summand(moved, self._rows), network.summand(np.array([loss]), self._rows))
        totals = self._add(words)
        mean = network.mean_of(before, totals[:-1], self._people)
        self.losses.append(float(totals[-1] / self._people / network.WEIGHT))
        like = message.content[ARRAYS].to_numpy_ndarrays()
        reply = Message(
            content=RecordDict(
                {
                    ARRAYS: arrays_of(mean, [one.shape for one in like]),
                    METRICS: MetricRecord({EXAMPLES: self._people, "loss": self.losses[-1]}),
                }
            ),
            reply_to=message,
        )
        self._stamp(reply)
        return reply

    def _stamp(self, message: Message) -> None:
        """A message's id is the hash of what is recorded of it."""
        content = raw(message)
        message.metadata.__dict__["_message_id"] = hashlib.sha256(content).hexdigest()
        self._record(content)


def flat(arrays: ArrayRecord) -> network.Reals:
    """All numbers of a record, in its order."""
    return np.concatenate([np.asarray(one, np.float64).reshape(-1) for one in arrays.to_numpy_ndarrays()])


def arrays_of(weights: network.Reals, sizes: Sequence[tuple[int, ...]]) -> ArrayRecord:
    """The same in arrays of these shapes."""
    parts, start = [], 0
    for size in sizes:
        end = start + int(np.prod(size))
        parts.append(np.ascontiguousarray(weights[start:end].reshape(size)))
        start = end
    return ArrayRecord(parts)
