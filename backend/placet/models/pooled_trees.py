"""Boosted trees of rows that lie in several places, from sums alone: the same trees as of all rows in one place.

`grow` is one tree as a dialogue that all places go through alike. It yields what it needs to know of all rows together,
`Enough` and `Sums`, and goes on with the totals; `OwnRows` has one place's whole numbers for either. Gradients,
curvatures, gains and weights are those of `boosting` and `cuts`, whose twin on all rows in one place makes the same
trees where nothing has to be hidden.

A column's cells stand together in *pieces*, and a node's sums are opened by *groups* of neighbouring pieces. At the
root each piece has `smallest` rows at `ENOUGH` places at the least. Below a cut both sides have the same groups, each
made of groups of the node above. A group is opened where at `ENOUGH` places this many rows are in it, counted piece by
piece on the side that has fewer in the piece. The column that was cut goes on with its groups, each on its side, and
its sums are known. So of one column and tree no two sums, of whatever nodes and groups put together, are over row sets
that differ, unless they do by `smallest` rows at two places: where two sets agree on both sides of a cut, they are sets
of the node above; and where they do not, one has a group on one side that the other has not there, and differ in each
of its pieces by all rows of the one side or all of the other.

A cut's sides are groups put together. So they have as many rows at as many places, and so have leaves.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from placet.models.boosting import Boosting, Limits, gradients, leaf_weight
from placet.models.cuts import CodedColumn, best, candidates
from placet.models.pooled import ENOUGH, halves, told_groups
from placet.models.scorecard_fit import Monotone
from placet.models.trees import Marks, TreeCut, TreeFork, TreeLeaf, TreeNode, Whole

Group: TypeAlias = tuple[int, int]
"""Neighbouring pieces of a column, from the first to before the last."""
Groups: TypeAlias = tuple[Group, ...]
"""Of one column, in order; none where fewer than two may be opened."""


@dataclass(frozen=True)
class PooledColumn:
    """Which cells (`binning`) are in each piece. The cell `missing` is in the last one if the column is `ordered`."""

    pieces: tuple[tuple[int, ...], ...]
    ordered: bool
    missing: int
    monotone: Monotone | None = None

    def apart(self, groups: Groups) -> bool:
        """Is the last of these what is missing, and nothing else?"""
        last = len(self.pieces) - 1
        return self.ordered and bool(groups) and groups[-1] == (last, last + 1) and self.pieces[last] == (self.missing,)


@dataclass(frozen=True)
class Move:
    """The rows of the node at `place` whose piece of a column is one of `left` go to `yes`, all others to `no`."""

    place: int
    column: int
    left: tuple[int, ...]
    yes: int
    no: int


@dataclass(frozen=True)
class Enough:
    """After the moves: of both sides of each, by column, in which halves (`pooled.halves`) of the groups of the node
    above a place has enough rows. Of a place 0 or 1, in the order of sides, columns and halves."""

    moves: tuple[Move, ...]
    groups: tuple[tuple[Groups, ...], ...]


@dataclass(frozen=True)
class Sums:
    """Of each node, by column and group the sums of gradients and of curvatures."""

    places: tuple[int, ...]
    groups: tuple[tuple[Groups, ...], ...]


Request: TypeAlias = Enough | Sums
PooledTree: TypeAlias = tuple[tuple[TreeNode, ...], tuple[Move, ...]]
"""The tree, and the moves of its last level."""
Dialogue: TypeAlias = Generator[Request, Sequence[int], PooledTree]


@dataclass
class CutList:
    """The cuts of a model, each once, by their numbers."""

    numbers: dict[TreeCut, int] = field(default_factory=dict)

    @property
    def cuts(self) -> tuple[TreeCut, ...]:
        return tuple(self.numbers)

    def number(self, cut: TreeCut) -> int:
        return self.numbers.setdefault(cut, len(self.numbers))


@dataclass(frozen=True)
class _Node:
    """`sums` by column (groups, 2), `total` the node's own."""

    place: int
    groups: tuple[Groups, ...]
    sums: tuple[Whole, ...]
    total: Whole
    limits: Limits


@dataclass(frozen=True)
class _Cut:
    """The best one of a node: a column, and which of its groups go to `yes`."""

    column: int
    left: tuple[int, ...]
    gain: float
    slope: int


# A tree.


def whole_groups(columns: Sequence[PooledColumn]) -> tuple[Groups, ...]:
    """Of the root: each piece by itself."""
    return tuple(_several(tuple((n, n + 1) for n in range(len(one.pieces)))) for one in columns)


def grow(columns: Sequence[PooledColumn], boosting: Boosting, cuts: CutList) -> Dialogue:
    """One tree; some column has two pieces. How many rows are in its nodes stands in none of its sums: they are 0."""
    groups = whole_groups(columns)
    sums = _taken(iter((yield Sums((0,), (groups,)))), groups)
    level = [_Node(0, groups, sums, next(one.sum(axis=0) for one in sums if len(one)), Limits())]
    tree: list[TreeNode | None] = [None]
    for depth in range(boosting.depth):
        pairs: list[tuple[_Node, _Cut, Move]] = []
        for node in level:
            cut = _best(columns, node, boosting.rate)
            if cut is None:
                tree[node.place] = _leaf(node, boosting.rate)
                continue
            column = columns[cut.column]
            left = _pieces(column, node.groups[cut.column], cut.left)
            move = Move(node.place, cut.column, left, len(tree), len(tree) + 1)
            number = cuts.number(_tree_cut(column, cut.column, left))
            tree[node.place] = TreeFork(party=0, cut=number, yes=move.yes, no=move.no, gain=round(cut.gain), rows=0)
            tree += [None, None]
            pairs.append((node, cut, move))
        moves = tuple(move for *_, move in pairs)
        if depth + 1 == boosting.depth or not pairs:
            level = [child for pair in pairs for child in _children(pair, boosting.rate, (), ())]
            break
        level = yield from _below(pairs, boosting.rate)
    for node in level:
        if tree[node.place] is None:
            tree[node.place] = _leaf(node, boosting.rate)
    return tuple(node for node in tree if node is not None), moves


def _below(pairs: Sequence[tuple[_Node, _Cut, Move]], rate: int) -> Generator[Request, Sequence[int], list[_Node]]:
    """The nodes of the next level, of which no more is opened than may be."""
    above = tuple(
        tuple(() if n == cut.column else _several(groups) for n, groups in enumerate(node.groups))
        for node, cut, _ in pairs
    )
    answers = iter((yield Enough(tuple(move for *_, move in pairs), above)))
    below = tuple(tuple(_told(groups, answers) for groups in one) for one in above)
    sums: Iterator[int] = iter(())
    if any(groups for one in below for groups in one):
        sums = iter((yield Sums(tuple(move.yes for *_, move in pairs), below)))
    return [
        child
        for pair, groups in zip(pairs, below, strict=True)
        for child in _children(pair, rate, groups, _taken(sums, groups))
    ]


def _children(
    pair: tuple[_Node, _Cut, Move], rate: int, groups: tuple[Groups, ...], sums: tuple[Whole, ...]
) -> tuple[_Node, _Node]:
    """Both sides of a cut, by what is told of `yes`: `no` has what is left."""
    node, cut, move = pair
    own = node.sums[cut.column]
    left = np.isin(np.arange(len(own)), cut.left)
    weights = (leaf_weight(_with_rows(own[one].sum(axis=0)), rate, node.limits) for one in (left, ~left))
    limits = node.limits.below(cut.slope, *weights)
    others = tuple(
        np.array([_of(node.groups[n], node.sums[n], group) for group in one]).reshape(-1, 2) - taken
        for n, (one, taken) in enumerate(zip(groups, sums, strict=True))
    )

    def child(place: int, marks: Marks, within: Limits, side: tuple[Whole, ...]) -> _Node:
        by_column, by_sums = list(groups), list(side)
        if groups:
            by_column[cut.column] = tuple(itertools.compress(node.groups[cut.column], marks))
            by_sums[cut.column] = own[marks]
        return _Node(place, tuple(by_column), tuple(by_sums), own[marks].sum(axis=0), within)

    return child(move.yes, left, limits[0], sums), child(move.no, ~left, limits[1], others)


def _leaf(node: _Node, rate: int) -> TreeLeaf:
    return TreeLeaf(weight=leaf_weight(_with_rows(node.total), rate, node.limits), rows=0)


def _best(columns: Sequence[PooledColumn], node: _Node, rate: int) -> _Cut | None:
    """Of cuts between groups, by `cuts.best`: where that counts rows, each group counts as one."""
    coded = [_coded(column, groups) for column, groups in zip(columns, node.groups, strict=True)]
    most = max(map(len, node.groups), default=0)
    arranged = candidates(coded, most, range)
    cells = []
    for one, sums in zip(coded, node.sums, strict=True):
        own = np.zeros((one.cells, 3), np.int64)
        own[one.codes, 0], own[one.codes, 1:] = 1, sums
        cells.append(own)
    if not arranged.shape.places:
        return None
    total = np.array([most, *node.total])
    top = best(arranged.shape, arranged.places(cells), total, 1, node.limits.bounds(rate))
    if top is None:
        return None
    cut = arranged.cut(top.choice)
    left = np.flatnonzero(np.isin(coded[cut.column].codes, cut.left))
    slope = 0 if top.choice.cells else int(arranged.shape.slopes[top.choice.place])
    return _Cut(cut.column, tuple(map(int, left)), top.gain, slope)


def _coded(column: PooledColumn, groups: Groups) -> CodedColumn:
    """Each group as a row: of an ordered column it stands in the cell of its place, and what is missing in the last."""
    codes = np.arange(len(groups))
    if not column.ordered:
        return CodedColumn(codes, len(groups), ordered=False)
    if column.apart(groups):
        codes[-1] = len(groups) + 1
    return CodedColumn(codes, len(groups) + 2, ordered=True, monotone=column.monotone)


def _tree_cut(column: PooledColumn, number: int, left: Sequence[int]) -> TreeCut:
    return TreeCut(column=number, left=tuple(sorted(cell for piece in left for cell in column.pieces[piece])))


def _pieces(column: PooledColumn, groups: Groups, places: Sequence[int]) -> tuple[int, ...]:
    """Of a cut at so many of a node's groups: of an ordered column all up to the last one, and what is missing."""
    pieces = {piece for place in places for piece in range(*groups[place])}
    if column.ordered:
        missing = {groups[-1][0]} if column.apart(groups) else set()
        pieces |= set(range(max(pieces - missing, default=-1) + 1))
    return tuple(sorted(pieces))


def _several(groups: Groups) -> Groups:
    return groups if len(groups) > 1 else ()


def _told(groups: Groups, answers: Iterator[int]) -> Groups:
    """The finest groups that may be opened, of those of the node above."""
    if not groups:
        return ()
    enough = {half: next(answers) >= ENOUGH for half in halves(len(groups))}
    parts = told_groups(len(groups), enough.__getitem__)
    return _several(tuple((groups[low][0], groups[high - 1][1]) for low, high in parts))


def _taken(answers: Iterator[int], groups: Sequence[Groups]) -> tuple[Whole, ...]:
    """By column (groups, 2) of one node's answers."""
    return tuple(np.array([[next(answers), next(answers)] for _ in one], np.int64).reshape(-1, 2) for one in groups)


def _of(groups: Groups, sums: Whole, whole: Group) -> Whole:
    """The sums of a group that is made of others."""
    within = [whole[0] <= low and high <= whole[1] for low, high in groups]
    return np.asarray(sums[within].sum(axis=0))


def _with_rows(total: Whole) -> Whole:
    return np.array([0, *total])


def with_rows(tree: Sequence[TreeNode], leaves: Sequence[int]) -> tuple[TreeNode, ...]:
    """The same tree with how many rows came to its nodes, by those of its leaves."""
    left, nodes = list(leaves), list(tree)
    for place in reversed(range(len(nodes))):
        node = nodes[place]
        rows = left.pop() if isinstance(node, TreeLeaf) else nodes[node.yes].rows + nodes[node.no].rows
        nodes[place] = node.model_copy(update={"rows": rows})
    return tuple(nodes)


# A place's own rows.


class OwnRows:
    """Rows that train at one place: cells (rows, columns) and labels; all margins start at `base`. `leaves`: of each
    tree that has grown how many rows came to each leaf."""

    def __init__(self, columns: Sequence[PooledColumn], cells: Whole, labels: Whole, base: int, smallest: int) -> None:
        self.smallest, self.labels = smallest, labels
        self.leaves: list[list[int]] = []
        self.margins = np.full(len(labels), base, np.int64)
        self.starts = np.cumsum([0, *(max(1, len(one.pieces)) for one in columns)])
        self.pieces = np.empty_like(cells)
        for number, column in enumerate(columns):
            pieces = np.zeros(1 + max((cell for piece in column.pieces for cell in piece), default=0), np.int64)
            for place, piece in enumerate(column.pieces):
                pieces[list(piece)] = place
            self.pieces[:, number] = pieces[np.minimum(cells[:, number], len(pieces) - 1)] + self.starts[number]
        self.begin()

    def begin(self) -> None:
        """A tree: all rows at its root, and their gradients and curvatures."""
        self.places = np.zeros(len(self.labels), np.int64)
        self.slopes = gradients(self.margins, self.labels)

    def end(self, tree: Sequence[TreeNode], moves: Sequence[Move]) -> None:
        """Each row's margin with what the tree adds."""
        self.move(moves)
        counts = np.bincount(self.places, minlength=len(tree))
        self.leaves.append([int(counts[n]) for n, node in enumerate(tree) if isinstance(node, TreeLeaf)])
        weights = np.array([node.weight if isinstance(node, TreeLeaf) else 0 for node in tree], np.int64)
        self.margins = self.margins + weights[self.places]

    def move(self, moves: Sequence[Move]) -> None:
        for one in moves:
            rows = np.flatnonzero(self.places == one.place)
            left = np.isin(self.pieces[rows, one.column] - self.starts[one.column], one.left)
            self.places[rows] = np.where(left, one.yes, one.no)

    def answer(self, request: Request) -> list[int]:
        """This place's own numbers."""
        if isinstance(request, Enough):
            self.move(request.moves)
            return [number for move, groups in zip(request.moves, request.groups, strict=True)
                    for number in self._enough(move, groups)]  # fmt: skip
        return [number for place, groups in zip(request.places, request.groups, strict=True)
                for number in self._sums(place, groups)]  # fmt: skip

    def _enough(self, move: Move, groups: Sequence[Groups]) -> Iterator[int]:
        sides = np.minimum(*(self._by_piece(place) for place in (move.yes, move.no)))
        upto = np.concatenate([[0], np.cumsum(sides)])
        for start, own in zip(self.starts, groups, strict=False):
            for low, high in halves(len(own)) if own else ():
                rows = upto[start + own[high - 1][1]] - upto[start + own[low][0]]
                yield int(rows >= self.smallest)

    def _sums(self, place: int, groups: Sequence[Groups]) -> Iterator[int]:
        upto = [np.concatenate([[0], np.cumsum(self._by_piece(place, one))])
                for one in (self.slopes.gradient, self.slopes.curvature)]  # fmt: skip
        for start, own in zip(self.starts, groups, strict=False):
            for low, high in own:
                yield from (int(one[start + high] - one[start + low]) for one in upto)

    def _by_piece(self, place: int, values: Whole | None = None) -> Whole:
        """Of all columns, one behind the other, how many of the node's rows are in each piece, or the sum of values;
        sums stay below 2^53."""
        rows = np.flatnonzero(self.places == place)
        pieces = self.pieces[rows].reshape(-1)
        weights = None if values is None else np.repeat(values[rows], self.pieces.shape[1])
        return np.bincount(pieces, weights, minlength=int(self.starts[-1])).astype(np.int64)
