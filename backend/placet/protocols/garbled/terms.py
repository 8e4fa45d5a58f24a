"""What two sides of circuit PSI agree on, and what each brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from placet.core.errors import DataError, InputError, LimitError, ProtocolError
from placet.core.garbling import MAX_GARBLINGS
from placet.protocols.channel import Channel
from placet.protocols.garbled.labels import Bits, Words
from placet.protocols.garbled.matching import MAX_NOISE, TagCircuit
from placet.protocols.garbled.sides import WORD_BYTES
from placet.protocols.order import Entropy
from placet.protocols.ot.opprf import bins_for
from placet.protocols.work import Progress

MAX_ROWS = 200_000
TABLES, SHIFT, ENDING, LABELS = "garbled.tables", "garbled.shift", "garbled.ending", "garbled.labels"


@dataclass(frozen=True)
class CountTerms:
    """What both sides agree on. `rows`: at the most, the garbler's and the evaluator's, which is public; `summed`: the
    garbler has an amount for each of its rows; `noisy`: both add noise to the count; `smallest`: the least count that
    comes out; `garblings`: how many the garbler commits to, of which one is used (`covert`), 1 where none is opened."""

    rows: tuple[int, int]
    summed: bool
    noisy: bool
    smallest: int
    garblings: int = 1

    @property
    def circuit(self) -> TagCircuit:
        """DataError where there is no room for a row on each side, LimitError for more rows than are feasible."""
        if min(self.rows) < 1:
            raise DataError("no identifiers", expected="room for one on each side at the least", found=self.rows)
        if max(self.rows) > MAX_ROWS:
            raise LimitError(
                "too many rows for a garbled circuit", expected=f"at most {MAX_ROWS} on a side", found=max(self.rows)
            )
        if not 1 <= self.garblings <= MAX_GARBLINGS:
            raise InputError("a number of garblings", expected=f"1 to {MAX_GARBLINGS}", found=self.garblings)
        return TagCircuit(bins_for(self.rows[0]), self.summed, self.noisy, self.smallest)


@dataclass(frozen=True)
class Brought:
    """What a party brings: its identifiers, an amount each where they are summed, its noise where it adds any."""

    identifiers: Sequence[bytes] = field(repr=False)
    amounts: Sequence[int] | None = field(repr=False, default=None)
    noise: int | None = field(repr=False, default=None)

    def require(self, terms: CountTerms, garbler: bool) -> None:
        """InputError or DataError for what does not fit the terms."""
        if (self.noise is not None) != terms.noisy or (self.amounts is not None) != (terms.summed and garbler):
            raise InputError("what is brought does not fit", expected="amounts of the garbler and noise as agreed")
        if self.amounts is not None and len(self.amounts) != len(self.identifiers):
            raise DataError("an amount for each identifier", expected=len(self.identifiers), found=len(self.amounts))
        if self.noise is not None and abs(self.noise) >= MAX_NOISE:
            raise DataError("noise is out of range", expected="within ±2^61")


async def exactly(channel: Channel, sender: str, tag: str, size: int) -> bytes:
    """The next message. ProtocolError `garbled.size` where it has another size."""
    payload = await channel.receive(sender, tag, limit=size)
    if len(payload) != size:
        raise ProtocolError(
            f"{sender}'s message {tag} is cut short", expected=f"{size} bytes", found=len(payload), code="garbled.size"
        )
    return payload


def amounts_laid(amounts: Sequence[int] | None, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Words | None:
    """Amounts where their rows lie, zero elsewhere, modulo 2^64."""
    if amounts is None:
        return None
    padded = np.array([*amounts, 0], np.int64).view(np.uint64)
    return padded[rows]


def random_bits(entropy: Entropy, words: int) -> Bits:
    return np.unpackbits(np.frombuffer(entropy(WORD_BYTES * words), np.uint8), bitorder="little")


def no_bits() -> Bits:
    return np.zeros(0, np.uint8)


def tell(progress: Progress | None, done: int, circuit: TagCircuit) -> None:
    if progress is not None:
        progress("bins", done, circuit.bins)
