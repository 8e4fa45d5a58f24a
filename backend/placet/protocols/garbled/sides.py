"""The two sides of a garbled circuit: the same gates, called in the same order, over lanes of wires at once.

XOR is free: both sides XOR their labels (Kolesnikov, Schneider 2008). AND costs two rows of 16 bytes (Zahur, Rosulek,
Evans, *Two halves make a whole*, EUROCRYPT 2015). An input of the garbler costs nothing: the evaluator's label of it is
zero, and the garbler's label for 0 is then 0 or delta, which the evaluator can't tell apart, by the hash's robustness.

A projection turns a wire into a word that depends on it: one row of 8 bytes (row reduction as of Naor, Pinkas, Sumner
1999; additive words on garbled wires as of Ball, Malkin, Rosulek 2016).
"""

from __future__ import annotations

import typing

import numpy as np

from placet.core.errors import InputError, ProtocolError
from placet.protocols.garbled.labels import LABEL_BYTES, Bits, LabelHash, Labels, Words, lowest, where

WORD_BYTES = 8


class GateSide(typing.Protocol):
    """What a circuit is written for. Labels are (n, 2): the garbler's are those for 0, the evaluator's the ones that it
    holds."""

    def conjunction(self, left: Labels, right: Labels) -> Labels:
        """AND, wire by wire."""

    def flip(self, wires: Labels) -> Labels:
        """NOT, of any shape."""

    def public(self, bits: Bits) -> Labels:
        """Wires of bits (…,) that both know."""


class Garbler:
    """Makes the rows that the evaluator needs. The same delta, hash, inputs and calls make the same rows."""

    def __init__(self, delta: Labels, hash_: LabelHash) -> None:
        if not int(delta[0]) & 1:
            raise InputError("no delta to garble under", expected="its lowest bit is 1")
        self._delta = delta
        self._hash = hash_
        self._tweak = 0
        self._rows: list[bytes] = []

    def conjunction(self, left: Labels, right: Labels) -> Labels:
        count, delta = len(left), self._delta
        one, other = self._tweaks(count), self._tweaks(count)
        blocks = np.concatenate([left, left ^ delta, right, right ^ delta])
        hashes = self._hash(blocks, np.concatenate([one, one, other, other])).reshape(4, count, 2)
        left_bit, right_bit = lowest(left), lowest(right)
        generator = hashes[0] ^ hashes[1] ^ where(right_bit, delta)
        evaluator = hashes[2] ^ hashes[3] ^ left
        self._rows += [generator.tobytes(), evaluator.tobytes()]
        zeros: Labels = hashes[0] ^ hashes[2] ^ where(left_bit, generator) ^ where(right_bit, evaluator ^ left)
        return zeros

    def flip(self, wires: Labels) -> Labels:
        flipped: Labels = wires ^ self._delta
        return flipped

    def public(self, bits: Bits) -> Labels:
        return self.own(bits)

    def own(self, bits: Bits) -> Labels:
        """Wires of bits (…,) that the garbler alone knows."""
        return where(bits, self._delta)

    def project(self, wires: Labels, values: Words) -> Words:
        """What the evaluator's words are masked with: its word is that, plus the value where the wire is 1, mod
        2^64."""
        tweaks = self._tweaks(len(wires))
        bits = lowest(wires)
        # The label whose lowest bit is 0 opens nothing but its hash; the wire is then 1 where that of 0 ends in 1.
        plain = wires ^ where(bits, self._delta)
        hashes = self._hash(np.concatenate([plain, plain ^ self._delta]), np.concatenate([tweaks, tweaks]))
        masks = hashes[: len(wires), 0] - bits * values
        self._rows.append((masks + (np.uint64(1) - bits) * values - hashes[len(wires) :, 0]).tobytes())
        return masks

    def rows(self) -> bytes:
        """What was made since the last call."""
        made, self._rows = b"".join(self._rows), []
        return made

    def demand_bits(self, zeros: Labels, labels: Labels) -> Bits:
        """The bits of wires of which the evaluator shows its labels. ProtocolError `garbled.label` for one that is
        neither of a wire's two: nobody makes one of them without evaluating."""
        ones = labels ^ zeros
        is_one = (ones == self._delta).all(axis=-1)
        if labels.shape != zeros.shape or not (is_one | (ones == 0).all(axis=-1)).all():
            raise ProtocolError(
                "an output of the garbled circuit has a label that is neither of its two",
                expected="the labels that the tables give",
                found="another one: tables or labels were changed, or the sides' inputs don't fit",
                remedy="start a new attempt",
                code="garbled.label",
            )
        bits: Bits = is_one.astype(np.uint8)
        return bits

    def _tweaks(self, count: int) -> Words:
        first, self._tweak = self._tweak, self._tweak + count
        return np.arange(first, self._tweak, dtype=np.uint64)


class Evaluator:
    """Holds one label a wire, and does not know which bit it stands for."""

    def __init__(self, hash_: LabelHash) -> None:
        self._hash = hash_
        self._tweak = 0
        self._rows = b""
        self._at = 0

    def feed(self, rows: bytes) -> None:
        """The garbler's rows for what is called next. ProtocolError `garbled.tables` if earlier ones are left over."""
        self.demand_spent()
        self._rows, self._at = rows, 0

    def demand_spent(self) -> None:
        if self._at != len(self._rows):
            raise _torn(f"{self._at} bytes", f"{len(self._rows)}")

    def conjunction(self, left: Labels, right: Labels) -> Labels:
        count = len(left)
        tweaks = self._tweaks(2 * count)
        rows = self._take(2 * LABEL_BYTES * count, np.uint64).reshape(2, count, 2)
        hashes = self._hash(np.concatenate([left, right]), tweaks).reshape(2, count, 2)
        labels: Labels = hashes[0] ^ hashes[1] ^ where(lowest(left), rows[0]) ^ where(lowest(right), rows[1] ^ left)
        return labels

    def flip(self, wires: Labels) -> Labels:
        return wires

    def public(self, bits: Bits) -> Labels:
        return np.zeros((*bits.shape, 2), np.uint64)

    def garblers(self, *shape: int) -> Labels:
        """Wires of bits that the garbler alone knows."""
        return np.zeros((*shape, 2), np.uint64)

    def project(self, wires: Labels) -> Words:
        """The garbler's mask, plus its value where the wire is 1."""
        rows = self._take(WORD_BYTES * len(wires), np.uint64)
        words: Words = self._hash(wires, self._tweaks(len(wires)))[:, 0] + lowest(wires) * rows
        return words

    def _take(self, count: int, kind: type[np.uint64]) -> Words:
        if len(self._rows) - self._at < count:
            raise _torn(f"{self._at + count} bytes or more", f"{len(self._rows)}")
        self._at += count
        return np.frombuffer(self._rows, kind, count // WORD_BYTES, self._at - count)

    def _tweaks(self, count: int) -> Words:
        first, self._tweak = self._tweak, self._tweak + count
        return np.arange(first, self._tweak, dtype=np.uint64)


def _torn(expected: str, found: str) -> ProtocolError:
    return ProtocolError(
        "the garbled tables are not the circuit's",
        expected=expected,
        found=found,
        remedy="start a new attempt",
        code="garbled.tables",
    )
