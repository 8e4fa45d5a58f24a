"""The program `bands`: what it tells is right, and no number or difference of numbers is of too few people."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.errors import DataError
from placet.models.bands import tally
from placet.protocols.mpc.numbers import Numbers
from placet.protocols.mpc.programs import Bands, Size
from placet.protocols.spu.banding import bands
from plain_arrays import numpy_as_jax

EDGES = (0, 10, 20, 30)


def program(**changes: Any) -> Bands:
    return Bands(**({"values": Numbers(bound=100), "edges": EDGES, "smallest": 3} | changes))


def evaluate(asked: Bands, scores: list[int | None], labels: list[int], groups: list[int | None] | None = None) -> Any:
    return asked.reference([asked.bring_scores(scores), asked.bring_labels(labels, groups)])


people = st.lists(
    st.tuples(st.none() | st.integers(-5, 35), st.integers(0, 1), st.none() | st.integers(0, 2)),
    min_size=1,
    max_size=60,
)


@given(people, st.sets(st.sampled_from(EDGES)), st.integers(2, 5))
def test_no_number_told_and_no_difference_is_of_too_few(rows: list[Any], thresholds: set[int], smallest: int) -> None:
    """Every band of the whole has enough of either label, every group between two thresholds too; the groups' bands
    are the whole's, and add up to it; so whatever is subtracted from what, enough are left."""
    asked = program(groups=3, thresholds=tuple(sorted(thresholds)), smallest=smallest)
    scores, labels, groups = ([row[part] for row in rows] for part in range(3))
    result = evaluate(asked, scores, labels, groups)
    assert asked.reached(result)
    whole, tables = asked.table(result), asked.group_tables(result)
    told = [one for one in tables if one is not None]
    if whole is None:
        assert not told
        return
    for table in (whole, *told):
        assert min(*table.positives, *table.negatives) >= smallest
    assert {table.edges for table in told} == {told[0].edges}
    assert set(told[0].edges) <= set(whole.edges) & thresholds
    counted = [
        (score, label)
        for score, label, group in rows
        if score is not None and group is not None and tables[group] is not None
    ]
    clear = tally(whole.edges, [score for score, _ in counted], [label for _, label in counted])
    assert (whole.positives, whole.negatives) == (clear.positives, clear.negatives)
    for place in range(len(told[0].positives)):
        low, high = (told[0].edges[place - 1] if place else None), (*told[0].edges, None)[place]
        inside = [label for score, label in counted if (low is None or score >= low) and (high is None or score < high)]
        assert sum(table.positives[place] for table in told) == sum(inside)
        assert sum(table.negatives[place] for table in told) == len(inside) - sum(inside)


def test_a_list_so_small_that_it_tells_of_one_person_tells_nothing() -> None:
    """One of whom the label is 1, or 0, among a hundred: that label is its name."""
    scores: list[int | None] = [place % 41 for place in range(100)]
    for label in (0, 1):
        labels = [1 - label] * 100
        labels[7] = label
        assert not evaluate(program(), scores, labels).any()
        labels[8:9] = [label]
        assert not evaluate(program(), scores, labels).any()
        labels[9:10] = [label]
        assert evaluate(program(), scores, labels).any()


def test_bands_so_fine_that_each_holds_one_are_merged() -> None:
    asked = program(edges=tuple(range(1, 100)))
    labels = [place % 2 for place in range(100)]
    table = asked.table(evaluate(asked, list(range(100)), labels))
    assert table is not None
    assert min(*table.positives, *table.negatives) == 3
    assert len(table.positives) == 16


def test_a_group_with_too_few_counts_in_nothing_lest_a_difference_tells_it() -> None:
    scores: list[int | None] = [5, 15] * 10
    labels = [0, 0, 1, 1] * 5
    alone = evaluate(program(groups=2, thresholds=(10,)), scores, labels, [0] * 20)
    joined = evaluate(
        program(groups=2, thresholds=(10,)), [*scores, 5, 15, 5], [*labels, 1, 1, 0], [*[0] * 20, 1, 1, 1]
    )
    assert alone.tolist() == joined.tolist()
    assert alone.any()


def test_a_threshold_is_told_of_all_groups_or_of_none() -> None:
    """Else the one that is not told is the whole without the others."""
    scores: list[int | None] = [5, 15] * 12 + [5] * 12 + [15] * 4
    labels = [0, 0, 1, 1] * 6 + [0, 1] * 8
    groups: list[int | None] = [0] * 24 + [1] * 16
    asked = program(groups=2, thresholds=(10,))
    tables = asked.group_tables(evaluate(asked, scores, labels, groups))
    assert [one.edges for one in tables if one is not None] == [(), ()]
    more = evaluate(asked, [*scores, 15, 15], [*labels, 0, 1], [*groups, 1, 1])
    assert [one.edges for one in asked.group_tables(more) if one is not None] == [(10,), (10,)]


@pytest.mark.parametrize("label", [2, -1, True, 0.0, "1", None])
def test_a_label_is_nought_or_one(label: Any) -> None:
    with pytest.raises(DataError, match="neither 0 nor 1") as caught:
        program().bring_labels([0, label])
    assert caught.value.found == "row 1"


def test_ranks_are_those_of_the_scores_and_need_a_label_for_everybody() -> None:
    asked = program(exact=True)
    missing = asked.bring_labels([0, 1, 1], [0, None, 0])
    with pytest.raises(DataError, match="no label"):
        asked.brings(1, 2, Size(3), missing)
    scores = asked.bring_scores([5, 5, 7])
    assert scores[:, -1].tolist() == [3, 3, 6]
    scores[0, -1] = 4
    with pytest.raises(DataError, match="ranks"):
        asked.brings(0, 2, Size(3), scores)


def test_a_result_that_no_rows_make_is_noticed() -> None:
    """What a party makes of its share alone: each of these numbers is beyond what honest parties reach."""
    asked = program(groups=2, thresholds=(10,), sums=True)
    scores: list[int | None] = [5, 15] * 12
    honest = evaluate(asked, scores, [0, 0, 1, 1] * 6, [0, 0, 0, 0, 1, 1, 1, 1] * 3)
    assert asked.reached(honest)
    assert honest[3:].any(axis=1).all()
    for line, band, number in ((0, 1, 1), (0, 4, -5), (1, 1, 0), (2, 4, 10**6), (3, 1, 2), (4, 4, 50), (0, 2, 2)):
        wrong = honest.copy()
        wrong[line, band] = number
        assert not asked.reached(wrong), (line, band, number)
    nothing = np.zeros_like(honest)
    assert asked.reached(nothing)
    nothing[2, 0] = 1
    assert not asked.reached(nothing)


def test_the_circuit_is_the_reference_over_random_tables() -> None:
    """SPU itself runs it in `test_programs`."""
    chance = random.Random(20261129)
    with numpy_as_jax():
        told = [_compare(chance) for _ in range(150)]
    assert (min(told), max(told) > 3) == (0, True), "tables of all kinds"


def _compare(chance: random.Random) -> int:
    """One table; how many bands are told of it."""
    rows, groups, parts = chance.randrange(3, 200), chance.choice([1, 1, 2, 3]), chance.choice([1, 1, 2])
    edges = tuple(sorted(chance.sample(range(-50, 50), chance.randrange(1, 11))))
    asked = program(
        edges=edges,
        thresholds=tuple(sorted(chance.sample(edges, min(len(edges), chance.randrange(0, 4))))),
        groups=groups,
        smallest=chance.randrange(2, 9),
        sums=chance.random() < 0.5,
        exact=groups == 1 and chance.random() < 0.5,
    )

    def maybe(value: int) -> int | None:
        return None if chance.random() < 0.1 else value

    columns = [[maybe(chance.randrange(-60, 60)) for _ in range(rows)] for _ in range(parts)]
    labels = [int(chance.random() < 0.3) for _ in range(rows)]
    of_groups = [maybe(min(chance.randrange(groups), chance.randrange(groups))) for _ in range(rows)]
    bring = asked.bring_scores if parts == 1 else asked.bring_part
    brought = [*map(bring, columns), asked.bring_labels(labels, of_groups if groups > 1 else None)]
    for party, array in enumerate(brought):
        asked.brings(party, len(brought), Size(rows), array)
    expected = asked.reference(brought)
    (found,) = bands(asked, {str(party): array for party, array in enumerate(brought)})
    assert found.tolist() == expected.tolist(), asked
    assert asked.reached(expected), asked
    return int((expected[0] > 0).sum())
