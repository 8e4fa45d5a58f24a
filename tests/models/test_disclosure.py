"""What is told of a tree's nodes: no sum, and no difference of two, is over a few rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from placet.models.cuts import CodedColumn, CutCandidates, candidates
from placet.models.disclosure import Disclosed, told_places
from placet.models.trees import Marks, Whole

ROWS, SMALLEST = 90, 6


def columns_of(chance: np.random.Generator) -> tuple[CodedColumn, ...]:
    """Numbers with rare and with missing values, a number without, and a category with rare words."""
    missing = chance.integers(0, 6, ROWS)
    missing[chance.random(ROWS) < chance.choice([0.03, 0.3])] = 7
    words = np.minimum(chance.geometric(0.4, ROWS) - 1, 5)
    return (
        CodedColumn(missing, 8, True),
        CodedColumn(chance.integers(0, 9, ROWS), 11, True),
        CodedColumn(words, 7, False),
    )


def sets(arranged: CutCandidates, rows: Whole, told: Marks) -> dict[int, list[Marks]]:
    """By column, of each told place over which of all rows its sum is."""
    shown: list[tuple[int, Marks]] = []
    for cut in arranged.cuts:
        codes, last = arranged.columns[cut.column].codes, arranged.columns[cut.column].cells - 1
        shown.append((cut.column, (codes <= cut.last) | (cut.missing & (codes == last))))
    for column, order in arranged.categories:
        shown += [(column, arranged.columns[column].codes == cell) for cell in order]
    inside, by_column = np.isin(np.arange(ROWS), rows), dict[int, list[Marks]]()
    for (column, marks), tell in zip(shown, told, strict=True):
        by_column.setdefault(column, []).extend([marks & inside] * bool(tell))
    return by_column


def counts(columns: Sequence[CodedColumn], rows: Whole) -> list[Whole]:
    return [np.bincount(column.codes[rows], minlength=column.cells) for column in columns]


def nodes_of(seed: int) -> tuple[CutCandidates, list[tuple[Whole, Disclosed]]]:
    """A node and its two children, a level deeper each time."""
    chance = np.random.default_rng(seed)
    columns = columns_of(chance)
    arranged, rows = candidates(columns, ROWS, chance.permutation), np.arange(ROWS)
    root = counts(columns, rows)
    nodes = [(rows, Disclosed(root, told_places(arranged, None, [root], SMALLEST)))]
    while len(rows) > 2 * SMALLEST:
        left, parent = chance.random(len(rows)) < 0.6, nodes[-2 if len(nodes) > 1 else 0][1]
        children = [(part, counts(columns, part)) for part in (rows[left], rows[~left])]
        told = told_places(arranged, parent, [one for _, one in children], SMALLEST)
        assert not (told & ~parent.told).any(), "what is told of no node is told of none below it"
        nodes += [(part, Disclosed(one, told, parent)) for part, one in children]
        rows = children[0][0]
    return arranged, nodes


@pytest.mark.parametrize("seed", range(40))
def test_no_sum_and_no_difference_of_two_is_over_few_rows(seed: int) -> None:
    """Of one column, in all nodes of a tree; nor what a node has beside a told cut, or beside all told cells of a
    category."""
    arranged, nodes = nodes_of(seed)
    shown = [sets(arranged, rows, node.told) for rows, node in nodes]
    for column in shown[0]:
        every = [one for by_column in shown for one in by_column[column]]
        for number, one in enumerate(every):
            assert enough(one) and all(enough(one ^ other) for other in every[:number])
    for (rows, _), by_column in zip(nodes, shown, strict=True):
        inside = np.isin(np.arange(ROWS), rows)
        for column, told in by_column.items():
            if arranged.columns[column].ordered:
                assert all(enough(inside & ~one) for one in told)
            elif told:
                assert enough(inside & ~np.logical_or.reduce(told))


def enough(rows: Marks) -> bool:
    return not 0 < int(rows.sum()) < SMALLEST


def test_something_is_told() -> None:
    """All of it where every cell has enough rows, of the root and of even halves."""
    codes = np.tile(np.arange(4), 25)
    columns = CodedColumn(codes, 6, True), CodedColumn(codes, 6, False)
    arranged = candidates(columns, 100, range)
    whole = counts(columns, np.arange(100))
    root = Disclosed(whole, told_places(arranged, None, [whole], 12))
    assert root.told.all()
    halves = [counts(columns, np.arange(50)), counts(columns, np.arange(50, 100))]
    assert told_places(arranged, root, halves, 12).all()
    assert not told_places(arranged, root, halves, 14)[: len(arranged.cuts)].all()


def test_groups_are_merged_until_they_are_large_enough() -> None:
    """Cells of five rows are told by threes where fifteen are asked for, and the last three are one side of a cut."""
    codes = np.repeat(np.arange(8), 5)
    arranged = candidates((CodedColumn(codes, 10, True),), 40, range)
    told = told_places(arranged, None, [counts(arranged.columns, np.arange(40))], 15)
    assert [arranged.cuts[place].last for place in np.flatnonzero(told)] == [2]
    told = told_places(arranged, None, [counts(arranged.columns, np.arange(40))], 10)
    assert [arranged.cuts[place].last for place in np.flatnonzero(told)] == [1, 3, 5]


@pytest.mark.parametrize(("missing", "told"), [(0, 3), (2, 3), (8, 7)])
def test_few_missing_values_are_on_one_side(missing: int, told: int) -> None:
    """Cuts with and without them would differ by them alone; together with a last cell they are enough."""
    codes = np.concatenate([np.repeat(np.arange(4), 8), np.full(missing, 5)])
    arranged = candidates((CodedColumn(codes, 6, True),), len(codes), range)
    marks = told_places(arranged, None, [counts(arranged.columns, np.arange(len(codes)))], 8)
    assert int(marks.sum()) == told
    assert any(arranged.cuts[place].missing for place in np.flatnonzero(marks)) == (missing == 8)


def test_cells_that_are_not_told_are_enough_together() -> None:
    """A rare cell would be what all others leave: the smallest of them goes with it."""
    codes = np.concatenate([np.repeat(np.arange(3), [20, 12, 9]), np.full(2, 3)])
    arranged = candidates((CodedColumn(codes, 6, False),), len(codes), range)
    marks = told_places(arranged, None, [counts(arranged.columns, np.arange(len(codes)))], 8)
    assert np.flatnonzero(marks).tolist() == [0, 1]
