"""What a side of circuit PSI by a garbled circuit gains that does not follow it: each attempt is refused or tells it
nothing more, and succeeds where the protection is left out."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from garbling import Counted, IdealTransfers, counted, delta
from placet.core.errors import ProtocolError
from placet.protocols.garbled import Brought, CountTerms, counting
from placet.protocols.garbled.labels import Bits, LabelHash, Labels, Words, lowest
from placet.protocols.garbled.sides import Evaluator, Garbler
from placet.protocols.ot import oprf
from placet.protocols.ot.okvs import table_cells
from placet.protocols.ot.opprf import STORE, bins_for, receive_programmed
from placet.protocols.ot.oprf import INPUT_BYTES, send_oprf

BANK = [f"person {number}".encode() for number in range(12)]
AMOUNTS = [100 + number for number in range(12)]
SHOP = [b"person 3", b"person 5", b"nobody"]
EVERYBODY = (len(BANK), sum(AMOUNTS))
BOTH = (2, AMOUNTS[3] + AMOUNTS[5])


def run(**changes: Any) -> Counted:
    return counted(Brought(BANK, AMOUNTS), Brought(SHOP), **changes)


# ------------------------------------------------------------------------------------------ a consumer without secret


async def without_a_secret(
    channel: Any, receiver: str, identifiers: Any, _: Any, *, rows: Any, context: bytes, entropy: Any
) -> Any:
    """The OPPRF's sender, whose functions give the same value for every identifier, and whose store says nothing."""
    bins, inputs = bins_for(rows[0]), np.zeros((bins_for(rows[0]), INPUT_BYTES), np.uint8)
    first: Iterator[bytes] = iter([bytes(oprf.COLUMNS // 8)])
    key = await send_oprf(channel, receiver, bins, context=context, entropy=lambda size: next(first, entropy(size)))
    await channel.send(receiver, STORE, bytes(8 * table_cells(3 * rows[1])))
    return key.evaluate(np.arange(bins), inputs, 1)


def test_a_consumer_without_a_secret_matches_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """It wants a tag for each bin that fits whoever lies there: all of the provider's rows added up."""
    IdealTransfers(monkeypatch)
    monkeypatch.setattr(counting, "receive_programmed", receive_programmed)
    monkeypatch.setattr(counting, "send_programmed", without_a_secret)
    assert run().numbers == (0, 0)

    hashed = oprf._hashed
    monkeypatch.setattr(oprf, "_hashed", lambda b, rows, inputs, *rest: hashed(b, rows, np.zeros_like(inputs), *rest))
    assert run().numbers == EVERYBODY, "where the hash is of the row alone"


# ------------------------------------------------------------------------------------------ a consumer and its labels


@pytest.fixture
def ideal(monkeypatch: pytest.MonkeyPatch) -> IdealTransfers:
    return IdealTransfers(monkeypatch)


def more_of_them(payload: bytes) -> bytes:
    """The lowest bits of the labels of the count's first bits, the other way round."""
    labels = bytearray(payload)
    for place in range(3):
        labels[16 * place] ^= 1
    return bytes(labels)


def test_a_consumer_that_shows_other_labels_ends_the_job(
    ideal: IdealTransfers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It wants the provider's share to be of another count: here of one that the smallest group let through."""
    lie: Any = ({}, {"garbled.labels": more_of_them})
    refusal = run(smallest=3, lies=lie).shares[0]
    assert isinstance(refusal, ProtocolError) and refusal.code == "garbled.label"

    def read(self: Garbler, zeros: Labels, labels: Labels) -> Bits:
        return lowest(zeros) ^ lowest(labels)

    monkeypatch.setattr(Garbler, "demand_bits", read)
    assert run(smallest=3, lies=lie).numbers == (7, 0), "where the lowest bits alone are read"


@pytest.mark.parametrize("smallest", [2, 3])
def test_a_consumer_that_brings_another_sum_in_learns_what_it_would(ideal: IdealTransfers, smallest: int) -> None:
    """The sum is off by what it knows, the count stays, and below the smallest group nothing comes out."""

    def by_one(payload: bytes) -> bytes:
        return bytes([payload[0] ^ 1]) + payload[1:]

    count, total = run(smallest=smallest, lies=({}, {"garbled.shift": by_one})).numbers
    if smallest > BOTH[0]:
        assert (count, total) == (0, 0)
    else:
        assert count == BOTH[0] and abs(total - BOTH[1]) == 1


@pytest.mark.parametrize("place", [0, 3, 11, 12])
def test_a_consumer_that_leaves_a_bin_out_of_its_sum_learns_no_amount(
    ideal: IdealTransfers, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    """Each word is under a mask of its own: without one of them, of a match or of none, the sum says nothing."""
    project = Evaluator.project

    def without_one(self: Evaluator, wires: Labels) -> Words:
        words = project(self, wires)
        words[place] = 0
        return words

    monkeypatch.setattr(Evaluator, "project", without_one)
    count, total = run().numbers
    assert count == BOTH[0] and abs(total - BOTH[1]) > 2**48


def test_labels_do_not_tell_the_other_one() -> None:
    """Who holds one label of each wire and all tables finds none of the others: not by XOR of what it holds."""
    garbler = Garbler(delta(3), LabelHash(b"session"))
    zeros = np.frombuffer(random.Random(1).randbytes(16 * 64), np.uint64).reshape(2, 32, 2)
    output = garbler.conjunction(zeros[0], zeros[1])
    rows = np.frombuffer(garbler.rows(), np.uint64).reshape(-1, 2)
    known = np.concatenate([zeros.reshape(-1, 2), output, rows])
    pairs = known[:, None] ^ known[None]
    assert not (pairs == delta(3)).all(axis=-1).any()


# ------------------------------------------------------------------------------------------ not prevented


def test_a_garbler_of_another_circuit_is_not_found_out(ideal: IdealTransfers) -> None:
    """*Not prevented*, as `protocols.md` says: nobody opens a garbling. A provider whose circuit has a smaller group
    gives its consumer a count of its own people below the plan's."""
    rows = (len(BANK), len(SHOP))
    agreed, other = (CountTerms(rows, summed=True, noisy=False, smallest=group) for group in (3, 2))
    assert run(terms=(other, agreed)).numbers == BOTH
    assert run(terms=(agreed, agreed)).numbers == (0, 0)
