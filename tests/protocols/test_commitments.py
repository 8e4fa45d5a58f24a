"""Pedersen's commitments against vectors and points worked out by hand; batches and what they miss."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from coincurve import PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.core.errors import InputError, ProtocolError
from placet.protocols.mpc import commitments
from placet.protocols.mpc.commitments import ORDER, commit, opens
from placet.protocols.order import Entropy

FIELD = 2**256 - 2**32 - 977
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "commitments.json").read_text())
Point = tuple[int, int] | None
BASE: Point = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
numbers = st.integers(-(2**100), 2**100) | st.integers(0, ORDER - 1)


def added(left: Point, right: Point) -> Point:
    """Points of secp256k1 by the schoolbook."""
    if left is None or right is None:
        return right if left is None else left
    if left[0] == right[0] and (left[1] + right[1]) % FIELD == 0:
        return None
    if left == right:
        slope = 3 * left[0] ** 2 * pow(2 * left[1], -1, FIELD) % FIELD
    else:
        slope = (right[1] - left[1]) * pow(right[0] - left[0], -1, FIELD) % FIELD
    x = (slope**2 - left[0] - right[0]) % FIELD
    return x, (slope * (left[0] - x) - left[1]) % FIELD


def times(factor: int, point: Point) -> Point:
    total: Point = None
    for bit in f"{factor % ORDER:b}":
        total = added(total, total)
        total = added(total, point) if bit == "1" else total
    return total


def written(point: Point) -> bytes:
    assert point is not None
    return bytes([2 + point[1] % 2]) + point[0].to_bytes(32, "big")


def second() -> Point:
    """H, as the docstring has it."""
    assert BASE is not None
    x = int.from_bytes(
        hashlib.sha256(b"\x04" + BASE[0].to_bytes(32, "big") + BASE[1].to_bytes(32, "big")).digest(), "big"
    )
    y = pow(x**3 + 7, (FIELD + 1) // 4, FIELD)
    assert y * y % FIELD == (x**3 + 7) % FIELD
    return x, min(y, FIELD - y, key=lambda one: one % 2)


def test_the_second_generator_is_the_one_of_bip_341() -> None:
    assert commitments.value_generator().format() == written(second())
    assert written(second()).hex() == "0250929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0"


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["value"])
def test_vectors_by_another_arithmetic(case: dict[str, str]) -> None:
    value, randomness = int(case["value"]), int(case["randomness"], 16)
    assert commit(value, randomness).hex() == case["commitment"]
    assert written(added(times(value, second()), times(randomness, BASE))).hex() == case["commitment"]


def test_randomness_follows_from_a_seed_as_the_vectors_say() -> None:
    seed = VECTORS["scalars"]
    stream: Entropy = lambda count: hashlib.shake_256(seed["shake_256"].encode()).digest(count)  # noqa: E731
    assert [f"{one:064x}" for one in commitments.scalars(3, stream)] == seed["scalars"]
    assert commitments.scalars(1, bytes) == [1] and commitments.scalars(1, lambda _: b"\xff" * 32)[0] < ORDER
    assert [f"{one:016x}" for one in commitments.weights(bytes.fromhex(seed["challenge"]), 3)] == seed["weights"]


@settings(max_examples=15, deadline=None)
@given(numbers, numbers, numbers)
def test_a_commitment_opens_to_its_own_value_and_to_no_other(value: int, randomness: int, other: int) -> None:
    if not (value % ORDER or randomness % ORDER):
        with pytest.raises(InputError, match="nothing to commit to"):
            commit(value, randomness)
        return
    made = commit(value, randomness)
    assert opens(made, value, randomness) and opens(made, value + ORDER, randomness - ORDER)
    assert opens(made, other, randomness) == ((other - value) % ORDER == 0)
    assert opens(made, value, other) == ((other - randomness) % ORDER == 0)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=5))
def test_sums_of_commitments_are_commitments_to_sums(pairs: list[tuple[int, int]]) -> None:
    pairs = [(value, randomness or 1) for value, randomness in pairs]
    points = [PublicKey(commit(*pair)) for pair in pairs]
    value, randomness = (sum(column) for column in zip(*pairs, strict=True))
    if value % ORDER or randomness % ORDER:
        assert commitments.joined(points) == commit(value, randomness)


def batch(count: int) -> tuple[list[PublicKey], list[int], list[int]]:
    values = [secrets.randbelow(2**60) - 2**59 if place % 3 else 0 for place in range(count)]
    randomness = commitments.scalars(count, secrets.token_bytes)
    return [PublicKey(commit(*pair)) for pair in zip(values, randomness, strict=True)], values, randomness


@pytest.mark.parametrize("count", [1, 64, 65, 300])
def test_many_are_checked_at_once_and_a_wrong_place_is_found(count: int) -> None:
    points, values, randomness = batch(count)
    challenge = secrets.token_bytes(32)

    def right() -> bool:
        factors = commitments.weights(challenge, count)
        total = asyncio.run(commitments.weighted(points, factors))
        return opens(total, commitments.inner(factors, values), commitments.inner(factors, randomness))

    assert right() and not list(commitments.wrong_places(points, values, randomness, challenge))
    values[-1] += 1
    values[0] -= 1  # the plain sum is right again
    assert not right() or count == 1
    assert list(commitments.wrong_places(points, values, randomness, challenge)) == (
        [0, count - 1] if count > 1 else []
    )


def test_all_places_of_many_parties() -> None:
    columns = [batch(70) for _ in range(3)]
    payloads = [asyncio.run(commitments.commit_all(values, randomness)) for _, values, randomness in columns]
    points = [commitments.points_of(payload, 70) for payload in payloads]
    assert payloads[0] == b"".join(one.format() for one in columns[0][0])
    total = asyncio.run(commitments.sums(points))
    for place in range(70):
        value, randomness = sum(c[1][place] for c in columns), sum(c[2][place] for c in columns)
        assert opens(total[place].format(), value, randomness)


def _identity(good: bytes) -> bytes:
    return bytes(33)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda good: good[:-1],
        lambda good: good + good,
        lambda good: b"",
        _identity,
        lambda good: b"\x04" + good[1:],
        lambda good: b"\x02" + b"\xff" * 32,
        lambda good: b"\x02" + (5).to_bytes(32, "big"),  # 5^3 + 7 is no square
    ],
)
def test_what_is_no_point_is_refused_by_its_senders_name(spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ProtocolError, match="Bank North") as caught:
        commitments.points_of(spoil(commit(5, 7)), 1, sender="Bank North")
    assert caught.value.code == "peer.point"


def test_commitments_that_cancel_are_refused() -> None:
    with pytest.raises(ProtocolError, match="cancel"):
        commitments.joined([PublicKey(commit(5, 7)), PublicKey(commit(-5, -7))])
