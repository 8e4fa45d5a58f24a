"""Which clause of one version is which of the other, wherever it went and whatever number it has now.

First the clauses with the same words: those that are unique on both sides, then their neighbours, then the rest. Then
runs of clauses that say the same in other pieces (a list set as one paragraph, a page break inside a clause), and
clauses that say the same but for their values. Then the most alike, first where both stand between the same neighbours,
where little likeness is enough, and everywhere else.
All of it treats both sides alike, so that swapping the documents swaps the answer.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from placet.comparison.clauses import Clause
from placet.comparison.masks import announced, mask, rows, same_but_values, same_elsewhere
from placet.comparison.order import Pair, in_order
from placet.comparison.pieces import Gap, Match, same_words
from placet.comparison.similarity import Likeness

NEAR: Final = 300
"""Likeness that makes a pair of two clauses between the same neighbours."""
FAR: Final = 500
"""Likeness that makes a pair of two clauses anywhere."""
_BESIDE: Final = 150
"""What standing between the same neighbours adds, where two pairs compete."""
_LED: Final = 100
"""What beginning with the same title adds; and between the same neighbours."""
_LED_NEAR: Final = 250
_TERMED: Final = 500
"""What defining the same term adds."""
_OTHER_TERM: Final = -150
"""What defining another term adds."""
_ALL_PAIRS: Final = 4_000
"""Up to this many pairs of a gap, all are looked at."""
_PART: Final = 700
"""How much of a piece has to be in the clause that it was split from."""
_SHORT: Final = 16
"""Words of a clause that its number and its place say more of than its words."""
_NUMBERED: Final = 120
"""Likeness that makes a pair of two such clauses."""
_PIECES: Final = 8
_BETWEEN: Final = 2
"""Other clauses that may stand between the pieces of one."""


class Alignment:
    """The state of one run."""

    def __init__(self, before: Sequence[Clause], after: Sequence[Clause]) -> None:
        self._sides = (before, after)
        self._keys = ([" ".join(c.words) for c in before], [" ".join(c.words) for c in after])
        self._to: dict[int, int] = {}
        self._from: dict[int, int] = {}
        self._grouped: list[Match] = []
        self._leads = ([_lead(c.words) for c in before], [_lead(c.words) for c in after])
        self._marks = {key: _mark(key) for keys in self._keys for key in keys}

    def run(self) -> list[Match]:
        """Every clause of both sides in at most one match; ordered by the first side."""
        self._exact()
        self._same_in_pieces()
        self._rest_of_exact()
        self._same_but_values()
        self._alike()
        matches = [Match((i,), (j,)) for i, j in self._to.items() if j >= 0]
        matches = self._with_pieces(matches)
        return sorted(matches + self._grouped, key=lambda match: match.before)

    # -- the same words

    def _pair(self, i: int, j: int) -> None:
        self._to[i], self._from[j] = j, i

    def _exact(self) -> None:
        """Unique on both sides and in order; then outward from those as long as neighbours are equal."""
        one, other = self._keys
        places = [_places(keys) for keys in self._keys]
        unique = [
            (at[0], places[1][key][0]) for key, at in places[0].items() if len(at) == 1 == len(places[1].get(key, ()))
        ]
        unmoved = in_order(unique, [self._weight(pair) for pair in unique])
        for n in unmoved:
            self._pair(*unique[n])
        for i, j in sorted(unique[n] for n in unmoved):
            for step in (1, -1):
                i2, j2 = i + step, j + step
                while self._free(i2, j2) and one[i2] == other[j2]:
                    self._pair(i2, j2)
                    i2, j2 = i2 + step, j2 + step
        for gap in self._gaps():
            self._repeated(gap)

    def _repeated(self, gap: Gap) -> None:
        """Within a gap, the first of equal clauses with the first, as far as that keeps the order."""
        one, other = self._keys
        there: dict[str, list[int]] = defaultdict(list)
        for j in gap.after:
            there[other[j]].append(j)
        used: Counter[str] = Counter()
        pairs: list[Pair] = []
        for i in gap.before:
            if used[one[i]] < len(there.get(one[i], ())):
                pairs.append((i, there[one[i]][used[one[i]]]))
                used[one[i]] += 1
        for n in in_order(pairs, [self._weight(pair) for pair in pairs]):
            self._pair(*pairs[n])

    def _same_in_pieces(self) -> None:
        for gap in self._gaps():
            for match in same_words(gap, *self._sides):
                self._grouped.append(match)
                for i in match.before:
                    self._to[i] = -1
                for j in match.after:
                    self._from[j] = -1

    def _rest_of_exact(self) -> None:
        """Equal clauses that are left are pairs wherever they are."""
        there = _places(self._keys[1], skip=self._from)
        for key, places in _places(self._keys[0], skip=self._to).items():
            for i, j in zip(places, there.get(key, ()), strict=False):
                self._pair(i, j)

    # -- the same words but for values

    def _same_but_values(self) -> None:
        free = (self._left(0), self._left(1))
        masks = tuple({n: mask(side[n]) for n in places} for side, places in zip(self._sides, free, strict=True))
        both = (masks[0], masks[1])
        for gap in self._gaps():
            self._pair_all(same_but_values(gap, both))
        for gap in self._gaps():
            self._pair_all(rows(gap, *self._sides))
        for gap in self._gaps():
            self._pair_all(announced(gap, *self._sides))
        self._pair_all(same_elsewhere(both, (self._left(0), self._left(1))))

    def _pair_all(self, pairs: Iterable[Pair]) -> None:
        for i, j in list(pairs):
            self._pair(i, j)

    # -- alike

    def _alike(self) -> None:
        before, after = self._sides
        self._likeness = Likeness([clause.words for clause in (*before, *after)])
        shift = len(before)
        free = (self._left(0), self._left(1))
        far = self._likeness.candidates(free[0], [j + shift for j in free[1]])
        self._choose({(i, j - shift) for i, j in far} | self._near() | self._led(*free), far=True)
        self._choose(self._near(), far=False)
        for gap in self._gaps():
            if len(gap.before) == len(gap.after) == 1:
                self._numbered_alike(gap.before[0], gap.after[0])

    def _numbered_alike(self, i: int, j: int) -> None:
        """Two short clauses of one number that nothing else stands beside."""
        one, other = self._sides[0][i], self._sides[1][j]
        if (
            one.label == other.label
            and max(len(one.words), len(other.words)) <= _SHORT
            and self._likeness.of(i, j + len(self._sides[0])) >= _NUMBERED
        ):
            self._pair(i, j)

    def _near(self) -> set[Pair]:
        pairs: set[Pair] = set()
        for gap in self._gaps():
            if len(gap.before) * len(gap.after) <= _ALL_PAIRS:
                pairs.update((i, j) for i in gap.before for j in gap.after)
            else:
                pairs.update((i, j) for n, i in enumerate(gap.before) for j in gap.after[max(n - 3, 0) : n + 4])
        return pairs

    def _choose(self, pairs: set[Pair], *, far: bool) -> None:
        """The best pair first, then the best of what is left."""
        gap_of = self._neighbourhoods()
        sizes = (len(self._sides[0]), len(self._sides[1]))
        scored = []
        for i, j in pairs:
            beside = i in gap_of[0] and gap_of[0][i] == gap_of[1].get(j)
            likeness = self._likeness.of(i, j + sizes[0]) + self._titles(i, j, near=beside and not far)
            if likeness < (NEAR if beside and not far else FAR):
                continue
            score = likeness + (_BESIDE if beside else 0)
            apart = abs(i * sizes[1] - j * sizes[0])
            scored.append((-score, apart, self._weight((i, j)), i + j, abs(i - j), i, j))
        for *_, i, j in sorted(scored):
            if i not in self._to and j not in self._from:
                self._pair(i, j)

    def _titles(self, i: int, j: int, *, near: bool) -> int:
        """What the titles of both, as in `Payment Dispute. If …` or `"Fees" means …`, say about their likeness."""
        one, other = self._leads[0][i], self._leads[1][j]
        if not one or not other:
            return 0
        if one == other:
            return _TERMED if one[0] == '"' else _LED_NEAR if near else _LED
        return _OTHER_TERM if one[0] == other[0] == '"' else 0

    def _led(self, before: Sequence[int], after: Sequence[int]) -> set[Pair]:
        """Pairs whose title no other clause has."""
        places = [defaultdict[tuple[str, ...], list[int]](list), defaultdict[tuple[str, ...], list[int]](list)]
        for side, free in enumerate((before, after)):
            for n in free:
                places[side][self._leads[side][n]].append(n)
        return {
            (at[0], places[1][lead][0])
            for lead, at in places[0].items()
            if lead and len(at) == 1 == len(places[1].get(lead, ()))
        }

    # -- clauses that were split or merged, and edited

    def _with_pieces(self, matches: list[Match]) -> list[Match]:
        whole = []
        for match in sorted(matches, key=lambda match: match.before):
            (i,), (j,) = match.before, match.after
            if self._keys[0][i] != self._keys[1][j]:
                match = Match(match.before, self._pieces(i, j, side=1))
                if len(match.after) == 1:
                    match = Match(self._pieces(j, i, side=0), match.after)
            whole.append(match)
        return whole

    def _pieces(self, whole: int, piece: int, *, side: int) -> tuple[int, ...]:
        """The clauses of a side next to `piece`, still alone, whose words the whole on the other side holds."""
        used = self._from if side else self._to
        shift = (0, len(self._sides[0]))
        pieces = [piece]
        for step in (1, -1):
            at, passed = piece + step, 0
            while 0 <= at < len(self._sides[side]) and len(pieces) < _PIECES:
                if at in used:  # perhaps a clause that was put between the pieces
                    passed += 1
                    if passed > _BETWEEN:
                        break
                    at += step
                    continue
                others = [n + shift[side] for n in pieces]
                if self._likeness.covered(at + shift[side], whole + shift[1 - side], others) < _PART:
                    break
                used[at] = -1
                pieces.append(at)
                at += step
        return tuple(sorted(pieces))

    # -- where things are

    def _free(self, i: int, j: int) -> bool:
        return 0 <= i < len(self._keys[0]) and 0 <= j < len(self._keys[1]) and i not in self._to and j not in self._from

    def _left(self, side: int) -> list[int]:
        used = self._from if side else self._to
        return [n for n in range(len(self._sides[side])) if n not in used]

    def _gaps(self) -> list[Gap]:
        """What is alone between two pairs that keep the order, on both sides."""
        pairs = [(i, j) for i, j in self._to.items() if j >= 0]
        unmoved = in_order(pairs, [self._weight(pair) for pair in pairs])
        fixed = [(-1, -1), *sorted(pairs[n] for n in unmoved), (len(self._sides[0]), len(self._sides[1]))]
        gaps = []
        for (i, j), (i2, j2) in pairwise(fixed):
            before = [n for n in range(i + 1, i2) if n not in self._to]
            after = [n for n in range(j + 1, j2) if n not in self._from]
            if before and after:
                gaps.append(Gap(before, after))
        return gaps

    def _neighbourhoods(self) -> tuple[dict[int, int], dict[int, int]]:
        numbers: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for number, gap in enumerate(self._gaps()):
            numbers[0].update(dict.fromkeys(gap.before, number))
            numbers[1].update(dict.fromkeys(gap.after, number))
        return numbers

    def _weight(self, pair: Pair) -> int:
        one, other = self._keys[0][pair[0]], self._keys[1][pair[1]]
        return staying(len(one) + len(other), self._marks[one] ^ self._marks[other])


def staying(length: int, mark: int) -> int:
    """Weight of a pair in the order: first as many as possible stay, then the longer; `mark` breaks ties."""
    return (1 << 80) + (min(length, (1 << 32) - 1) << 40) + mark


def _mark(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:3], "big")


def _places(keys: Sequence[str], skip: dict[int, int] | None = None) -> dict[str, list[int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for n, key in enumerate(keys):
        if skip is None or n not in skip:
            places[key].append(n)
    return places


def _lead(words: Sequence[str]) -> tuple[str, ...]:
    """The first words up to a full stop, or those in quotation marks, if they are few."""
    quoted = words[:1] == ('"',)
    for n, word in enumerate(words[1:9], 1):
        if word == '"' or (word in (".", ":") and not quoted):
            return tuple(words[:n])
    return ()
