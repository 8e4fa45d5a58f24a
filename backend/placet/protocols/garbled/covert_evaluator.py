"""The evaluator's side of a covered run (`covert`)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from placet.core.errors import ProtocolError
from placet.core.framing import frame
from placet.core.garbling import CHOICE, COMMITTED, SEED_BYTES
from placet.core.hashing import sha256
from placet.protocols.garbled.certificate import CheatingCertificate, GarblerCommitment, keys_of
from placet.protocols.garbled.covert import INPUTS, PADS, CheatedError, Setting, under_witness
from placet.protocols.garbled.labels import (
    LABEL_BYTES,
    WORD_BITS,
    Bits,
    LabelHash,
    Labels,
    Words,
    lowest,
)
from placet.protocols.garbled.matching import (
    CircuitEnding,
    InputWires,
    TagCircuit,
    ending,
    input_wires,
    share_of,
    tag_choices,
    word_bits,
)
from placet.protocols.garbled.seeded import GARBLING, Overheard, label_mark, made_again, matches, seeded
from placet.protocols.garbled.sides import WORD_BYTES, Evaluator
from placet.protocols.garbled.terms import (
    ENDING,
    LABELS,
    SHIFT,
    TABLES,
    Brought,
    exactly,
    no_bits,
    random_bits,
    tell,
)
from placet.protocols.order import Entropy
from placet.protocols.ot.base import ANSWERS
from placet.protocols.ot.extension import receive_correlated

MARKS_BYTES = 2 * LABEL_BYTES * WORD_BITS
"""By which a number's outputs are known."""


async def evaluate(run: Setting, tags: Words, brought: Brought) -> bytes:
    """The evaluator's share, from its tags (bins,) on. CheatedError where a garbling is another circuit's."""
    circuit = run.terms.circuit
    offer = await _offered(run)
    size = -(-circuit.tag_choices // 8)
    payload = await exactly(run.channel, run.peer, PADS, run.terms.garblings * size)
    closed = np.frombuffer(payload, np.uint8).reshape(-1, size)[offer.choice]
    opened = np.frombuffer(under_witness(closed, offer.keys[offer.choice]), np.uint8)
    differ = np.unpackbits(opened, count=circuit.tag_choices, bitorder="little")
    hidden = random_bits(run.entropy, circuit.summed)
    noise = no_bits() if brought.noise is None else word_bits(brought.noise)
    masks = random_bits(run.entropy, circuit.numbers)
    inputs = np.concatenate([tag_choices(circuit, tags) ^ differ, hidden, noise, masks])
    labels, said = np.zeros((0, 2), np.uint64), []
    for index, seed in enumerate(offer.own_seeds):
        heard = Overheard(run.channel)
        given = await receive_correlated(
            heard,
            run.peer,
            inputs if index == offer.choice else np.zeros_like(inputs),
            context=run.garbling(index),
            entropy=seeded(seed, b"transfers"),
        )
        labels = given if index == offer.choice else labels
        said.append((heard.received.digest(), heard.sent.digest()))
    payload = await exactly(run.channel, run.peer, COMMITTED, GarblerCommitment.size(run.terms.garblings))
    committed = GarblerCommitment.read(payload, run.terms.garblings)
    offer.demand_said(run, committed, said)
    await offer.demand_honest(run, committed)
    await run.channel.send(run.peer, CHOICE, bytes((offer.choice,)) + offer.keys[offer.choice])
    hashed = committed.garblings[offer.choice].tables
    side = Evaluator(LabelHash(run.garbling(offer.choice)))
    await _evaluate(run, side, labels, hidden, hashed)
    return share_of(masks)


@dataclass(frozen=True)
class _Offer:
    """The evaluator's side of the base transfers: what it chose, what it got, by which messages."""

    choice: int
    choosing_seed: bytes = field(repr=False)
    own_seeds: tuple[bytes, ...] = field(repr=False)
    keys: tuple[bytes, ...] = field(repr=False)
    points: bytes
    answers: bytes

    def demand_said(self, run: Setting, committed: GarblerCommitment, said: Sequence[tuple[bytes, bytes]]) -> None:
        """The garbler speaks of the messages that crossed."""
        theirs = [(one.garbler, one.evaluator) for one in committed.garblings]
        head = (committed.rows, committed.points, committed.answers)
        answers = sha256(frame(ANSWERS.encode()) + frame(self.answers))
        if head != (run.terms.rows, self.points, answers) or theirs != list(said):
            raise ProtocolError(
                f"{run.peer} commits to other messages than crossed",
                expected="hashes of the transfers as they were",
                remedy="start a new attempt",
                code="garbled.committed",
            )

    async def demand_honest(self, run: Setting, committed: GarblerCommitment) -> None:
        for index, seed in enumerate(self.own_seeds):
            if index == self.choice:
                continue
            again = await made_again(run.terms.circuit, self.keys[index], seed, run.garbling(index))
            if again != committed.garblings[index]:
                certificate = CheatingCertificate(
                    index, self.choice, self.choosing_seed, seed, self.answers, committed.payload
                )
                raise CheatedError(run.peer, certificate)
            if run.progress is not None:
                run.progress("garblings", index + 1, len(self.own_seeds))


def drawn_choice(entropy: Entropy, garblings: int) -> int:
    """Which garbling is used: any alike, but for 2^-60."""
    return int.from_bytes(entropy(WORD_BYTES), "big") % garblings


async def _offered(run: Setting) -> _Offer:
    count = run.terms.garblings
    choice = drawn_choice(run.entropy, count)
    choosing_seed, *own_seeds = (run.entropy(SEED_BYTES) for _ in range(count + 1))
    heard = Overheard(run.channel)
    keys = await keys_of(heard, run.peer, count, choice, choosing_seed, run.context)
    return _Offer(choice, choosing_seed, tuple(own_seeds), keys, heard.sent.digest(), heard.latest)


async def _evaluate(run: Setting, side: Evaluator, labels: Labels, hidden: Bits, hashed: bytes) -> None:
    """Tables are taken as they come, and nothing is said of what they give before all are those committed to."""
    circuit, wires = run.terms.circuit, input_wires(run.terms.circuit, labels)
    crossed = hashlib.sha256(GARBLING)
    equal, words = [], 0

    def slab(rows: bytes, tags: Labels) -> tuple[Labels, int]:
        crossed.update(rows[: len(rows) - circuit.summed * WORD_BYTES * tags.shape[1]])
        side.feed(rows)
        wires = matches(side, tags)
        word = int(side.project(wires).sum(dtype=np.uint64)) if circuit.summed else 0
        side.demand_spent()
        return wires, word

    for (first, last), tags in zip(circuit.slabs, wires.tags, strict=True):
        rows = await run.channel.receive(run.peer, TABLES, limit=circuit.slab_bytes(last - first))
        wire, word = await asyncio.to_thread(slab, rows, tags)
        equal.append(wire)
        words += word
        tell(run.progress, last, circuit)
    if circuit.summed:
        await run.channel.send(run.peer, SHIFT, share_of(word_bits(words) ^ hidden))
    parts = await _parts(run, circuit, wires, np.concatenate(equal))
    rows, marks = await _ending_rows(run, circuit)
    crossed.update(rows + marks)
    if crossed.digest() != hashed:
        raise _other_tables(run.peer, "others than it committed to")
    side.feed(rows)
    outputs = await asyncio.to_thread(ending, side, circuit, parts)
    side.demand_spent()
    pairs = np.frombuffer(marks, np.uint8).reshape(-1, 2, LABEL_BYTES)
    for label, pair, bit in zip(outputs, pairs, lowest(outputs), strict=True):
        if (label_mark(label) != pair[bit]).any():
            raise _other_tables(run.peer, "an output that is neither of its wire's")
    await run.channel.send(run.peer, LABELS, (outputs ^ wires.masks).tobytes())


async def _parts(run: Setting, circuit: TagCircuit, wires: InputWires, equal: Labels) -> CircuitEnding:
    """With the garbler's words, as labels; without masks, which outputs get after they were looked at."""
    size = (2 * circuit.summed + circuit.noisy) * WORD_BITS * LABEL_BYTES
    payload = await exactly(run.channel, run.peer, INPUTS, size) if size else b""
    theirs = list(np.frombuffer(payload, np.uint64).reshape(-1, WORD_BITS, 2))
    total = None if wires.total is None else (wires.total ^ theirs.pop(0), theirs.pop(0))
    noise = None if wires.noise is None else (wires.noise, theirs.pop(0))
    return CircuitEnding(equal, total, noise, np.zeros_like(wires.masks))


async def _ending_rows(run: Setting, circuit: TagCircuit) -> tuple[bytes, bytes]:
    """The ending's tables, and by what outputs are known."""
    marks = MARKS_BYTES * circuit.numbers
    payload = await run.channel.receive(run.peer, ENDING, limit=circuit.ending_bytes + marks)
    if len(payload) < marks:
        raise _other_tables(run.peer, f"{len(payload)} bytes")
    return payload[:-marks], payload[-marks:]


def _other_tables(garbler: str, found: str) -> ProtocolError:
    return ProtocolError(
        f"{garbler}'s tables or labels are not those of its garbling",
        expected="tables that it committed to, and labels that they take",
        found=found,
        remedy="start a new attempt",
        code="garbled.tables",
    )
