"""How many identifiers two parties share, and the sum of the garbler's amounts over them, by a garbled circuit.

Circuit PSI as of Pinkas, Schneider, Tkachenko, Yanai (EUROCRYPT 2019): an OPPRF (`ot.opprf`) gives each bin of the
garbler's cuckoo table a tag, equal to the evaluator's tag of the bin where it has the identifier that lies there, and a
garbled circuit compares one pair of tags a bin (`matching`).

    both                  `ot.opprf`         tags: the garbler's of its rows, the evaluator's at random
    both                  `ot.extension`     the evaluator's labels of its tags, noise and masks
    garbler → evaluator   garbled.tables     a slab of bins each
    evaluator → garbler   garbled.shift      where there are amounts: its sum of words, hidden under a choice of its own
    garbler → evaluator   garbled.ending     count, comparison with the smallest group, what comes out
    evaluator → garbler   garbled.labels     its labels of what comes out, masked by its own bits

The garbler's share is what those labels say, the evaluator's is its masks. Nobody holds both before the release, and
below the smallest group both together are zeros. `docs/explanation/protocols.md` says what each learns, and what a
party that does not follow the protocol can do.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from placet.protocols.channel import Channel
from placet.protocols.garbled import covert_evaluator, covert_garbler
from placet.protocols.garbled.covert import Setting
from placet.protocols.garbled.labels import LABEL_BYTES, WORD_BITS, LabelHash, Labels, Words, bits_of, where
from placet.protocols.garbled.matching import (
    CircuitEnding,
    TagCircuit,
    ending,
    evaluated_slab,
    garbled_slab,
    input_wires,
    share_of,
    tag_choices,
    word_bits,
)
from placet.protocols.garbled.sides import WORD_BYTES, Evaluator, Garbler
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
from placet.protocols.ot.extension import receive_correlated, send_correlated
from placet.protocols.ot.opprf import BinWords, receive_programmed, send_programmed
from placet.protocols.work import Progress


async def garble(
    channel: Channel,
    evaluator: str,
    brought: Brought,
    terms: CountTerms,
    *,
    context: bytes,
    entropy: Entropy = secrets.token_bytes,
    progress: Progress | None = None,
) -> bytes:
    """The garbler's side, which lays its identifiers in a cuckoo table: its share of the numbers (8 bytes each).

    `context` is public, the same on both sides and unique to pair and attempt. DataError for duplicates, too many rows
    or what does not fit, before anything is sent; ProtocolError for a bad peer.
    """
    brought.require(terms, garbler=True)
    circuit = terms.circuit
    bins = await receive_programmed(
        channel,
        evaluator,
        brought.identifiers,
        payload_words=0,
        rows=terms.rows,
        context=context + b"/bins",
        entropy=entropy,
    )
    if terms.garblings > 1:
        setting = Setting(channel, evaluator, terms, context, entropy, progress)
        return await covert_garbler.garble(setting, bins, brought)
    correlation = await send_correlated(
        channel,
        evaluator,
        circuit.tag_choices + WORD_BITS * circuit.word_choices,
        context=context + b"/inputs",
        entropy=entropy,
    )
    wires = input_wires(circuit, correlation.zeros)
    run = _Garbling(channel, evaluator, circuit, Garbler(correlation.delta, LabelHash(context)), progress)
    matches, masks = await run.bins(wires.tags, bins, amounts_laid(brought.amounts, bins.rows))
    total = None
    if wires.total is not None:
        total = await run.shifted(wires.total, correlation.delta), run.side.own(word_bits(-masks))
    noise = None
    if wires.noise is not None and brought.noise is not None:
        noise = wires.noise, run.side.own(word_bits(brought.noise))
    return await run.ending(CircuitEnding(matches, total, noise, wires.masks))


async def evaluate(
    channel: Channel,
    garbler: str,
    brought: Brought,
    terms: CountTerms,
    *,
    context: bytes,
    entropy: Entropy = secrets.token_bytes,
    progress: Progress | None = None,
) -> bytes:
    """The evaluator's side, whose identifiers stand at all places where they might be: its share of the numbers. Errors
    as `garble` has them."""
    brought.require(terms, garbler=False)
    circuit = terms.circuit
    targets = await send_programmed(
        channel,
        garbler,
        brought.identifiers,
        np.zeros((len(brought.identifiers), 0), np.uint64),
        rows=terms.rows,
        context=context + b"/bins",
        entropy=entropy,
    )
    if terms.garblings > 1:
        setting = Setting(channel, garbler, terms, context, entropy, progress)
        return await covert_evaluator.evaluate(setting, targets[:, 0], brought)
    hidden = random_bits(entropy, terms.summed)
    noise = no_bits() if brought.noise is None else word_bits(brought.noise)
    masks = random_bits(entropy, circuit.numbers)
    labels = await receive_correlated(
        channel,
        garbler,
        np.concatenate([tag_choices(circuit, targets[:, 0]), hidden, noise, masks]),
        context=context + b"/inputs",
        entropy=entropy,
    )
    wires = input_wires(circuit, labels)
    run = _Evaluation(channel, garbler, circuit, Evaluator(LabelHash(context)), progress)
    matches, words = await run.bins(wires.tags)
    total = None
    if wires.total is not None:
        await channel.send(garbler, SHIFT, share_of(word_bits(words) ^ hidden))
        total = wires.total, run.side.garblers(WORD_BITS)
    theirs = None if wires.noise is None else (wires.noise, run.side.garblers(WORD_BITS))
    await run.ending(CircuitEnding(matches, total, theirs, wires.masks))
    return share_of(masks)


@dataclass(frozen=True)
class _Garbling:
    """The garbler's side of the circuit, once both have labels and tags."""

    channel: Channel
    peer: str
    circuit: TagCircuit
    side: Garbler
    progress: Progress | None

    async def bins(self, theirs: Sequence[Labels], bins: BinWords, amounts: Words | None) -> tuple[Labels, int]:
        """Which bins match, and the masks' sum where there are amounts."""
        used, matches, masks = (bins.rows >= 0).astype(np.uint8), [], 0

        def slab(first: int, last: int, labels: Labels) -> tuple[Labels, int, bytes]:
            wire = garbled_slab(self.side, self.circuit, labels, bins.words[first:last, 0], used[first:last])
            mask = 0 if amounts is None else int(self.side.project(wire, amounts[first:last]).sum())
            return wire, mask, self.side.rows()

        for (first, last), labels in zip(self.circuit.slabs, theirs, strict=True):
            wire, mask, rows = await asyncio.to_thread(slab, first, last, labels)
            matches.append(wire)
            masks += mask
            await self.channel.send(self.peer, TABLES, rows)
            tell(self.progress, last, self.circuit)
        return np.concatenate(matches), masks

    async def shifted(self, labels: Labels, delta: Labels) -> Labels:
        """The evaluator's sum, for which it has labels of other bits, and says which are not the same."""
        shift = np.frombuffer(await exactly(self.channel, self.peer, SHIFT, WORD_BYTES), "<u8").reshape(())
        corrected: Labels = labels ^ where(bits_of(shift, WORD_BITS), delta)
        return corrected

    async def ending(self, parts: CircuitEnding) -> bytes:
        """Our share."""
        outputs = await asyncio.to_thread(ending, self.side, self.circuit, parts)
        await self.channel.send(self.peer, ENDING, self.side.rows())
        labels = await exactly(self.channel, self.peer, LABELS, LABEL_BYTES * len(outputs))
        return share_of(self.side.demand_bits(outputs, np.frombuffer(labels, np.uint64).reshape(-1, 2)))


@dataclass(frozen=True)
class _Evaluation:
    """The evaluator's side of the same."""

    channel: Channel
    peer: str
    circuit: TagCircuit
    side: Evaluator
    progress: Progress | None

    async def bins(self, ours: Sequence[Labels]) -> tuple[Labels, int]:
        """Which bins match, and the words' sum where there are amounts."""
        matches, words = [], 0

        def slab(rows: bytes, labels: Labels) -> tuple[Labels, int]:
            self.side.feed(rows)
            wire = evaluated_slab(self.side, self.circuit, labels)
            word = int(self.side.project(wire).sum()) if self.circuit.summed else 0
            self.side.demand_spent()
            return wire, word

        for (first, last), labels in zip(self.circuit.slabs, ours, strict=True):
            rows = await self.channel.receive(self.peer, TABLES, limit=self.circuit.slab_bytes(last - first))
            wire, word = await asyncio.to_thread(slab, rows, labels)
            matches.append(wire)
            words += word
            tell(self.progress, last, self.circuit)
        return np.concatenate(matches), words

    async def ending(self, parts: CircuitEnding) -> None:
        self.side.feed(await self.channel.receive(self.peer, ENDING, limit=self.circuit.ending_bytes))
        outputs = await asyncio.to_thread(ending, self.side, self.circuit, parts)
        self.side.demand_spent()
        await self.channel.send(self.peer, LABELS, outputs.tobytes())
