"""Single entries of Ethereum's state under a block's header: accounts, and words of a contract's storage.

Both lie in Merkle-Patricia tries under the keccak of their keys (Yellow Paper, 4.1 and appendix D). A proof is a set of
nodes, each found by its hash: what an entry needs is followed from the root, and nodes of several entries stand once.
It shows an entry, or that there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from placet.core import rlp
from placet.core.errors import InputError
from placet.core.hashing import keccak
from placet.core.ordered_trie import EMPTY, nibbles

MAX_NODE = 1024
"""Bytes; a branch has at most 532, a leaf of the state some 110."""
Nodes = Mapping[bytes, bytes]
"""Nodes in RLP by their hash."""


def nodes_by_hash(raw: Iterable[bytes]) -> Nodes:
    """The nodes of a proof. InputError for one that is too long."""
    nodes = {}
    for node in raw:
        if len(node) > MAX_NODE:
            raise InputError("node of a trie is malformed", expected=f"at most {MAX_NODE} bytes", found=len(node))
        nodes[keccak(node)] = node
    return nodes


def storage_root(state_root: bytes, account: bytes, nodes: Nodes) -> bytes:
    """The root (32 bytes) of an account's storage; that over nothing where there is no account. InputError where the
    nodes don't show it."""
    raw = _entry(state_root, account, nodes)
    if raw is None:
        return EMPTY
    fields = rlp.decode(raw)
    if isinstance(fields, bytes) or len(fields) != 4 or not isinstance(fields[2], bytes) or len(fields[2]) != 32:
        raise _malformed("an account")
    return fields[2]


def storage_word(root: bytes, slot: int, nodes: Nodes) -> int:
    """A word of the storage under `root`; 0 where nothing was written. InputError where the nodes don't show it."""
    raw = _entry(root, slot.to_bytes(32, "big"), nodes)
    if raw is None:
        return 0
    word = rlp.decode(raw)
    if not isinstance(word, bytes) or not 0 < len(word) <= 32 or word[0] == 0:
        raise _malformed("a word of storage")
    return int.from_bytes(word, "big")


def _entry(root: bytes, key: bytes, nodes: Nodes) -> bytes | None:
    """What stands under a key's hash; None if nothing does."""
    left, node = nibbles(keccak(key)), _node(root, nodes) if root != EMPTY else b""
    while not isinstance(node, bytes):
        if len(node) == 17:
            if not left:
                raise _malformed("a branch above the end of the key")
            node, left = _below(node[left[0]], nodes), left[1:]
            continue
        if len(node) != 2 or not isinstance(node[0], bytes) or not node[0]:
            raise _malformed("a branch, an extension or a leaf")
        leaf, path = _path(node[0])
        if leaf:
            if path != left:
                return None
            if not isinstance(node[1], bytes) or not node[1]:
                raise _malformed("a leaf with a value")
            return node[1]
        if not path or left[: len(path)] != path:
            if not path:
                raise _malformed("an extension of some length")
            return None
        node, left = _below(node[1], nodes), left[len(path) :]
    return None


def _below(reference: rlp.Item, nodes: Nodes) -> rlp.Item:
    """The node that another one refers to: by its hash, or itself where it is short; nothing for nothing."""
    if not isinstance(reference, bytes):
        return reference
    if not reference:
        return b""
    if len(reference) != 32:
        raise _malformed("a node's hash")
    return _node(reference, nodes)


def _node(hash_: bytes, nodes: Nodes) -> rlp.Item:
    if hash_ not in nodes:
        raise InputError("the proof lacks a node of the trie", expected="all nodes on the way to an entry")
    node = rlp.decode(nodes[hash_])
    if isinstance(node, bytes):
        raise _malformed("a node")
    return node


def _path(compact: bytes) -> tuple[bool, bytes]:
    """Whether it is a leaf's, and its nibbles, out of the hex-prefix encoding (appendix C)."""
    whole = nibbles(compact)
    kind, odd = divmod(whole[0], 2)
    if kind > 1 or (not odd and whole[1]):
        raise _malformed("a path in the hex-prefix encoding")
    return kind == 1, whole[1:] if odd else whole[2:]


def _malformed(expected: str) -> InputError:
    return InputError("node of a trie is malformed", expected=expected)
