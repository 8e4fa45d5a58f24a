"""Additive sharing modulo 2^128: codecs, arithmetic, sums between parties, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from placet.core.errors import DataError, InputError, ProtocolError
from placet.protocols.local import LocalNetwork
from placet.protocols.mpc import additive
from placet.protocols.mpc.additive import LIMIT, Vector, encode, from_bytes, reconstruct, scatter, share, to_bytes
from placet.protocols.order import Entropy

MODULUS = 2**128
words = st.integers(min_value=0, max_value=MODULUS - 1)
values = st.integers(min_value=-LIMIT, max_value=LIMIT)


def vector(numbers: list[int]) -> Vector:
    return from_bytes(b"".join(number.to_bytes(16, "little") for number in numbers), len(numbers))


def numbers(vector: Vector) -> list[int]:
    payload = to_bytes(vector)
    return [int.from_bytes(payload[i : i + 16], "little") for i in range(0, len(payload), 16)]


@given(st.lists(values))
def test_encoding_is_twos_complement_and_comes_back(plain: list[int]) -> None:
    assert numbers(encode(plain)) == [value % MODULUS for value in plain]
    assert reconstruct([encode(plain)]) == plain


def test_the_bytes_are_little_endian_without_a_header() -> None:
    assert to_bytes(encode([1, -2])).hex() == "01" + 15 * "00" + "fe" + 15 * "ff"
    assert to_bytes(encode([LIMIT])).hex() == 24 * "0" + "10" + 6 * "0"


@given(st.lists(words), st.data())
def test_addition_and_subtraction_are_modulo_2_128(left: list[int], data: st.DataObject) -> None:
    right = data.draw(st.lists(words, min_size=len(left), max_size=len(left)))
    assert numbers(additive.add(vector(left), vector(right))) == [
        (x + y) % MODULUS for x, y in zip(left, right, strict=True)
    ]
    assert numbers(additive.subtract(vector(left), vector(right))) == [
        (x - y) % MODULUS for x, y in zip(left, right, strict=True)
    ]


@pytest.mark.parametrize(("left", "right"), [(2**64 - 1, 1), (2**127, 2**127), (MODULUS - 1, MODULUS - 1), (0, 1)])
def test_carries_and_borrows_cross_the_halves(left: int, right: int) -> None:
    assert numbers(additive.add(vector([left]), vector([right]))) == [(left + right) % MODULUS]
    assert numbers(additive.subtract(vector([left]), vector([right]))) == [(left - right) % MODULUS]


@given(st.lists(values), st.integers(min_value=2, max_value=6))
def test_all_shares_give_the_values_back(plain: list[int], parties: int) -> None:
    shares = share(encode(plain), parties)
    assert len(shares) == parties
    assert reconstruct(shares) == plain


def test_any_share_is_one_time_padded(seeded: Callable[[str], Entropy]) -> None:
    """With the same randomness the random shares do not depend on the values, and the last one differs by exactly them:
    for each value there is one randomness that gives the same last share, so it shows nothing either."""
    zero, secret = (share(encode(plain), 3, entropy=seeded("pad")) for plain in ([0, 0], [5, -7]))
    assert [to_bytes(part) for part in zero[:2]] == [to_bytes(part) for part in secret[:2]]
    assert reconstruct([additive.subtract(secret[2], zero[2])]) == [5, -7]


def test_shares_are_fresh_and_their_bits_balanced() -> None:
    """Each of the 128 bits of each of three shares of zero is set in half of 4,096 words, within eight deviations."""
    shares = share(encode([0] * 4096), 3)
    for part in shares:
        bits = np.unpackbits(np.frombuffer(to_bytes(part), dtype=np.uint8)).reshape(4096, 128).sum(axis=0)
        assert abs(bits.astype(int) - 2048).max() < 8 * 32
    assert len({to_bytes(part) for part in [*shares, *share(encode([0] * 4096), 3)]}) == 6


@pytest.mark.parametrize("parties", [-1, 0, 1, additive.MAX_PARTIES + 1])
def test_sharing_among_too_few_or_too_many_is_refused(parties: int) -> None:
    with pytest.raises(InputError, match="can't share"):
        share(encode([1]), parties)


@pytest.mark.parametrize("value", [LIMIT + 1, -LIMIT - 1, 2**127, -(2**200)])
def test_values_out_of_range_are_refused_without_showing_them(value: int) -> None:
    with pytest.raises(DataError, match="row 1") as caught:
        encode([0, value])
    assert str(value) not in str(caught.value)


@pytest.mark.parametrize("value", [1.0, float("nan"), "1", None, True, np.int64(3)])
def test_values_that_are_no_integers_are_refused(value: Any) -> None:
    with pytest.raises(DataError, match="not an integer"):
        encode([0, value])


@pytest.mark.parametrize("length", [0, 15, 17, 31, 33, 48])
def test_bytes_of_another_length_are_refused(length: int) -> None:
    with pytest.raises(ProtocolError, match="wrong length"):
        from_bytes(bytes(length), 2)


def test_the_limit_leaves_room_for_every_party() -> None:
    assert additive.MAX_PARTIES * LIMIT < 2**127
    assert reconstruct([encode([LIMIT, -LIMIT])] * 100) == [100 * LIMIT, -100 * LIMIT]


def test_a_sum_that_no_honest_parties_reach_is_refused() -> None:
    with pytest.raises(ProtocolError, match="do not fit together"):
        reconstruct([vector([2 * LIMIT]), vector([1])])
    with pytest.raises(ProtocolError, match="do not fit together"):
        reconstruct([vector([2**127])])


def test_a_missing_share_is_noticed(seeded: Callable[[str], Entropy]) -> None:
    shares = share(encode([1] * 8), 3, entropy=seeded("three"))
    with pytest.raises(ProtocolError, match="do not fit together"):
        reconstruct(shares[:2])


def test_shares_of_unequal_length_or_none_are_refused() -> None:
    with pytest.raises(InputError, match="different lengths"):
        reconstruct([encode([1]), encode([1, 2])])
    with pytest.raises(InputError, match="no shares"):
        reconstruct([])


@given(st.lists(values, max_size=8), st.data())
def test_scatter_puts_each_value_at_its_position(plain: list[int], data: st.DataObject) -> None:
    total = data.draw(st.integers(min_value=len(plain), max_value=12))
    places = data.draw(st.permutations(range(total)))[: len(plain)]
    positions = [place if data.draw(st.booleans()) else None for place in places]
    expected = [0] * total
    for value, position in zip(plain, positions, strict=True):
        if position is not None:
            expected[position] = value
    assert reconstruct([scatter(plain, positions, total)]) == expected


@pytest.mark.parametrize(
    ("positions", "reason"),
    [([0, 0], "two values"), ([0, 3], "out of range"), ([-1, 0], "out of range"), ([0], "needs a position")],
)
def test_scatter_refuses_bad_positions(positions: list[int | None], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        scatter([1, 2], positions, 3)


@settings(deadline=None, max_examples=examples(40))
@given(st.integers(min_value=2, max_value=5), st.integers(min_value=0, max_value=6), st.data())
def test_parties_sum_without_showing_their_vectors(
    together: Callable[..., list[Any]], parties: int, length: int, data: st.DataObject
) -> None:
    names = tuple(f"bank {i}" for i in range(parties))
    plain = {name: data.draw(st.lists(values, min_size=length, max_size=length)) for name in names}
    network = LocalNetwork(names)
    held = together(
        *(
            additive.sum_shares(network.channel(name), [peer for peer in names if peer != name], encode(plain[name]))
            for name in names
        )
    )
    assert reconstruct(held) == [sum(column) for column in zip(*plain.values(), strict=True)]
    assert len(network.sent) == parties * (parties - 1)
    secrets_on_the_wire = {to_bytes(encode(numbers)) for numbers in plain.values()} - {b""}
    assert not secrets_on_the_wire & {payload for _, _, _, payload in network.sent}


@pytest.mark.parametrize("peers", [[], ["me"], ["bank", "bank"], ["bank", "me"]])
def test_bad_peers_are_refused_before_anything_is_sent(scripted: Any, peers: list[str]) -> None:
    channel = scripted({"mpc.share": bytes(16)})
    with pytest.raises(InputError):
        asyncio.run(additive.sum_shares(channel, peers, encode([1])))
    assert channel.sent == {}


@pytest.mark.parametrize("length", [0, 16, 31, 33, 48])
def test_a_share_of_another_length_is_refused_by_name(scripted: Any, length: int) -> None:
    with pytest.raises(ProtocolError, match=r"^bank gave a vector of the wrong length"):
        asyncio.run(additive.sum_shares(scripted({"mpc.share": bytes(length)}), ["bank"], encode([1, 2])))


def test_vectors_do_not_print_their_words_and_can_not_be_written() -> None:
    secret = encode([123456789])
    assert repr(secret) == "Vector(<1 words>)"
    with pytest.raises(ValueError, match="read-only"):
        secret.words[0, 0] = 1
