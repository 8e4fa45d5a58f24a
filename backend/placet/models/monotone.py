"""Do trees rise or fall with the columns that are to? Read off a model in the clear, whoever grew it."""

from __future__ import annotations

from collections.abc import Sequence

from placet.core.errors import InputError
from placet.models.scorecard_fit import Monotone
from placet.models.trees import Tree, TreeCut, TreeFork, TreeModel, TreePart

Directions = Sequence[Sequence[Monotone | None]]
"""By party and column."""


def demand_monotone(model: TreeModel, parts: Sequence[TreePart], directions: Directions) -> None:
    """InputError `model.monotone` unless at each cut of a column that is to rise no leaf of its lower side weighs more
    than one of the other, and at each of one that is to fall none less; so the margin of two rows that differ in that
    column alone, and lack it in neither, stand in its order."""
    model.demand_parts(parts)
    for number, tree in enumerate(model.trees):
        for fork, left, right in _sides(tree):
            part, ways = parts[fork.party], directions[fork.party]
            cut = part.cuts[fork.cut]
            way = ways[cut.column]
            if way is None or _lacks(part, cut):
                continue
            (_, most), (least, _) = (left, right) if way == "rising" else (right, left)
            if most > least:
                raise InputError(
                    f"a tree does not go with {part.columns[cut.column].column} as planned",
                    expected=way,
                    found=f"otherwise in tree {number + 1}",
                    remedy="the parties grow it anew: one of them said of its columns what the plan does not",
                    code="model.monotone",
                )


def _sides(tree: Tree) -> list[tuple[TreeFork, tuple[int, int], tuple[int, int]]]:
    """Each fork, and of both its sides the smallest and the largest weight of a leaf."""
    ranges: dict[int, tuple[int, int]] = {}
    forks = []
    for place in reversed(range(len(tree))):
        node = tree[place]
        if isinstance(node, TreeFork):
            left, right = ranges[node.yes], ranges[node.no]
            forks.append((node, left, right))
            ranges[place] = min(left[0], right[0]), max(left[1], right[1])
        else:
            ranges[place] = node.weight, node.weight
    return forks


def _lacks(part: TreePart, cut: TreeCut) -> bool:
    """Does it part what is there from what is missing?"""
    bins = part.columns[cut.column].bins
    return not set(range(bins.other)) - set(cut.left) and bins.missing not in cut.left
