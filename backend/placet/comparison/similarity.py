"""How alike two clauses are: shared words and pairs of words, rare ones heavy. In integers: every machine agrees."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

SCALE: Final = 1000
_RARE: Final = 20
"""A feature that more clauses have does not lead to candidates."""
_PROBES: Final = 32
"""Of a clause's rarest features, those that are looked up."""
_CANDIDATES: Final = 8

Bag = dict[int, int]


class Likeness:
    """Of clauses of two documents. Numbers of clauses run over both: those of the second follow those of the first."""

    def __init__(self, clauses: Sequence[Sequence[str]]) -> None:
        names: dict[str, int] = {}
        self._bags = [_bag(words, names) for words in clauses]
        seen = Counter(feature for bag in self._bags for feature in bag)
        count = len(clauses)
        self._heavy = [1 + (count // seen[feature]).bit_length() for feature in range(len(names))]
        self._weights = [self._weight(bag) for bag in self._bags]

    def _weight(self, bag: Bag) -> int:
        heavy = self._heavy
        return sum(heavy[feature] * count for feature, count in bag.items())

    def of(self, one: int, other: int) -> int:
        """0 (nothing shared) to SCALE (the same words)."""
        return self.between([one], [other])

    def between(self, some: Sequence[int], others: Sequence[int]) -> int:
        """The same for what stands in several clauses together."""
        whole = sum(self._weights[n] for n in some) + sum(self._weights[n] for n in others)
        shared = self._weight(_shared(self._together(some), self._together(others)))
        return 2 * SCALE * shared // whole if whole else 0

    def covered(self, piece: int, whole: int, others: Sequence[int]) -> int:
        """How much of a piece is in a whole and not already in others, 0 to SCALE."""
        left = dict(self._bags[whole])
        for feature, count in self._together(others).items():
            if feature in left:
                left[feature] -= count
        shared = self._weight(_shared(self._bags[piece], left))
        return SCALE * shared // self._weights[piece] if self._weights[piece] else 0

    def _together(self, clauses: Sequence[int]) -> Bag:
        if len(clauses) == 1:
            return self._bags[clauses[0]]
        bag: Counter[int] = Counter()
        for n in clauses:
            bag.update(self._bags[n])
        return bag

    def candidates(self, some: Iterable[int], others: Iterable[int]) -> set[tuple[int, int]]:
        """Pairs that share rare features, a few for each clause of either side."""
        some, others = list(some), list(others)
        return self._found(some, others) | {(one, other) for other, one in self._found(others, some)}

    def _found(self, some: list[int], others: list[int]) -> set[tuple[int, int]]:
        places: dict[int, list[int]] = defaultdict(list)
        for n in others:
            for feature in self._bags[n]:
                places[feature].append(n)
        pairs: set[tuple[int, int]] = set()
        for n in some:
            bag = self._bags[n]
            usable = [feature for feature in bag if 0 < len(places.get(feature, ())) <= _RARE]
            usable.sort(key=lambda feature: (len(places[feature]), -self._heavy[feature], feature))
            votes: Counter[int] = Counter()
            for feature in usable[:_PROBES]:
                for other in places[feature]:
                    votes[other] += self._heavy[feature]
            best = sorted(votes, key=lambda other: (-votes[other], other))[:_CANDIDATES]
            pairs.update((n, other) for other in best)
        return pairs


def _bag(words: Sequence[str], names: dict[str, int]) -> Bag:
    """Counts of words and of pairs of words, without case and marks."""
    plain = [word.casefold() for word in words if word[0].isalnum()] or list(words)
    features = plain + [f"{one} {other}" for one, other in pairwise(plain)]
    bag: Bag = {}
    for feature in features:
        number = names.setdefault(feature, len(names))
        bag[number] = bag.get(number, 0) + 1
    return bag


def _shared(one: Bag, other: Bag) -> Bag:
    if len(one) > len(other):
        one, other = other, one
    return {feature: min(count, other[feature]) for feature, count in one.items() if other.get(feature, 0) > 0}
