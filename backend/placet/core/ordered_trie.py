"""The root of a Merkle-Patricia trie over a list (Yellow Paper, appendix D): of a block's receipts, by their places.

The whole list is at hand, so there are no proofs of single entries here: the trie is built and its root compared.
"""

from __future__ import annotations

from collections.abc import Sequence

from placet.core import rlp
from placet.core.hashing import keccak

EMPTY = keccak(rlp.encode(b""))
"""The root over nothing."""
_Entry = tuple[bytes, bytes]
"""What is left of a key, one nibble a byte, and the value."""


def ordered_root(values: Sequence[bytes]) -> bytes:
    """The root (32 bytes) of the trie that holds value i under the key rlp(i). No value is empty."""
    entries = sorted((nibbles(rlp.encode(rlp.of_int(place))), value) for place, value in enumerate(values))
    return keccak(rlp.encode(_node(entries))) if entries else EMPTY


def nibbles(key: bytes) -> bytes:
    """A key's half bytes, one a byte."""
    return bytes(nibble for byte in key for nibble in (byte >> 4, byte & 15))


def _node(entries: Sequence[_Entry]) -> rlp.Item:
    """A leaf, an extension or a branch over these entries, which ascend by their keys."""
    first, last = entries[0][0], entries[-1][0]
    if len(entries) == 1:
        return [_compact(first, 2), entries[0][1]]
    shared = next(
        (place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
    )
    if shared:
        return [_compact(first[:shared], 0), _reference([(key[shared:], value) for key, value in entries])]
    branch: list[rlp.Item] = [b""] * 17
    for nibble in range(16):
        below = [(key[1:], value) for key, value in entries if key[:1] == bytes([nibble])]
        if below:
            branch[nibble] = _reference(below)
    return branch  # without a value of its own: no key begins another


def _reference(entries: Sequence[_Entry]) -> rlp.Item:
    """What stands in a node for one below it: its hash, or itself where that is no longer."""
    node = _node(entries)
    encoded = rlp.encode(node)
    return node if len(encoded) < 32 else keccak(encoded)


def _compact(nibbles: bytes, kind: int) -> bytes:
    """The hex-prefix encoding (appendix C); `kind` 2 for a leaf, 0 for an extension."""
    odd = len(nibbles) % 2
    whole = bytes([kind + odd, *nibbles]) if odd else bytes([kind, 0, *nibbles])
    return bytes(high << 4 | low for high, low in zip(whole[::2], whole[1::2], strict=True))
