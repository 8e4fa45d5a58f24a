"""The rule behind a scope's smallest change, against every way in which things may really be."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from placet.core.differencing import MatchChange

PEOPLE = range(7)
SETS = st.frozensets(st.sampled_from(PEOPLE))


def between(earlier: frozenset[int], later: frozenset[int], erased: int = 0) -> MatchChange:
    return MatchChange(gone=len(earlier - later), fresh=len(later - earlier), erased=erased)


@given(SETS, SETS, st.integers(1, 9))
def test_where_all_are_known_it_is_the_difference(earlier: frozenset[int], later: frozenset[int], least: int) -> None:
    assert between(earlier, later).too_small(least) == (0 < len(earlier ^ later) < least)


@given(SETS, SETS, st.integers(0, 3), st.integers(1, 9))
def test_who_was_erased_may_be_anybody_else(
    known: frozenset[int], later: frozenset[int], erased: int, least: int
) -> None:
    """Anybody who is not known to have matched: among the later's, or nobody of whom anything is known."""
    strangers = [*sorted(later - known), "one", "another", "a third"]
    truths = (frozenset(known) | frozenset(chosen) for chosen in combinations(strangers, erased))
    assert between(known, later, erased).too_small(least) == any(0 < len(truth ^ later) < least for truth in truths)


@given(SETS, SETS)
def test_one_asks_for_nothing(earlier: frozenset[int], later: frozenset[int]) -> None:
    assert not between(earlier, later).too_small(1)
