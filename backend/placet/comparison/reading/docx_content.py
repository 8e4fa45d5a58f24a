"""What the parts of a Word document have given so far: paragraphs, and all that is told beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from placet.comparison.reading.paragraphs import Paragraph
from placet.comparison.reading.unread import Unread


@dataclass
class DocxContent:
    paragraphs: list[Paragraph] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    unseen: dict[str, list[str]] = field(default_factory=dict)
    """Text that is read and that no reader sees, by the reason."""
    struck: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    """Text that a tracked change deletes."""
    tracked: bool = False
    invisible: int = 0
    """Characters that a reader can't see and that may change how others are shown."""
    sections: list[dict[str, str]] = field(default_factory=list)
    """Relations of headers and footers by name, such as `header first`; `titled` where the first page differs."""
    marks: list[tuple[str, str]] = field(default_factory=list)
    """Footnotes and endnotes by kind and id, in the order in which the text refers to them."""
    rows: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """In which columns of their tables the cells of rows begin, by the rows' texts."""
    bound: list[tuple[Mapping[str, str], str]] = field(default_factory=list)
    """Content controls that show data of another part: the binding, and the text that stands in the document."""
    _placed: int = 0
    _near: str = ""

    def add(self, paragraph: Paragraph) -> None:
        self.paragraphs.append(paragraph)
        self._near = paragraph.text
        self.place()

    def place(self) -> None:
        """Gives what was met since the last paragraph the text that it stands by."""
        for n in range(self._placed, len(self.unread)):
            one = self.unread[n]
            self.unread[n] = Unread(one.kind, one.digest, one.near or self._near, one.shown)
        self._placed = len(self.unread)
