"""What changed in a clause that a lawyer looks for first: its values before, and its values after.

Values are found in the whole of both texts. Those that the edits touch are compared, place by place. A value that
came in one clause and went in another with the same words around it only moved, and says nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Final, get_args

from placet.comparison.facts import VALUES, Fact, Kind, facts
from placet.comparison.lexicon import Lexicon
from placet.comparison.normal import tokens
from placet.comparison.words import Block

_MENTIONS: Final = frozenset({"party", "term", "reference"})
"""Kinds of which one more mention says nothing new."""
_REPLACED: Final = frozenset({"connective"})
"""Kinds that say something only where one stands for another, in an edit of at most so many characters."""
_SHORT: Final = 24
_MOST: Final = 200
"""Values at one place that are compared in their order."""
_AROUND: Final = 8
"""Words on each side of a value that say whether it is the same one elsewhere."""
_SAME_PLACE: Final = 5
"""Of ten words around a value, those that have to be the same elsewhere."""
_LEAST: Final = 3
_NEIGHBOURS: Final = 3
"""Entries between which a value may have gone with a part of its clause."""
_MOST_OF_IT: Final = 6
"""Of ten words of a part, those that the whole had."""
_PAIRS: Final = 40_000
"""Up to this many pairs of values that came and went, all are looked at; else of equal ones the first few."""
_FEW: Final = 8
_WINDOW: Final = 400
"""Characters in which words around a value are looked for."""
_LONGEST: Final = 6_000
"""Characters of a text at most of which it is asked whether another holds it."""
_MEASURES: Final = frozenset({"amount", "percentage", "date", "duration", "time"})
ALONE: Final = _MEASURES | {"party", "law", "modal", "negation"}
"""Kinds of which it is told that they came or went with a whole clause."""
_REPEATED: Final = 3
"""Characters at most between a value in words and the same in brackets."""


@dataclass(frozen=True, slots=True)
class Change:
    """A value that became another (both), or that came or went; `texts` are the whole texts that they stand in."""

    kind: Kind
    before: Fact | None
    after: Fact | None
    texts: tuple[str, str]

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
    changes: list[Change] = []
    used = (set[int](), set[int]())
    for n in range(len(edits)):
        a, b, c, d = _grown(edits, n, one, other)
        old, new = _within(one, a, b, used[0]), _within(other, c, d, used[1])
        here: list[Change] = []
        for kind in get_args(Kind) if old or new else ():
            if kind not in _REPLACED or max(b - a, d - c) <= _SHORT:
                sides = ([f for f in old if f.kind == kind], [f for f in new if f.kind == kind])
                here += _differences(kind, *sides, (before, after))
        changes += _across_kinds([c for c in here if c.kind not in _REPLACED or c.alone is None])
    return _telling(changes, one, other)


def facts_alone(text: str, lexicon: Lexicon, *, came: bool) -> list[Change]:
    """Values of a clause that is new or gone, each once."""
    changes = []
    seen = set()
    for fact in facts(text, lexicon):
        if fact.kind not in _REPLACED and (fact.kind, fact.value) not in seen:
            seen.add((fact.kind, fact.value))
            changes.append(Change(fact.kind, None if came else fact, fact if came else None, (text, text)))
    return changes


def _grown(edits: Sequence[Block], n: int, one: Sequence[Fact], other: Sequence[Fact]) -> Block:
    """The edit with all of every value that it changes a part of, and what stands for that on the other side."""
    a, b, c, d = edits[n]
    first = [one[k] for k in _touching(one, a, b)]
    second = [other[k] for k in _touching(other, c, d)]
    left = (min([a, *(f.start for f in first)]), min([c, *(f.start for f in second)]))
    right = (max([b, *(f.end for f in first)]), max([d, *(f.end for f in second)]))
    return (
        min(left[0], _across(edits, n, left[1], back=True, end=False)),
        max(right[0], _across(edits, n, right[1], back=True, end=True)),
        min(left[1], _across(edits, n, left[0], back=False, end=False)),
        max(right[1], _across(edits, n, right[0], back=False, end=True)),
    )


def _across(edits: Sequence[Block], n: int, place: int, *, back: bool, end: bool) -> int:
    """Where a place of one text is in the other: what is between edits is equal, and an edit is taken whole."""
    here, there = (2, 0) if back else (0, 2)
    step, at = (1 if end else -1), n
    while 0 <= at + step < len(edits) and (
        edits[at + step][here] < place if end else edits[at + step][here + 1] > place
    ):
        at += step
    edit = edits[at]
    if end:
        return edit[there + 1] + max(place - edit[here + 1], 0)
    return edit[there] - max(edit[here] - place, 0)


def _within(facts: Sequence[Fact], start: int, end: int, used: set[int]) -> list[Fact]:
    """Facts that an edit touches, each for one edit only."""
    touched = [n for n in _touching(facts, start, end) if n not in used]
    used.update(touched)
    return [facts[n] for n in touched]


def _touching(facts: Sequence[Fact], start: int, end: int) -> list[int]:
    """Places of the facts, which stand in order, that a range of characters touches."""
    places = []
    n = bisect_left(facts, end, key=lambda fact: fact.start) - 1
    while n >= 0 and facts[n].start > start - _WINDOW:
        if facts[n].end > start:
            places.append(n)
        n -= 1
    return places[::-1]


def _differences(kind: Kind, some: Sequence[Fact], others: Sequence[Fact], texts: tuple[str, str]) -> Iterator[Change]:
    old, new = [fact.value for fact in some], [fact.value for fact in others]
    if max(len(old), len(new)) > _MOST:
        yield from (Change(kind, fact, None, texts) for fact in some if fact.value not in new)
        yield from (Change(kind, None, fact, texts) for fact in others if fact.value not in old)
        return
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            yield from (Change(kind, was, now, texts) for was, now in zip_longest(some[a:b], others[c:d]))


def _across_kinds(changes: list[Change]) -> list[Change]:
    """An amount that became a percentage, a date that became a period: one change, where nothing else can be meant."""
    gone = [change for change in changes if change.after is None and change.kind in VALUES]
    came = [change for change in changes if change.before is None and change.kind in VALUES]
    if len(gone) != 1 or len(came) != 1:
        return changes
    one = Change(came[0].kind, gone[0].before, came[0].after, came[0].texts)
    return [one if change is came[0] else change for change in changes if change is not gone[0]]


def _telling(changes: Sequence[Change], one: Sequence[Fact], other: Sequence[Fact]) -> list[Change]:
    """Without values that only went to another place in the clause, without further mentions."""
    lone = [(change.after is None, change.alone) for change in changes if change.alone is not None]
    elsewhere = Counter(value for gone, value in lone if gone) & Counter(value for gone, value in lone if not gone)
    both = _values(one) & _values(other)
    dropped = {True: elsewhere.copy(), False: elsewhere.copy()}
    telling: list[Change] = []
    said: set[tuple[bool, Kind, str]] = set()
    for change in changes:
        gone, value = change.after is None, change.alone
        if value is not None and dropped[gone][value]:
            dropped[gone][value] -= 1
            continue
        if value is not None and change.kind in _MENTIONS and (value in both or (gone, *value) in said):
            continue
        if value is not None:
            said.add((gone, *value))
        if not (telling and _repeats(telling[-1], change)):
            telling.append(change)
    return telling


def _repeats(first: Change, second: Change) -> bool:
    """`One Million Dollars ($1,000,000)`: the same change, in words and in figures."""
    if first.kind != second.kind or None in (first.before, first.after, second.before, second.after):
        return False
    pairs = ((first.before, second.before), (first.after, second.after))
    return all(
        one is not None and two is not None and one.value == two.value and 0 <= two.start - one.end <= _REPEATED
        for one, two in pairs
    )


def _values(facts: Iterable[Fact]) -> set[tuple[Kind, str]]:
    return {(fact.kind, fact.value) for fact in facts}


# -- values that went from one clause to another


def reunited(clauses: Sequence[Sequence[Change]]) -> list[list[Change]]:
    """Changes of all clauses, where values that came and went with the same words around them are put together.

    The same value: nothing is told of it. Another one: it is told once, as old and new, where it stands now.
    """
    gone, came = _lonely(clauses, old=True), _lonely(clauses, old=False)
    pairs = sorted(_alike(clauses, gone, came), key=lambda pair: (-pair[0], pair[1], pair[2]))
    drop: set[tuple[int, int]] = set()
    replaced: dict[tuple[int, int], Change] = {}
    for _, was, now in pairs:
        if was in drop or now in drop or now in replaced:
            continue
        old, new = clauses[was[0]][was[1]], clauses[now[0]][now[1]]
        drop.add(was)
        if old.alone == new.alone:
            drop.add(now)
        else:
            replaced[now] = Change(new.kind, old.before, new.after, (old.texts[0], new.texts[1]))
    return [
        [replaced.get((n, k), change) for k, change in enumerate(changes) if (n, k) not in drop]
        for n, changes in enumerate(clauses)
    ]


def _lonely(clauses: Sequence[Sequence[Change]], *, old: bool) -> dict[Kind, list[tuple[int, int]]]:
    places: dict[Kind, list[tuple[int, int]]] = defaultdict(list)
    for n, changes in enumerate(clauses):
        for k, change in enumerate(changes):
            if change.alone is not None and (change.after is None) == old:
                places[change.kind].append((n, k))
    return places


def _alike(
    clauses: Sequence[Sequence[Change]],
    gone: dict[Kind, list[tuple[int, int]]],
    came: dict[Kind, list[tuple[int, int]]],
) -> Iterator[tuple[int, tuple[int, int], tuple[int, int]]]:
    """How alike the words around are (0 to 10; one more where the value is the same), and which change each is."""
    around = {
        place: _words_around(clauses[place[0]][place[1]])
        for places in (*gone.values(), *came.values())
        for place in places
    }
    for kind, places in gone.items():
        others = came.get(kind, [])
        by_value = defaultdict[tuple[Kind, str] | None, list[tuple[int, int]]](list)
        for now in others:
            by_value[clauses[now[0]][now[1]].alone].append(now)
        any_value = kind in _MEASURES and len(places) * len(others) <= _PAIRS
        for was in places:
            value = clauses[was[0]][was[1]].alone
            for now in others if any_value else by_value[value][:_FEW]:
                same = clauses[now[0]][now[1]].alone == value
                shared = (around[was] & around[now]).total() if was[0] != now[0] else 0
                whole = min(around[was].total(), around[now].total())
                if shared >= _LEAST and 10 * shared >= (_SAME_PLACE if same else _SAME_PLACE + 1) * whole:
                    yield 10 * shared // whole + same, was, now
                elif (
                    same
                    and 0 < abs(was[0] - now[0]) <= _NEIGHBOURS
                    and _holds(clauses[was[0]][was[1]].texts[0], clauses[now[0]][now[1]].texts[1])
                ):
                    yield 1, was, now


def _holds(old: str, new: str) -> bool:
    """Whether most of the shorter text is in the other: it was cut off from it, or put into it."""
    if max(len(old), len(new)) > _LONGEST:
        return False
    one, other = (Counter(word.casefold() for word in tokens(text) if word[0].isalnum()) for text in (old, new))
    return 10 * (one & other).total() >= _MOST_OF_IT * min(one.total(), other.total())


def _words_around(change: Change) -> Counter[str]:
    fact, text = (change.before, change.texts[0]) if change.before else (change.after, change.texts[1])
    if fact is None:
        return Counter()
    left, right = context(text, fact, _AROUND)
    return Counter(word.casefold() for word in tokens(f"{left} {right}") if word[0].isalnum())


def context(text: str, fact: Fact, words: int) -> tuple[str, str]:
    """Up to so many words before and after a value, as they stand."""
    before, after = text[max(fact.start - _WINDOW, 0) : fact.start], text[fact.end : fact.end + _WINDOW]
    left, right = before.rstrip().rsplit(" ", words), after.lstrip().split(" ", words)
    return " ".join(left[-words:]), " ".join(right[:words])
