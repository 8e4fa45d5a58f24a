"""Both sides of a garbled circuit in one process, on bits that are known: what a circuit gives, as its truth has it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from placet.protocols.garbled.labels import Bits, LabelHash, Labels, where
from placet.protocols.garbled.sides import Evaluator, Garbler, GateSide

CONTEXT = b"job 1, attempt 1"
Circuit = Callable[..., Labels]


def labels(shape: tuple[int, ...], seed: int) -> Labels:
    """Random ones, the same for a seed."""
    return np.frombuffer(random.Random(seed).randbytes(16 * int(np.prod(shape))), np.uint64).reshape(*shape, 2)


def delta(seed: int = 7) -> Labels:
    made = labels((), seed).copy()
    made[0] |= np.uint64(1)
    return made


@dataclass
class BothSides:
    """Inputs as the garbler has them (labels for 0), and as the evaluator does (labels of the bits)."""

    seed: int = 7

    def __post_init__(self) -> None:
        self.delta = delta(self.seed)
        self.garbler = Garbler(self.delta, LabelHash(CONTEXT))
        self.evaluator = Evaluator(LabelHash(CONTEXT))

    def bits(self, circuit: Circuit, *inputs: Bits) -> Bits:
        """What the circuit gives for these bits (…,): each brought in by the evaluator, as by a transfer."""
        zeros = [labels(one.shape, self.seed + 1 + place) for place, one in enumerate(inputs)]
        outputs = circuit(self.garbler, *zeros)
        held = [zero ^ where(one, self.delta) for zero, one in zip(zeros, inputs, strict=True)]
        self.evaluator.feed(self.garbler.rows())
        shown = circuit(self.evaluator, *held)
        self.evaluator.demand_spent()
        return self.garbler.demand_bits(outputs, shown)


def given_bits(circuit: Callable[[GateSide, Any], Labels], bits: list[int], seed: int = 7) -> list[int]:
    """Of wires side by side."""
    return [int(bit) for bit in BothSides(seed).bits(circuit, np.array(bits, np.uint8))]
