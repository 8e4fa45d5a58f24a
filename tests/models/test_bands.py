"""Band tables: edges, which of them may be told, how two distributions differ."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.errors import InputError
from placet.models.bands import (
    MAX_BANDS,
    BandTable,
    band_of,
    by_score,
    equal_edges,
    kept_places,
    merged,
    stability,
    tally,
)


def test_edges_are_equally_far_and_take_what_is_beyond_the_range() -> None:
    assert equal_edges(300, 850, 4) == (437, 575, 712)
    assert equal_edges(-10, 10, 4) == (-5, 0, 5)
    assert equal_edges(0, 3, 3) == (1, 2)
    edges = equal_edges(300, 850, 64)
    assert (len(edges), band_of(edges, -(10**9)), band_of(edges, 10**9)) == (63, 0, 63)


@pytest.mark.parametrize(
    ("low", "high", "bands"), [(0, 3, 4), (5, 5, 2), (9, 1, 2), (0, 9, 1), (0, 9999, MAX_BANDS + 1)]
)
def test_bands_that_would_be_empty_are_refused(low: int, high: int, bands: int) -> None:
    with pytest.raises(InputError, match="no such bands"):
        equal_edges(low, high, bands)


def test_a_score_at_an_edge_is_above_it() -> None:
    table = tally((0, 10), [-1, 0, 9, 10, 11, 11], [1, 0, 1, 1, 0, 1])
    assert (table.positives, table.negatives, table.sums) == ((1, 1, 2), (0, 1, 1), (-1, 9, 32))
    assert (table.people, table.all_positives, table.counts) == (6, 4, (1, 2, 3))


@pytest.mark.parametrize(
    "lines",
    [
        ((1,), (1,), (1,)),
        ((1,), (1, 2), (3,)),
        ((1,), (1, 2), (3, -1)),
        ((2, 1), (1, 2, 3), (1, 2, 3)),
        ((1,), (1, 2), (3, 4), (5,)),
    ],
)
def test_a_table_that_is_none_is_refused(lines: Any) -> None:
    with pytest.raises(InputError, match="band table"):
        BandTable(*lines)


counts = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12)


@given(counts, st.integers(1, 8), st.data())
def test_no_band_that_stays_is_too_small_and_none_can_be_added(
    rows: list[tuple[int, int]], smallest: int, data: st.DataObject
) -> None:
    """Between forced places as many places stay as any choice of places can have."""
    size = len(rows)
    lines = [[row[side] for row in rows] for side in (0, 1)]
    inner = data.draw(st.sets(st.integers(1, max(1, size - 1)), max_size=2)) if size > 1 else set()
    forced = sorted({0, size, *inner})
    kept = kept_places(lines, smallest, forced)
    assert set(forced) <= set(kept)

    def fits(places: list[int]) -> bool:
        return all(sum(line[low:high]) >= smallest for line in lines for low, high in itertools.pairwise(places))

    for low, high in itertools.pairwise(forced):
        own = [place for place in kept if low <= place <= high]
        assert len(own) == 2 or fits(own)
        inside = range(low + 1, high)
        best = max(
            (
                len(some)
                for n in range(len(inside) + 1)
                for some in itertools.combinations(inside, n)
                if fits([low, *some, high])
            ),
            default=0,
        )
        assert len(own) - 2 == best
    assert sum(merged(lines[0], kept)) == sum(lines[0])


def test_which_places_stay_by_hand() -> None:
    """The first band is enough; the next lacks one of the first line, which its neighbour brings; the last lacks one of
    the second line, so the place before it goes. A forced place takes the neighbour away: nothing else stays."""
    assert kept_places([[3, 1, 1, 3, 2], [2, 2, 2, 2, 1]], 2, (0, 5)) == (0, 1, 3, 5)
    assert kept_places([[3, 1, 1, 3, 2], [2, 2, 2, 2, 1]], 2, (0, 2, 5)) == (0, 2, 5)
    assert kept_places([[1, 1]], 9, (0, 2)) == (0, 2)


def test_stability_by_hand_and_of_nothing() -> None:
    assert stability([50, 50], [50, 50]) == 0
    shares = [(50.5 / 101, 30.5 / 101), (50.5 / 101, 70.5 / 101)]
    assert stability([50, 50], [30, 70]) == pytest.approx(sum((f - r) * math.log(f / r) for r, f in shares))
    assert stability([50, 50], [30, 70]) == stability([30, 70], [50, 50])
    assert 0 < stability([100, 0], [0, 100]) < math.inf
    for bad in (([1], [1, 2]), ([0, 0], [1, 2]), ([1, 2], [0, 0])):
        with pytest.raises(InputError, match="compared"):
            stability(*bad)


def test_each_score_has_a_band_of_its_own() -> None:
    scores, labels = [3, -1, 3, 7, -1, 3], [1, 0, 0, 1, 0, 1]
    table = by_score(scores, labels)
    assert table == BandTable((3, 7), (0, 2, 1), (2, 1, 0))
    assert table == replace(tally((3, 7), scores, labels), sums=None)
