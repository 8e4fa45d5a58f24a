"""The one door: two versions of a contract, as bytes, to what differs. Pure: no files, clock, network or randomness."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from placet.comparison.alignment import Alignment, staying
from placet.comparison.clauses import Clause, clauses, total
from placet.comparison.facts import Fact, Kind, facts
from placet.comparison.flags import changed_facts
from placet.comparison.lexicon import Lexicon
from placet.comparison.normal import spans, tokens, vocabulary
from placet.comparison.order import in_order
from placet.comparison.pieces import Match
from placet.comparison.reading import Document
from placet.comparison.reading.pair import read_pair
from placet.comparison.result import (
    ClauseEntry,
    ClauseText,
    Comparison,
    Flag,
    Segment,
    Side,
    Status,
    Summary,
    Typed,
)
from placet.comparison.words import Block, changes, extent

_NEW: Final[frozenset[Kind]] = frozenset({"amount", "percentage", "date", "duration", "party", "modal", "negation"})
"""What is flagged of a clause that is new or gone."""
_ENGLISH: Final = frozenset(("the", "of", "and", "to", "in", "or", "any", "shall", "will", "this", "by", "be"))
_SHARE: Final = 12
"""Where fewer than one word in so many is one of these, the text is hardly English."""


def compare(a: bytes, a_name: str, b: bytes, b_name: str) -> Comparison:
    """The earlier version, then the later one. DataError or InputError, with a code, for what can't be compared."""
    documents = read_pair(a, a_name, b, b_name)
    known = vocabulary(paragraph.text for document in documents for paragraph in document.paragraphs)
    before, after = (clauses(document.paragraphs, known) for document in documents)
    entries = tuple(_entries(before, after, Alignment(before, after).run()))
    return Comparison(
        before=_side(documents[0], before),
        after=_side(documents[1], after),
        summary=_summary(entries),
        entries=entries,
    )


def _side(document: Document, found: Sequence[Clause]) -> Side:
    notes = list(document.notes)
    words = Counter(word for clause in found for word in clause.words if word[0].isalpha())
    english = sum(count for word, count in words.items() if word.lower() in _ENGLISH)
    if sum(words.values()) > 100 and english * _SHARE < sum(words.values()):
        notes.append("This does not read like English: clauses are compared, but values in them may not be found.")
    return Side(
        name=document.name,
        format=document.format,
        sha256=document.sha256,
        size=document.size,
        words=total(found),
        notes=tuple(notes),
        clauses=tuple(ClauseText(label=c.label, level=c.level, heading=c.heading, text=c.text) for c in found),
    )


def _summary(entries: Sequence[ClauseEntry]) -> Summary:
    statuses = Counter(status for entry in entries for status in entry.statuses)
    kinds = Counter(flag.kind for entry in entries for flag in entry.flags)
    return Summary(
        same=statuses["same"],
        edited=statuses["edited"],
        moved=statuses["moved"],
        added=statuses["added"],
        removed=statuses["removed"],
        flags=dict(sorted(kinds.items())),
    )


def _entries(before: Sequence[Clause], after: Sequence[Clause], matches: Sequence[Match]) -> Iterator[ClauseEntry]:
    lexicon = Lexicon([clause.text for clause in before], [clause.text for clause in after])
    defined = tuple(_by_clause(lexicon, side) for side in (0, 1))
    pairs = [(match.before[0], match.after[0]) for match in matches]
    kept = in_order(pairs, [_staying(before, after, match) for match in matches])
    placed: list[tuple[tuple[int, int, int], ClauseEntry]] = []
    beside = {}
    for n, match in enumerate(matches):
        entry = _matched(before, after, match, lexicon, moved=n not in kept)
        terms = _redefined(defined, match, edited="edited" in entry.statuses)
        placed.append(((match.after[0], 0, 0), entry.model_copy(update={"flags": (*terms, *entry.flags)})))
        if n in kept:
            beside.update(dict.fromkeys(match.before, match.after[-1]))
    used = ({i for match in matches for i in match.before}, {j for match in matches for j in match.after})
    last = -1
    for i, clause in enumerate(before):
        last = beside.get(i, last)
        if i not in used[0]:
            flags = _alone(clause, defined[0][i], lexicon, came=False)
            placed.append(((last, 1, i), ClauseEntry(statuses=("removed",), before=(i,), after=(), flags=flags)))
    for j, clause in enumerate(after):
        if j not in used[1]:
            flags = _alone(clause, defined[1][j], lexicon, came=True)
            placed.append(((j, 0, 0), ClauseEntry(statuses=("added",), before=(), after=(j,), flags=flags)))
    yield from (entry for _, entry in sorted(placed, key=lambda item: item[0]))


def _staying(before: Sequence[Clause], after: Sequence[Clause], match: Match) -> int:
    texts = [before[i].text for i in match.before] + [after[j].text for j in match.after]
    return staying(sum(map(len, texts)), 0)


def _matched(
    before: Sequence[Clause], after: Sequence[Clause], match: Match, lexicon: Lexicon, *, moved: bool
) -> ClauseEntry:
    readings = [
        (_joined(before, match.before, numbers=numbers), _joined(after, match.after, numbers=numbers))
        for numbers in ((True, False) if len(match.before) + len(match.after) > 2 else (False,))
    ]
    statuses: list[Status] = ["moved"] if moved else []
    edits = [changes(tokens(old), tokens(new)) for old, new in readings]
    (old, new), blocks = min(zip(readings, edits, strict=True), key=lambda reading: extent(reading[1]))
    if not blocks:
        return ClauseEntry(statuses=tuple(statuses or ["same"]), before=match.before, after=match.after)
    starts = tuple([start for start, _ in spans(text)] + [len(text)] for text in (old, new))
    ends = tuple([0] + [end for _, end in spans(text)] for text in (old, new))
    ranges = [
        (starts[0][i], max(ends[0][i2], starts[0][i]), starts[1][j], max(ends[1][j2], starts[1][j]))
        for i, i2, j, j2 in blocks
    ]
    return ClauseEntry(
        statuses=(*statuses, "edited"),
        before=match.before,
        after=match.after,
        segments=tuple(_segments(old, new, blocks, starts)),
        flags=tuple(
            Flag(kind=change.kind, before=_typed(change.before), after=_typed(change.after))
            for change in changed_facts(old, new, ranges, lexicon)
        ),
    )


def _joined(side: Sequence[Clause], places: Sequence[int], *, numbers: bool) -> str:
    """The text of clauses that belong together, with the numbers inside it or without."""
    first, *rest = (side[n] for n in places)
    return " ".join(
        [first.text, *(f"{clause.written} {clause.text}".strip() if numbers else clause.text for clause in rest)]
    )


def _segments(old: str, new: str, blocks: Sequence[Block], starts: Sequence[Sequence[int]]) -> Iterator[Segment]:
    at, space = 0, ""
    end = (len(starts[0]) - 1, len(starts[1]) - 1)
    for i, i2, j, j2 in [*blocks, (end[0], end[0], end[1], end[1])]:
        same, space = space + new[starts[1][at] : starts[1][j]], ""
        if same:
            yield Segment(change="same", text=same)
        if i2 > i:
            apart = " " if same and not same.endswith(" ") and old[starts[0][i] - 1] == " " else ""
            yield Segment(change="removed", text=apart + old[starts[0][i] : starts[0][i2]])
        if j2 > j:
            added = new[starts[1][j] : starts[1][j2]]
            if i2 == i and same and not same.endswith(" ") and old[starts[0][i] - 1] == " " and added.endswith(" "):
                added, space = added[:-1], " "  # the blank stands on both sides
            yield Segment(change="added", text=added)
        at = j2


def _typed(fact: Fact | None) -> Typed | None:
    return None if fact is None else Typed(value=fact.value, text=fact.text)


def _by_clause(lexicon: Lexicon, side: int) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for definition in lexicon.defined[side]:
        found[definition.clause].append(definition.term)
    return found


def _redefined(defined: tuple[dict[int, list[str]], ...], match: Match, *, edited: bool) -> list[Flag]:
    old = [term for i in match.before for term in defined[0][i]]
    new = [term for j in match.after for term in defined[1][j]]
    terms = dict.fromkeys([*old, *new])
    return [_definition(term, old=term in old, new=term in new) for term in terms if edited] if edited else []


def _definition(term: str, *, old: bool, new: bool) -> Flag:
    typed = Typed(value=term, text=term)
    return Flag(kind="definition", before=typed if old else None, after=typed if new else None)


def _alone(clause: Clause, terms: Sequence[str], lexicon: Lexicon, *, came: bool) -> tuple[Flag, ...]:
    found = [_definition(term, old=not came, new=came) for term in dict.fromkeys(terms)]
    seen = set()
    for fact in facts(clause.text, lexicon):
        if fact.kind in _NEW and (fact.kind, fact.value) not in seen:
            seen.add((fact.kind, fact.value))
            typed = _typed(fact)
            found.append(Flag(kind=fact.kind, before=None if came else typed, after=typed if came else None))
    return tuple(found)
