"""Clauses that say the same but for their values: rows of a fee table, a value alone under its heading."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from placet.comparison.clauses import Clause
from placet.comparison.facts import measured
from placet.comparison.normal import tokens
from placet.comparison.order import Pair
from placet.comparison.pieces import Gap

_FEW: Final = 2
"""Words beside the values that make a pair of two clauses anywhere, where no others say the same."""
_BARE: Final = 12
"""Words at most of a clause that may be nothing but what its heading announces."""
_VALUE: Final = "\0"
CELL: Final = "|"

Mask = tuple[str, ...]


def mask(clause: Clause) -> Mask:
    """A clause's words with one sign for every value that is measured, whatever it is; empty where there is none."""
    facts = measured(clause.text)
    if not facts:
        return ()
    pieces, at = list[str](), 0
    for fact in facts:
        pieces += [clause.text[at : fact.start], _VALUE]
        at = fact.end
    return tuple(
        word for piece in (*pieces, clause.text[at:]) for word in ([_VALUE] if piece == _VALUE else tokens(piece))
    )


def same_but_values(gap: Gap, masks: tuple[dict[int, Mask], dict[int, Mask]]) -> Iterator[Pair]:
    """Within a gap: clauses of one mask, the first with the first where both sides have as many of them."""
    sides = tuple(_by_mask(places, side) for places, side in zip((gap.before, gap.after), masks, strict=True))
    for key, places in sides[0].items():
        if len(places) == len(sides[1].get(key, ())):
            yield from zip(places, sides[1][key], strict=True)


def same_elsewhere(masks: tuple[dict[int, Mask], dict[int, Mask]], free: tuple[list[int], list[int]]) -> Iterator[Pair]:
    """Anywhere: clauses whose mask stands once on both sides and has words enough."""
    sides = tuple(_by_mask(places, side) for places, side in zip(free, masks, strict=True))
    for key, places in sides[0].items():
        if len(places) == 1 == len(sides[1].get(key, ())) and sum(word[0].isalpha() for word in key) >= _FEW:
            yield places[0], sides[1][key][0]


def _by_mask(places: Sequence[int], masks: dict[int, Mask]) -> dict[Mask, list[int]]:
    by_mask: dict[Mask, list[int]] = defaultdict(list)
    for n in places:
        if masks[n]:
            by_mask[masks[n]].append(n)
    return by_mask


def rows(gap: Gap, one: Sequence[Clause], other: Sequence[Clause]) -> Iterator[Pair]:
    """Within a gap: rows of tables that begin with the same cell, which no other row there has."""
    names = [Counter(_row(side[n]) for n in places) for side, places in ((one, gap.before), (other, gap.after))]
    there = {_row(other[j]): j for j in gap.after}
    for i in gap.before:
        name = _row(one[i])
        if name and names[0][name] == 1 == names[1][name]:
            yield i, there[name]


def _row(clause: Clause) -> str:
    name, cell, _ = clause.text.partition(f" {CELL} ")
    return name.casefold().strip() if cell else ""


def announced(gap: Gap, one: Sequence[Clause], other: Sequence[Clause]) -> Iterator[Pair]:
    """A short text under the same heading, of which nothing else is left on either side."""
    if len(gap.before) != 1 or len(gap.after) != 1:
        return
    i, j = gap.before[0], gap.after[0]
    if _bare(one, i) and _bare(other, j) and one[i - 1].words == other[j - 1].words:
        yield i, j


def _bare(side: Sequence[Clause], at: int) -> bool:
    return at > 0 and side[at - 1].heading and not side[at].heading and len(side[at].words) <= _BARE
