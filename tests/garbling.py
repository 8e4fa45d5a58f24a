"""Both sides of a garbled circuit in one process, on bits that are known: what a circuit gives, as its truth has it."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from placet.protocols.channel import Channel
from placet.protocols.garbled import (
    Brought,
    CountTerms,
    counting,
    covert_evaluator,
    covert_garbler,
    evaluate,
    garble,
    opened,
    seeded,
)
from placet.protocols.garbled.labels import Bits, LabelHash, Labels, Words, where
from placet.protocols.garbled.sides import Evaluator, Garbler, GateSide
from placet.protocols.local import LocalNetwork
from placet.protocols.ot.extension import Correlation
from placet.protocols.ot.opprf import BinWords, bins_for

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


Change = Callable[[bytes], bytes]


@dataclass(frozen=True)
class LyingChannel:
    """A party's channel on which what it sends under some tags is changed first."""

    channel: Channel
    changes: Mapping[str, Change]

    @property
    def me(self) -> str:
        return self.channel.me

    async def send(self, to: str, tag: str, payload: bytes) -> None:
        await self.channel.send(to, tag, self.changes.get(tag, bytes)(payload))

    async def receive(self, sender: str, tag: str, *, limit: int) -> bytes:
        return await self.channel.receive(sender, tag, limit=limit)


class IdealTransfers:
    """In place of `protocols.ot`: somebody whom both trust gives tags and labels. What a test of the circuit does not
    need to take time for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("send_programmed", "receive_programmed"):
            monkeypatch.setattr(counting, name, getattr(self, name))
        for module in (counting, covert_garbler, seeded):
            monkeypatch.setattr(module, "send_correlated", self.send_correlated)
        for module in (counting, covert_evaluator, seeded):
            monkeypatch.setattr(module, "receive_correlated", self.receive_correlated)

    async def send_programmed(
        self, channel: Any, receiver: str, identifiers: Any, _: Any, *, rows: Any, entropy: Any, **__: Any
    ) -> Words:
        chance = random.Random(entropy(8))
        tags = np.array([[chance.getrandbits(64)] for _ in range(bins_for(rows[0]))], np.uint64)
        names = [one.hex() for one in identifiers]
        await channel.send(receiver, "ideal.tags", json.dumps([names, tags.tolist()]).encode())
        return tags

    async def receive_programmed(
        self, channel: Any, sender: str, identifiers: Sequence[bytes], *, payload_words: int, rows: Any, **_: Any
    ) -> BinWords:
        theirs, tags = json.loads(await channel.receive(sender, "ideal.tags", limit=1 << 24))
        words, places = np.array(tags, np.uint64), np.full(len(tags), -1, np.int64)
        places[: len(identifiers)] = np.arange(len(identifiers))
        for place, one in enumerate(identifiers):
            words[place] ^= np.uint64(one.hex() not in theirs)
        return BinWords(words, places)

    async def send_correlated(
        self, channel: Any, receiver: str, count: int, *, context: Any, entropy: Any
    ) -> Correlation:
        seed = int.from_bytes(entropy(4), "little")
        await channel.send(receiver, "ideal.labels", str(seed).encode())
        return Correlation(delta(seed), labels((count,), seed + 1))

    async def receive_correlated(self, channel: Any, sender: str, choices: Bits, **_: Any) -> Labels:
        seed = int(await channel.receive(sender, "ideal.labels", limit=16))
        zeros: Labels = labels((len(choices),), seed + 1)
        return zeros ^ where(choices, delta(seed))


@dataclass
class Counted:
    """A run between `bank`, which garbles, and `shop`, which evaluates: both shares, or errors, and all messages."""

    shares: tuple[Any, Any]
    network: LocalNetwork

    @property
    def numbers(self) -> tuple[int, ...]:
        for share in self.shares:
            if isinstance(share, Exception):
                raise share
        return opened(self.shares, len(self.shares[0]) // 8)


def counted(
    bank: Brought,
    shop: Brought,
    *,
    smallest: int = 2,
    rows: tuple[int, int] | None = None,
    lies: tuple[Mapping[str, Change], Mapping[str, Change]] = ({}, {}),
    seeds: tuple[int, int] = (1, 2),
    terms: tuple[CountTerms, CountTerms] | None = None,
    garblings: int = 1,
    context: bytes = CONTEXT,
) -> Counted:
    """`lies`: what the bank and the shop change in what they send; `terms`: where they have different ones."""
    rows = rows or (len(bank.identifiers), len(shop.identifiers))
    agreed = CountTerms(rows, bank.amounts is not None, bank.noise is not None, smallest, garblings)
    theirs, ours = terms or (agreed, agreed)
    network = LocalNetwork(("bank", "shop"))
    one, other = (LyingChannel(network.channel(who), lie) for who, lie in zip(("bank", "shop"), lies, strict=True))
    streams = [random.Random(seed).randbytes for seed in seeds]

    async def both() -> tuple[Any, Any]:
        async with asyncio.timeout(60):
            works = [
                asyncio.create_task(garble(one, "shop", bank, theirs, context=context, entropy=streams[0])),
                asyncio.create_task(evaluate(other, "bank", shop, ours, context=context, entropy=streams[1])),
            ]
            await asyncio.wait(works, return_when=asyncio.FIRST_EXCEPTION)
            for work in works:
                work.cancel()
            return tuple(await asyncio.gather(*works, return_exceptions=True))  # type: ignore[return-value]

    return Counted(asyncio.run(both()), network)
