"""The geometry of a report's charts, from numbers to places on paper. `templates/chart.jinja` draws from it.

Lengths are units of the drawing, x to the right, y downwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH, HEIGHT = 460, 330
LEFT, RIGHT, TOP, BOTTOM = 46, 16, 22, 40
BAR_WIDTH, BAR_LEFT, BAR_RIGHT, BAR_ROW = 960, 200, 230, 30
Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A line through points in data's units. `tone` names its colour; `dots` marks the points."""

    name: str
    points: tuple[Point, ...]
    tone: str
    dots: bool = False
    dashed: bool = False


@dataclass(frozen=True)
class DrawnLine:
    """A series on paper: a path, and its dots."""

    name: str
    tone: str
    path: str
    dots: tuple[Point, ...]
    dashed: bool


@dataclass(frozen=True)
class Tick:
    """A place on an axis and what stands there."""

    at: float
    words: str


@dataclass(frozen=True)
class ColumnBar:
    """An upright bar: its place, its size, its colour."""

    x: float
    y: float
    width: float
    height: float
    tone: str


@dataclass(frozen=True)
class Chart:
    """All that is drawn. `note` says what is to be seen in it."""

    title: str
    note: str
    x_words: str
    y_words: str
    lines: tuple[DrawnLine, ...]
    columns: tuple[ColumnBar, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    legend: tuple[tuple[str, str], ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True)
class AxisScale:
    """Data's units to places on paper."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = (self.high - self.low) or 1.0
        return self.start + (min(max(value, self.low), self.high) - self.low) / span * (self.end - self.start)


def curves(title: str, note: str, x_words: str, y_words: str, series: Sequence[Series], *, most: float = 1.0) -> Chart:
    """Lines over shares, on both axes from 0 to `most`."""
    x, y = AxisScale(0, most, LEFT, WIDTH - RIGHT), AxisScale(0, most, HEIGHT - BOTTOM, TOP)
    lines = tuple(
        DrawnLine(
            one.name,
            one.tone,
            _path([(x(px), y(py)) for px, py in one.points]),
            tuple((x(px), y(py)) for px, py in one.points) if one.dots else (),
            one.dashed,
        )
        for one in series
    )
    steps = [most * place / 5 for place in range(6)]
    return Chart(
        *(title, note, x_words, y_words, lines, ()),
        tuple(Tick(x(step), f"{step:.0%}") for step in steps),
        tuple(Tick(y(step), f"{step:.0%}") for step in steps),
        tuple((one.name, one.tone) for one in series),
    )


def histogram(
    title: str,
    note: str,
    x_words: str,
    edges: Sequence[float],
    groups: Sequence[tuple[str, str, Sequence[float]]],
    *,
    sign: int = 1,
) -> Chart:
    """Groups (name, tone, shares by band) side by side over bands between `edges`, of which there is one more; `sign`
    is -1 where edges stand for their opposites."""
    most = max((share for _, _, shares in groups for share in shares), default=0.0) or 1.0
    x, y = AxisScale(edges[0], edges[-1], LEFT, WIDTH - RIGHT), AxisScale(0, most, HEIGHT - BOTTOM, TOP)
    columns = []
    for place, (_, tone, shares) in enumerate(groups):
        for (low, high), share in zip(pairwise(edges), shares, strict=True):
            width = (x(high) - x(low)) / len(groups)
            left = x(low) + place * width
            columns.append(ColumnBar(left, y(share), max(width - 0.8, 0.4), y(0) - y(share), tone))
    steps = [most * place / 4 for place in range(5)]
    return Chart(
        *(title, note, x_words, "share of each group", (), tuple(columns)),
        tuple(Tick(x(edge), _short(sign * edge)) for edge in _some(edges)),
        tuple(Tick(y(step), f"{step:.1%}" if most < 0.1 else f"{step:.0%}") for step in steps),
        tuple((name, tone) for name, tone, _ in groups),
    )


@dataclass(frozen=True)
class Bar:
    """A lying bar in parts, from the left on, each (width, tone); `low` and `high`: an interval about its end."""

    name: str
    words: str
    parts: tuple[tuple[float, float, str], ...]
    y: float
    whisker: tuple[float, float] | None = None


@dataclass(frozen=True)
class Bars:
    """Lying bars under each other. `zero`: where 0 is."""

    title: str
    bars: tuple[Bar, ...]
    legend: tuple[tuple[str, str], ...]
    height: float
    zero: float
    width: int = BAR_WIDTH
    left: int = BAR_LEFT
    row: int = BAR_ROW


def nested(title: str, rows: Sequence[tuple[str, str, Sequence[float]]], names: Sequence[tuple[str, str]]) -> Bars:
    """Rows (name, words, values that fall) as bars within each other, one tone a value."""
    most = max((value for _, _, values in rows for value in values), default=0.0) or 1.0
    x = AxisScale(0, most, BAR_LEFT, BAR_WIDTH - BAR_RIGHT)
    bars = tuple(
        Bar(
            name,
            words,
            tuple((BAR_LEFT, x(value) - BAR_LEFT, tone) for value, (_, tone) in zip(values, names, strict=True)),
            8 + BAR_ROW * place,
        )
        for place, (name, words, values) in enumerate(rows)
    )
    return Bars(title, bars, tuple(names), 14 + BAR_ROW * len(rows), BAR_LEFT)


@dataclass(frozen=True)
class IntervalBar:
    """A number with its interval, for `intervals`."""

    name: str
    words: str
    value: float
    low: float | None
    high: float | None
    tone: str


def intervals(title: str, rows: Sequence[IntervalBar]) -> Bars:
    """Numbers as bars from 0, each with its interval. Numbers may be negative."""
    ends = [end for row in rows for end in (row.value, row.low, row.high) if end is not None]
    x = AxisScale(min([0.0, *ends]), max([0.0, *ends]) or 1.0, BAR_LEFT, BAR_WIDTH - BAR_RIGHT)
    bars = []
    for place, row in enumerate(rows):
        left, right = sorted((x(0), x(row.value)))
        whisker = None if row.low is None or row.high is None else (x(row.low), x(row.high))
        bars.append(Bar(row.name, row.words, ((left, right - left, row.tone),), 8 + BAR_ROW * place, whisker))
    return Bars(title, tuple(bars), (), 14 + BAR_ROW * len(rows), x(0))


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) if points else ""


def _some(edges: Sequence[float], most: int = 6) -> list[float]:
    step = max(1, (len(edges) - 1) // most)
    return list(edges[::step])


def _short(value: float) -> str:
    for size, word in ((1e9, " bn"), (1e6, " m"), (1e4, " k")):
        if abs(value) >= size:
            scaled = value / (1e3 if word == " k" else size)
            return f"{scaled:.3g}{word}"
    return f"{value:.4g}"
