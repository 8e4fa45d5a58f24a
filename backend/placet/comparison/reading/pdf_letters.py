"""Letters that a PDF page draws one by one to runs of text; blanks where the gap between two parts words."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from placet.comparison.normal import BREAK
from placet.comparison.reading.pdf_drawn import PageDrawing, Run
from placet.comparison.reading.pdf_fonts import Letter, PdfFont
from placet.comparison.reading.pdf_state import Box, Color, Matrix, State, area, around, common, moved, times

_BLANK: Final = 0.14
"""Of the size: a gap between letters that parts words."""
_PART: Final = 0.75
"""Of the size: a gap that ends a run."""
_INVISIBLE: Final = frozenset({3, 7})
UNKNOWN: Final = "letters that no font names"


@dataclass
class _Pending:
    """A run that is being read."""

    letters: list[str]
    gaps: list[float]
    x: float
    end: float
    y: float
    size: float
    turned: int
    boxes: list[Box]
    order: int
    color: Color | None
    why: str
    margin: bool
    measured: bool

    def goes_on(self, x: float, y: float, size: float, turned: int) -> bool:
        """Whether a letter that stands there belongs to it."""
        beside = abs(self.y - y) < 0.1 * size and -0.6 * size < x - self.end < _PART * size
        return self.turned == turned and abs(self.size - size) < 0.05 * size + 0.01 and beside


class RunPen:
    """Writes runs into a page's drawing."""

    def __init__(self, drawing: PageDrawing, page: Box) -> None:
        self._drawing, self._page = drawing, page
        self._pending: _Pending | None = None

    def letter(self, letter: Letter, font: PdfFont, state: State, text: Matrix, *, order: int, margin: bool) -> None:
        """One letter at the place of the text matrix."""
        place = times((state.size * state.scale, 0, 0, state.size, 0, state.rise), times(text, state.matrix))
        box = moved((0, -0.2, max(letter.width, 0.01), 0.8), place)
        if letter.unknown:
            self._drawing.shape(UNKNOWN, font.look(letter.code), box, order)
        x, y, turned = _along(place)
        end = _along(times((1, 0, 0, 1, letter.width, 0), place))[0]
        size = (place[2] ** 2 + place[3] ** 2) ** 0.5
        why = self._why(state, size, box)
        color = state.stroke if state.mode in (1, 5) else state.fill
        pending = self._pending
        if pending is None or not (
            (pending.why, pending.color, pending.margin) == (why, color, margin) and pending.goes_on(x, y, size, turned)
        ):
            self.flush()
            self._pending = _Pending(
                [letter.text], [], x, end, y, size, turned, [box], order, color, why, margin, font.measured
            )
            return
        pending.letters.append(letter.text)
        pending.gaps.append((x - pending.end) / size if size else 0.0)
        pending.boxes.append(box)
        pending.end = max(end, pending.end)

    def _why(self, state: State, size: float, box: Box) -> str:
        if state.mode in _INVISIBLE:
            return "drawn invisibly"
        if state.alpha < 0.05 and state.mode not in (1, 5):
            return "transparent"
        if size < 1.5:
            return "tiny"
        if area(common(box, common(state.clip, self._page))) < 0.2 * area(box):
            return "outside of the page" if area(common(box, self._page)) < 0.2 * area(box) else "cut off"
        return ""

    def flush(self) -> None:
        """Ends the run."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        text = "".join(_worded(pending)).replace(BREAK, "")
        if not text.strip():
            return
        run = Run(
            text=text,
            x=pending.x,
            end=pending.end,
            y=pending.y,
            size=pending.size,
            turned=pending.turned,
            box=around(pending.boxes),
            order=pending.order,
            color=pending.color,
            why=pending.why,
            margin=pending.margin,
        )
        near = 0.1 * run.size
        for other in self._drawing.runs[-4:]:  # drawn twice, a little apart: bold, or with a shadow
            if other.text == run.text and abs(other.x - run.x) < near and abs(other.y - run.y) < near:
                return
        self._drawing.runs.append(run)


def _along(place: Matrix) -> tuple[float, float, int]:
    """Where a letter begins: along its direction of writing and across it; and the direction in degrees."""
    a, b, x, y = place[0], place[1], place[4], place[5]
    length = (a * a + b * b) ** 0.5 or 1.0
    across, up = a / length, b / length
    if abs(up) < 0.02:
        return (x, y, 0) if across > 0 else (-x, -y, 180)
    if abs(across) < 0.02:
        return (y, -x, 90) if up > 0 else (-y, x, 270)
    return x * across + y * up, y * across - x * up, 45


def _worded(pending: _Pending) -> Iterator[str]:
    """Letters with blanks where the gap before one parts words; letters that are all set wide stay together."""
    usual = statistics.median(max(gap, 0.0) for gap in pending.gaps) if pending.gaps else 0.0
    least = (usual if usual > 0.05 else 0.0) + (_BLANK if pending.measured else 2 * _BLANK)
    yield pending.letters[0]
    last = pending.letters[0]
    for letter, gap in zip(pending.letters[1:], pending.gaps, strict=True):
        if gap > least and not last.isspace() and not letter.isspace():
            yield " "
        yield letter
        last = letter
