"""The one door: two versions of a contract, as bytes, to what differs. Pure: no files, clock, network or randomness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from placet.comparison.alignment import Alignment, staying
from placet.comparison.clauses import Clause, clauses, total
from placet.comparison.definitions import Redefinition, redefined, sub_clauses
from placet.comparison.facts import Fact
from placet.comparison.flags import ALONE, Change, changed_facts, context, facts_alone, reunited
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

_CONTEXT: Final = 5
"""Words on each side of a value that are shown with it."""
_LONG: Final = 200
"""Characters of them at most."""
_ENGLISH: Final = frozenset(("the", "of", "and", "to", "in", "or", "any", "shall", "will", "this", "by", "be"))
_SHARE: Final = 12
"""Where fewer than one word in so many is one of these, the text is hardly English."""


def compare(a: bytes, a_name: str, b: bytes, b_name: str) -> Comparison:
    """The earlier version, then the later one. DataError or InputError, with a code, for what can't be compared."""
    documents = read_pair(a, a_name, b, b_name)
    known = vocabulary(paragraph.text for document in documents for paragraph in document.paragraphs)
    before, after = (clauses(document.paragraphs, known) for document in documents)
    matches = Alignment(before, after).run()
    _tell_numbers(before, after, matches)
    entries = tuple(_entries(before, after, matches))
    return Comparison(
        before=_side(documents[0], before),
        after=_side(documents[1], after),
        summary=_summary(entries),
        entries=entries,
    )


def _tell_numbers(before: list[Clause], after: list[Clause], matches: Sequence[Match]) -> None:
    """Makes numbers text where they differ and don't follow from their clauses' places, such as `10.50` in a table."""
    for match in matches:
        i, j = match.before[0], match.after[0]
        one, other = before[i], after[j]
        if one.written != other.written and not (one.regular and other.regular):
            before[i], after[j] = one.with_number(), other.with_number()


def _side(document: Document, clauses: Sequence[Clause]) -> Side:
    notes = list(document.notes)
    words = Counter(word for clause in clauses for word in clause.words if word[0].isalpha())
    english = sum(count for word, count in words.items() if word.lower() in _ENGLISH)
    if sum(words.values()) > 100 and english * _SHARE < sum(words.values()):
        notes.append("This does not read like English: clauses are compared, but values in them may not be found.")
    return Side(
        name=document.name,
        format=document.format,
        sha256=document.sha256,
        size=document.size,
        words=total(clauses),
        notes=tuple(notes),
        clauses=tuple(ClauseText(label=c.label, level=c.level, heading=c.heading, text=c.text) for c in clauses),
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


@dataclass
class _Draft:
    """An entry before its flags are put beside those of all others. `place` is what the entries are ordered by."""

    place: tuple[int, int, int]
    statuses: tuple[Status, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    segments: tuple[Segment, ...] = ()
    changes: Sequence[Change] = ()
    terms: list[Flag] = field(default_factory=list)


def _entries(before: Sequence[Clause], after: Sequence[Clause], matches: Sequence[Match]) -> Iterator[ClauseEntry]:
    one, other = ([clause.text for clause in side] for side in (before, after))
    lexicon = Lexicon(one, other, (sub_clauses(before), sub_clauses(after)))
    drafts = sorted(_drafts(before, after, matches, lexicon), key=lambda draft: draft.place)
    of = ({i: d for d in drafts for i in d.before}, {j: d for d in drafts for j in d.after})
    for term in redefined(*lexicon.defined):
        draft = of[1][term.after] if term.after is not None else of[0][term.before or 0]
        draft.terms.append(_definition(term))
    for draft, altered in zip(drafts, reunited([draft.changes for draft in drafts]), strict=True):
        yield ClauseEntry(
            statuses=draft.statuses,
            before=draft.before,
            after=draft.after,
            segments=draft.segments,
            flags=(*draft.terms, *(_flag(c) for c in altered if draft.segments or c.alone is None or c.kind in ALONE)),
        )


def _drafts(
    before: Sequence[Clause], after: Sequence[Clause], matches: Sequence[Match], lexicon: Lexicon
) -> Iterator[_Draft]:
    pairs = [(match.before[0], match.after[0]) for match in matches]
    unmoved = in_order(pairs, [_staying(before, after, match) for match in matches])
    beside: dict[int, int] = {}
    for n, match in enumerate(matches):
        yield _matched(before, after, match, lexicon, moved=n not in unmoved)
        if n in unmoved:
            beside.update(dict.fromkeys(match.before, match.after[-1]))
    used = ({i for match in matches for i in match.before}, {j for match in matches for j in match.after})
    last = -1
    for i, clause in enumerate(before):
        last = beside.get(i, last)
        if i not in used[0]:
            changes = facts_alone(clause.text, lexicon, came=False)
            yield _Draft((last, 1, i), ("removed",), (i,), (), changes=changes)
    for j, clause in enumerate(after):
        if j not in used[1]:
            changes = facts_alone(clause.text, lexicon, came=True)
            yield _Draft((j, 0, 0), ("added",), (), (j,), changes=changes)


def _staying(before: Sequence[Clause], after: Sequence[Clause], match: Match) -> int:
    texts = [before[i].text for i in match.before] + [after[j].text for j in match.after]
    return staying(sum(map(len, texts)), 0)


def _matched(
    before: Sequence[Clause], after: Sequence[Clause], match: Match, lexicon: Lexicon, *, moved: bool
) -> _Draft:
    readings = [
        (_joined(before, match.before, numbers=numbers), _joined(after, match.after, numbers=numbers))
        for numbers in ((True, False) if len(match.before) + len(match.after) > 2 else (False,))
    ]
    draft = _Draft((match.after[0], 0, 0), ("moved",) if moved else (), match.before, match.after)
    edits = [changes(tokens(old), tokens(new)) for old, new in readings]
    (old, new), blocks = min(zip(readings, edits, strict=True), key=lambda reading: extent(reading[1]))
    if not blocks:
        draft.statuses = draft.statuses or ("same",)
        return draft
    starts = tuple([start for start, _ in spans(text)] + [len(text)] for text in (old, new))
    ends = tuple([0] + [end for _, end in spans(text)] for text in (old, new))
    ranges = [
        (starts[0][i], max(ends[0][i2], starts[0][i]), starts[1][j], max(ends[1][j2], starts[1][j]))
        for i, i2, j, j2 in blocks
    ]
    draft.statuses = (*draft.statuses, "edited")
    draft.segments = tuple(_segments(old, new, blocks, starts))
    draft.changes = changed_facts(old, new, ranges, lexicon)
    return draft


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


def _flag(change: Change) -> Flag:
    old, new = change.before, change.after
    text, fact = (change.texts[1], new) if new is not None else (change.texts[0], old)
    left, right = context(text, fact, _CONTEXT) if fact is not None else ("", "")
    return Flag(kind=change.kind, before=_typed(old), after=_typed(new), left=left[-_LONG:], right=right[:_LONG])


def _typed(fact: Fact | None) -> Typed | None:
    return None if fact is None else Typed(value=fact.value, text=fact.text)


def _definition(term: Redefinition) -> Flag:
    typed = Typed(value=term.term, text=term.term)
    old, new = (typed if clause is not None else None for clause in (term.before, term.after))
    return Flag(kind="definition", before=old, after=new)
