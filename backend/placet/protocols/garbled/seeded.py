"""One garbling that follows from a seed and from its transfers, so that who has the seed can make it again.

No table depends on what the garbler brings in. Its tags are one-time pads from the seed, and the evaluator is told the
difference to its true ones, by which it chooses its labels; its words are labels that it sends once the garbling is to
be used. Rows of amounts are no part of a garbling: any row of 8 bytes is one of some amount.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from placet.core.framing import frame
from placet.protocols.channel import Channel
from placet.protocols.garbled.circuits import all_of
from placet.protocols.garbled.labels import LABEL_BYTES, WORD_BITS, Bits, LabelHash, Labels, Words, lowest, where
from placet.protocols.garbled.matching import CircuitEnding, InputWires, TagCircuit, ending, input_wires
from placet.protocols.garbled.sides import Garbler, GateSide
from placet.protocols.local import LocalNetwork
from placet.protocols.order import Entropy, keystream
from placet.protocols.ot.extension import Correlation, receive_correlated, send_correlated

GARBLING = b"placet.garbling/1"
"""Before what a garbling's hash is of."""
GARBLER_WORDS = 3
"""Of the garbler's labels: the shift, its masks' sum, its noise."""


def choices_of(circuit: TagCircuit) -> int:
    """Inputs of the evaluator."""
    return circuit.tag_choices + WORD_BITS * circuit.word_choices


def seeded(seed: bytes, label: bytes) -> Entropy:
    """Random bytes that follow from a secret seed; others for another label."""
    return keystream(hashlib.sha256(b"placet.garbled.seed/1" + frame(seed) + label).digest())


def pads(circuit: TagCircuit, seed: bytes) -> Bits:
    """What a garbling has in place of its garbler's tags: (tag_choices,), in their order."""
    stream = np.frombuffer(seeded(seed, b"pads")(-(-circuit.tag_choices // 8)), np.uint8)
    return np.unpackbits(stream, count=circuit.tag_choices, bitorder="little")


def matches(side: GateSide, tags: Labels) -> Labels:
    """Where all of the differences of tags (tag bits, lanes, 2) are 0: (lanes, 2)."""
    return all_of(side, side.flip(tags))


@dataclass(frozen=True)
class GarbledSlab:
    """Of the bins from `first` on, before `last`: tables, rows of amounts, which bins match, and their masks' sum."""

    first: int
    last: int
    tables: bytes
    words: bytes
    wires: Labels
    masks: int


class SeededGarbling:
    """A garbling as the garbler has it, or anybody to whom it is opened. `slabs` first, then `end`, once each."""

    def __init__(self, circuit: TagCircuit, seed: bytes, correlation: Correlation, context: bytes) -> None:
        entropy = seeded(seed, b"wires")
        self.circuit = circuit
        self.delta = correlation.delta
        own = np.frombuffer(entropy(GARBLER_WORDS * WORD_BITS * LABEL_BYTES), np.uint64)
        self.shift, self.masks, self.noise = own.reshape(GARBLER_WORDS, WORD_BITS, 2)
        labels = correlation.zeros.copy()
        labels[: circuit.tag_choices] ^= where(pads(circuit, seed), self.delta)
        self.wires: InputWires = input_wires(circuit, labels)
        self.side = Garbler(self.delta, LabelHash(context))
        self.digest = hashlib.sha256(GARBLING)
        self._matches: list[Labels] = []

    def slabs(self, amounts: Words | None) -> Iterator[GarbledSlab]:
        """Slab by slab. `amounts` (bins,): None where none are summed, or the garbling is only made again."""
        if amounts is None:
            amounts = np.zeros(self.circuit.bins, np.uint64)
        for (first, last), tags in zip(self.circuit.slabs, self.wires.tags, strict=True):
            wires = matches(self.side, tags)
            tables, words, masks = self.side.rows(), b"", 0
            if self.circuit.summed:
                masks = int(self.side.project(wires, amounts[first:last]).sum(dtype=np.uint64))
                words = self.side.rows()
            self.digest.update(tables)
            self._matches.append(wires)
            yield GarbledSlab(first, last, tables, words, wires, masks)

    def end(self) -> tuple[bytes, Labels]:
        """The ending's tables with what its outputs are known by, and its outputs (64 · numbers, 2), masked by the
        evaluator's bits."""
        total = None if self.wires.total is None else (self.wires.total ^ self.shift, self.masks)
        noise = None if self.wires.noise is None else (self.wires.noise, self.noise)
        parts = CircuitEnding(np.concatenate(self._matches), total, noise, np.zeros_like(self.wires.masks))
        outputs = ending(self.side, self.circuit, parts)
        rows = self.side.rows() + known_by(outputs, self.delta).tobytes()
        self.digest.update(rows)
        return rows, outputs ^ self.wires.masks


def known_by(zeros: Labels, delta: Labels) -> Bits:
    """A hash of either label of each wire (n, 2), that with lowest bit 0 first: (n, 2, 16) bytes."""
    first = zeros ^ where(lowest(zeros), delta)
    both = np.stack([first, first ^ delta], axis=1).reshape(-1, 2)
    return np.stack([label_mark(label) for label in both]).reshape(-1, 2, LABEL_BYTES)


def label_mark(label: Labels) -> Bits:
    """By which a label (2,) is known, and which does not tell it."""
    return np.frombuffer(hashlib.sha256(b"placet.garbled.mark/1" + label.tobytes()).digest()[:LABEL_BYTES], np.uint8)


class Overheard:
    """A channel that hashes all that is sent on it, and all that is received, of which it keeps the latest."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.sent, self.received = hashlib.sha256(), hashlib.sha256()
        self.latest = b""

    @property
    def me(self) -> str:
        return self.channel.me

    async def send(self, to: str, tag: str, payload: bytes) -> None:
        self.sent.update(frame(tag.encode()) + frame(payload))
        await self.channel.send(to, tag, payload)

    async def receive(self, sender: str, tag: str, *, limit: int) -> bytes:
        self.latest = await self.channel.receive(sender, tag, limit=limit)
        self.received.update(frame(tag.encode()) + frame(self.latest))
        return self.latest


@dataclass(frozen=True)
class GarblingHashes:
    """Of one garbling, 32 bytes each: what the garbler sent in its transfers, what the evaluator did, its tables."""

    garbler: bytes
    evaluator: bytes
    tables: bytes

    @classmethod
    def of(cls, heard: Overheard, garbling: SeededGarbling) -> GarblingHashes:
        """As the garbler says them: `heard` is its end of the transfers, `garbling` was made and not used."""
        for _ in garbling.slabs(None):
            pass
        garbling.end()
        return cls(heard.sent.digest(), heard.received.digest(), garbling.digest.digest())


async def made_again(circuit: TagCircuit, seed: bytes, evaluator_seed: bytes, context: bytes) -> GarblingHashes:
    """What a garbler says that follows the protocol, of a garbling that is opened: from its seed, and from the
    evaluator's, all whose choices were 0."""
    network = LocalNetwork(("garbler", "evaluator"))
    heard, count = Overheard(network.channel("garbler")), choices_of(circuit)
    theirs = seeded(evaluator_seed, b"transfers")
    correlation, _ = await asyncio.gather(
        send_correlated(heard, "evaluator", count, context=context, entropy=seeded(seed, b"transfers")),
        receive_correlated(
            network.channel("evaluator"), "garbler", np.zeros(count, np.uint8), context=context, entropy=theirs
        ),
    )
    return await asyncio.to_thread(GarblingHashes.of, heard, SeededGarbling(circuit, seed, correlation, context))
