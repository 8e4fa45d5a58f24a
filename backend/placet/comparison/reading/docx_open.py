"""What of a Word document is being read at a place in it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class OpenParagraph:
    """A paragraph that is being read."""

    pieces: list[str] = field(default_factory=list)
    style: str = ""
    list: str | None = None
    level: int | None = None
    outline: int | None = None
    joined: bool = False
    """Its mark is deleted by a tracked change, or it is a drop capital: the next paragraph goes on with it."""
    ground: str | None = None
    low: bool = False
    outside: bool = False
    merged: bool = False
    """Its mark is hidden: it goes on with the next paragraph, under its own number."""


@dataclass
class OpenCell:
    """A table's cell that is being read."""

    texts: list[str] = field(default_factory=list)
    ground: str | None = None
    gone: bool = False
    covered: bool = False
    span: int = 1


@dataclass
class OpenRow:
    cells: list[OpenCell] = field(default_factory=list)
    gone: bool = False
    low: bool = False
    hidden: bool = False
    before: int = 0
    """Columns of the grid that it leaves empty before its first cell."""

    def columns(self) -> tuple[int, ...]:
        """Where its cells that say something begin."""
        at, places = self.before, []
        for cell in self.cells:
            places += [at] if any(cell.texts) else []
            at += cell.span
        return tuple(places)


@dataclass
class Alternatives:
    """What one of several branches shows, and what the others would."""

    chosen: bool = False
    within: bool = False
    shown: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
