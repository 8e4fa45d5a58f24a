"""What one page of a PDF draws, in order: text, areas that cover, and shapes that are no text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from placet.comparison.reading.pdf_state import Box, Color


@dataclass(slots=True)
class Run:
    """Text on one line without a wide gap. `x` and `end` along the direction of writing, `y` across it, in points."""

    text: str
    x: float
    end: float
    y: float
    size: float
    turned: int
    """Degrees against the page's own direction."""
    box: Box
    order: int
    color: Color | None
    why: str = ""
    """Why no reader sees it; empty where one does, or where that depends on what else is drawn."""
    margin: bool = False
    """Marked as a page's header or footer."""


@dataclass(frozen=True, slots=True)
class Area:
    """Something opaque that lies over what was drawn before it; the colour None where it has several."""

    box: Box
    color: Color | None
    order: int


@dataclass(frozen=True, slots=True)
class Shape:
    """Something drawn that is no text, by the hash of what it is."""

    kind: str
    digest: bytes
    box: Box
    order: int


@dataclass
class PageDrawing:
    """Everything that one page draws, in order."""

    runs: list[Run] = field(default_factory=list)
    areas: list[Area] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    strokes: list[Box] = field(default_factory=list)
    """Thin lines along the direction of writing."""
    concealed: list[str] = field(default_factory=list)
    """Text of layers that are not shown."""
    actual: list[tuple[str, str]] = field(default_factory=list)
    """Letters as they are drawn, and the text that the file says they are."""

    def shape(self, kind: str, content: bytes, box: Box, order: int) -> None:
        """Something that is no text."""
        self.shapes.append(Shape(kind, hashlib.sha256(content).digest(), box, order))
