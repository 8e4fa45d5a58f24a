"""What the operators of a PDF page's content draw on, and the state in which they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pypdf.generic import DictionaryObject

from placet.comparison.reading.pdf_drawn import PageDrawing
from placet.comparison.reading.pdf_fonts import Fonts
from placet.comparison.reading.pdf_layers import Layers
from placet.comparison.reading.pdf_letters import RunPen
from placet.comparison.reading.pdf_paths import PathPen
from placet.comparison.reading.pdf_state import IDENTITY, Box, Matrix, State


@dataclass
class MarkedContent:
    """Marked content: whether its layer is hidden, or is on the screen alone, whether it is a header or footer, and
    what its letters stand for."""

    hidden: bool = False
    unprinted: bool = False
    margin: bool = False
    actual: str | None = None
    drawn: list[str] = field(default_factory=list)

    def inner(self) -> MarkedContent:
        """What holds for what is inside it."""
        return MarkedContent(self.hidden, self.unprinted, self.margin)

    def layer(self, layers: Layers, content: Any) -> None:
        """Puts it into a layer."""
        self.hidden |= not layers.shows(content)
        self.unprinted |= not layers.prints(content)


class Canvas:
    """A page's drawing with the pens for text and for paths, and the state, marks and resources of a content stream.

    `count` is called for every operator and every string, with its letters. `page` is what of the page is seen.
    """

    def __init__(self, fonts: Fonts, layers: Layers, base: Matrix, page: Box, count: Callable[[int], None]) -> None:
        self.drawing = PageDrawing()
        self.runs, self.paths = RunPen(self.drawing, page), PathPen(self.drawing, page)
        self.fonts, self.layers, self.page, self.count = fonts, layers, page, count
        self.state = State(base)
        self.stack: list[State] = []
        """What `q` has kept."""
        self.marked: list[MarkedContent] = []
        self.resources: list[DictionaryObject] = []
        """Of the page, and of the forms inside each other."""
        self.text, self.line = IDENTITY, IDENTITY
        """Matrices of the text and of its line."""
        self.order = 0
        """How many operators there were."""

    @property
    def mark(self) -> MarkedContent:
        """The innermost."""
        return self.marked[-1] if self.marked else MarkedContent()

    def resource(self, kind: str, name: Any, *, raw: bool = False) -> Any:
        """A named resource of the content stream, None without one; `raw` leaves a reference as it is."""
        group = self.resources[-1].get(kind)
        group = group.get_object() if group is not None else None
        if not isinstance(group, DictionaryObject) or name not in group:
            return None
        return group.raw_get(name) if raw else group[name].get_object()


Handler = Callable[[Canvas, Any], None]
"""Does what an operator says; its operands are a sequence, or a dictionary for a picture inside the stream."""
