"""Tries of Ethereum's state as nodes, and a job ledger's storage in them: what a storage proof is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from placet.core import rlp
from placet.core.hashing import keccak
from placet.core.ordered_trie import EMPTY, nibbles

_Entries = Sequence[tuple[bytes, bytes]]


def trie(entries: Mapping[bytes, bytes]) -> tuple[bytes, dict[bytes, bytes]]:
    """Root and nodes by hash of a trie under the keccak of these keys."""
    nodes: dict[bytes, bytes] = {}
    paths = sorted((nibbles(keccak(key)), value) for key, value in entries.items())
    if not paths:
        return EMPTY, nodes
    raw = rlp.encode(_node(paths, nodes))
    return keccak(raw), nodes | {keccak(raw): raw}


def _node(entries: _Entries, nodes: dict[bytes, bytes]) -> rlp.Item:
    (first, value), (last, _) = entries[0], entries[-1]
    if len(entries) == 1:
        return [_compact(first, 2), value]
    shared = next(place for place in range(len(first)) if first[place] != last[place])
    if shared:
        return [_compact(first[:shared], 0), _reference([(path[shared:], one) for path, one in entries], nodes)]
    below = [[(path[1:], one) for path, one in entries if path[0] == nibble] for nibble in range(16)]
    return [*(_reference(part, nodes) if part else b"" for part in below), b""]


def _reference(entries: _Entries, nodes: dict[bytes, bytes]) -> rlp.Item:
    node = _node(entries, nodes)
    raw = rlp.encode(node)
    if len(raw) < 32:
        return node
    nodes[keccak(raw)] = raw
    return keccak(raw)


def _compact(path: bytes, kind: int) -> bytes:
    whole = bytes([kind + 1, *path]) if len(path) % 2 else bytes([kind, 0, *path])
    return bytes(high << 4 | low for high, low in zip(whole[::2], whole[1::2], strict=True))


def contract_state(address: bytes, storage: Mapping[int, int]) -> tuple[bytes, tuple[bytes, ...]]:
    """The root of a state in which a contract has this storage, beside another account, and all nodes."""
    words = {slot.to_bytes(32, "big"): rlp.encode(rlp.of_int(word)) for slot, word in storage.items() if word}
    root, below = trie(words)
    other = rlp.encode([b"\1", b"\7", EMPTY, bytes(32)])
    account = rlp.encode([b"\1", b"", root, keccak(b"code")])
    state, above = trie({address: account, bytes(20): other})
    return state, tuple((below | above).values())


def job_word(status: int, parties: int, attempt: int, opened_at: int) -> int:
    """As the ledger packs it, what else stands in it left out."""
    return status | parties << 16 | attempt << 32 | opened_at << 64


def list_word(count: int, head: bytes) -> int:
    return count | int.from_bytes(head, "big") << 64
