"""The garbler's side of a covered run (`covert`)."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Sequence

import numpy as np

from placet.core.errors import ProtocolError
from placet.core.garbling import CHOICE, COMMITTED, SEED_BYTES
from placet.protocols.garbled.certificate import GarblerCommitment
from placet.protocols.garbled.covert import INPUTS, PADS, Setting, under_witness
from placet.protocols.garbled.labels import LABEL_BYTES, WORD_BITS, Bits, bits_of, where
from placet.protocols.garbled.matching import TagCircuit, share_of, tag_choices, word_bits
from placet.protocols.garbled.seeded import (
    GarblingHashes,
    Overheard,
    SeededGarbling,
    choices_of,
    pads,
    seeded,
)
from placet.protocols.garbled.sides import WORD_BYTES
from placet.protocols.garbled.terms import (
    ENDING,
    LABELS,
    SHIFT,
    TABLES,
    Brought,
    amounts_laid,
    exactly,
    tell,
)
from placet.protocols.order import Entropy
from placet.protocols.ot.base import send_base
from placet.protocols.ot.extension import Correlation, send_correlated
from placet.protocols.ot.opprf import BinWords


async def garble(run: Setting, bins: BinWords, brought: Brought) -> bytes:
    """The garbler's share, from the tags of its bins on."""
    circuit, count = run.terms.circuit, run.terms.garblings
    heard = Overheard(run.channel)
    pairs = await send_base(heard, run.peer, count, context=run.choosing, entropy=run.entropy)
    seeds = [pair[0].tobytes() for pair in pairs]
    witnesses = [pair[1].tobytes() for pair in pairs]
    tags = _tags(circuit, bins, run.entropy)
    differ = [np.packbits(tags ^ pads(circuit, seed), bitorder="little") for seed in seeds]
    await run.channel.send(run.peer, PADS, b"".join(map(under_witness, differ, witnesses)))
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
