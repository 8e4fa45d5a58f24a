"""What changed inside a clause, word by word: Myers' shortest edit, bounded, then made readable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from placet.comparison.order import in_order

_MOST_EDITS: Final = 400
"""Words that differ, beyond which unique runs of words are held fast first; then what is between is replaced whole."""
_ISLAND: Final = 2
"""Equal words that may be swallowed between longer changes."""

Block = tuple[int, int, int, int]
"""From and to on the first side, from and to on the second: what is there is replaced."""


def changes(one: Sequence[str], other: Sequence[str]) -> list[Block]:
    """What to replace in the first to get the second, in order; everything between is equal."""
    numbers: dict[str, int] = {}
    some, others = ([numbers.setdefault(word, len(numbers)) for word in words] for words in (one, other))
    blocks = _by_word(some, others, 0, 0)
    if blocks is None:
        blocks = _by_anchor(some, others)
    return _readable(blocks)


def _by_word(one: Sequence[int], other: Sequence[int], i: int, j: int) -> list[Block] | None:
    """Blocks, shifted by (i, j); None if the edit would be too long."""
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    inner = _shortest(one[start : len(one) - end], other[start : len(other) - end])
    if inner is None:
        return None
    return [(i + start + a, i + start + b, j + start + c, j + start + d) for a, b, c, d in inner]


def _by_anchor(one: Sequence[int], other: Sequence[int]) -> list[Block]:
    """Three words that stand once on both sides stay; between those words, where that is short enough."""
    places = [_once(side) for side in (one, other)]
    pairs = [(i, places[1][words]) for words, i in places[0].items() if words in places[1]]
    unmoved = in_order(pairs, [1] * len(pairs))
    blocks: list[Block] = []
    i = j = 0
    for i2, j2 in [*sorted(pairs[n] for n in unmoved), (len(one), len(other))]:
        if i2 > i or j2 > j:
            inner = _by_word(one[i:i2], other[j:j2], i, j)
            blocks += [(i, i2, j, j2)] if inner is None else inner
        i, j = max(i, i2), max(j, j2)
    return _joined(blocks)


def _once(words: Sequence[int]) -> dict[tuple[int, ...], int]:
    """Where the runs of three words begin that stand only once."""
    runs = list(zip(words, words[1:], words[2:], strict=False))
    counts = Counter(runs)
    return {run: n for n, run in enumerate(runs) if counts[run] == 1}


def _shortest(one: Sequence[int], other: Sequence[int]) -> list[Block] | None:
    """Myers, An O(ND) Difference Algorithm and Its Variations (1986)."""
    n, m = len(one), len(other)
    if not n or not m:
        return [(0, n, 0, m)] if n or m else []
    most = min(n + m, _MOST_EDITS)
    furthest = [0] * (2 * most + 3)
    trail: list[list[int]] = []
    for edits in range(most + 1):
        trail.append(furthest[most - edits : most + edits + 3])
        for k in range(-edits, edits + 1, 2):
            at = most + 1 + k
            down = k == -edits or (k != edits and furthest[at - 1] < furthest[at + 1])
            i = furthest[at + 1] if down else furthest[at - 1] + 1
            j = i - k
            while i < n and j < m and one[i] == other[j]:
                i, j = i + 1, j + 1
            furthest[at] = i
            if i >= n and j >= m:
                return _back(trail, n, m)
    return None


def _back(trail: list[list[int]], i: int, j: int) -> list[Block]:
    steps: list[Block] = []
    for edits in range(len(trail) - 1, 0, -1):
        furthest, k = trail[edits], i - j
        at = edits + 1 + k
        down = k == -edits or (k != edits and furthest[at - 1] < furthest[at + 1])
        i2 = furthest[at + 1] if down else furthest[at - 1]
        j2 = i2 - (k + 1 if down else k - 1)
        steps.append((i2, i2, j2, j2 + 1) if down else (i2, i2 + 1, j2, j2))
        i, j = i2, j2
    return _joined(reversed(steps))


def _joined(steps: Iterable[Block]) -> list[Block]:
    blocks: list[Block] = []
    for a, b, c, d in steps:
        if blocks and blocks[-1][1] == a and blocks[-1][3] == c:
            blocks[-1] = (blocks[-1][0], b, blocks[-1][2], d)
        else:
            blocks.append((a, b, c, d))
    return blocks


def _readable(blocks: list[Block]) -> list[Block]:
    """A word or two that happen to be equal between long changes belong to the change."""
    readable: list[Block] = []
    for block in blocks:
        if readable and block[0] - readable[-1][1] <= _ISLAND and min(_size(readable[-1]), _size(block)) >= 2 * _ISLAND:
            readable[-1] = (readable[-1][0], block[1], readable[-1][2], block[3])
        else:
            readable.append(block)
    return readable


def extent(blocks: Sequence[Block]) -> int:
    """Number of words that go and come."""
    return sum(_size(block) for block in blocks)


def _size(block: Block) -> int:
    return block[1] - block[0] + block[3] - block[2]
