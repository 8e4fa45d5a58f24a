"""Entries of a trie are shown by its nodes, present or not; and nothing else is shown by them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core import rlp
from placet.core.errors import InputError
from placet.core.hashing import keccak
from placet.core.ordered_trie import EMPTY
from placet.core.state_trie import MAX_NODE, nodes_by_hash, storage_root, storage_word
from state_tries import contract_state, trie

ADDRESS = b"\x11" * 20
SLOTS = st.dictionaries(st.integers(0, 2**256 - 1), st.integers(1, 2**256 - 1), max_size=40)


@given(storage=SLOTS, absent=st.integers(0, 2**256 - 1))
def test_each_word_is_shown_and_nothing_where_nothing_is(storage: dict[int, int], absent: int) -> None:
    state, raw = contract_state(ADDRESS, storage)
    nodes = nodes_by_hash(raw)
    root = storage_root(state, ADDRESS, nodes)
    assert (root == EMPTY) == (not storage)
    for slot, word in storage.items():
        assert storage_word(root, slot, nodes) == word
    assert storage_word(root, absent, nodes) == storage.get(absent, 0)
    assert storage_root(state, b"\x22" * 20, nodes) == EMPTY


def test_each_node_on_the_way_is_needed_and_each_byte_of_it_counts() -> None:
    chance = random.Random(5)
    storage = {chance.randrange(2**256): chance.randrange(1, 2**256) for _ in range(300)}
    state, raw = contract_state(ADDRESS, storage)
    whole = nodes_by_hash(raw)
    slot = next(iter(storage))
    root = storage_root(state, ADDRESS, whole)
    needed = []
    for hash_ in whole:
        less = {key: node for key, node in whole.items() if key != hash_}
        try:
            assert storage_word(storage_root(state, ADDRESS, less), slot, less) == storage[slot]
        except InputError as error:
            needed.append(hash_)
            assert "lacks a node" in error.message
    assert 4 <= len(needed) <= 8, "branch and leaf of the state, two or three branches and the leaf of the storage"
    for hash_ in needed:
        node = whole[hash_]
        for at in range(len(node)):
            other = node[:at] + bytes([node[at] ^ 1 << chance.randrange(8)]) + node[at + 1 :]
            flipped = nodes_by_hash([*(one for key, one in whole.items() if key != hash_), other])
            with pytest.raises(InputError):
                storage_word(storage_root(state, ADDRESS, flipped), slot, flipped)
    assert storage_word(root, slot, whole) == storage[slot]


def test_an_extension_of_another_path_shows_that_nothing_is_there() -> None:
    """Alone, without what lies below it."""
    by_nibble = {keccak(slot.to_bytes(32, "big"))[0] >> 4: slot for slot in range(64)}
    first = keccak(by_nibble[3].to_bytes(32, "big"))[0] >> 4
    twin = next(slot for slot in range(64, 999) if keccak(slot.to_bytes(32, "big"))[0] >> 4 == first)
    slots = (by_nibble[3], twin)
    root, nodes = trie({slot.to_bytes(32, "big"): rlp.encode(rlp.of_int(7)) for slot in slots})
    alone = {root: nodes[root]}
    assert storage_word(root, by_nibble[4], alone) == 0
    with pytest.raises(InputError):
        storage_word(root, twin, alone)


@pytest.mark.parametrize(
    "node",
    [
        rlp.encode([b"", b"value"]),
        rlp.encode([b"\x40" + bytes(31), b"value"]),
        rlp.encode([b"\x01", b"value"]),
        rlp.encode([b"\x00", keccak(b"below")]),
        rlp.encode([b"\x20" + keccak((0).to_bytes(32, "big")), b""]),
        rlp.encode([b"\x20" + keccak((0).to_bytes(32, "big")), rlp.encode([b"\1"])]),
        rlp.encode([b"\x20" + keccak((0).to_bytes(32, "big")), rlp.encode(b"\0\1")]),
        rlp.encode([b"\x20" + keccak((0).to_bytes(32, "big")), rlp.encode(b"\1" * 33)]),
        rlp.encode([*([b"\1" * 31] * 16), b""]),
        rlp.encode([b"a", b"b", b"c"]),
        rlp.encode(b"\1" * 40),
        b"\xff" * 40,
    ],
)
def test_what_is_no_node_shows_nothing(node: bytes) -> None:
    with pytest.raises(InputError):
        storage_word(keccak(node), 0, nodes_by_hash([node]))


def test_a_node_that_refers_to_itself_in_depth_ends() -> None:
    """A branch of branches within each other, deeper than a key is long: RLP refuses it before."""
    node: rlp.Item = [b""] * 17
    for _ in range(9):
        node = [node, *[b""] * 16]
    with pytest.raises(InputError):
        raw = rlp.encode(node)
        storage_word(keccak(raw), 0, nodes_by_hash([raw]))


def test_a_node_has_an_end() -> None:
    with pytest.raises(InputError):
        nodes_by_hash([bytes(MAX_NODE + 1)])


def test_an_account_that_is_none() -> None:
    for account in (rlp.encode([b"\1", b"", bytes(31), bytes(32)]), rlp.encode([b"\1", b""]), rlp.encode(b"\1")):
        root, nodes = trie({ADDRESS: account, bytes(20): account})
        with pytest.raises(InputError):
            storage_root(root, ADDRESS, nodes)
