"""What stands in a document without being text that is compared: told wherever the two versions differ in it.

Each reader keeps such a thing as a hash of what it is, with the words that it stands by. Nothing is told of what both
versions have alike.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from placet.comparison.reading.looks import Looks
from placet.comparison.reading.paragraphs import Paragraph

_QUOTED: Final = 240
"""Characters of one quotation in a note."""
_PAIRS: Final = 2_000
"""Things of a kind of which it is asked whether they moved."""
_KINDS: Final = 200
MOST: Final = 700
"""Characters of all quotations in a note."""

MARKS: Final = "marks of notes"
"""Where a text refers to its footnotes and endnotes; a PDF has them in its text."""
RAISED: Final = "raised and lowered figures"
"""10³ is not 103; a PDF has a blank before them."""


@dataclass(frozen=True, slots=True)
class Unread:
    """`kind` names such things in the plural; `near` is the text that it stands by, `shown` its own words."""

    kind: str
    digest: bytes
    near: str = ""
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What a reader finds in a document."""

    paragraphs: list[Paragraph]
    notes: list[str]
    """What the document's reader should know of it, whatever the other version is."""
    margins: tuple[Paragraph, ...] = ()
    """Headers and footers, each once; pages' numbers as `#`."""
    unread: tuple[Unread, ...] = ()
    looks: Looks = field(default_factory=dict)
    rows: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """In which columns the cells of a table's row stand, where its text does not say so."""


def unread(kind: str, *content: str | bytes, near: str = "", shown: str = "") -> Unread:
    """With the hash of its content."""
    whole = hashlib.sha256()
    for piece in content:
        raw = piece.encode() if isinstance(piece, str) else piece
        whole.update(len(raw).to_bytes(8, "big") + raw)
    return Unread(kind, whole.digest(), near, shown)


def quoted(texts: Iterable[str]) -> str:
    """Quotations for a note, each once, as far as they go."""
    written: list[str] = []
    size = 0
    for text in dict.fromkeys(text.strip() for text in texts if text.strip()):
        shown = text if len(text) <= _QUOTED else text[:_QUOTED].rstrip() + "…"
        size += len(shown) + 4
        if size > MOST:
            return ", ".join([*written, "…"])
        written.append(f"“{shown}”")
    return ", ".join(written)


def notes_of(mine: Sequence[Unread], theirs: Sequence[Unread], mine_text: str, their_text: str) -> list[str]:
    """What to tell of one version, by kind; the texts are those of all its paragraphs."""
    notes = []
    sides = _by_kind(mine), _by_kind(theirs)
    for kind, here in sides[0].items():
        there = sides[1].get(kind, [])
        rest = Counter(one.digest for one in there)
        lone = [one for one in here if not _take(rest, one.digest)]
        if lone:
            count = f"{len(lone)} of {len(here)}" if len(lone) < len(here) else f"{len(here)}"
            what = f"{kind} ({count}){_where(lone)}"
            notes.append(f"Not in the other version, or not the same there, and not compared: {what}.")
        elif not rest.total():
            pairs = list(zip(here, there, strict=True))[:_PAIRS]
            moved = [one for one, other in pairs if _moved(one, other, mine_text, their_text)]
            if moved:
                notes.append(f"At another place in the other version, and not compared: {kind}{_where(moved)}.")
    return notes


def _by_kind(things: Iterable[Unread]) -> dict[str, list[Unread]]:
    by_kind: dict[str, list[Unread]] = {}
    for one in things:
        by_kind.setdefault(one.kind if len(by_kind) < _KINDS else "other things", []).append(one)
    return by_kind


def _take(rest: Counter[bytes], digest: bytes) -> bool:
    rest[digest] -= 1
    if rest[digest] < 0:
        rest[digest] = 0
        return False
    return True


def _moved(one: Unread, other: Unread, mine: str, theirs: str) -> bool:
    """In another order; or by other words, while the words that it stood by are still there."""
    return one.digest != other.digest or (one.near != other.near and (one.near in theirs or other.near in mine))


def _where(things: Sequence[Unread]) -> str:
    if own := quoted(one.shown for one in things):
        return f": {own}"
    if by := quoted(one.near for one in things):
        return f", by {by}"
    return ""
