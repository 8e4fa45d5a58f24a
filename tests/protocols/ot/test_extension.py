"""Correlated transfers: labels by choice, parts, the check's hash, and malformed messages."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from placet.core.errors import InputError, ProtocolError
from placet.protocols.local import LocalNetwork
from placet.protocols.order import Entropy
from placet.protocols.ot import extension
from placet.protocols.ot.columns import unpacked
from placet.protocols.ot.extension import (
    EXTEND,
    LabelReceiver,
    LabelSender,
    hashed,
    message_bytes,
    parts,
    receive_correlated,
    send_correlated,
)

Together = Callable[..., list[Any]]
Seeded = Callable[[str], Entropy]
CONTEXT = b"job 1, attempt 1"
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "ot.json").read_text(encoding="utf-8"))


def pair(delta: int = 5) -> tuple[LabelSender, LabelReceiver]:
    """Both sides over base transfers dealt by the test."""
    draw = np.random.default_rng(delta)
    pairs = draw.integers(0, 256, (128, 2, 16), np.uint8)
    secret = np.frombuffer((delta | 1).to_bytes(16, "little"), np.uint8)
    seeds = pairs[np.arange(128), unpacked(secret)]
    receiver = LabelReceiver(pairs, CONTEXT, lambda count: draw.bytes(count))
    return LabelSender(secret, seeds, receiver.trees, CONTEXT, "peer"), receiver


def run(together: Together, seeded: Seeded, choices: Any) -> tuple[Any, Any, LocalNetwork]:
    network = LocalNetwork(("garbler", "evaluator"))
    correlation, labels = together(
        send_correlated(
            network.channel("garbler"), "evaluator", len(choices), context=CONTEXT, entropy=seeded("garbler")
        ),
        receive_correlated(
            network.channel("evaluator"), "garbler", choices, context=CONTEXT, entropy=seeded("evaluator")
        ),
    )
    return correlation, labels, network


def test_labels_differ_by_delta_where_the_choice_is_one(together: Together, seeded: Seeded) -> None:
    choices = np.random.default_rng(1).integers(0, 2, 1000).astype(np.uint8)
    correlation, labels, network = run(together, seeded, choices)
    assert (labels == correlation.zeros ^ choices[:, None].astype(np.uint64) * correlation.delta).all()
    assert correlation.delta[0] & np.uint64(1) == 1
    assert len(np.unique(correlation.zeros, axis=0)) == len(choices)
    case = VECTORS["extension"]
    assert correlation.delta.tobytes().hex() == case["delta"]
    assert hashlib.sha256(correlation.zeros.tobytes()).hexdigest() == case["zeros_sha256"]
    (message,) = (payload for _, _, tag, payload in network.sent if tag == EXTEND)
    assert hashlib.sha256(message).hexdigest() == case["message_sha256"]


def test_many_transfers_go_in_parts(together: Together, seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extension, "PART", 300)
    choices = np.random.default_rng(2).integers(0, 2, 1000).astype(np.uint8)
    correlation, labels, network = run(together, seeded, choices)
    assert (labels == correlation.zeros ^ choices[:, None].astype(np.uint64) * correlation.delta).all()
    sizes = [len(payload) for _, _, tag, payload in network.sent if tag == EXTEND]
    assert sizes == [message_bytes(count) for count in (300, 300, 300, 100)]


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (1, [(0, 1)]), (1 << 17, [(0, 1 << 17)]), ((1 << 17) + 1, None)]
)
def test_parts_cover_all(count: int, expected: list[tuple[int, int]] | None) -> None:
    assert parts(count) == (expected if expected is not None else [(0, 1 << 17), (1 << 17, (1 << 17) + 1)])


@pytest.mark.parametrize("count", [1, 8, 127, 128, 129, 1000])
def test_any_number_of_transfers(count: int) -> None:
    sender, receiver = pair(count)
    choices = np.random.default_rng(count).integers(0, 2, count).astype(np.uint8)
    message, labels = receiver.extend(choices)
    assert len(message) == message_bytes(count)
    zeros = sender.accept(count, message)
    assert zeros.shape == labels.shape == (count, 2)
    delta = np.frombuffer((count | 1).to_bytes(16, "little"), np.uint64)
    assert ((labels ^ zeros) == choices[:, None].astype(np.uint64) * delta).all()


def test_the_hash_is_ghash_and_linear() -> None:
    key = bytes(range(16))
    draw = np.random.default_rng(3)
    lines = draw.integers(0, 256, (3, 48), np.uint8)
    point = int.from_bytes(Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor().update(bytes(16)), "big")

    def times(first: int, second: int) -> int:
        product = 0
        for bit in range(127, -1, -1):
            product ^= first if second >> bit & 1 else 0
            first = first >> 1 ^ (0xE1 << 120 if first & 1 else 0)
        return product

    for line, value in zip(lines, hashed(lines, key), strict=True):
        blocks = [int.from_bytes(line[start : start + 16].tobytes(), "big") for start in range(0, 48, 16)]
        expected = times(reduce(lambda total, block: times(total ^ block, point), blocks, 0), point)
        assert value.tobytes() == expected.to_bytes(16, "big")
    mixed = (lines[0] ^ lines[1])[None]
    assert (hashed(mixed, key)[0] == hashed(lines, key)[0] ^ hashed(lines, key)[1]).all()


def test_equal_choices_have_unrelated_hashes() -> None:
    """The mask of 128 random choices hides what the hash would tell of the choices."""
    _, receiver = pair()
    choices = np.zeros(200, np.uint8)
    hashes = {receiver.extend(choices)[0][-16 * 129 :][:16] for _ in range(4)}
    assert len(hashes) == 4


def test_any_changed_byte_that_changes_the_choices_is_caught() -> None:
    """Column 0 counts for certain, as delta's lowest bit is 1; and so does any byte of the choices' hash."""
    choices = np.zeros(200, np.uint8)
    for place in (0, 24, 47, -16 * 129):
        sender, receiver = pair()
        message = bytearray(receiver.extend(choices)[0])
        message[place] ^= 1
        with pytest.raises(ProtocolError, match="the same choices in every column") as refusal:
            sender.accept(200, bytes(message))
        assert refusal.value.code == "ot.check"


def test_a_part_can_not_be_sent_twice() -> None:
    sender, receiver = pair()
    message, _ = receiver.extend(np.ones(200, np.uint8))
    sender.accept(200, message)
    with pytest.raises(ProtocolError, match="the same choices"):
        sender.accept(200, message)


@pytest.mark.parametrize("change", [-1, 1, -16, 16])
def test_a_message_of_another_length_is_refused(change: int) -> None:
    sender, receiver = pair()
    message, _ = receiver.extend(np.zeros(200, np.uint8))
    wrong = message[:change] if change < 0 else message + bytes(change)
    with pytest.raises(ProtocolError, match="wrong length"):
        sender.accept(200, wrong)


def test_choices_are_bits() -> None:
    channel = LocalNetwork(("a", "b")).channel("a")
    for choices in (np.array([2], np.uint8), np.zeros((1, 1), np.uint8)):
        with pytest.raises(InputError, match="choices of transfers"):
            asyncio.run(receive_correlated(channel, "b", choices, context=CONTEXT))
