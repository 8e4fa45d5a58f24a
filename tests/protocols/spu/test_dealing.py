"""Dealt shares: they add up to the secret, a peer's part is random, and they lie as SPU's own do."""

from __future__ import annotations

import numpy as np
import pytest

from placet.core.errors import ProtocolError
from placet.protocols.spu import dealing
from placet.protocols.spu.engine import Engine
from placet.protocols.spu.shares import ShareBytes

ABY3, CHEETAH = Engine(protocol="aby3"), Engine(protocol="cheetah")
META = 27
"""Bytes of what is said of such an array."""
NUMBERS = np.array([[0, 1, -1], [2**63 - 1, -(2**63), 7]], np.int64)


def components(share: ShareBytes, wide: int) -> np.ndarray:
    """(numbers, components a party), of one chunk of less than 128 bytes."""
    (chunk,) = share.chunks
    size = 8 * wide * NUMBERS.size
    assert chunk[:4] == bytes([0x08, size, 0x1A, size])
    return np.frombuffer(chunk[4:], np.uint64).reshape(-1, wide)


@pytest.mark.parametrize("owner", range(3))
def test_three_hold_two_components_each_that_add_up(owner: int) -> None:
    own, messages = dealing.deal(ABY3, owner, NUMBERS)
    assert sorted(map(len, messages.values())) == [META + 64, META + 32 + 8 * NUMBERS.size]
    held = {owner: own} | {
        rank: dealing.receive(ABY3, owner, rank, NUMBERS.shape, message) for rank, message in messages.items()
    }
    parts = [components(held[rank], 2) for rank in range(3)]
    for rank in range(3):
        assert (parts[rank][:, 1] == parts[(rank + 1) % 3][:, 0]).all()
    assert (sum(part[:, 0] for part in parts).view(np.int64) == NUMBERS.reshape(-1)).all()


@pytest.mark.parametrize("owner", range(2))
def test_two_hold_a_component_each(owner: int) -> None:
    own, messages = dealing.deal(CHEETAH, owner, NUMBERS)
    ((rank, message),) = messages.items()
    other = dealing.receive(CHEETAH, owner, rank, NUMBERS.shape, message)
    assert rank == 1 - owner and len(message) == META + 3 + 32
    total = components(own, 1) + components(other, 1)
    assert (total.view(np.int64).reshape(NUMBERS.shape) == NUMBERS).all()


def test_what_peers_hold_is_fresh_each_time() -> None:
    """Of one secret dealt twice no party but its owner is sent a word again."""
    first, second = (dealing.deal(ABY3, 0, np.zeros(64, np.int64))[1] for _ in range(2))
    for rank in (1, 2):
        sent = (first[rank][META - 1 :], second[rank][META - 1 :])
        words = [{raw[at : at + 8] for at in range(0, len(raw), 8)} for raw in sent]
        assert not words[0] & words[1]


def test_they_lie_as_spu_has_them() -> None:
    """Meta and chunks of `Io.make_shares` of SPU 0.9.5, for int64 of shape (2, 3) and (3000, 9000)."""
    own, _ = dealing.deal(ABY3, 0, NUMBERS)
    assert own.meta == b'\x08\x08\x18\x01"\x04\n\x02\x02\x03*\x0faby3.AShr<FM64>'
    assert dealing.deal(CHEETAH, 0, NUMBERS)[0].meta == b'\x08\x08\x18\x01"\x04\n\x02\x02\x03*\x12cheetah.AShr<FM64>'
    assert dealing.deal(ABY3, 0, np.zeros((300, 9), np.int64))[0].meta[4:11] == b'"\x05\n\x03\xac\x02\t'


def test_long_ones_are_cut_into_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dealing, "_CHUNK_BYTES", 40)
    own, _ = dealing.deal(ABY3, 0, NUMBERS)
    assert [chunk[:4] for chunk in own.chunks] == [b"\x08`\x1a(", b"\x08`\x10(", b"\x08`\x10P"]
    assert [len(chunk) for chunk in own.chunks] == [44, 46, 22]


@pytest.mark.parametrize(("engine", "me"), [(ABY3, 1), (ABY3, 2), (CHEETAH, 1)])
def test_another_array_is_refused(engine: Engine, me: int) -> None:
    message = dealing.deal(engine, 0, NUMBERS)[1][me]
    reshaped = dealing.deal(engine, 0, NUMBERS.T.copy())[1][me]
    for raw in (b"", message[:-1], message + b"\0", bytes(len(message)), reshaped):
        with pytest.raises(ProtocolError) as caught:
            dealing.receive(engine, 0, me, NUMBERS.shape, raw)
        assert caught.value.code == "spu.share"


def test_other_types_and_rings_are_not_dealt_so() -> None:
    assert dealing.compact(ABY3, "int64")
    assert not dealing.compact(ABY3, "float32")
    assert not dealing.compact(Engine(protocol="aby3", field="FM128"), "int64")
