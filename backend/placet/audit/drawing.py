"""The timeline's geometry: a lane for the chain and one a party, a band an attempt, pauses drawn shorter than they are.

What is drawn from it is in `templates/timeline.jinja`. Lengths are units of the drawing, x to the right, y downwards.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from placet.audit.outcome import CHAIN_LANE, AuditReport, Happening

LEFT, WIDTH, RIGHT = 168, 1060, 24
LANE, TOP, CHAIN, ROW = 52, 66, 44, 19
ROWS = 3
HUES = 8
_CHAIN_WIDE = ("opened", "amended", "sealed", "ended")


@dataclass(frozen=True)
class Band:
    """The time of one attempt."""

    x: float
    width: float
    fill: str


@dataclass(frozen=True)
class Lane:
    """A party: its line's y, its colour, and its words."""

    y: float
    colour: str
    name: str
    role: str


@dataclass(frozen=True)
class Heading:
    """What concerns everybody: a line at `x` through all lanes, and its words from `left` on at `y` above them."""

    x: float
    left: float
    y: int
    words: str
    when: str
    title: str
    dashed: bool


@dataclass(frozen=True)
class Mark:
    """The sign of an event, about 12 units wide, and its words."""

    kind: str
    x: float
    y: float
    colour: str
    title: str


@dataclass(frozen=True)
class StepName:
    """A step's name under its mark."""

    x: float
    y: float
    name: str


@dataclass(frozen=True)
class Drawing:
    """All that is drawn of a job, between `top` and `bottom`."""

    top: int
    bottom: int
    chain_y: float
    events: int
    bands: tuple[Band, ...]
    lanes: tuple[Lane, ...]
    headings: tuple[Heading, ...]
    step_names: tuple[StepName, ...]
    marks: tuple[Mark, ...]
    left: int = LEFT
    right: int = WIDTH - RIGHT
    width: int = WIDTH
    band_top: int = TOP
    lane: int = LANE


def drawing(report: AuditReport) -> Drawing | None:
    """The drawing, or None if nothing happened."""
    happenings = report.timeline
    if not happenings:
        return None
    places = _places(happenings)
    headings, empty = _headings(happenings, places)
    marks = [(h, places[i]) for i, h in enumerate(happenings) if h.kind not in _CHAIN_WIDE]
    return Drawing(
        top=ROW * empty,
        bottom=TOP + CHAIN + LANE * len(report.parties),
        chain_y=_y(CHAIN_LANE),
        events=len(happenings),
        bands=tuple(_bands(happenings, places)),
        lanes=tuple(lanes(report, _y)),
        headings=headings,
        step_names=tuple(_step_names(happenings, places)),
        marks=tuple(Mark(h.kind, x, _y(h.lane), _colour(h.lane), _told(h)) for h, x in marks),
    )


def hue(lane: int) -> str:
    """A party's colour."""
    return f"var(--p{lane % HUES})"


def _colour(lane: int) -> str:
    return "var(--ink)" if lane == CHAIN_LANE else hue(lane)


def _places(happenings: tuple[Happening, ...]) -> list[float]:
    """An x for each: the logarithm of the pauses, and room side by side for what one lane did in the same second."""
    width: Counter[int] = Counter()
    for (at, _), count in Counter((h.at, h.lane) for h in happenings).items():
        width[at] = max(width[at], count)
    start: dict[int, float] = {}
    x, before = 0.0, None
    for at in sorted(width):
        x += 0 if before is None else 14 + 9 * math.log2(1 + min(at - before, 10**6))
        start[at], before = x, at
        x += 15 * (width[at] - 1)
    used: Counter[tuple[int, int]] = Counter()
    places = []
    room = WIDTH - LEFT - RIGHT - 20
    scale = min(room / x, 3.0) if x else 1.0
    for h in happenings:
        places.append(LEFT + 10 + scale * (start[h.at] + 15 * used[h.at, h.lane]))
        used[h.at, h.lane] += 1
    return places


def _y(lane: int) -> float:
    return TOP + CHAIN / 2 if lane == CHAIN_LANE else TOP + CHAIN + LANE * (lane + 0.5)


def _bands(happenings: tuple[Happening, ...], places: list[float]) -> Iterator[Band]:
    starts = [(places[i], h.attempt or 1) for i, h in enumerate(happenings) if h.kind in ("opened", "amended")]
    ends = [x for x, _ in starts[1:]]
    last = [places[i] for i, h in enumerate(happenings) if h.kind in ("sealed", "ended")]
    ends.append(last[0] if last else WIDTH - RIGHT)
    for (x, attempt), end in zip(starts, ends, strict=True):
        yield Band(x, max(end - x, 0), "var(--band)" if attempt % 2 else "var(--band2)")


def lanes(report: AuditReport, y: Callable[[int], float]) -> Iterator[Lane]:
    """A lane a party, at the height that `y` gives it."""
    for lane, party in enumerate(report.parties):
        role = party.role if party.evidence else f"{party.role}, no evidence"
        yield Lane(y(lane), hue(lane), cut(party.name, 22), cut(role, 26))


def _headings(happenings: tuple[Happening, ...], places: list[float]) -> tuple[tuple[Heading, ...], int]:
    """What concerns everybody; and how many rows for its words these left empty."""
    first, rows, highest = happenings[0].at, [-math.inf] * ROWS, ROWS - 1
    headings = []
    for i, h in enumerate(happenings):
        if h.kind not in _CHAIN_WIDE:
            continue
        x, when = places[i], after(h.at - first)
        words = {"opened": "opened", "sealed": "sealed", "amended": f"attempt {h.attempt}"}.get(h.kind)
        words = words or h.what.removeprefix("The job is ")
        length = 6.6 * len(words) + 6 * len(when) + 14
        left = min(x - 3, WIDTH - length)
        row = next((r for r in reversed(range(ROWS)) if rows[r] < left), 0)
        rows[row], highest = left + length, min(row, highest)
        y = TOP - 14 - ROW * (ROWS - 1 - row)
        headings.append(Heading(x, left, y, words, when, _told(h), h.kind not in ("opened", "sealed")))
    return tuple(headings), highest


def _step_names(happenings: tuple[Happening, ...], places: list[float]) -> Iterator[StepName]:
    """Where the lane has room for them."""
    by_lane: dict[int, list[int]] = defaultdict(list)
    for i, h in enumerate(happenings):
        if h.lane != CHAIN_LANE:
            by_lane[h.lane].append(i)
    for lane, marks in by_lane.items():
        for i, following in zip(marks, [*marks[1:], None], strict=True):
            name = happenings[i].what.split(" · ")[0]
            room = (places[following] if following is not None else WIDTH - RIGHT) - places[i]
            if happenings[i].kind == "step" and 5.4 * len(name) < room:
                yield StepName(places[i] - 4, _y(lane) + 19, name)


def _told(h: Happening) -> str:
    return h.what + (f" · block {h.block}" if h.block is not None else "")


def after(seconds: int) -> str:
    """A time since the start in words."""
    if seconds < 120:
        return f"+{seconds} s"
    if seconds < 7200:
        return f"+{seconds // 60} min"
    return f"+{seconds // 3600} h" if seconds < 172_800 else f"+{seconds // 86_400} days"


def cut(text: str, limit: int) -> str:
    """A text of so many characters at the most."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
