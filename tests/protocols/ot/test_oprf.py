"""The batched OPRF: both sides agree at the receiver's inputs and nowhere else, and peers that break the protocol."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from placet.core.errors import LimitError, ProtocolError
from placet.protocols.local import LocalNetwork
from placet.protocols.order import Entropy
from placet.protocols.ot import oprf
from placet.protocols.ot.oprf import COLUMNS, OPRF, OprfKey, blocks_of, receive_oprf, send_oprf

Together = Callable[..., list[Any]]
Seeded = Callable[[str], Entropy]
CONTEXT = b"job 1, attempt 1"


pytestmark = pytest.mark.usefixtures("dealt_seeds")


def inputs_of(count: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (count, 16), np.uint8)


def run(together: Together, seeded: Seeded, inputs: Any, words: int = 2) -> tuple[OprfKey, Any, LocalNetwork]:
    network = LocalNetwork(("sender", "receiver"))
    key, values = together(
        send_oprf(network.channel("sender"), "receiver", len(inputs), context=CONTEXT, entropy=seeded("sender")),
        receive_oprf(network.channel("receiver"), "sender", inputs, words, context=CONTEXT, entropy=seeded("receiver")),
    )
    return key, values, network


@pytest.mark.parametrize(("count", "words"), [(1, 1), (77, 4)])
def test_both_sides_agree_at_the_receivers_inputs(together: Together, seeded: Seeded, count: int, words: int) -> None:
    inputs = inputs_of(count)
    key, values, network = run(together, seeded, inputs, words)
    assert values.shape == (count, words)
    assert (key.evaluate(np.arange(count), inputs, words) == values).all()
    (message,) = (payload for _, _, tag, payload in network.sent if tag == OPRF)
    assert len(message) == COLUMNS * -(-count // 8)


def test_another_input_or_instance_has_an_unrelated_value(together: Together, seeded: Seeded) -> None:
    inputs = inputs_of(50)
    key, values, _ = run(together, seeded, inputs)
    for instances, other in [
        (np.arange(50), inputs_of(50, seed=2)),
        (np.arange(50), inputs ^ np.eye(1, 16, 3, dtype=np.uint8)),
        (np.roll(np.arange(50), 1), inputs),
    ]:
        wrong = key.evaluate(instances, other, 2)
        assert not (wrong == values).any()
        bits = np.unpackbits((wrong ^ values).view(np.uint8)).mean()
        assert 0.45 < bits < 0.55


def test_a_sender_without_a_secret_still_has_a_value_for_each_input() -> None:
    """Where the secret is zero all inputs of an instance have one row: the input itself goes into the hash, too."""
    key = OprfKey(np.zeros(COLUMNS // 8, np.uint8), np.zeros((1, COLUMNS // 8), np.uint8), CONTEXT)
    values = key.evaluate(np.zeros(50, np.int64), inputs_of(50), 1)
    assert len(np.unique(values)) == 50


def test_code_words_are_far_apart_and_how_likely_they_are_not() -> None:
    near = sum(math.comb(COLUMNS, distance) for distance in range(128)) / 2**COLUMNS
    assert near * 2**21 < 2**-40
    words = np.unpackbits(oprf._code(inputs_of(300), CONTEXT), axis=1).astype(np.int64)
    overlap = words @ words.T + (1 - words) @ (1 - words).T
    assert (COLUMNS - overlap)[~np.eye(300, dtype=bool)].min() > 128


def test_blocks_are_aes_under_a_key_a_block() -> None:
    blocks = blocks_of(inputs_of(2), b"name", 3)
    assert blocks.shape == (2, 48) and len({blocks[0, at : at + 16].tobytes() for at in (0, 16, 32)}) == 3
    assert (blocks_of(inputs_of(2), b"name", 2) == blocks[:, :32]).all()
    assert (blocks_of(inputs_of(2), b"other", 3) != blocks).any()


@pytest.mark.parametrize("change", [-1, 1])
def test_columns_of_the_wrong_length_are_refused(
    scripted: Any, together: Together, seeded: Seeded, change: int
) -> None:
    _, _, network = run(together, seeded, inputs_of(3))
    answers = {tag: payload for sender, _, tag, payload in network.sent if sender == "receiver"}
    answers[OPRF] = answers[OPRF] + b"\0" if change > 0 else answers[OPRF][:-1]
    with pytest.raises(ProtocolError, match="wrong length for an OPRF"):
        asyncio.run(send_oprf(scripted(answers), "peer", 3, context=CONTEXT))


def test_too_many_instances_are_refused(monkeypatch: pytest.MonkeyPatch, scripted: Any) -> None:
    monkeypatch.setattr(oprf, "MAX_INSTANCES", 3)
    with pytest.raises(LimitError, match="too many instances"):
        asyncio.run(send_oprf(scripted({}), "peer", 4, context=CONTEXT))
    with pytest.raises(LimitError, match="too many instances"):
        asyncio.run(receive_oprf(scripted({}), "peer", inputs_of(4), 1, context=CONTEXT))
