"""What a party may tell of its columns at a tree's nodes: sums over no fewer rows than the smallest group.

A column's cells fall into groups: what lies between two cuts that are told, what lies behind the last one, what is
missing, what lies in one cell of a category, and in all cells of it that are not told. In each node that is told of
each group has no row or `smallest` and more. So has, of each column, the difference of any two sums that are told in a
tree: of two cuts in a node, and of a node's and those of a node above it. What is told of no node is told of none below
it, and of two siblings the same places are told, since each is its parent less the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from placet.models.cuts import CutCandidates
from placet.models.trees import Marks, Whole

Counts = Sequence[Whole]
"""By column how many rows of training are in each cell."""


@dataclass(frozen=True)
class Disclosed:
    """A node, and of which places is told in it."""

    counts: Counts
    told: Marks
    parent: Disclosed | None = None

    def upwards(self) -> Iterator[Disclosed]:
        """This node and those above it."""
        node: Disclosed | None = self
        while node is not None:
            yield node
            node = node.parent


def told_places(arranged: CutCandidates, parent: Disclosed | None, nodes: Sequence[Counts], smallest: int) -> Marks:
    """Of each place whether it is told of each of `nodes`: the root alone, or both nodes into which `parent` fell."""
    above = [] if parent is None else [*parent.upwards()]
    disclosed = parent.told.copy() if parent else np.ones(arranged.shape.places, np.bool_)
    cuts: dict[int, list[int]] = {}
    for place, cut in enumerate(arranged.cuts):
        cuts.setdefault(cut.column, []).append(place)
    for column, places in cuts.items():
        counts = np.array([node[column] for node in nodes])
        _Cuts(arranged, places, counts, [(node.told, np.cumsum(node.counts[column])) for node in above]).tell(
            disclosed, smallest
        )
    start = len(arranged.cuts)
    for column, order in arranged.categories:
        places = [*range(start, start + len(order))]
        _tell_cells(places, disclosed, np.array([node[column] for node in nodes])[:, list(order)], smallest)
        start += len(order)
    return disclosed


def _enough(rows: Whole, smallest: int) -> bool:
    """None, or enough of them, in each node."""
    return bool(((rows == 0) | (rows >= smallest)).all())


@dataclass(frozen=True)
class _Cuts:
    """One column's, at these places; `counts` (nodes, cells). `above`: of each node above what is told of it, and how
    many rows are in its cells up to each."""

    arranged: CutCandidates
    places: Sequence[int]
    counts: Whole
    above: Sequence[tuple[Marks, Whole]]

    def tell(self, disclosed: Marks, smallest: int) -> None:
        """From the first cell on, each cut that lies far enough behind the one before; then the last ones go until
        enough lies behind."""
        upto, missing = np.cumsum(self.counts, axis=1), self.counts[:, -1]
        cuts = [(self.arranged.cuts[place], place) for place in self.places]
        plain = sorted((cut.last, place) for cut, place in cuts if not cut.missing)
        with_missing = {cut.last: place for cut, place in cuts if cut.missing}
        taken: list[tuple[int, int]] = []
        skipped: list[tuple[int, int]] = []
        before = np.zeros_like(missing)
        for last, place in plain:
            if not disclosed[place]:
                skipped.append((last, place))
            elif _enough(upto[:, last] - before, smallest) and self._apart(upto, last, skipped, smallest):
                taken.append((last, place))
                before, skipped = upto[:, last], []
            else:
                skipped.append((last, place))
        alone = _enough(missing, smallest) and all(disclosed[with_missing[n]] for n, _ in taken if n in with_missing)
        while taken and not _enough(upto[:, -2] - upto[:, taken[-1][0]] + (0 if alone else missing), smallest):
            taken.pop()
        disclosed[list(self.places)] = False
        for last, place in taken:
            disclosed[place] = True
            if alone and last in with_missing:
                disclosed[with_missing[last]] = True

    def _apart(self, upto: Whole, last: int, skipped: Sequence[tuple[int, int]], smallest: int) -> bool:
        """Is what is told up to `last` far enough from what the nodes above tell up to one of the `skipped`? They
        differ by the rows up to there that went elsewhere, and by those from there to `last`."""
        return all(
            _enough(above[less] + upto[:, last] - 2 * upto[:, less], smallest)
            for disclosed, above in self.above
            for less, place in skipped
            if disclosed[place]
        )


def _tell_cells(places: Sequence[int], disclosed: Marks, counts: Whole, smallest: int) -> None:
    """Of one category; `counts` (nodes, cells) in the order of `places`. Cells of few rows are not told, and then the
    smallest others, until enough rows are in those that are not."""
    shown = [k for k, place in enumerate(places) if disclosed[place] and _enough(counts[:, k], smallest)]
    shown.sort(key=lambda k: (-int(counts[:, k].sum()), k))
    while shown and not _enough(counts.sum(axis=1) - counts[:, shown].sum(axis=1), smallest):
        shown.pop()
    disclosed[list(places)] = False
    disclosed[[places[k] for k in shown]] = True
