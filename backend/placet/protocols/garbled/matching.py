"""The circuit of `garbled.counting`: what both sides know of it, and each side's run of its parts.

Bins are compared a slab at a time. For each there is a wire that is 1 where the evaluator's tag is the garbler's, and
the garbler's amount goes into a word of the evaluator's there (`project`); the sums of those words and of their masks
differ by the sum over the common rows. The ending adds the wires up, compares the count with the smallest group, and
puts zeros in place of count and sum below it.

The evaluator brings the sum of its words in as an input. One that brings another number in shifts the sum by what it
knows and no more: every word is hidden under a mask of its own, and no such number changes the count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from placet.core.errors import InputError
from placet.protocols.garbled.circuits import add, all_of, at_least, count_ones, widened, zero_unless
from placet.protocols.garbled.labels import (
    LABEL_BYTES,
    WORD_BITS,
    Bits,
    Labels,
    Words,
    bits_of,
    words_of,
)
from placet.protocols.garbled.sides import WORD_BYTES, Evaluator, Garbler, GateSide
from placet.protocols.ot.opprf import tag_bits

SLAB = 2048
"""Bins that are compared at a time: their tables are one message."""
GATE_BYTES = 2 * LABEL_BYTES
MAX_NOISE = 1 << 61


@dataclass(frozen=True)
class TagCircuit:
    """`bins` compared; `summed`: the garbler has amounts; `noisy`: both add noise to the count; `smallest`: the least
    count that comes out."""

    bins: int
    summed: bool
    noisy: bool
    smallest: int

    def __post_init__(self) -> None:
        if self.bins < 1 or not 1 <= self.smallest < 1 << 32:
            raise InputError("no such circuit", expected="a bin and a smallest group at the least")

    @property
    def tag_bits(self) -> int:
        """How many bits of tags are compared."""
        return tag_bits(self.bins)

    @property
    def numbers(self) -> int:
        """That come out."""
        return 1 + self.summed

    @property
    def slabs(self) -> tuple[tuple[int, int], ...]:
        """First bin of each, and the one after its last."""
        return tuple((first, min(first + SLAB, self.bins)) for first in range(0, self.bins, SLAB))

    def slab_bytes(self, lanes: int) -> int:
        """The tables of a slab: a gate for each bit of a tag, whether the bin is used, and a word."""
        return lanes * (self.tag_bits * GATE_BYTES + self.summed * WORD_BYTES)

    @property
    def ending_bytes(self) -> int:
        """The tables of the ending at the most."""
        return (self.bins + WORD_BITS * (4 + 2 * self.numbers)) * GATE_BYTES

    @property
    def tag_choices(self) -> int:
        """Inputs of the evaluator that are tags; after them come `word_choices`."""
        return self.bins * self.tag_bits

    @property
    def word_choices(self) -> int:
        """Words of 64 that the evaluator brings in besides: its sum, its noise, and what masks each number."""
        return self.summed + self.noisy + self.numbers


@dataclass(frozen=True)
class InputWires:
    """The evaluator's inputs as one side has them: tags slab by slab, (tag bits, lanes, 2) each; the rest as words."""

    tags: tuple[Labels, ...]
    total: Labels | None
    noise: Labels | None
    masks: Labels


def input_wires(circuit: TagCircuit, labels: Labels) -> InputWires:
    """Of the labels (tag_choices + 64 · word_choices, 2) that the transfers gave, in the order of `tag_planes`."""
    at, tags = 0, []
    for first, last in circuit.slabs:
        size = circuit.tag_bits * (last - first)
        tags.append(labels[at : at + size].reshape(circuit.tag_bits, last - first, 2))
        at += size
    words = list(labels[at:].reshape(circuit.word_choices, WORD_BITS, 2))
    total = words.pop(0) if circuit.summed else None
    noise = words.pop(0) if circuit.noisy else None
    return InputWires(tuple(tags), total, noise, np.concatenate(words))


def tag_choices(circuit: TagCircuit, tags: Words) -> Bits:
    """The evaluator's tags (bins,) as choices: slab by slab, bit by bit."""
    planes = [bits_of(tags[first:last], circuit.tag_bits).reshape(-1) for first, last in circuit.slabs]
    return np.concatenate(planes)


def word_bits(number: int) -> Bits:
    """A signed number's 64 bits."""
    return bits_of(np.array(number % (1 << WORD_BITS), np.uint64), WORD_BITS)


def garbled_slab(side: Garbler, circuit: TagCircuit, theirs: Labels, tags: Words, used: Bits) -> Labels:
    """Which bins match: (lanes, 2). `theirs` (tag bits, lanes, 2); ours are `tags` (lanes,), where a bin is `used`."""
    ours = side.own(bits_of(tags, circuit.tag_bits))
    return _matches(side, theirs, ours, side.own(used))


def evaluated_slab(side: Evaluator, circuit: TagCircuit, ours: Labels) -> Labels:
    """The same at the evaluator."""
    lanes = ours.shape[1]
    return _matches(side, ours, side.garblers(circuit.tag_bits, lanes), side.garblers(lanes))


def _matches(side: GateSide, one: Labels, other: Labels, used: Labels) -> Labels:
    return all_of(side, np.concatenate([side.flip(one ^ other), used[np.newaxis]]))


@dataclass(frozen=True)
class CircuitEnding:
    """What the ending of the circuit is of, as one side has it: which bins match (bins, 2), words (64, 2) of either
    side's part of the sum, and of both sides' noise; None where there is none."""

    matches: Labels
    total: tuple[Labels, Labels] | None
    noise: tuple[Labels, Labels] | None
    masks: Labels


def ending(side: GateSide, circuit: TagCircuit, parts: CircuitEnding) -> Labels:
    """The numbers' wires (64 · numbers, 2), masked by the evaluator's bits."""
    count = widened(side, count_ones(side, parts.matches), WORD_BITS)
    if parts.noise is not None:
        for one in parts.noise:
            count = add(side, count, one)
    enough = at_least(side, count, circuit.smallest)
    numbers = [count] if parts.total is None else [count, add(side, *parts.total)]
    masked: Labels = zero_unless(side, enough, np.concatenate(numbers)) ^ parts.masks
    return masked


def share_of(bits: Bits) -> bytes:
    """One side's share of the numbers: 8 bytes each, little-endian; both shares' XOR is the numbers."""
    return words_of(bits.reshape(-1, WORD_BITS).T).astype("<u8").tobytes()


def opened(shares: tuple[bytes, bytes], numbers: int) -> tuple[int, ...]:
    """The numbers, signed, from both shares. InputError where one is no share of so many."""
    for share in shares:
        if len(share) != WORD_BYTES * numbers:
            raise InputError("not a share of the numbers", expected=f"{WORD_BYTES * numbers} bytes", found=len(share))
    one, other = (np.frombuffer(share, "<i8") for share in shares)
    return tuple(int(number) for number in one ^ other)
