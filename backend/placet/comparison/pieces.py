"""The same words in other pieces: a list set as one paragraph, a paragraph that a page or a blank line cut in two."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from placet.comparison.clauses import Clause
from placet.comparison.normal import tokens

_STARTS: Final = 16
"""Places in a gap where a run may begin."""
_MOST: Final = 64
"""Clauses of one side in a run."""


@dataclass(frozen=True, slots=True)
class Match:
    """Clauses that belong together: usually one a side; more where a clause was split or merged."""

    before: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """Clauses of both sides that are still alone between the same neighbours."""

    before: list[int]
    after: list[int]


def same_words(gap: Gap, one: Sequence[Clause], other: Sequence[Clause]) -> Iterator[Match]:
    """Runs whose words are the same, with the numbers inside the run or without them. In order, without overlap."""
    begins: dict[str, list[int]] = defaultdict(list)
    for n, j in enumerate(gap.after):
        begins[other[j].words[0]].append(n)
    at, done = 0, 0
    while at < len(gap.before):
        starts = begins.get(one[gap.before[at]].words[0], [])
        first = bisect_left(starts, done)
        for n in starts[first : first + _STARTS]:
            run = _run(gap.before[at:], gap.after[n:], one, other, _with_number)
            run = run or _run(gap.before[at:], gap.after[n:], one, other, _without_number)
            if run is not None:
                count, others = run
                yield Match(tuple(gap.before[at : at + count]), tuple(gap.after[n : n + others]))
                at, done = at + count - 1, n + others
                break
        at += 1


def _run(
    before: list[int],
    after: list[int],
    one: Sequence[Clause],
    other: Sequence[Clause],
    words: Callable[[Clause], Sequence[str]],
) -> tuple[int, int] | None:
    """Sizes of the shortest runs from the first of both that say the same; None if there are none."""
    left, right = list(one[before[0]].words), list(other[after[0]].words)
    i = j = 1
    while True:
        shared = min(len(left), len(right))
        if left[:shared] != right[:shared]:
            return None
        if len(left) == len(right):
            return (i, j) if i + j > 2 else None
        if len(left) < len(right):
            if i >= min(len(before), _MOST) or before[i] != before[i - 1] + 1:
                return None
            left += words(one[before[i]])
            i += 1
        else:
            if j >= min(len(after), _MOST) or after[j] != after[j - 1] + 1:
                return None
            right += words(other[after[j]])
            j += 1


def _with_number(clause: Clause) -> Sequence[str]:
    return [*tokens(clause.written), *clause.words]


def _without_number(clause: Clause) -> Sequence[str]:
    return clause.words
