"""The own rows' training by PyTorch, as Flower's client. Imported only in the engine's process.

One thread, deterministic algorithms, float32: a run on one machine and version of PyTorch gives the same bytes again.
Other processors may round otherwise; what a party adds is its own either way, and all go on from the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from flwr.app import Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from placet.models.network import Reals
from placet.models.network_training import Training
from placet.protocols.flower.grid import ARRAYS, EXAMPLES, METRICS, arrays_of

MOMENTUM = 0.9
LARGEST_NORM = 5.0
"""Of a batch's gradient."""


class LocalTraining:
    """`design` (rows, width) and labels of the own rows. `seed`: of the order in which batches take them."""

    def __init__(self, training: Training, design: Reals, labels: Any, seed: int) -> None:
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        self._training, self._seed = training, seed
        self._design, self._labels = _tensor(design), _tensor(labels)

    def train(self, layers: Sequence[Any], number: int, epochs: int, mu: float = 0.0) -> tuple[list[Any], float]:
        """The layers after so many epochs, and the mean loss of the own rows before; `number`: of the round."""
        start = [_tensor(one) for one in layers]
        weights = [one.clone().requires_grad_() for one in start]
        optimiser = torch.optim.SGD(weights, lr=self._training.rate / 1000, momentum=MOMENTUM)
        chance = torch.Generator().manual_seed((self._seed + number) % 2**63)
        with torch.no_grad():
            loss = float(self._loss(weights, self._design, self._labels)) if len(self._labels) else 0.0
        for _ in range(epochs):
            for places in torch.randperm(len(self._labels), generator=chance).split(self._training.batch):
                optimiser.zero_grad()
                error = self._loss(weights, self._design[places], self._labels[places])
                if mu:
                    error = error + mu / 2 * sum(((a - b) ** 2).sum() for a, b in zip(weights, start, strict=True))
                error.backward()
                torch.nn.utils.clip_grad_norm_(weights, LARGEST_NORM)
                optimiser.step()
        return [np.array(one.tolist(), np.float64).reshape(tuple(one.shape)) for one in weights], loss

    @staticmethod
    def _loss(weights: Sequence[Any], design: Any, labels: Any) -> Any:
        signal = design
        for place in range(0, len(weights), 2):
            signal = torch.nn.functional.linear(signal.relu() if place else signal, weights[place], weights[place + 1])
        return torch.nn.functional.binary_cross_entropy_with_logits(signal[:, 0], labels)


def _tensor(numbers: Any) -> Any:
    """As float32; not through numpy's own interface, which PyTorch has for one generation of numpy only."""
    content = bytearray(np.ascontiguousarray(numbers, "<f4").tobytes())
    whole = torch.frombuffer(content, dtype=torch.float32) if content else torch.zeros(0)
    return whole.reshape(tuple(numbers.shape))


def client_of(local: LocalTraining, training: Training, rows: int) -> ClientApp:
    """Flower's client: a `train` message with arrays is answered by arrays."""
    client = ClientApp()

    @client.train()  # type: ignore[untyped-decorator]  # flwr has no types here
    def train(message: Message, _: Context) -> Message:
        config = message.content["config"]
        layers = message.content[ARRAYS].to_numpy_ndarrays()
        number, mu = int(config["server-round"]), float(config.get("proximal-mu", 0.0))
        trained, loss = local.train(layers, number, training.epochs, mu)
        arrays = arrays_of(np.concatenate([one.reshape(-1) for one in trained]), [one.shape for one in trained])
        metrics = MetricRecord({EXAMPLES: rows, "loss": loss})
        return Message(content=RecordDict({ARRAYS: arrays, METRICS: metrics}), reply_to=message)

    return client
