"""Garbled circuits against what Python computes: gates, sums, counts and comparisons, for any inputs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from garbling import CONTEXT, BothSides, delta, given_bits, labels
from placet.core.errors import InputError, ProtocolError
from placet.protocols.garbled.circuits import add, all_of, at_least, count_ones, widened, zero_unless
from placet.protocols.garbled.labels import LabelHash, bits_of, lowest, where, words_of
from placet.protocols.garbled.sides import Garbler

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "garbled.json").read_text(encoding="utf-8"))
bits = st.integers(0, 1)
seeds = st.integers(0, 1 << 32)
WIDTH = 12
numbers = st.integers(-(1 << WIDTH - 2), (1 << WIDTH - 2) - 1)


def wires(number: int, width: int = WIDTH) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return bits_of(np.array(number % (1 << width), np.uint64), width)


def number_of(planes: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> int:
    unsigned = int(words_of(planes))
    return unsigned - (1 << len(planes)) if planes[-1] else unsigned


@given(st.lists(st.tuples(bits, bits), min_size=1, max_size=6), seeds)
def test_an_and_gate(pairs: list[tuple[int, int]], seed: int) -> None:
    left, right = (np.array(column, np.uint8) for column in zip(*pairs, strict=True))
    both = BothSides(seed).bits(lambda side, a, b: side.conjunction(a, b), left, right)
    assert both.tolist() == (left & right).tolist()


@given(st.lists(bits, min_size=1, max_size=6), st.integers(0, 63), seeds)
def test_not_and_wires_that_both_know(values: list[int], public: int, seed: int) -> None:
    known = np.array([public >> place & 1 for place in range(len(values))], np.uint8)
    flipped = given_bits(lambda side, a: side.flip(a) ^ side.public(known), values, seed)
    assert flipped == [1 ^ bit ^ int(one) for bit, one in zip(values, known, strict=True)]


@given(st.lists(st.lists(bits, min_size=3, max_size=3), min_size=1, max_size=9))
def test_all_of_some_planes(planes: list[list[int]]) -> None:
    table = np.array(planes, np.uint8)
    assert BothSides().bits(all_of, table).tolist() == table.all(axis=0).astype(int).tolist()


@given(st.lists(bits, min_size=1, max_size=40))
def test_how_many_wires_are_one(values: list[int]) -> None:
    planes = given_bits(count_ones, values)
    assert sum(bit << place for place, bit in enumerate(planes)) == sum(values)


def test_a_count_takes_fewer_gates_than_wires() -> None:
    for wires_ in (1, 2, 3, 7, 64, 1000):
        garbler = Garbler(delta(), LabelHash(CONTEXT))
        count_ones(garbler, labels((wires_,), 1))
        assert len(garbler.rows()) <= 32 * (wires_ - 1)


@given(numbers, numbers)
def test_sums_of_signed_numbers(one: int, other: int) -> None:
    assert number_of(BothSides().bits(add, wires(one), wires(other))) == one + other


@given(numbers, st.integers(0, (1 << WIDTH - 2) - 1))
def test_which_numbers_are_enough(number: int, bound: int) -> None:
    enough = BothSides().bits(lambda side, a: at_least(side, a, bound), wires(number))
    assert enough.tolist() == [number >= bound]


@given(bits, numbers)
def test_zero_unless_a_wire_is_one(wire: int, number: int) -> None:
    left = BothSides().bits(zero_unless, np.array([wire], np.uint8), wires(number))
    assert number_of(left) == number * wire


def test_a_number_is_widened_with_zeros() -> None:
    planes = BothSides().bits(lambda side, a: widened(side, a, 6), np.array([1, 0, 1], np.uint8))
    assert planes.tolist() == [1, 0, 1, 0, 0, 0]


@given(st.lists(st.tuples(bits, st.integers(0, (1 << 64) - 1)), min_size=1, max_size=6), seeds)
def test_a_projection_gives_a_value_where_the_wire_is_one(pairs: list[tuple[int, int]], seed: int) -> None:
    both = BothSides(seed)
    values = np.array([value for _, value in pairs], np.uint64)
    zeros = labels((len(pairs),), seed)
    masks = both.garbler.project(zeros, values)
    both.evaluator.feed(both.garbler.rows())
    words = both.evaluator.project(zeros ^ where(np.array([bit for bit, _ in pairs], np.uint8), both.delta))
    both.evaluator.demand_spent()
    assert (words - masks).tolist() == [bit * value for bit, value in pairs]


@given(st.lists(st.integers(0, (1 << 20) - 1), min_size=1, max_size=4))
def test_words_and_their_bits(words: list[int]) -> None:
    assert words_of(bits_of(np.array(words, np.uint64), 20)).tolist() == words


# -------------------------------------------------------------------------------------------------- what is shown


def test_the_evaluators_labels_say_nothing_without_the_garbler() -> None:
    """For every input: the lowest bits, which are all that it can read, come out as often 0 as 1 over deltas."""
    for bit in (0, 1):
        value = np.array([bit], np.uint8)
        ends = [int(lowest(labels((1,), seed) ^ where(value, delta(seed)))[0]) for seed in range(64)]
        assert 16 < sum(ends) < 48


@pytest.mark.parametrize("place", [0, 15])
def test_a_row_that_was_changed_ends_the_job(place: int) -> None:
    """Where the evaluator's label opens it; of 16 gates some do."""
    both = BothSides()
    zeros = labels((2, 16), 3)
    output = both.garbler.conjunction(zeros[0], zeros[1])
    rows = np.frombuffer(both.garbler.rows(), np.uint8).reshape(32, 16).copy()
    rows[:, place] ^= 1
    both.evaluator.feed(rows.tobytes())
    shown = both.evaluator.conjunction(zeros[0], zeros[1])
    with pytest.raises(ProtocolError) as caught:
        both.garbler.demand_bits(output, shown)
    assert caught.value.code == "garbled.label"


@pytest.mark.parametrize("bit", [0, 1, 63, 127])
@pytest.mark.parametrize("value", [0, 1])
def test_a_label_that_is_neither_is_refused(bit: int, value: int) -> None:
    garbler, zero = Garbler(delta(), LabelHash(CONTEXT)), labels((1,), 5)
    shown = zero ^ where(np.array([value], np.uint8), delta())
    assert garbler.demand_bits(zero, shown).tolist() == [value]
    shown[0, bit // 64] ^= np.uint64(1 << bit % 64)
    with pytest.raises(ProtocolError, match="neither"):
        garbler.demand_bits(zero, shown)


@pytest.mark.parametrize("change", [-16, -1, 1, 16])
def test_tables_of_another_length_are_refused(change: int) -> None:
    both = BothSides()
    zeros = labels((2, 3), 1)
    both.garbler.conjunction(zeros[0], zeros[1])
    rows = both.garbler.rows()
    both.evaluator.feed(rows[:change] if change < 0 else rows + bytes(change))
    with pytest.raises(ProtocolError) as caught:
        both.evaluator.conjunction(zeros[0], zeros[1])
        both.evaluator.demand_spent()
    assert caught.value.code == "garbled.tables"


def test_no_delta_whose_lowest_bit_is_zero() -> None:
    even = delta()
    even[0] ^= np.uint64(1)
    with pytest.raises(InputError, match="lowest bit"):
        Garbler(even, LabelHash(CONTEXT))


# -------------------------------------------------------------------------------------------------- vectors


def test_the_hash_as_it_is_written_down() -> None:
    """TMMO over AES-128, each step by hand in the file."""
    for one in VECTORS["hash"]:
        block = np.frombuffer(bytes.fromhex(one["label"]), np.uint64).reshape(1, 2)
        digest = LabelHash(bytes.fromhex(one["context"]))(block, np.array([one["tweak"]], np.uint64))
        assert digest.tobytes().hex() == one["hash"]


def test_the_same_delta_and_inputs_make_the_same_tables() -> None:
    for one in VECTORS["tables"]:
        garbler = Garbler(delta(one["seed"]), LabelHash(CONTEXT))
        count = count_ones(garbler, labels((9,), one["seed"]))
        garbler.project(count, np.arange(len(count), dtype=np.uint64))
        assert hashlib.sha256(garbler.rows()).hexdigest() == one["sha256"]
