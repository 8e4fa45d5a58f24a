"""Trees of rows in several places: those of all rows in one place, and no two sums of a column that tell of few."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from placet.models.binning import CategoryBins, NumberBins
from placet.models.boosting import Boosting, Own, decays
from placet.models.boosting_twin import train as side_by_side
from placet.models.cuts import CodedColumn
from placet.models.monotone import demand_monotone
from placet.models.pooled_pieces import Line, bins_of, grid, positions
from placet.models.pooled_trees import CutList, Enough, OwnRows, PooledColumn, Request, Sums, grow, with_rows
from placet.models.pooled_trees_twin import train
from placet.models.trees import Tree, TreeColumn, TreeFork, TreeLeaf, TreeModel, TreePart, Whole

BASE = -12_345


@dataclass(frozen=True)
class Rows:
    """Cells (rows, columns), labels, and at which place each row is; pieces have enough rows at two places."""

    columns: tuple[PooledColumn, ...]
    cells: Whole
    labels: Whole
    owners: Whole
    smallest: int


@st.composite
def rows(draw: st.DrawFn) -> Rows:
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, places = draw(st.integers(30, 250)), draw(st.integers(2, 5))
    smallest, owners = draw(st.integers(2, 5)), chance.integers(0, places, count)
    columns, cells = [], []
    for ordered in draw(st.lists(st.booleans(), min_size=1, max_size=4)):
        size = draw(st.integers(2, 8))
        weights = chance.random(size + 1) ** 3 + 0.01
        own = chance.choice([*range(size), size + 1], count, p=weights / weights.sum())
        if cells and draw(st.booleans()):  # nearly as the column before: nodes are cut where few are on the other side
            own = np.where(chance.random(count) < 0.93, np.minimum(cells[-1] * 2 % 9, size - 1), own)
        line = Line(size + 1)
        flags = [line.flags(np.minimum(own[owners == owner], size), smallest) for owner in range(places)]
        groups = line.groups([sum(each) for each in zip(*flags, strict=True)], places)
        pieces = tuple(tuple(cell + (cell == size) for cell in range(low, high)) for low, high in groups)
        monotone: Any = draw(st.sampled_from([None, None, "rising", "falling"])) if ordered else None
        columns.append(PooledColumn(pieces, ordered, size + 1, monotone))
        cells.append(own)
    labels = (chance.random(count) < 0.2 + 0.6 * (cells[0] % 3 == 1)).astype(np.int64)
    return Rows(tuple(columns), np.stack(cells, axis=1), labels, owners, smallest)


def pooled(data: Rows, boosting: Boosting) -> tuple[list[Tree], list[list[Request]], CutList]:
    """The trees, by totals of what each place answers, and what was asked for each."""
    places = [
        OwnRows(data.columns, data.cells[own], data.labels[own], BASE, boosting.smallest)
        for own in (data.owners == owner for owner in np.unique(data.owners))
    ]
    cuts, trees, asked = CutList(), [], []
    for _ in range(boosting.trees if any(len(one.pieces) > 1 for one in data.columns) else 0):
        dialogue = grow(data.columns, boosting, cuts)
        asked.append([next(dialogue)])
        try:
            while True:
                answers = [one.answer(asked[-1][-1]) for one in places]
                asked[-1].append(dialogue.send([sum(numbers) for numbers in zip(*answers, strict=True)]))
        except StopIteration as end:
            tree, moves = end.value
        for one in places:
            one.end(tree, moves)
            one.begin()
        trees.append(tree)
    counted = [
        with_rows(tree, [sum(own) for own in zip(*(one.leaves[number] for one in places), strict=True)])
        for number, tree in enumerate(trees)
    ]
    assert [[_plain(node) for node in tree] for tree in counted] == [list(tree) for tree in trees]
    return counted, asked, cuts


def _plain(node: TreeFork | TreeLeaf) -> TreeFork | TreeLeaf:
    return node.model_copy(update={"rows": 0})


def part_of(data: Rows, cuts: CutList) -> TreePart:
    described = []
    for number, column in enumerate(data.columns):
        size = column.missing - 1
        bins = NumberBins(bins=size, edges=()) if column.ordered else CategoryBins(bins=size, categories=())
        described.append(TreeColumn(column=f"c{number}", bins=bins))
    return TreePart(columns=tuple(described), cuts=cuts.cuts)


@settings(max_examples=examples(100), deadline=None)
@given(rows(), st.integers(1, 3), st.sampled_from([30, 100]))
def test_any_split_of_rows_gives_the_trees_of_all_rows_in_one_place(data: Rows, depth: int, rate: int) -> None:
    boosting = Boosting(2, depth, data.smallest, rate)
    trees, _, cuts = pooled(data, boosting)
    whole, all_cuts, margins = train(data.columns, data.cells, data.labels, data.owners, boosting, BASE)
    assert [[_plain(node) for node in tree] for tree in trees] == [list(tree) for tree in whole]
    assert cuts.cuts == all_cuts
    model = TreeModel(parties=1, base=BASE, trees=tuple(trees))
    part = part_of(data, cuts)
    assert (model.score([part], [[*data.cells.T]]) == margins).all()
    demand_monotone(model, [part], [[one.monotone for one in data.columns]])
    for tree in trees:
        assert tree[0].rows == len(data.labels)


@settings(max_examples=examples(60), deadline=None)
@given(rows(), st.integers(2, 3))
def test_no_two_sums_of_a_column_in_a_tree_differ_by_few_people(data: Rows, depth: int) -> None:
    """Whatever groups are put together at a node, and at both sides of a cut, against those of any node: the people
    in one and not in the other are none, or the smallest group at two places. Of leaves, all."""
    smallest = data.smallest
    trees, asked, _ = pooled(data, Boosting(1, depth, smallest))
    for number, _column in enumerate(data.columns):
        for requests in asked:
            families = _told(data, number, requests)
            masks = {mask for family in families for mask in family}
            owners = [_mask(data.owners == owner) for owner in np.unique(data.owners)]
            for one, other in itertools.combinations(sorted(masks)[:250], 2):
                assert _enough(one ^ other, owners, smallest)
    for tree in trees:
        if len(tree) > 1:
            assert min(node.rows for node in tree) >= 2 * smallest


def test_a_group_is_told_of_both_sides_only_where_both_have_enough_in_its_pieces() -> None:
    """A cut parts two pieces of another column all but one person a place. Together they have enough on either side,
    and yet the sum of one side's, less that of the one piece above, would be over two people a place."""
    yes, no = [(0, 40), (1, 1), (2, 30), (3, 30)], [(0, 1), (1, 40), (2, 30), (3, 30)]
    sides = [(side, piece, label) for side, counts in enumerate((yes, no)) for piece, count in counts
             for label in [side] * (count * 9 // 10) + [1 - side] * (count - count * 9 // 10)]  # fmt: skip
    cells = np.array([line[:2] for line in sides] * 2)
    labels, owners = np.array([line[2] for line in sides] * 2), np.repeat([0, 1], len(sides))
    columns = (PooledColumn(((0,), (1, 3)), True, 3), PooledColumn(((0,), (1,), (2,), (3, 5)), True, 5))
    data = Rows(columns, cells, labels, owners, 5)
    trees, asked, _ = pooled(data, Boosting(1, 2, 5))
    enough, sums = asked[0][1:3]
    assert isinstance(enough, Enough) and isinstance(sums, Sums) and trees[0][0].rows == len(labels)
    assert enough.moves[0].column == 0 and enough.groups[0][1] == ((0, 1), (1, 2), (2, 3), (3, 4))
    assert sums.groups[0][1] == ((0, 3), (3, 4))


def _mask(marks: Whole) -> int:
    return int("".join("1" if one else "0" for one in marks), 2)


def _enough(mask: int, owners: Sequence[int], smallest: int) -> bool:
    return mask == 0 or sum((mask & own).bit_count() >= smallest for own in owners) >= 2


def _told(data: Rows, number: int, requests: Sequence[Request]) -> list[list[int]]:
    """By node the row sets, as bits, that its told groups of a column make when they are put together; of both sides of
    a cut those of either and of both."""
    column = data.columns[number]
    piece = np.zeros(len(data.labels), np.int64)
    for place, cells in enumerate(column.pieces):
        piece[np.isin(data.cells[:, number], cells)] = place
    at = {0: np.ones(len(data.labels), np.bool_)}
    families = []
    moves: tuple[Any, ...] = ()

    def unions(place: int, groups: Any) -> list[int]:
        parts = [_mask(at[place] & (low <= piece) & (piece < high)) for low, high in groups][:5]
        return [sum(some) for size in range(len(parts) + 1) for some in itertools.combinations(parts, size)]

    for request in requests:
        if isinstance(request, Enough):
            moves = request.moves
            for move in moves:
                cells = [cell for place in move.left for cell in data.columns[move.column].pieces[place]]
                left = np.isin(data.cells[:, move.column], cells)
                at[move.yes], at[move.no] = at[move.place] & left, at[move.place] & ~left
            continue
        assert isinstance(request, Sums)
        if request.places == (0,):
            families.append(unions(0, request.groups[0][number]))
            continue
        for move, groups in zip(moves, request.groups, strict=True):
            sides = [unions(side, groups[number]) for side in (move.yes, move.no)]
            families += [*sides, [one | other for one in sides[0][:16] for other in sides[1][:16]]]
    return families


def plain_rows(seed: int, count: int) -> tuple[Whole, Whole]:
    """Three columns of two values each and one of three categories, of which some lack in the first."""
    chance = np.random.default_rng(seed)
    cells = np.stack([*(chance.integers(0, 2, count) for _ in range(3)), chance.integers(0, 3, count)], axis=1)
    cells[chance.random(count) < 0.3, 0] = 3
    odds = 1.5 * (cells[:, 0] == 1) - 1.0 * (cells[:, 1] == 0) + 0.7 * (cells[:, 3] == 1) * (cells[:, 2] == 1) - 0.3
    return cells, (chance.random(count) < 1 / (1 + np.exp(-odds))).astype(np.int64)


@pytest.mark.parametrize("places", [2, 5])
def test_where_nothing_is_hidden_trees_are_those_of_columns_side_by_side(places: int) -> None:
    """Whoever has which rows: the same as the trees of one institution that has all of them."""
    cells, labels = plain_rows(places, 4_000)
    numbers = tuple(PooledColumn(((0,), (1,), (3,)) if n == 0 else ((0,), (1, 3)), True, 3) for n in range(3))
    columns = (*numbers, PooledColumn(((0,), (1,), (2,)), False, 4))
    boosting = Boosting(5, 3, 5)
    coded = [CodedColumn(cells[:, n], 4, True) for n in range(3)]
    own = Own((*coded, CodedColumn(cells[:, 3], 5, False)))
    model, _ = side_by_side(own, (), labels, len(labels), boosting)
    owners = np.random.default_rng(1).integers(0, places, len(labels))
    places_rows = [OwnRows(columns, cells[owners == n], labels[owners == n], model.base, 5) for n in range(places)]
    cuts, trees = CutList(), []
    for _ in range(boosting.trees):
        dialogue = grow(columns, boosting, cuts)
        request = next(dialogue)
        try:
            while True:
                answers = [one.answer(request) for one in places_rows]
                request = dialogue.send([sum(numbers) for numbers in zip(*answers, strict=True)])
        except StopIteration as end:
            tree, moves = end.value
        for one in places_rows:
            one.end(tree, moves)
            one.begin()
        trees.append(with_rows(tree, [sum(n) for n in zip(*(one.leaves[-1] for one in places_rows), strict=True)]))

    def shape(tree: Tree, all_cuts: Any) -> list[Any]:
        return [
            (node.yes, node.no, node.gain, node.rows, all_cuts[node.cut])
            if isinstance(node, TreeFork)
            else (node.weight, node.rows)
            for node in tree
        ]

    ours, whole = ([shape(tree, c) for tree in t] for t, c in ((trees, cuts.cuts), (model.trees, own.cuts)))
    assert ours == whole and any(len(tree) > 7 for tree in trees)


# Pieces.


def test_a_grid_is_narrow_near_0_and_has_equal_steps_elsewhere() -> None:
    edges = grid(-100, 1_000_000)
    assert {-96, -64, -1, 1, 2, 3, 5, 96, 112, 1024, 8192 * 7, 8192 * 99} <= set(edges)
    assert list(edges) == sorted(set(edges)) and min(edges) >= -100 and max(edges) < 1_000_000
    assert {0.0, 0.25, 2**-15, 1 - 2**-6} <= set(grid(0, 1)) and {*range(1990, 2026)} <= set(grid(1990, 2026))
    for low, high in ((-3, 4), (0, 2**53 - 1), (-(2**53), 2**53 - 1)):
        assert 32 < len(grid(low, high)) < 800


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(2, 8), st.integers(0, 2**32), st.floats(0.2, 3), st.sampled_from([0.0, 0.02, 0.3]))
def test_bins_of_a_grid_are_about_equally_full_and_enough_people_are_in_each(
    places: int, seed: int, spread: float, lacking: float
) -> None:
    chance = np.random.default_rng(seed)
    edges, smallest = grid(0, 1_000_000), 7
    columns = []
    for _ in range(places):
        numbers = np.rint(np.exp(chance.normal(8, spread, int(chance.integers(50, 900)))))
        numbers[chance.random(len(numbers)) < lacking] = np.nan
        columns.append(numbers)
    line = Line(len(edges) + 2, 32)
    flags = [line.flags(positions(one, edges), smallest) for one in columns]
    bins, pieces = bins_of(edges, line.groups([sum(each) for each in zip(*flags, strict=True)], places))
    assert 2 <= bins.bins <= 64
    codes = [bins.codes([None if np.isnan(value) else float(value) for value in one]) for one in columns]
    for piece in pieces:
        enough = [np.isin(own, piece).sum() >= max(smallest, len(own) / 32) for own in codes]
        assert sum(enough) >= max(2, places / 2)
    assert sorted(cell for piece in pieces for cell in piece) == [*range(len(bins.edges) + 1), bins.missing]


def test_few_that_lack_a_value_stand_with_the_last_bin() -> None:
    line = Line(4)
    flags = line.flags(np.array([0, 0, 1, 1, 2, 2, 3]), 2)
    assert line.groups(flags, 3) == []
    totals = [2 * flag for flag in flags]
    assert line.groups(totals, 3) == [(0, 1), (1, 2), (2, 4)]
    bins, pieces = bins_of((10, 20), [(0, 1), (1, 2), (2, 4)])
    assert bins.edges == ("10", "20") and pieces == ((0,), (1,), (2, bins.missing))
    assert bins_of((10, 20), [])[1] == ()


def test_decays_are_those_of_numpy() -> None:
    numbers = np.linspace(0, 40, 5_001)
    assert np.abs(decays(numbers) / np.exp(-numbers) - 1).max() < 1e-12
