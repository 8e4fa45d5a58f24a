"""Cuckoo bins of circuit PSI: where identifiers lie, on one engine and on the other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from placet.core.errors import DataError, ProtocolError
from placet.protocols.bins import cuckoo_rows, digests, places, rounded, third_of

SALT = b"job 1, attempt 1"
people = st.lists(st.binary(max_size=8), min_size=1, max_size=120, unique=True)


@settings(deadline=None, max_examples=examples(50))
@given(people, st.binary(max_size=32))
def test_each_identifier_lies_in_one_of_its_three_bins_and_each_bin_is_of_one_function(
    ids: list[bytes], salt: bytes
) -> None:
    third = third_of(len(ids))
    spots = places(digests(ids, salt), third)
    assert (spots // third == np.arange(3)).all()
    holder = cuckoo_rows(spots, 3 * third)
    used = np.flatnonzero(holder >= 0)
    assert sorted(holder[used]) == list(range(len(ids)))
    assert (spots[holder[used], used // third] == used).all()


def test_a_large_table_is_filled() -> None:
    third = third_of(10_000)
    holder = cuckoo_rows(places(digests([str(n) for n in range(10_000)], SALT), third), 3 * third)
    assert sorted(holder[holder >= 0]) == list(range(10_000))


def test_room_is_found_wherever_there_is_any_and_missed_where_there_is_none() -> None:
    crowded = np.array([[0, 2, 4], [0, 2, 4], [0, 2, 4], [0, 3, 5]])
    assert sorted(cuckoo_rows(crowded, 6)[[0, 2, 4]]) == [0, 1, 2]
    with pytest.raises(ProtocolError, match="no room") as refusal:
        cuckoo_rows(np.array([[0, 2, 4]] * 4), 6)
    assert refusal.value.code == "psi.bins"


def test_an_identifier_twice_is_refused() -> None:
    with pytest.raises(DataError, match="occurs twice"):
        digests([b"ana", b"bo", b"ana"], SALT)


def test_text_is_its_bytes_and_salts_are_apart() -> None:
    assert (digests(["ana"], SALT) == digests([b"ana"], SALT)).all()
    assert (digests([b"ana"], SALT) != digests([b"ana"], b"another")).any()


@pytest.mark.parametrize("rows", [1, 2, 50, 1000, 10_000])
def test_four_of_the_same_places_are_less_likely_than_stated(rows: int) -> None:
    assert math.comb(rows, 4) * float(third_of(rows)) ** -9 < 2**-40
    assert 3 * third_of(rows) >= 1.27 * rows


@pytest.mark.parametrize(("rows", "expected"), [(1, 64), (64, 64), (65, 72), (1000, 1024), (1025, 1152)])
def test_numbers_of_rows_are_rounded_up_to_eight_an_octave(rows: int, expected: int) -> None:
    assert rounded(rows) == expected
