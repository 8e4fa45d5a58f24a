"""The oblivious key-value store: what is put in comes out, how likely it fails, and that keys leave no trace."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from placet.core.errors import ProtocolError
from placet.protocols.ot.okvs import DENSE, _peeled, _where, decode, encode, expected_sets, sparse_third, table_cells

CONTEXT = b"job 1, attempt 1"


def pairs(count: int, width: int, seed: int) -> tuple[Any, Any]:
    draw = np.random.default_rng(seed)
    return draw.integers(0, 256, (count, 16), np.uint8), draw.integers(0, 1 << 64, (count, width), np.uint64)


@settings(deadline=None, max_examples=examples(30))
@given(st.integers(0, 150), st.integers(1, 4), st.integers(0, 50), st.integers(0, 1 << 32))
def test_what_is_put_in_comes_out(count: int, width: int, room: int, seed: int) -> None:
    keys, values = pairs(count, width, seed)
    table = encode(keys, values, count + room, context=CONTEXT)
    assert table.shape == (table_cells(count + room), width)
    assert (decode(table, keys, context=CONTEXT) == values).all()


def test_thousands_come_out_and_other_keys_get_noise() -> None:
    keys, values = pairs(30_000, 2, 1)
    table = encode(keys, values, 30_000, context=CONTEXT)
    assert len(table) == 39_000 + DENSE
    assert (decode(table, keys, context=CONTEXT) == values).all()
    others, _ = pairs(1000, 1, 2)
    assert not (decode(table, others, context=CONTEXT)[:, 0, None] == values[:1000, 0]).any()


def test_keys_that_do_not_peel_are_solved() -> None:
    """Below sixty keys many a set has keys with the same cells: each such set is encoded all the same."""
    unpeeled = 0
    for seed in range(60):
        keys, values = pairs(30, 1, seed)
        unpeeled += len(_peeled(_where(keys, 30, CONTEXT).cells, 3 * sparse_third(30))[1]) > 0
        assert (decode(encode(keys, values, 30, context=CONTEXT), keys, context=CONTEXT) == values).all()
    assert unpeeled > 8


def test_one_key_with_two_values_is_refused() -> None:
    keys, values = pairs(2, 1, 3)
    keys[1] = keys[0]
    with pytest.raises(ProtocolError, match="can't hold these keys"):
        encode(keys, values, 2, context=CONTEXT)


def test_fewer_than_two_sets_are_expected_to_depend_so_that_encoding_fails_with_less_than_2_to_the_minus_63() -> None:
    sizes = [*range(1, 40), 60, 100, 192, 300, 600, 1000, 2000]
    assert max(expected_sets(size) for size in sizes) < 2
    assert expected_sets(2000) < expected_sets(600) < expected_sets(192) < 0.1
    assert DENSE == 64


def test_the_expectation_is_what_is_measured() -> None:
    """Mean of 2^(keys - rank) - 1 over sets of twelve keys, by elimination: within four standard errors."""
    counts = []
    for seed in range(200):
        cells = _where(pairs(12, 1, seed)[0], 12, CONTEXT).cells
        basis: dict[int, int] = {}
        dependent = 0
        for row in cells.tolist():
            line = sum(1 << cell for cell in row)
            while line and line.bit_length() in basis:
                line ^= basis[line.bit_length()]
            if line:
                basis[line.bit_length()] = line
            else:
                dependent += 1
        counts.append((1 << dependent) - 1)
    error = np.std(counts) / np.sqrt(len(counts))
    assert abs(np.mean(counts) - expected_sets(12)) < 4 * error < 0.5


def test_a_table_of_uniform_values_looks_uniform_wherever_the_keys_lie() -> None:
    """Of the same 20 keys over 200 draws: each bit of each cell is set half of the time (within 5.5 deviations)."""
    keys, _ = pairs(20, 1, 4)
    tables = [encode(keys, pairs(20, 1, seed)[1], 20, context=CONTEXT, entropy=stream(seed)) for seed in range(200)]
    bits = np.unpackbits(np.stack(tables).view(np.uint8).reshape(200, -1), axis=1).mean(axis=0)
    assert np.abs(bits - 0.5).max() < 5.5 * 0.5 / np.sqrt(200)


def test_a_table_follows_from_its_randomness() -> None:
    keys, values = pairs(20, 1, 4)
    first, second = (encode(keys, values, 20, context=CONTEXT, entropy=stream(1)) for _ in range(2))
    assert (first == second).all()
    assert (encode(keys, values, 20, context=CONTEXT, entropy=stream(2)) != first).mean() > 0.5


def stream(seed: int) -> Any:
    return lambda count: hashlib.shake_128(seed.to_bytes(4, "big")).digest(count)
