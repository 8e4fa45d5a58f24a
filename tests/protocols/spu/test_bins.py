"""Circuit PSI's bins: where equal identifiers meet, sizes and their bounds, and the program on plain arrays."""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.core.errors import DataError, LimitError, ProtocolError
from placet.protocols.spu.bins import Layout, cuckoo, layout, simple, spread
from placet.protocols.spu.programs import INTERSECTION, MatchedShares
from plain_arrays import on_plain_arrays

SESSION = bytes(range(32))
people = st.lists(st.binary(max_size=8), min_size=1, max_size=120, unique=True)


@settings(deadline=None)
@given(people, people, st.binary(min_size=32, max_size=32))
def test_equal_identifiers_meet_exactly_once(ours: list[bytes], theirs: list[bytes], session: bytes) -> None:
    shape = layout(len(ours), len(theirs))
    tags, holder = cuckoo(ours, session, shape)
    entries, rows = simple(theirs, session, shape)
    assert sorted(holder[holder >= 0]) == list(range(len(ours)))
    assert sorted(rows[rows >= 0]) == sorted(3 * list(range(len(theirs))))
    met = sorted(
        (ours[holder[place]], theirs[rows[place, entry]])
        for place, entry in zip(*np.nonzero(entries == tags[:, None]), strict=True)
    )
    assert met == sorted((one, one) for one in set(ours) & set(theirs))


@pytest.mark.parametrize("rows", [1, 2, 50, 1000, 10_000])
def test_sizes_follow_from_the_numbers_of_rows_and_keep_the_stated_bounds(rows: int) -> None:
    shape = layout(rows, rows)
    third = shape.bins // 3
    assert shape.bins % 3 == 0 and shape.bins >= 1.27 * rows
    stuck = math.comb(rows, 4) * float(third) ** -9
    overflow = 3 * third * math.comb(rows, shape.depth + 1) / third ** (shape.depth + 1)
    assert stuck < 2**-40 and overflow <= 2**-40
    assert shape.depth == rows or 3 * third * math.comb(rows, shape.depth) / third**shape.depth > 2**-40


def test_what_is_not_feasible_is_refused() -> None:
    with pytest.raises(LimitError, match="too many comparisons"):
        layout(10**6, 10**6)


def test_a_full_table_finds_room_wherever_there_is_any_and_says_where_there_is_none() -> None:
    shape = Layout(3, 9)
    tags, holder = cuckoo(["a", "b", "c"], SESSION, shape)
    assert sorted(holder) == [0, 1, 2] and (tags >= 0).all()
    with pytest.raises(ProtocolError, match="no room"):
        cuckoo(["a", "b", "c", "d"], SESSION, shape)
    with pytest.raises(ProtocolError, match="overflows"):
        simple(["a", "b"], SESSION, Layout(3, 1))


def test_duplicates_are_refused() -> None:
    for lay in (cuckoo, simple):
        with pytest.raises(DataError, match="twice"):
            lay(["a", b"a"], SESSION, layout(2, 2))


@pytest.mark.skipif(find_spec("jax") is None, reason="no jax here: it comes with placet[spu]")
@pytest.mark.parametrize("smallest", [1, 10, 11])
@pytest.mark.parametrize("amounts_of", [0, 1, None])
def test_the_program_on_plain_arrays(amounts_of: int | None, smallest: int) -> None:
    """Ten are common; where eleven must be, count and sum are zeros."""
    lists: Any = [[f"p{i}" for i in range(30)], [f"p{i}" for i in range(20, 60)]]
    shape = layout(30, 40)
    laid = [cuckoo(lists[0], SESSION, shape), simple(lists[1], SESSION, shape)]
    arrays = {"cuckoo": laid[0][0], "simple": laid[1][0]}
    amounts = np.arange(len(lists[amounts_of or 0])) * 3 - 50
    if amounts_of is not None:
        arrays["amounts"] = spread(amounts, laid[amounts_of][1])
    found = on_plain_arrays(INTERSECTION.body, MatchedShares(smallest=smallest), arrays=arrays)[0]
    expected = [10]
    if amounts_of is not None:
        expected.append(int(amounts[20:].sum() if amounts_of == 0 else amounts[:10].sum()))
    assert found.tolist() == (expected if smallest <= 10 else [0] * len(expected))
