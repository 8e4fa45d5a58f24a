"""What a party may tell of its columns at a tree's nodes: sums over no fewer rows than the smallest group.

A column's cells fall into groups: what lies between two cuts that are told, what lies behind the last one, what is
missing, what lies in one cell of a category, and in all cells of it that are not told. In each node that is told of
each group has no row or `smallest` and more. So has the difference of any two sums that are told: of two cuts of a
column, of a node and its child, and so in the child's sibling; and what is told of no node is told of none below it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from placet.models.cuts import CutCandidates
from placet.models.trees import Marks, Whole

Counts = Sequence[Whole]
"""By column how many rows of training are in each cell."""


def told_places(arranged: CutCandidates, above: Marks | None, nodes: Sequence[Counts], smallest: int) -> Marks:
    """Of each place whether it is told of each of `nodes`: the root alone, or both nodes into which one fell of which
    the places `above` were told."""
    told = np.ones(arranged.shape.places, np.bool_) if above is None else above.copy()
    cuts: dict[int, list[int]] = {}
    for place, cut in enumerate(arranged.cuts):
        cuts.setdefault(cut.column, []).append(place)
    for column, places in cuts.items():
        _tell_cuts(arranged, places, told, np.array([node[column] for node in nodes]), smallest)
    start = len(arranged.cuts)
    for column, order in arranged.categories:
        places = [*range(start, start + len(order))]
        _tell_cells(places, told, np.array([node[column] for node in nodes])[:, list(order)], smallest)
        start += len(order)
    return told


def _enough(rows: Whole, smallest: int) -> bool:
    """None, or enough of them, in each node."""
    return bool(((rows == 0) | (rows >= smallest)).all())


def _tell_cuts(arranged: CutCandidates, places: Sequence[int], told: Marks, counts: Whole, smallest: int) -> None:
    """Of one column; `counts` (nodes, cells). From the first cell on, each cut that lies far enough behind the one
    before; then the last ones go until enough lies behind."""
    upto, missing = np.cumsum(counts, axis=1), counts[:, -1]
    total = upto[:, -2]
    apart = _enough(missing, smallest)
    chosen: list[tuple[int, int]] = []
    before = np.zeros_like(missing)
    plain = sorted((arranged.cuts[place].last, place) for place in places if not arranged.cuts[place].missing)
    for last, place in plain:
        if told[place] and _enough(upto[:, last] - before, smallest):
            chosen.append((last, place))
            before = upto[:, last]
    with_missing = {arranged.cuts[place].last: place for place in places if arranged.cuts[place].missing}
    apart = apart and all(told[with_missing[last]] for last, _ in chosen if last in with_missing)
    while chosen and not _enough(total - upto[:, chosen[-1][0]] + (0 if apart else missing), smallest):
        chosen.pop()
    told[list(places)] = False
    for last, place in chosen:
        told[place] = True
        if apart and last in with_missing:
            told[with_missing[last]] = True


def _tell_cells(places: Sequence[int], told: Marks, counts: Whole, smallest: int) -> None:
    """Of one category; `counts` (nodes, cells) in the order of `places`. Cells of few rows are not told, and then the
    smallest others, until enough rows are in those that are not."""
    shown = [k for k, place in enumerate(places) if told[place] and _enough(counts[:, k], smallest)]
    shown.sort(key=lambda k: (-int(counts[:, k].sum()), k))
    while shown and not _enough(counts.sum(axis=1) - counts[:, shown].sum(axis=1), smallest):
        shown.pop()
    told[list(places)] = False
    told[[places[k] for k in shown]] = True
