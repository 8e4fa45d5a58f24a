"""Runs of text that a page draws to its lines, in the order in which they are drawn; columns drawn in turns parted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from placet.comparison.normal import normal
from placet.comparison.reading.layout import Drawn
from placet.comparison.reading.pdf_drawn import Run

_GLUED: Final = 0.14
"""Of the size: runs with less between them are one word."""
_GUTTER: Final = 1.0
"""Of the size: at least so much is between columns."""
_CELL: Final = 0.74
"""Of the size: at least so much is between cells of a row."""
_MARKER: Final = 8
"""Letters of a number or bullet before a line."""
_ROWS: Final = 3
"""Lines that alternate before it is taken for columns."""
_LONG: Final = 12
_WORDS: Final = 2.5
"""Letters and words of a column's lines on average; cells of a table are shorter."""


@dataclass
class _Line:
    runs: list[Run]

    @property
    def first(self) -> Run:
        return self.runs[0]

    @property
    def last(self) -> Run:
        return self.runs[-1]


@dataclass
class PageLines:
    """Lines in order; whether columns were drawn in turns; in which columns the cells of a row stand that has empty
    ones, by the row's text."""

    lines: list[Drawn]
    turns: bool
    rows: dict[str, tuple[int, ...]]


def lines_of(page: Sequence[Run], late: Sequence[Run]) -> PageLines:
    """The lines of a page. `late` is what lies over it, such as form fields."""
    lines: list[_Line] = []
    heights: dict[tuple[int, int], _Line] = {}
    for run in page:
        if lines and _goes_on(lines[-1], run):
            continue
        height = (run.turned, round(run.y))
        if len(run.text) <= _MARKER and (line := _marked(heights, height, run)) is not None:
            line.runs.insert(0, run)
            continue
        lines.append(_Line([run]))
        heights[height] = lines[-1]
    for run in late:
        _insert(lines, run)
    rows = _rows(lines)
    parted, turns = _columns(lines)
    return PageLines([_drawn(line) for line in parted], turns, rows)


def _rows(lines: Sequence[_Line]) -> dict[str, tuple[int, ...]]:
    """Rows with fewer cells than the fullest one above them, and which of its cells theirs stand under."""
    rows: dict[str, tuple[int, ...]] = {}
    grid: list[float] = []
    single = 0
    for line in lines:
        parts = _parts(line, _CELL)
        middles = [(part[0].x + part[-1].end) / 2 for part in parts]
        single = single + 1 if len(parts) < 2 else 0
        if single > _ROWS:
            grid = []
        elif len(parts) >= max(2, len(grid)):
            grid = middles
        elif len(parts) > 1:
            columns = tuple(min(range(len(grid)), key=_distance(grid, middle)) for middle in middles)
            rows[normal("".join(_joined(line.runs)))] = columns
    return rows


def _distance(grid: Sequence[float], middle: float) -> Callable[[int], float]:
    return lambda n: abs(grid[n] - middle)


def _marked(heights: dict[tuple[int, int], _Line], height: tuple[int, int], run: Run) -> _Line | None:
    """The line to the left of which a number or bullet stands that was drawn after it."""
    for y in (height[1], height[1] - 1, height[1] + 1):
        line = heights.get((height[0], y))
        if (
            line is not None
            and -0.3 * run.size < line.first.x - run.end < 3 * run.size
            and line.first.margin == run.margin
        ):
            return line
    return None


def _goes_on(line: _Line, run: Run) -> bool:
    """Puts a run into the line if it stands there."""
    last = line.last
    size = max(last.size, run.size)
    if last.turned != run.turned or last.margin != run.margin:
        return False
    raised = min(last.size, run.size) < 0.85 * size and abs(run.x - last.end) < size
    if abs(last.y - run.y) > (0.7 if raised else 0.35) * size:
        return False
    if run.x >= last.end - 0.3 * size:
        line.runs.append(run)
    elif run.end <= line.first.x + 0.3 * size:
        line.runs.insert(0, run)
    else:
        return False
    return True


def _insert(lines: list[_Line], run: Run) -> None:
    """What a viewer draws over the page goes to the end of the line beside it, else between the lines around it."""
    beside = [
        line
        for line in lines
        if line.last.turned == run.turned == 0
        and abs(line.last.y - run.y) < 0.7 * max(line.last.size, run.size)
        and any(one.end <= run.x + 0.5 * run.size for one in line.runs)
    ]
    if beside:
        nearest = max(beside, key=lambda line: max(one.end for one in line.runs if one.end <= run.x + 0.5 * run.size))
        place = sum(one.end <= run.x + 0.5 * run.size for one in nearest.runs)
        nearest.runs.insert(place, run)
        return
    below = next((n for n, line in enumerate(lines) if line.first.turned == 0 and line.first.y < run.y), len(lines))
    lines.insert(below, _Line([run]))


def _columns(lines: list[_Line]) -> tuple[list[_Line], bool]:
    """Blocks of lines that cross a gutter, column by column."""
    ordered: list[_Line] = []
    turns, n = False, 0
    while n < len(lines):
        end, starts = _block(lines, n)
        if not starts:
            ordered += lines[n:end]
            n = end
            continue
        columns: list[list[_Line]] = [[] for _ in starts]
        for line in lines[n:end]:
            for part in _parts(line):
                columns[_column(part, starts)].append(_Line(part))
        ordered += [line for column in columns for line in column]
        turns, n = True, end
    return ordered, turns


def _parts(line: _Line, gutter: float = _GUTTER) -> list[list[Run]]:
    parts = [[line.first]]
    for before, run in pairwise(line.runs):
        if run.x - before.end > gutter * max(run.size, before.size):
            parts.append([run])
        else:
            parts[-1].append(run)
    return parts


def _block(lines: list[_Line], begin: int) -> tuple[int, list[float]]:
    """Where a block of columns that begins here ends, and where its columns begin; no places where it is none."""
    parts = _parts(lines[begin])
    if len(parts) < 2:
        return begin + 1, []
    starts = [part[0].x for part in parts]
    end, crossing, letters, words = begin, 0, [0] * len(starts), [0] * len(starts)
    while end < len(lines):
        here = _parts(lines[end])
        places = [_column(part, starts) for part in here]
        if -1 in places or len(set(places)) < len(places):
            break
        crossing += len(here) == len(starts)
        for place, part in zip(places, here, strict=True):
            text = "".join(_joined(part))
            letters[place] += len(text)
            words[place] += len(text.split())
        end += 1
    short = min(letters) < _LONG * crossing or min(words) < _WORDS * crossing
    if crossing < _ROWS or short:
        return end, []
    while len(_parts(lines[end - 1])) < 2:
        end -= 1
    return end, starts


def _column(part: Sequence[Run], starts: Sequence[float]) -> int:
    return next((n for n, start in enumerate(starts) if abs(part[0].x - start) < 2.5), -1)


def _drawn(line: _Line) -> Drawn:
    size = max(run.size for run in line.runs)
    first = line.first
    return Drawn("".join(_joined(line.runs)), round(first.x, 1), round(first.y, 1), round(size, 1), first.margin)


def _joined(runs: Sequence[Run]) -> Iterator[str]:
    yield runs[0].text
    for before, run in pairwise(runs):
        size = max(before.size, run.size)
        raised = abs(before.y - run.y) > 0.15 * size and min(before.size, run.size) < 0.85 * size
        if raised or run.x - before.end > _GLUED * size:
            yield " "
        yield run.text
