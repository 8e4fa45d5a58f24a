"""A comparison as one page for a lawyer: what matters first, then both texts side by side. Nothing from outside."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from placet.comparison.facts import Kind
from placet.comparison.result import ClauseEntry, ClauseText, Comparison, Flag, Side
from placet.comparison.style import CSS, SCRIPT

_KINDS: Final[dict[Kind, str]] = {
    "amount": "Amounts",
    "percentage": "Percentages",
    "duration": "Durations",
    "date": "Dates",
    "party": "Parties",
    "modal": "Duties and rights (shall, must, may, will)",
    "negation": "Negations and exceptions",
    "definition": "Definitions",
    "term": "Defined terms used",
    "reference": "References to clauses",
    "number": "Other numbers",
}
_STATUSES: Final = ("edited", "moved", "added", "removed", "same")
_SNIPPET: Final = 140


def html(comparison: Comparison) -> str:
    """One self-contained page; every value in it is escaped, and only its own script may run."""
    allowed = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'"
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(comparison.before.name)} → {escape(comparison.after.name)}</title>",
            f"<style>{CSS}</style></head><body><main>",
            _header(comparison),
            *_flags(comparison),
            *_lists(comparison),
            "<h2>Both versions, side by side</h2>",
            '<form role="search"><input type="search" placeholder="Search both texts" aria-label="Search both texts">',
            '<label><input type="checkbox"> changes only</label><output></output></form>',
            *_rows(comparison),
            _footer(),
            f"</main><script>{SCRIPT}</script></body></html>\n",
        ]
    )


def _header(comparison: Comparison) -> str:
    summary = comparison.summary
    changed = len([entry for entry in comparison.entries if entry.statuses != ("same",)])
    headline = (
        "The words are the same" if changed == 0 else f"{_many(changed, 'clause')} of {len(comparison.entries)} differ"
    )
    cards = "".join(
        f'<div class="card {status}"><b>{getattr(summary, status):,}</b><span>{status}</span></div>'
        for status in _STATUSES
    )
    notes = "".join(
        f"<li>{escape(side.name)}: {escape(note)}</li>"
        for side in (comparison.before, comparison.after)
        for note in side.notes
    )
    return (
        f'<header><div class="word">contract comparison</div><h1>{headline}</h1><div class="files">'
        f"{_file('before', comparison.before)}{_file('after', comparison.after)}</div></header>"
        f'<div class="cards">{cards}</div>' + (f'<ul class="notes">{notes}</ul>' if notes else "")
    )


def _file(which: str, side: Side) -> str:
    return (
        f"<div><small>{which}</small><b>{escape(side.name)}</b><small>{_many(len(side.clauses), 'clause')}, "
        f"{side.words:,} words and marks</small><code>sha256 {side.sha256}</code></div>"
    )


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _flags(comparison: Comparison) -> Iterator[str]:
    found: dict[Kind, list[tuple[int, Flag]]] = defaultdict(list)
    for n, entry in enumerate(comparison.entries):
        for flag in entry.flags:
            if "edited" in entry.statuses or flag.kind == "definition":
                found[flag.kind].append((n, flag))
    if found:
        yield "<h2>What to read first</h2>"
    for kind, title in _KINDS.items():
        if found[kind]:
            rows = "".join(
                f"<tr><td>{_link(comparison, n)}</td><td>{_change(flag)}</td></tr>" for n, flag in found[kind]
            )
            yield _group(title, len(found[kind]), rows)


def _group(title: str, count: int, rows: str, status: str = "") -> str:
    opening = f'<section class="group {status}"><h3>{title}<span>{count:,}</span></h3>'
    return f"{opening}<table>{rows}</table></section>"


def _change(flag: Flag) -> str:
    if flag.before and flag.after and flag.kind == "definition":
        return f"“{escape(flag.after.text)}” is defined otherwise"
    old = f"<del>{escape(flag.before.text)}</del>" if flag.before else ""
    new = f"<ins>{escape(flag.after.text)}</ins>" if flag.after else ""
    return f"{old}<i>→</i>{new}" if old and new else f"{old or new}<i>{'gone' if old else 'new'}</i>"


def _link(comparison: Comparison, n: int) -> str:
    """The entry's number and first words, leading to its row."""
    entry = comparison.entries[n]
    side, places = (comparison.after, entry.after) if entry.after else (comparison.before, entry.before)
    clause = side.clauses[places[0]]
    words = " ".join(clause.text.split()[:6])
    return f'<a href="#e{n}">{escape(clause.label) or "¶"}</a> {escape(words[:60])}'


def _lists(comparison: Comparison) -> Iterator[str]:
    for status, title in (("added", "Clauses added"), ("removed", "Clauses removed"), ("moved", "Clauses moved")):
        found = [n for n, entry in enumerate(comparison.entries) if status in entry.statuses]
        if not found:
            continue
        rows = "".join(f"<tr><td>{_link(comparison, n)}</td><td>{_about(comparison, n)}</td></tr>" for n in found)
        yield _group(title, len(found), rows, status)


def _about(comparison: Comparison, n: int) -> str:
    entry = comparison.entries[n]
    if entry.before and entry.after:
        old, new = (
            _number(side, at) for side, at in ((comparison.before, entry.before), (comparison.after, entry.after))
        )
        return f"{old}<i>→</i>{new}" + (", and edited" if "edited" in entry.statuses else "")
    clause = comparison.after.clauses[entry.after[0]] if entry.after else comparison.before.clauses[entry.before[0]]
    return escape(clause.text[:_SNIPPET]) + ("…" if len(clause.text) > _SNIPPET else "")


def _number(side: Side, places: Sequence[int]) -> str:
    return escape(side.clauses[places[0]].label) or f"paragraph {places[0] + 1}"


def _rows(comparison: Comparison) -> Iterator[str]:
    moved = {entry.before[0]: n for n, entry in enumerate(comparison.entries) if "moved" in entry.statuses}
    yield from _gone(comparison, moved, 0)
    for n, entry in enumerate(comparison.entries):
        yield _row(comparison, n, entry)
        if entry.before and "moved" not in entry.statuses:
            yield from _gone(comparison, moved, entry.before[-1] + 1)


def _gone(comparison: Comparison, moved: dict[int, int], place: int) -> Iterator[str]:
    """Where moved clauses stood before."""
    while place in moved:
        entry = comparison.entries[moved[place]]
        old, new = _number(comparison.before, entry.before), _number(comparison.after, entry.after)
        words = f'{old} moved to <a href="#e{moved[place]}">{new}</a>'
        yield f'<div class="row ghost moved"><div>{words}</div><div></div></div>'
        place = entry.before[-1] + 1


def _row(comparison: Comparison, n: int, entry: ClauseEntry) -> str:
    before, after = comparison.before.clauses, comparison.after.clauses
    heading = (
        " heading"
        if all(before[i].heading for i in entry.before) and all(after[j].heading for j in entry.after)
        else ""
    )
    tags = (
        ""
        if entry.statuses == ("same",)
        else "".join(f'<span class="tag">{status}</span>' for status in entry.statuses)
    )
    if "moved" in entry.statuses:
        tags += f'<span class="ghost">was {_number(comparison.before, entry.before)}</span> '
    tone = "moved" if "moved" in entry.statuses else entry.statuses[0]
    return (
        f'<div class="row {tone}{heading}" id="e{n}">{_cell([before[i] for i in entry.before], entry, "removed")}'
        f"{_cell([after[j] for j in entry.after], entry, 'added', tags)}</div>"
    )


def _cell(clauses: Sequence[ClauseText], entry: ClauseEntry, mine: str, tags: str = "") -> str:
    if not clauses:
        return f'<div class="none">{tags}</div>'
    level = min(clauses[0].level, 3)
    if not entry.segments:
        gone = entry.statuses == (mine,)
        opening, closing = (("<ins>", "</ins>") if mine == "added" else ("<del>", "</del>")) if gone else ("", "")
        texts = "".join(f"<p>{_label(clause)}{opening}{escape(clause.text)}{closing}</p>" for clause in clauses)
        return f'<div class="level{level}">{tags}{texts}</div>'
    tag = "ins" if mine == "added" else "del"
    text = "".join(
        escape(segment.text) if segment.change == "same" else f"<{tag}>{escape(segment.text)}</{tag}>"
        for segment in entry.segments
        if segment.change in ("same", mine)
    )
    return f'<div class="level{level}">{tags}<p>{_label(clauses[0])}{text}</p></div>'


def _label(clause: ClauseText) -> str:
    return f"<b>{escape(clause.label)}</b>" if clause.label else ""


def _footer() -> str:
    return (
        "<footer>Clauses are found by numbering, headings and paragraphs; numbers, white space and formatting are not "
        "compared. Values are found in English text by rules: what they don’t know, they don’t flag, but every changed "
        "word is marked. Headers, footers, comments and pictures are not compared.</footer>"
    )
