"""RLP agrees with Ethereum's own library, and nothing else is read; in the trie over a list every value counts."""

from __future__ import annotations

import random

import pytest
import rlp as reference
from hypothesis import given
from hypothesis import strategies as st

from placet.core import rlp
from placet.core.errors import InputError
from placet.core.ordered_trie import EMPTY, ordered_root

items = st.recursive(
    st.binary(max_size=80), lambda inner: st.lists(inner, max_size=5), max_leaves=20
).filter(lambda item: _depth(item) <= 8)  # fmt: skip


def _depth(item: object) -> int:
    return 1 + max(map(_depth, item), default=0) if isinstance(item, list) else 0


@given(items)
def test_it_is_ethereums_encoding(item: rlp.Item) -> None:
    raw = rlp.encode(item)
    assert raw == reference.encode(item)
    assert rlp.decode(raw) == item


@given(st.binary(max_size=60))
def test_what_is_read_is_written_again(raw: bytes) -> None:
    try:
        item = rlp.decode(raw)
    except InputError:
        return
    assert rlp.encode(item) == raw


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "8101",
        "b800",
        "b80181",
        "b90001ff",
        "81",
        "c1",
        "c281",
        "8000",
        "c08080",
        "f800",
        "bfffffffffffffffff",
        "ff",
    ],
)
def test_other_forms_are_refused(raw: str) -> None:
    with pytest.raises(InputError):
        rlp.decode(bytes.fromhex(raw))


def test_lists_within_lists_end() -> None:
    with pytest.raises(InputError):
        rlp.decode(_nested(2_000))


def _nested(depth: int) -> bytes:
    item = b"\xc0"
    for _ in range(depth):
        item = (bytes([0xC0 + len(item)]) if len(item) < 56 else b"\xf9" + len(item).to_bytes(2, "big")) + item
    return item


def test_the_root_over_nothing_is_the_one_in_every_empty_block() -> None:
    assert EMPTY.hex() == "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
    assert ordered_root([]) == EMPTY


@given(st.integers(1, 300), st.integers(0, 2**32))
def test_every_value_and_its_place_count(size: int, seed: int) -> None:
    chance = random.Random(seed)
    values = [chance.randbytes(chance.randrange(1, 90)) for _ in range(size)]
    root = ordered_root(values)
    other = list(values)
    other[chance.randrange(size)] += b"x"
    assert ordered_root(other) != root
    assert ordered_root(values[:-1]) != root
    if size > 1 and values[0] != values[-1]:
        assert ordered_root([values[-1], *values[1:-1], values[0]]) != root
