"""Pooled trees of all rows in one place: the twin that sums over several places are held against.

It answers what `pooled_trees.grow` asks from rows that lie side by side, of which it knows whose they are: whether a
group may be opened is a matter of places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from placet.models.boosting import Boosting, gradients
from placet.models.pooled import halves
from placet.models.pooled_trees import CutList, Enough, Groups, Move, PooledColumn, Request, grow
from placet.models.trees import Tree, TreeCut, TreeLeaf, Whole


def train(
    columns: Sequence[PooledColumn], cells: Whole, labels: Whole, owners: Whole, boosting: Boosting, base: int
) -> tuple[tuple[Tree, ...], tuple[TreeCut, ...], Whole]:
    """The trees, without numbers of rows, their cuts, and all margins. `cells` (rows, columns); `owners`: at which
    place each row is."""
    margins, cuts, trees = np.full(len(labels), base, np.int64), CutList(), []
    for _ in range(boosting.trees if any(len(one.pieces) > 1 for one in columns) else 0):
        rows = _Rows(columns, cells, owners, boosting.smallest, *_slopes(margins, labels))
        dialogue = grow(columns, boosting, cuts)
        request = next(dialogue)
        try:
            while True:
                request = dialogue.send([*rows.answers(request)])
        except StopIteration as end:
            tree, moves = end.value
        rows.move(moves)
        for place, node in enumerate(tree):
            if isinstance(node, TreeLeaf):
                margins[rows.at[place]] += node.weight
        trees.append(tree)
    return tuple(trees), cuts.cuts, margins


def _slopes(margins: Whole, labels: Whole) -> tuple[Whole, Whole]:
    slopes = gradients(margins, labels)
    return slopes.gradient, slopes.curvature


class _Rows:
    """All rows in one tree: `at` has by node which are in it."""

    def __init__(
        self, columns: Sequence[PooledColumn], cells: Whole, owners: Whole, smallest: int, *slopes: Whole
    ) -> None:
        self._owners, self._smallest, self._slopes = owners, smallest, slopes
        self._sizes = [max(1, len(one.pieces)) for one in columns]
        self._pieces = np.zeros_like(cells)
        for number, column in enumerate(columns):
            for place, piece in enumerate(column.pieces):
                self._pieces[np.isin(cells[:, number], piece), number] = place
        self.at = {0: np.ones(len(owners), np.bool_)}

    def move(self, moves: Sequence[Move]) -> None:
        for move in moves:
            rows, left = self.at.pop(move.place), np.isin(self._pieces[:, move.column], move.left)
            self.at |= {move.yes: rows & left, move.no: rows & ~left}

    def answers(self, request: Request) -> Iterator[int]:
        if isinstance(request, Enough):
            self.move(request.moves)
            for move, groups in zip(request.moves, request.groups, strict=True):
                for column, own in enumerate(groups):
                    if own:
                        yield from self._places(move, column, own)
            return
        for place, groups in zip(request.places, request.groups, strict=True):
            rows = np.flatnonzero(self.at[place])
            for column, own in enumerate(groups):
                pieces = self._pieces[rows, column]
                for low, high in own:
                    inside = rows[(low <= pieces) & (pieces < high)]
                    yield from (int(values[inside].sum()) for values in self._slopes)

    def _places(self, move: Move, column: int, groups: Groups) -> Iterator[int]:
        """Of each half of the groups at how many places enough rows are in it, piece by piece on the side that has
        fewer."""
        fewer = []
        for owner in np.unique(self._owners):
            sides = (self._pieces[self.at[side] & (self._owners == owner), column] for side in (move.yes, move.no))
            fewer.append(np.minimum(*(np.bincount(side, minlength=self._sizes[column]) for side in sides)))
        for low, high in halves(len(groups)):
            yield sum(int(one[groups[low][0] : groups[high - 1][1]].sum() >= self._smallest) for one in fewer)
