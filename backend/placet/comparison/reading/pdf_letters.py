"""Letters that a PDF page draws one by one to runs of text; blanks where the gap between two parts words."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from placet.comparison.normal import BREAK
from placet.comparison.reading.pdf_drawn import PageDrawing, Run
from placet.comparison.reading.pdf_fonts import UNKNOWN_LETTER, Letter
from placet.comparison.reading.pdf_state import Box, Color, Matrix, State, area, around, common, moved, times

_BLANK: Final = 0.14
"""Of the size: a gap between letters that parts words."""
_PART: Final = 0.75
"""Of the size: a gap that ends a run."""
_INVISIBLE: Final = frozenset({3, 7})
UNKNOWN: Final = "letters that no font names"


@dataclass(frozen=True, slots=True)
class _Line:
    """What all letters of a string have in common. `y` across the direction of writing, in points."""

    y: float
    size: float
    turned: int
    color: Color | None
    margin: bool
    order: int
    measured: bool


@dataclass
class _Pending:
    """A run that is being read."""

    line: _Line
    letters: list[str]
    gaps: list[float]
    x: float
    end: float
    boxes: list[Box]
    why: str

    def goes_on(self, line: _Line, x: float, why: str) -> bool:
        """Whether a letter that begins at x on a line belongs to it."""
        mine = self.line
        if not -0.6 * line.size < x - self.end < _PART * line.size or abs(mine.y - line.y) >= 0.1 * line.size:
            return False
        alike = (mine.turned, mine.color, mine.margin, self.why) == (line.turned, line.color, line.margin, why)
        return alike and abs(mine.size - line.size) < 0.05 * line.size + 0.01


class RunPen:
    """Writes runs into a page's drawing."""

    def __init__(self, drawing: PageDrawing, page: Box) -> None:
        self._drawing, self._page = drawing, page
        self._pending: _Pending | None = None

    def string(
        self,
        letters: Sequence[Letter],
        shifts: Sequence[float],
        state: State,
        text: Matrix,
        *,
        order: int,
        margin: bool,
        why: str,
    ) -> None:
        """A string at the place of the text matrix, with how far each letter moves that, in text space. `why`: no
        reader sees it, whatever its look."""
        font = state.font
        if font is None:
            return
        base = times(text, state.matrix)
        place = times((state.size * state.scale, 0, 0, state.size, 0, state.rise), base)
        x, y, turned = _along(place)
        size = (place[2] ** 2 + place[3] ** 2) ** 0.5
        along = (base[0] ** 2 + base[1] ** 2) ** 0.5 * (1 if state.size * state.scale >= 0 else -1)
        color = state.stroke if state.mode in (1, 5) else state.fill
        line = _Line(y, size, turned, color, margin, order, font.measured)
        low, high = state.rise - 0.2 * state.size, state.rise + 0.8 * state.size
        whole = moved((0, min(low, high), sum(shifts) or 0.01, max(low, high)), base)
        inside = self._inside(state, whole)
        unit = state.size * state.scale
        if inside and size:
            ratio = along / size
            gaps = [(shift - one.width * unit) * ratio for one, shift in zip(letters, shifts, strict=True)]
            texts = [letter.text for letter in letters]
            if gaps and min(gaps) > -0.6 and max(gaps[:-1], default=0.0) < _PART and UNKNOWN_LETTER not in texts:
                end = x + sum(shifts) * along - gaps.pop() * size
                self._add(line, texts, gaps, x, end, whole, self._why(state, size, why))
                return
        at = 0.0
        for letter, shift in zip(letters, shifts, strict=True):
            width = letter.width * unit
            box = whole
            if not inside or letter.unknown:
                box = moved((at, min(low, high), at + (width or 0.01), max(low, high)), base)
            if letter.unknown:
                self._drawing.shape(UNKNOWN, font.look(letter.code), box, order)
            begin = x + at * along
            seen = self._why(state, size, why, None if inside else box)
            self._add(line, [letter.text], [], begin, begin + width * along, box, seen)
            at += shift

    def _add(self, line: _Line, texts: list[str], gaps: list[float], x: float, end: float, box: Box, why: str) -> None:
        """Letters that stand together, with the gaps between them as parts of the size."""
        pending = self._pending
        if pending is None or not pending.goes_on(line, x, why):
            self.flush()
            self._pending = _Pending(line, texts, gaps, x, end, [box], why)
            return
        pending.gaps.append((x - pending.end) / line.size if line.size else 0.0)
        pending.letters += texts
        pending.gaps += gaps
        if pending.boxes[-1] is not box:
            pending.boxes.append(box)
        pending.end = max(end, pending.end)

    def _inside(self, state: State, box: Box) -> bool:
        """Whether all of it is on the page and not cut off."""
        x0, y0, x1, y1 = common(state.clip, self._page)
        return x0 <= box[0] and y0 <= box[1] and box[2] <= x1 and box[3] <= y1

    def _why(self, state: State, size: float, why: str, box: Box | None = None) -> str:
        """Why no reader sees a letter; the box of one that may be cut off."""
        if why:
            return why
        if state.mode in _INVISIBLE:
            return "drawn invisibly"
        if state.alpha < 0.05 and state.mode not in (1, 5):
            return "transparent"
        if state.masked:
            return "perhaps behind a mask"
        if size < 1.5 or abs(state.scale) < 0.05:
            return "tiny"
        if box is not None and area(common(box, common(state.clip, self._page))) < 0.2 * area(box):
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
            y=pending.line.y,
            size=pending.line.size,
            turned=pending.line.turned,
            box=around(pending.boxes),
            order=pending.line.order,
            color=pending.line.color,
            why=pending.why,
            margin=pending.line.margin,
        )
        near = 0.1 * run.size
        for other in self._drawing.runs[-4:]:  # drawn twice, a little apart: bold, or with a shadow
            if other.text == run.text and abs(other.x - run.x) < near and abs(other.y - run.y) < near:
                return
        self._drawing.runs.append(run)


def advances(letters: Sequence[Letter], state: State) -> list[float]:
    """How far each letter moves the next one, in text space (9.4.4)."""
    return [
        (letter.width * state.size + state.letter_space + (state.word_space if letter.blank else 0.0)) * state.scale
        for letter in letters
    ]


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
    usual = max(statistics.median(pending.gaps), 0.0) if pending.gaps else 0.0
    least = (usual if usual > 0.05 else 0.0) + (_BLANK if pending.line.measured else 2 * _BLANK)
    if not pending.gaps or max(pending.gaps) <= least:
        yield "".join(pending.letters)
        return
    yield pending.letters[0]
    last = pending.letters[0]
    for letter, gap in zip(pending.letters[1:], pending.gaps, strict=True):
        if gap > least and not last.isspace() and not letter.isspace():
            yield " "
        yield letter
        last = letter
