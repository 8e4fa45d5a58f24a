"""What changed in a clause that a lawyer looks for first: its values before, and its values after.

Values are found in the whole of both texts. Those that the edits touch are compared, place by place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Final, get_args

from placet.comparison.facts import Fact, Kind, facts
from placet.comparison.lexicon import Lexicon
from placet.comparison.words import Block

_MENTIONS: Final = frozenset({"party", "term", "reference"})
"""Kinds of which one more mention says nothing new."""
_MOST: Final = 200
"""Values at one place that are compared in their order."""


@dataclass(frozen=True, slots=True)
class Change:
    """A value that became another (both), or that came or went."""

    kind: Kind
    before: Fact | None
    after: Fact | None

    @property
    def alone(self) -> tuple[Kind, str] | None:
        """Kind and value of what only came or went."""
        if self.before is not None and self.after is not None:
            return None
        fact = self.before or self.after
        return None if fact is None else (self.kind, fact.value)


def changed_facts(before: str, after: str, edits: Sequence[Block], lexicon: Lexicon) -> list[Change]:
    """Old and new values that differ, in order. `edits` are ranges of characters of both texts."""
    one, other = facts(before, lexicon), facts(after, lexicon)
    found: list[Change] = []
    used = (set[int](), set[int]())
    for edit in edits:
        a, b, c, d = _grown(edit, one, other)
        old, new = _within(one, a, b, used[0]), _within(other, c, d, used[1])
        for kind in get_args(Kind) if old or new else ():
            found += _differences(kind, [f for f in old if f.kind == kind], [f for f in new if f.kind == kind])
    return _telling(found, one, other)


def _grown(edit: Block, one: Sequence[Fact], other: Sequence[Fact]) -> Block:
    """The edit with all of every value that it changes a part of. What it grows by is equal on both sides."""
    a, b, c, d = edit
    first = [f for f in one if f.start < b and a < f.end]
    second = [f for f in other if f.start < d and c < f.end]
    left = max((*(a - f.start for f in first), *(c - f.start for f in second), 0))
    right = max((*(f.end - b for f in first), *(f.end - d for f in second), 0))
    return max(a - left, 0), b + right, max(c - left, 0), d + right


def _within(found: Sequence[Fact], start: int, end: int, used: set[int]) -> list[Fact]:
    """Facts that an edit touches, each for one edit only."""
    touched = [n for n, f in enumerate(found) if n not in used and f.start < end and start < f.end]
    used.update(touched)
    return [found[n] for n in touched]


def _differences(kind: Kind, some: Sequence[Fact], others: Sequence[Fact]) -> Iterator[Change]:
    old, new = [fact.value for fact in some], [fact.value for fact in others]
    if max(len(old), len(new)) > _MOST:
        yield from (Change(kind, fact, None) for fact in some if fact.value not in new)
        yield from (Change(kind, None, fact) for fact in others if fact.value not in old)
        return
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            yield from (Change(kind, was, now) for was, now in zip_longest(some[a:b], others[c:d]))


def _telling(found: Sequence[Change], one: Sequence[Fact], other: Sequence[Fact]) -> list[Change]:
    """Without values that only went to another place in the clause, and without further mentions."""
    lone = [(change.after is None, change.alone) for change in found if change.alone is not None]
    elsewhere = Counter(value for gone, value in lone if gone) & Counter(value for gone, value in lone if not gone)
    both = _values(one) & _values(other)
    dropped = {True: elsewhere.copy(), False: elsewhere.copy()}
    told: list[Change] = []
    said: set[tuple[bool, Kind, str]] = set()
    for change in found:
        if change.alone is not None:
            gone, value = change.after is None, change.alone
            if dropped[gone][value]:
                dropped[gone][value] -= 1
                continue
            if change.kind in _MENTIONS and (value in both or (gone, *value) in said):
                continue
            said.add((gone, *value))
        told.append(change)
    return told


def _values(found: Iterable[Fact]) -> set[tuple[Kind, str]]:
    return {(fact.kind, fact.value) for fact in found}
