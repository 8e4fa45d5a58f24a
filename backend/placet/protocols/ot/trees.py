"""All seeds of sixteen but one: what four base transfers make of a tree, so that four columns travel as one.

The receiver of correlated transfers draws a root a group and doubles it four times (Goldreich, Goldwasser, Micali
1986). The sender learns all leaves but that with the number of its four bits of delta: for each level one base transfer
gives it the XOR of all nodes on the side that is not its own path's (Roy, "SoftSpokenOT", CRYPTO 2022, section 6).

The receiver shows besides a hash of one more value of every leaf, and these values' XOR: the sender gets its missing
one by it and compares the hash (figure 14 there), so that a receiver with a tree that is none is found out but for a
guess of delta's bits, as by the check of `extension`.

    receiver → sender   ot.trees   for each group two masked sums a level, the XOR, the hash
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import reduce

import numpy as np

from placet.core.errors import ProtocolError
from placet.core.framing import frame
from placet.protocols.ot.columns import Bytes, SeedStreams

DEPTH = 4
LEAVES = 1 << DEPTH
SEED_BYTES, CHECK_BYTES = 16, 32
GROUP_BYTES = 2 * DEPTH * SEED_BYTES + 2 * CHECK_BYTES


@dataclass(frozen=True)
class Folded:
    """Of each group's streams (groups, 16, size): their XOR (groups, size), and, column by column, the XOR of those
    with that bit in their number (4·groups, size), the lowest bit first."""

    total: Bytes
    columns: Bytes


def folded(streams: Bytes) -> Folded:
    """Four halvings."""
    columns = []
    for _ in range(DEPTH):
        odd = streams[:, 1::2]
        columns.append(np.bitwise_xor.reduce(odd, axis=1))
        streams = streams[:, ::2] ^ odd
    return Folded(streams[:, 0], np.stack(columns, axis=1).reshape(-1, streams.shape[-1]))


class FullTrees:
    """The receiver's: one tree for each four of `pairs` (4·groups, 2, 16), from `roots` (16 bytes each)."""

    def __init__(self, pairs: Bytes, roots: bytes, context: bytes) -> None:
        groups = len(pairs) // DEPTH
        messages, seeds = [], []
        for group in range(groups):
            nodes = [roots[SEED_BYTES * group : SEED_BYTES * (group + 1)]]
            sums = []
            for level in range(DEPTH):
                nodes = [child for node in nodes for child in _children(node)]
                base = pairs[DEPTH * group + DEPTH - 1 - level]
                sums += [_xor(base[1 - side].tobytes(), *nodes[side::2]) for side in (0, 1)]
            leaves = [_leaf(node) for node in nodes]
            checks = [check for _, check in leaves]
            messages.append(b"".join(sums) + _xor(*checks) + _digest(checks, group, context))
            seeds += [seed for seed, _ in leaves]
        self.message = b"".join(messages)
        self._streams = SeedStreams(np.frombuffer(b"".join(seeds), np.uint8).reshape(-1, SEED_BYTES))
        self._groups = groups

    def take(self, size: int) -> Folded:
        """Of the next `size` bytes of each leaf's stream: leaf x counts in column i where bit i of x is 1."""
        return folded(self._streams.take(size).reshape(self._groups, LEAVES, size))


class PuncturedTrees:
    """The sender's, of `seeds` (4·groups, 16) by its `bits` (4·groups,), from the receiver's message. ProtocolError
    `ot.check` for trees that are none."""

    def __init__(self, bits: Bytes, seeds: Bytes, message: bytes, context: bytes, receiver: str) -> None:
        groups = len(bits) // DEPTH
        if len(message) != groups * GROUP_BYTES:
            raise ProtocolError(
                f"{receiver} sent a wrong length for trees", expected=groups * GROUP_BYTES, found=len(message)
            )
        known: list[bytes] = []
        for group in range(groups):
            own = slice(DEPTH * group, DEPTH * (group + 1))
            part = message[GROUP_BYTES * group : GROUP_BYTES * (group + 1)]
            leaves = _all_but_one(bits[own], seeds[own], part)
            missing = int(np.dot(bits[own].astype(int), 1 << np.arange(DEPTH)))
            total, digest = part[-2 * CHECK_BYTES : -CHECK_BYTES], part[-CHECK_BYTES:]
            pairs = {number: _leaf(leaf) for number, leaf in enumerate(leaves) if number != missing}
            last = _xor(total, *(check for _, check in pairs.values()))
            checks = [pairs[number][1] if number in pairs else last for number in range(LEAVES)]
            if _digest(checks, group, context) != digest:
                raise ProtocolError(
                    f"{receiver} did not make its transfers of one tree a group",
                    expected="a hash that agrees",
                    remedy="begin no other job with this party before it was looked into",
                    code="ot.check",
                )
            known += [pairs[number ^ missing][0] for number in range(1, LEAVES)]
        self._streams = SeedStreams(np.frombuffer(b"".join(known), np.uint8).reshape(-1, SEED_BYTES))
        self._groups = groups

    def take(self, size: int) -> Bytes:
        """Columns (4·groups, size): leaf x counts in column i where bit i of x ^ missing is 1. The missing one counts
        in none."""
        streams = np.zeros((self._groups, LEAVES, size), np.uint8)
        streams[:, 1:] = self._streams.take(size).reshape(self._groups, LEAVES - 1, size)
        return folded(streams).columns


def _all_but_one(bits: Bytes, seeds: Bytes, part: bytes) -> list[bytes]:
    """Leaves by number; what stands at the missing one is not it."""
    nodes, path = [b""], 0
    for level in range(DEPTH):
        bit = int(bits[DEPTH - 1 - level])
        side, seed = 1 - bit, seeds[DEPTH - 1 - level].tobytes()
        nodes = [child for node in nodes for child in _children(node)]
        path = 2 * path + bit
        at = SEED_BYTES * (2 * level + side)
        others = [node for number, node in enumerate(nodes) if number % 2 == side and number != path ^ 1]
        nodes[path ^ 1] = _xor(part[at : at + SEED_BYTES], seed, *others)
    return nodes


def _children(node: bytes) -> tuple[bytes, bytes]:
    digest = hashlib.sha256(b"placet.ot.trees/1 node" + node).digest()
    return digest[:SEED_BYTES], digest[SEED_BYTES:]


def _leaf(node: bytes) -> tuple[bytes, bytes]:
    """The seed of its stream, and its value for the check."""
    digest = hashlib.sha512(b"placet.ot.trees/1 leaf" + node).digest()
    return digest[:SEED_BYTES], digest[CHECK_BYTES:]


def _digest(checks: list[bytes], group: int, context: bytes) -> bytes:
    name = b"placet.ot.trees/1 check" + frame(context) + group.to_bytes(4, "big")
    return hashlib.sha256(name + b"".join(checks)).digest()


def _xor(*values: bytes) -> bytes:
    number = reduce(lambda one, other: one ^ other, (int.from_bytes(value, "big") for value in values))
    return number.to_bytes(len(values[0]), "big")
