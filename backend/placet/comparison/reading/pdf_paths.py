"""Paths that a PDF page paints: areas that cover text, lines that may strike it through, drawings such as ticks."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Final

from placet.comparison.reading.pdf_drawn import Area, PageDrawing, Shape
from placet.comparison.reading.pdf_state import Box, Matrix, State, area, around, at, box_of, common

_SMALL: Final = (2.0, 24.0)
"""Points: a box of such sides may be a tick or a box for one."""
_THIN: Final = 2.5
"""Points: what is no higher is a line."""
_APART: Final = 12.0
"""Points between shapes that are not one drawing."""
_MANY: Final = 50
"""Parts of a path of which it is asked whether they lie in each other."""
_OPAQUE: Final = 0.95


class PathPen:
    """Builds paths, and paints them into a page's drawing."""

    def __init__(self, drawing: PageDrawing, page: Box) -> None:
        self._drawing, self._page = drawing, page
        self._parts: list[list[tuple[float, float]]] = []
        self._curved = False
        self.clipping = False
        """Whether the path bounds what is painted after it."""
        self._whole = hashlib.sha256()
        self._box: Box | None = None
        self._order = 0

    def start(self, matrix: Matrix, x: float, y: float) -> None:
        self._parts.append([at(matrix, x, y)])

    def line(self, matrix: Matrix, x: float, y: float) -> None:
        if self._parts:
            self._parts[-1].append(at(matrix, x, y))

    def curve(self, matrix: Matrix, values: list[float]) -> None:
        self._curved = True
        for n in range(0, len(values) - 1, 2):
            self.line(matrix, values[n], values[n + 1])

    def close(self) -> None:
        if self._parts:
            self._parts[-1].append(self._parts[-1][0])

    def rectangle(self, matrix: Matrix, x: float, y: float, width: float, height: float) -> None:
        corners = ((x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y))
        self._parts.append([at(matrix, *corner) for corner in corners])

    def paint(self, state: State, *, fill: bool, stroke: bool, order: int) -> None:
        """Ends the path; with neither it is not seen, and may bound what comes."""
        points = [point for part in self._parts for point in part]
        seen = (fill and state.alpha > 0.05) or (stroke and state.stroke_alpha > 0.05)
        frame = self._is_frame()
        for part in self._parts if seen else ():
            self._painted(state, part, fill=fill, stroke=stroke, order=order, frame=frame)
        if points and self.clipping:
            state.clip = common(state.clip, box_of(points))
        self._parts, self._curved, self.clipping = [], False, False

    def _is_frame(self) -> bool:
        """Whether parts of the path lie in each other, so that what is inside them is not filled."""
        boxes = [box_of(part) for part in self._parts]
        return len(boxes) > _MANY or any(
            area(common(one, other)) > 0 for n, one in enumerate(boxes) for other in boxes[n + 1 :]
        )

    def _painted(
        self,
        state: State,
        points: list[tuple[float, float]],
        *,
        fill: bool,
        stroke: bool,
        order: int,
        frame: bool,
    ) -> None:
        whole = box_of(points)
        width, height = whole[2] - whole[0], whole[3] - whole[1]
        if whole[0] > self._page[2] or whole[2] < self._page[0] or whole[1] > self._page[3] or whole[3] < self._page[1]:
            return
        upright = not self._curved and all(
            abs(x - x2) < 0.1 or abs(y - y2) < 0.1 for (x, y), (x2, y2) in pairwise(points)
        )
        if upright and fill and not frame and min(width, height) > 3 and state.alpha > _OPAQUE and not state.blended:
            seen = common(whole, common(state.clip, self._page))
            self._drawing.areas.append(Area(seen, state.fill, order))
        if upright and height < _THIN and width > 4:
            self._drawing.strokes.append(whole)
        elif not upright or all(_SMALL[0] <= side <= _SMALL[1] for side in (width, height)):
            color = state.fill if fill else state.stroke
            corners = [(round((x - whole[0]) * 2), round((y - whole[1]) * 2)) for x, y in points]
            self.drawn(repr((fill, stroke, color, corners)).encode(), whole, order)

    def drawn(self, what: bytes, box: Box, order: int) -> None:
        """A shape; those that follow each other side by side are one drawing."""
        if self._box is not None and not _near(self._box, box):
            self.flush()
        if self._box is None:
            self._whole, self._order = hashlib.sha256(), order
        self._whole.update(what)
        self._box = box if self._box is None else around([self._box, box])

    def flush(self) -> None:
        """Ends the drawing."""
        if self._box is not None:
            self._drawing.shapes.append(Shape("drawings", self._whole.digest(), self._box, self._order))
        self._box = None


def _near(one: Box, other: Box) -> bool:
    wide = (one[0] - _APART, one[1] - _APART, one[2] + _APART, one[3] + _APART)
    return area(common(wide, (other[0], other[1], other[2] + 0.1, other[3] + 0.1))) > 0
