"""Which pairs stay in order: the heaviest chain that grows on both sides."""

from __future__ import annotations

from collections.abc import Sequence

Pair = tuple[int, int]


def in_order(pairs: Sequence[Pair], weights: Sequence[int]) -> set[int]:
    """Places in `pairs` (each number at most once a side) of a chain of the greatest weight. O(n log n)."""
    ranks = {after: rank for rank, after in enumerate(sorted(after for _, after in pairs), 1)}
    tree: list[tuple[int, int]] = [(0, -1)] * (len(pairs) + 1)
    before: list[int] = [-1] * len(pairs)
    best = (0, -1)
    for n in sorted(range(len(pairs)), key=lambda n: pairs[n]):
        rank = ranks[pairs[n][1]]
        heaviest, at = (0, -1), rank - 1
        while at:
            if tree[at][0] > heaviest[0]:
                heaviest = tree[at]
            at -= at & -at
        before[n] = heaviest[1]
        ends = (heaviest[0] + weights[n], n)
        best = max(best, ends, key=lambda end: end[0])
        at = rank
        while at < len(tree):
            if ends[0] > tree[at][0]:
                tree[at] = ends
            at += at & -at
    chain, n = set(), best[1]
    while n >= 0:
        chain.add(n)
        n = before[n]
    return chain
