"""Circuit PSI by a garbled circuit with publicly verifiable covert security: a garbler of another circuit is caught, by
a proof that convinces anybody, with probability 1 - 1/λ.

Asharov and Orlandi, ASIACRYPT 2012; the form of Hong, Katz, Kolesnikov, Lu, Wang, "Covert security with public
verifiability: faster, leaner, and simpler", EUROCRYPT 2019. The garbler makes λ garblings, each from a seed (`seeded`),
and says their hashes before it knows which of them is used. The evaluator gets all seeds but that one's, makes those
garblings and their transfers again, and compares.

    both                  `ot.base`            λ transfers: a garbling's seed, or, of the one to use, its witness
    garbler → evaluator   garbled.pads         for each garbling, under its witness: where the garbler's tags differ
                                               from the garbling's pads
    both                  `ot.extension`       λ times: the evaluator's labels; its choices are 0 but in the one to use
    garbler → evaluator   garbled.committed    `GarblerCommitment`, a message that the link signs as all are
    evaluator → garbler   garbled.choice       which is used, and its witness
    garbler → evaluator   garbled.tables …     as in `counting`, with `garbled.inputs`, the garbler's words, between

Where a hash is another one the evaluator stops, having said nothing of its choice, with a certificate: the seed of its
base transfers, its seed in that garbling, and the garbler's two messages. Who judges it makes the garbling again
(`certificate`). An evaluator can't make one against a garbler that follows the protocol: the garbler's seed follows
from the transfers, whose messages it has signed the hashes of, by Diffie and Hellman in one way only.

Covered: what is garbled, tables that fail for some inputs alone, transfers with other labels. Tables that are not those
committed to, and outputs that are neither of their wires' labels, end the job before the evaluator says anything of
what came out. Not covered: the OPPRF, which tags and numbers the garbler brings in, labels of the shift.

Assumptions: those of `sides`, `ot.base` and `ot.extension`, SHA-256 as a random oracle, signatures.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from placet.core.errors import ProtocolError
from placet.core.framing import frame
from placet.core.garbling import CHOICE, COMMITTED, SEED_BYTES
from placet.core.hashing import sha256
from placet.protocols.channel import Channel
from placet.protocols.garbled.certificate import (
    CheatingCertificate,
    GarblerCommitment,
    choosing_context,
    garbling_context,
    keys_of,
)
from placet.protocols.garbled.labels import (
    LABEL_BYTES,
    WORD_BITS,
    Bits,
    LabelHash,
    Labels,
    Words,
    bits_of,
    lowest,
    where,
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
from placet.protocols.garbled.seeded import (
    GARBLING,
    GarblingHashes,
    Overheard,
    SeededGarbling,
    choices_of,
    label_mark,
    made_again,
    matches,
    pads,
    seeded,
)
from placet.protocols.garbled.sides import WORD_BYTES, Evaluator
from placet.protocols.garbled.terms import (
    ENDING,
    LABELS,
    SHIFT,
    TABLES,
    Brought,
    CountTerms,
    amounts_laid,
    exactly,
    no_bits,
    random_bits,
    tell,
)
from placet.protocols.order import Entropy
from placet.protocols.ot.base import ANSWERS, send_base
from placet.protocols.ot.extension import Correlation, receive_correlated, send_correlated
from placet.protocols.ot.opprf import BinWords
from placet.protocols.work import Progress

PADS, INPUTS = "garbled.pads", "garbled.inputs"
MARKS_BYTES = 2 * LABEL_BYTES * WORD_BITS
"""By which a number's outputs are known."""


@dataclass(frozen=True)
class Setting:
    """One side of a covered run. `context` as in `counting.garble`."""

    channel: Channel
    peer: str
    terms: CountTerms
    context: bytes
    entropy: Entropy
    progress: Progress | None

    @property
    def choosing(self) -> bytes:
        return choosing_context(self.context)

    def garbling(self, index: int) -> bytes:
        return garbling_context(self.context, index)


class CheatedError(ProtocolError):
    """A garbling is not what its seed says."""

    code = "garbled.cheated"

    def __init__(self, garbler: str, certificate: CheatingCertificate) -> None:
        super().__init__(
            f"{garbler} garbled something else than the circuit",
            expected=f"garbling {certificate.index} as it follows from its seed",
            found="another one, committed to",
            remedy="the audit shows by whose signature",
            code=self.code,
        )
        self.certificate = certificate


# ---------------------------------------------------------------------------------------------------- the garbler


async def garble(run: Setting, bins: BinWords, brought: Brought) -> bytes:
    """The garbler's share, from the tags of its bins on."""
    circuit, count = run.terms.circuit, run.terms.garblings
    heard = Overheard(run.channel)
    pairs = await send_base(heard, run.peer, count, context=run.choosing, entropy=run.entropy)
    seeds = [pair[0].tobytes() for pair in pairs]
    witnesses = [pair[1].tobytes() for pair in pairs]
    tags = _tags(circuit, bins, run.entropy)
    differ = [np.packbits(tags ^ pads(circuit, seed), bitorder="little") for seed in seeds]
    await run.channel.send(run.peer, PADS, b"".join(map(_crypt, differ, witnesses)))
    correlations, hashes = [], []
    for index, seed in enumerate(seeds):
        correlation, hashed = await _commit(run, circuit, index, seed)
        correlations.append(correlation)
        hashes.append(hashed)
    points, answers = heard.received.digest(), heard.sent.digest()
    committed = GarblerCommitment(run.terms.rows, points, answers, tuple(hashes))
    await run.channel.send(run.peer, COMMITTED, committed.payload)
    index = await _chosen(run, witnesses)
    garbling = SeededGarbling(circuit, seeds[index], correlations[index], run.garbling(index))
    return await _use(run, garbling, bins, brought)


async def _commit(run: Setting, circuit: TagCircuit, index: int, seed: bytes) -> tuple[Correlation, GarblingHashes]:
    """One garbling's transfers, and its hashes."""
    heard, context = Overheard(run.channel), run.garbling(index)
    correlation = await send_correlated(
        heard, run.peer, choices_of(circuit), context=context, entropy=seeded(seed, b"transfers")
    )
    garbling = SeededGarbling(circuit, seed, correlation, context)
    return correlation, await asyncio.to_thread(GarblingHashes.of, heard, garbling)


def _tags(circuit: TagCircuit, bins: BinWords, entropy: Entropy) -> Bits:
    """Of each bin, as choices; a random one where no row lies, which is the evaluator's but with probability 2^-40 in
    any."""
    nobody = np.frombuffer(entropy(WORD_BYTES * circuit.bins), "<u8").astype(np.uint64)
    return tag_choices(circuit, np.where(bins.rows >= 0, bins.words[:, 0], nobody))


def _crypt(bits: Bits, witness: bytes) -> bytes:
    stream = seeded(witness, b"pads")(len(bits))
    return (bits ^ np.frombuffer(stream, np.uint8)).tobytes()


async def _chosen(run: Setting, witnesses: Sequence[bytes]) -> int:
    """Which garbling is used: one of which the evaluator has the witness, and so not the seed."""
    payload = await exactly(run.channel, run.peer, CHOICE, 1 + SEED_BYTES)
    index = payload[0]
    if index >= len(witnesses) or not hmac.compare_digest(witnesses[index], payload[1:]):
        raise ProtocolError(
            f"{run.peer} chose a garbling whose witness it does not have",
            expected="one of which it did not ask for the seed",
            found=index,
            remedy="do not run another attempt with this party before it was looked into",
            code="garbled.choice",
        )
    return index


async def _use(run: Setting, garbling: SeededGarbling, bins: BinWords, brought: Brought) -> bytes:
    masks, slabs = 0, garbling.slabs(amounts_laid(brought.amounts, bins.rows))
    while (slab := await asyncio.to_thread(next, slabs, None)) is not None:
        masks += slab.masks
        await run.channel.send(run.peer, TABLES, slab.tables + slab.words)
        tell(run.progress, slab.last, garbling.circuit)
    words = []
    if garbling.circuit.summed:
        shift = np.frombuffer(await exactly(run.channel, run.peer, SHIFT, WORD_BYTES), "<u8").reshape(())
        words += [(garbling.shift, bits_of(shift, WORD_BITS)), (garbling.masks, word_bits(-masks))]
    if brought.noise is not None:
        words.append((garbling.noise, word_bits(brought.noise)))
    if words:
        labels = [zeros ^ where(bits, garbling.delta) for zeros, bits in words]
        await run.channel.send(run.peer, INPUTS, np.concatenate(labels).tobytes())
    rows, outputs = await asyncio.to_thread(garbling.end)
    await run.channel.send(run.peer, ENDING, rows)
    shown = await exactly(run.channel, run.peer, LABELS, LABEL_BYTES * len(outputs))
    return share_of(garbling.side.demand_bits(outputs, np.frombuffer(shown, np.uint64).reshape(-1, 2)))


# -------------------------------------------------------------------------------------------------- the evaluator


async def evaluate(run: Setting, tags: Words, brought: Brought) -> bytes:
    """The evaluator's share, from its tags (bins,) on. CheatedError where a garbling is another circuit's."""
    circuit = run.terms.circuit
    offer = await _offered(run)
    size = -(-circuit.tag_choices // 8)
    payload = await exactly(run.channel, run.peer, PADS, run.terms.garblings * size)
    closed = np.frombuffer(payload, np.uint8).reshape(-1, size)[offer.choice]
    opened = np.frombuffer(_crypt(closed, offer.keys[offer.choice]), np.uint8)
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
    latest = _Latest(run.channel)
    heard = Overheard(latest)
    keys = await keys_of(heard, run.peer, count, choice, choosing_seed, run.context)
    return _Offer(choice, choosing_seed, tuple(own_seeds), keys, heard.sent.digest(), latest.payload)


@dataclass
class _Latest:
    """A channel that keeps what it received last."""

    channel: Channel
    payload: bytes = b""

    @property
    def me(self) -> str:
        return self.channel.me

    async def send(self, to: str, tag: str, payload: bytes) -> None:
        await self.channel.send(to, tag, payload)

    async def receive(self, sender: str, tag: str, *, limit: int) -> bytes:
        self.payload = await self.channel.receive(sender, tag, limit=limit)
        return self.payload


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
