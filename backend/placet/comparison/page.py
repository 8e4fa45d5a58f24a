"""A comparison as one page for a lawyer: what matters first, then both texts side by side. Nothing from outside."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from placet.comparison.facts import VALUES, Kind
from placet.comparison.result import ClauseEntry, ClauseText, Comparison, Flag, Side
from placet.comparison.style import CSS, SCRIPT
from placet.core.pages import template

_KINDS: Final[dict[Kind, str]] = {
    "amount": "Amounts",
    "percentage": "Percentages",
    "duration": "Durations",
    "date": "Dates",
    "time": "Times of day",
    "law": "Governing law, courts and seats",
    "bound": "Limits (at least, at most, greater of, including)",
    "modal": "Duties and rights (shall, must, may, will)",
    "negation": "Negations and exceptions",
    "connective": "And, or, any, all",
    "standard": "Standards (efforts, discretion, promptness)",
    "quality": "Exclusive, revocable and the like",
    "party": "Parties",
    "definition": "Definitions",
    "number": "Other numbers",
    "term": "Defined terms used",
    "reference": "References to clauses",
}
_LOW: Final[frozenset[Kind]] = frozenset({"term", "reference"})
"""Kinds that are folded away, for who reads on."""
_WHOLE: Final[frozenset[Kind]] = VALUES | {"law", "definition"}
"""Kinds that are read first of a clause that is new or gone as a whole."""
_STATUSES: Final = ("edited", "moved", "added", "removed", "same")
_SNIPPET: Final = 140


@dataclass(frozen=True)
class _Reference:
    """An entry by the number of its row, its clause's label, or the nearest heading above, and its first words."""

    entry: int
    label: str
    words: str


@dataclass(frozen=True)
class _Move:
    """Where clauses stood and stand."""

    before: str
    after: str
    edited: bool = False


@dataclass(frozen=True)
class _Group:
    """A table: references, each with the value that changed, or where its clause went, or its clause's beginning."""

    title: str
    rows: tuple[tuple[_Reference, Flag | _Move | str], ...]

    @property
    def count(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class _Cell:
    """An entry's clauses on one side. `change` is what only this side has, `tag` how that is marked, `only`: it is all
    that the entry has."""

    clauses: tuple[ClauseText, ...]
    change: str
    tag: str
    only: bool

    @property
    def level(self) -> int:
        return min(self.clauses[0].level, 3)


@dataclass(frozen=True)
class _Row:
    """An entry side by side."""

    number: int
    entry: ClauseEntry
    before: _Cell
    after: _Cell
    heading: bool
    under: str
    """The nearest heading above, where the clause has no number of its own."""
    was: str | None
    ghost: None = None

    @property
    def tags(self) -> tuple[str, ...]:
        return () if self.entry.statuses == ("same",) else self.entry.statuses

    @property
    def tone(self) -> str:
        return "moved" if "moved" in self.entry.statuses else self.entry.statuses[0]


@dataclass(frozen=True)
class _Ghost:
    """Where the clauses of the entry `number` stood before."""

    number: int
    ghost: _Move


def html(comparison: Comparison) -> str:
    """One self-contained page; the template escapes every value in it, and only its own script may run."""
    allowed = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    return template("placet.comparison", "page.jinja").render(
        comparison=comparison,
        policy=Markup(f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'"),  # noqa: S704 - ours
        css=Markup(CSS),  # noqa: S704 - ours
        script=Markup(SCRIPT),  # noqa: S704 - ours
        changed=len([entry for entry in comparison.entries if entry.statuses != ("same",)]),
        counts=[(status, getattr(comparison.summary, status)) for status in _STATUSES],
        flags=list(_flags(comparison, low=False)),
        low=list(_flags(comparison, low=True)),
        lists=list(_lists(comparison)),
        rows=list(_rows(comparison)),
    )


def _flags(comparison: Comparison, *, low: bool) -> Iterator[_Group]:
    by_kind: dict[Kind, list[tuple[_Reference, Flag]]] = defaultdict(list)
    for n, entry in enumerate(comparison.entries):
        for flag in entry.flags:
            if _is_low(entry, flag) == low:
                by_kind[flag.kind].append((_reference(comparison, n), flag))
    for kind, title in _KINDS.items():
        if by_kind[kind]:
            yield _Group(title, tuple(by_kind[kind]))


def _is_low(entry: ClauseEntry, flag: Flag) -> bool:
    """Whether a flag is folded: mentions, and of whole clauses that came or went all but their values."""
    if flag.kind in _LOW:
        return True
    return "edited" not in entry.statuses and flag.kind not in _WHOLE and not (flag.before and flag.after)


def _reference(comparison: Comparison, n: int) -> _Reference:
    entry = comparison.entries[n]
    side, places = (comparison.after, entry.after) if entry.after else (comparison.before, entry.before)
    clause = side.clauses[places[0]]
    place = "" if clause.text.startswith(clause.label or " ") else _place(side, places[0])
    return _Reference(n, place, _first_words(clause.text))


def _first_words(text: str) -> str:
    return " ".join(text.split()[:6])[:60]


def _place(side: Side, at: int) -> str:
    """A clause's number, else the nearest heading above it; empty where there is neither."""
    if side.clauses[at].label:
        return side.clauses[at].label
    above = next((side.clauses[n] for n in range(at - 1, -1, -1) if side.clauses[n].heading), None)
    if above is None or side.clauses[at].heading:
        return ""
    return (
        _first_words(above.text) if above.text.startswith(above.label) else f"{above.label} {_first_words(above.text)}"
    )


def _lists(comparison: Comparison) -> Iterator[tuple[str, _Group]]:
    for status, title in (("added", "Clauses added"), ("removed", "Clauses removed"), ("moved", "Clauses moved")):
        entries = [n for n, entry in enumerate(comparison.entries) if status in entry.statuses]
        if entries:
            yield status, _Group(title, tuple((_reference(comparison, n), _news(comparison, n)) for n in entries))


def _news(comparison: Comparison, n: int) -> _Move | str:
    entry = comparison.entries[n]
    if entry.before and entry.after:
        return _move(comparison, entry)
    clause = comparison.after.clauses[entry.after[0]] if entry.after else comparison.before.clauses[entry.before[0]]
    return clause.text[:_SNIPPET] + ("…" if len(clause.text) > _SNIPPET else "")


def _move(comparison: Comparison, entry: ClauseEntry) -> _Move:
    before, after = _number(comparison.before, entry.before), _number(comparison.after, entry.after)
    return _Move(before, after, "edited" in entry.statuses)


def _number(side: Side, places: Sequence[int]) -> str:
    return _place(side, places[0]) or f"paragraph {places[0] + 1}"


def _rows(comparison: Comparison) -> Iterator[_Row | _Ghost]:
    moved = {entry.before[0]: n for n, entry in enumerate(comparison.entries) if "moved" in entry.statuses}
    yield from _gone(comparison, moved, 0)
    for n, entry in enumerate(comparison.entries):
        yield _row(comparison, n, entry)
        if entry.before and "moved" not in entry.statuses:
            yield from _gone(comparison, moved, entry.before[-1] + 1)


def _gone(comparison: Comparison, moved: dict[int, int], place: int) -> Iterator[_Ghost]:
    """Where moved clauses stood before."""
    while place in moved:
        entry = comparison.entries[moved[place]]
        yield _Ghost(moved[place], _move(comparison, entry))
        place = entry.before[-1] + 1


def _row(comparison: Comparison, n: int, entry: ClauseEntry) -> _Row:
    before = tuple(comparison.before.clauses[place] for place in entry.before)
    after = tuple(comparison.after.clauses[place] for place in entry.after)
    return _Row(
        number=n,
        entry=entry,
        before=_Cell(before, "removed", "del", entry.statuses == ("removed",)),
        after=_Cell(after, "added", "ins", entry.statuses == ("added",)),
        heading=all(clause.heading for clause in (*before, *after)),
        under="" if (after or before)[0].label else _reference(comparison, n).label,
        was=_number(comparison.before, entry.before) if "moved" in entry.statuses else None,
    )
