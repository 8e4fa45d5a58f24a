"""Two Merkle trees.

*Batch tree*: OpenZeppelin's sorted-pair tree over consent ids, so that contracts can check a proof with `MerkleProof`.
*Lawful tree*: RFC 6962 (SHA-256), for everything that no contract recomputes.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Iterable, Sequence

from placet.core.errors import InputError
from placet.core.hashing import keccak, keccak_256, sha256
from placet.core.ids import BatchRoot, ConsentId


def _pair(a: bytes, b: bytes) -> bytes:
    return keccak(a, b) if a < b else keccak(b, a)


def _ascending(leaves: Sequence[bytes], what: str) -> None:
    if not all(map(operator.lt, leaves, leaves[1:])):
        i = next(i for i in range(1, len(leaves)) if leaves[i - 1] >= leaves[i])
        raise InputError(f"{what} must be strictly ascending", found=f"leaf {i} is not above leaf {i - 1}")


def batch_levels(leaves: Sequence[ConsentId]) -> list[list[bytes]]:
    """All levels of the batch tree, leaves first; an odd node is carried up. InputError if empty or not ascending."""
    levels = [_batch_leaves(leaves)]
    while len(levels[-1]) > 1:
        levels.append(_batch_above(levels[-1]))
    return levels


def _batch_leaves(leaves: Sequence[ConsentId]) -> list[bytes]:
    if not leaves:
        raise InputError("a batch has at least one consent", expected="one leaf or more", found=0)
    _ascending(leaves, "a batch's leaves")
    return list(leaves)


def _batch_above(level: Sequence[bytes]) -> list[bytes]:
    pairs = zip(level[::2], level[1::2], strict=False)
    above = [keccak_256(one + other if one < other else other + one).digest() for one, other in pairs]
    return [*above, level[-1]] if len(level) % 2 else above


def batch_root(leaves: Sequence[ConsentId]) -> BatchRoot:
    """Root of the batch tree over ascending consent ids."""
    level = _batch_leaves(leaves)
    while len(level) > 1:
        level = _batch_above(level)
    return BatchRoot(level[0])


class BatchTree:
    """The batch tree's root over subtrees of one size, a power of two (only the last may be smaller), one by one."""

    def __init__(self, nodes: Sequence[tuple[int, bytes]] = ()) -> None:
        self._nodes = list(nodes)

    def add(self, node: bytes) -> None:
        """The next subtree's node, to the right of all before."""
        size = 1
        while self._nodes and self._nodes[-1][0] == size:
            node = _pair(self._nodes.pop()[1], node)
            size *= 2
        self._nodes.append((size, node))

    @property
    def nodes(self) -> tuple[tuple[int, bytes], ...]:
        """All that has to be kept to go on later: complete subtrees, from left to right, with their sizes."""
        return tuple(self._nodes)

    def root(self) -> BatchRoot:
        """InputError if nothing was added."""
        if not self._nodes:
            raise InputError("a batch has at least one consent", expected="one leaf or more", found=0)
        node = self._nodes[-1][1]
        for _, left in reversed(self._nodes[:-1]):
            node = _pair(left, node)
        return BatchRoot(node)


def batch_proof(levels: list[list[bytes]], index: int) -> list[bytes]:
    """Siblings from leaf `index` up to the root."""
    proof = []
    for level in levels[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            proof.append(level[sibling])
        index //= 2
    return proof


def batch_verify(root: BatchRoot, leaf: ConsentId, proof: Sequence[bytes]) -> bool:
    """Does `leaf` lie under `root`? As OpenZeppelin's `MerkleProof.verify`."""
    node: bytes = leaf
    for sibling in proof:
        node = _pair(node, sibling)
    return node == root


def rfc6962_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1 Merkle tree hash over leaf data; SHA-256 of nothing for an empty list."""
    return rfc6962_nodes([sha256(b"\x00", leaf) for leaf in leaves])


def rfc6962_nodes(nodes: list[bytes]) -> bytes:
    """The same over leaf hashes. Level by level, an odd node carried up: the RFC's split, from the bottom."""
    if not nodes:
        return sha256(b"")
    while len(nodes) > 1:
        nodes = _above(nodes)
    return nodes[0]


def _above(nodes: Sequence[bytes]) -> list[bytes]:
    above = [
        hashlib.sha256(b"\x01" + left + right).digest() for left, right in zip(nodes[::2], nodes[1::2], strict=False)
    ]
    return [*above, nodes[-1]] if len(nodes) % 2 else above


def rfc6962_leaf(data: bytes) -> bytes:
    """A leaf's hash."""
    return sha256(b"\x00", data)


def rfc6962_paths(nodes: Sequence[bytes], indices: Sequence[int]) -> list[list[bytes]]:
    """The siblings from each of these leaves up to the root, of leaf hashes (RFC 6962, section 2.1.1)."""
    level, paths, at = list(nodes), [list[bytes]() for _ in indices], list(indices)
    while len(level) > 1:
        for path, index in zip(paths, at, strict=True):
            if (sibling := index ^ 1) < len(level):
                path.append(level[sibling])
        level, at = _above(level), [index // 2 for index in at]
    return paths


def rfc6962_holds(root: bytes, leaf: bytes, index: int, leaves: int, path: Sequence[bytes]) -> bool:
    """Is this hash that of leaf `index` of a tree of so many under this root?"""
    if not 0 <= index < leaves:
        return False
    node, rest = leaf, list(path)
    while leaves > 1:
        if index ^ 1 < leaves:
            if not rest:
                return False
            sibling = rest.pop(0)
            node = sha256(b"\x01", sibling, node) if index % 2 else sha256(b"\x01", node, sibling)
        index, leaves = index // 2, -(-leaves // 2)
    return not rest and node == root


def lawful_root(leaves: Iterable[tuple[ConsentId, bytes]]) -> bytes:
    """Root over (consent id, row commitment), ascending by consent id, row commitments unique; InputError otherwise."""
    pairs = list(leaves)
    _ascending([consent for consent, _ in pairs], "lawful leaves")
    if len({row for _, row in pairs}) != len(pairs):
        raise InputError("two lawful leaves name the same row", expected="each row once")
    return rfc6962_nodes([hashlib.sha256(b"\x00" + consent + row).digest() for consent, row in pairs])


def dataset_root(commitments: Sequence[bytes]) -> bytes:
    """A dataset's commitment: RFC 6962 root over its row commitments in ascending order."""
    return rfc6962_root(sorted(commitments))


class Rfc6962Tree:
    """The root of a tree that only grows, over leaf hashes; all that is kept are its complete subtrees."""

    def __init__(self, size: int = 0, nodes: Sequence[bytes] = ()) -> None:
        """`nodes`: those of complete subtrees from left to right, one for each bit of `size`. InputError for others."""
        if size < 0 or len(nodes) != size.bit_count():
            raise InputError("not the subtrees of a tree", expected=f"{size.bit_count()} nodes", found=len(nodes))
        self._size, self._nodes = size, list(nodes)

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return self._size

    @property
    def nodes(self) -> tuple[bytes, ...]:
        """The complete subtrees, from left to right."""
        return tuple(self._nodes)

    def add(self, leaf: bytes) -> None:
        """The next leaf's hash."""
        node, rest = leaf, self._size
        while rest & 1:
            node, rest = sha256(b"\x01", self._nodes.pop(), node), rest >> 1
        self._nodes.append(node)
        self._size += 1

    def root(self) -> bytes:
        """As `rfc6962_nodes` over all leaf hashes."""
        if not self._nodes:
            return sha256(b"")
        node = self._nodes[-1]
        for left in reversed(self._nodes[:-1]):
            node = sha256(b"\x01", left, node)
        return node
