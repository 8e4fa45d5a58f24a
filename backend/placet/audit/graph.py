"""The geometry of steps and the messages between them: a lane a party, steps from left to right in an order that every
message follows.

What is drawn from it is in `templates/graph.jinja`. Lengths are units of the drawing, x to the right, y downwards.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from placet.audit.drawing import LEFT, WIDTH, Lane, cut, hue, lanes
from placet.audit.outcome import AuditReport, Passage

COLUMN, LANE, TOP, RIGHT = 132, 84, 40, 90
MOST_STEPS, MOST_LINKS = 120, 400
"""More than that is in the table alone."""
_NAME = 20
Place = tuple[int, int]
"""A party and one of its steps."""


@dataclass(frozen=True)
class StepMark:
    """A step's sign, its name under it, and its words."""

    x: float
    y: float
    colour: str
    name: str
    title: str


@dataclass(frozen=True)
class Arrow:
    """Messages from step to step: a curve, and its words. `whole`: all were acknowledged."""

    path: str
    head: str
    whole: bool
    title: str


@dataclass(frozen=True)
class Graph:
    """All that is drawn of one attempt."""

    attempt: int
    width: float
    height: float
    lanes: tuple[Lane, ...]
    steps: tuple[StepMark, ...]
    arrows: tuple[Arrow, ...]
    left: int = LEFT


def graph(report: AuditReport) -> Graph | None:
    """The last attempt that has steps; None where there is nothing to draw, or too much."""
    shown = [h for h in report.timeline if h.step is not None and h.attempt is not None]
    last = max((h.attempt or 0 for h in shown), default=0)
    names = {(h.lane, h.step or 0): h.what.split(" · ")[0] for h in shown if h.attempt == last}
    drawn = [one for one in report.links if one.attempt == last and _ends(one) <= names.keys()]
    if not 0 < len(names) <= MOST_STEPS or len(drawn) > MOST_LINKS:
        return None
    columns = _columns(sorted(names), drawn)
    places = {place: (LEFT + 20 + COLUMN * column, _y(place[0])) for place, column in columns.items()}
    return Graph(
        attempt=last,
        width=max(WIDTH, LEFT + COLUMN * max(columns.values()) + RIGHT),
        height=_y(len(report.parties)) - LANE / 2,
        lanes=tuple(lanes(report, _y)),
        steps=tuple(StepMark(*places[one], hue(one[0]), cut(name, _NAME), name) for one, name in names.items()),
        arrows=tuple(_arrow(report, one, places) for one in drawn),
    )


def _ends(link: Passage) -> set[tuple[int, int | None]]:
    return {(link.sender, link.sent), (link.receiver, link.received)}


def _y(lane: int) -> float:
    return TOP + LANE * (lane + 0.5)


def _columns(steps: Sequence[Place], links: Sequence[Passage]) -> dict[Place, int]:
    """A column for each step: after the one before it and after whose messages it took, and beside those with which it
    talks both ways. Where that goes in circles, its place among its party's steps."""
    talks = {((one.sender, one.sent or 0), (one.receiver, one.received or 0)) for one in links}
    group = {step: step for step in steps}

    def leader(step: Place) -> Place:
        while group[step] != step:
            step = group[step]
        return step

    for one, other in talks:
        if (other, one) in talks:
            group[leader(one)] = leader(other)
    followed = itertools.pairwise(steps)
    before: dict[Place, set[Place]] = {leader(step): set() for step in steps}
    for one, other in [*(pair for pair in followed if pair[0][0] == pair[1][0]), *talks]:
        if leader(one) != leader(other):
            before[leader(other)].add(leader(one))
    column: dict[Place, int] = {}
    try:
        for step in TopologicalSorter(before).static_order():
            column[step] = max((column[one] + 1 for one in before[step]), default=0)
    except CycleError:
        return {step: sum(one[0] == step[0] for one in steps[: steps.index(step)]) for step in steps}
    return {step: column[leader(step)] for step in steps}


def _arrow(report: AuditReport, link: Passage, places: Mapping[Place, tuple[float, float]]) -> Arrow:
    (x, y), (to_x, to_y) = places[link.sender, link.sent or 0], places[link.receiver, link.received or 0]
    down = 1 if to_y > y else -1
    start_y, end_y = y + 9 * down, to_y - 10 * down
    bend = x + 26 if x == to_x else (x + to_x) / 2
    near = bend if x == to_x else to_x
    control = end_y if x == to_x else end_y - 26 * down
    ends = (f"{_name(report, link.sender)} to {_name(report, link.receiver)}", f"{link.tag}: {_told(link)}")
    length = math.hypot(to_x - near, end_y - control) or 1
    along = ((to_x - near) / length, (end_y - control) / length)
    left = (to_x - 7 * along[0] - 3.5 * along[1], end_y - 7 * along[1] + 3.5 * along[0])
    right = (to_x - 7 * along[0] + 3.5 * along[1], end_y - 7 * along[1] - 3.5 * along[0])
    return Arrow(
        path=f"M{x:.1f} {start_y:.1f}C{bend:.1f} {start_y + 26 * down:.1f} {near:.1f} {control:.1f} "
        f"{to_x:.1f} {end_y:.1f}",
        head=f"M{to_x:.1f} {end_y:.1f}L{left[0]:.1f} {left[1]:.1f}L{right[0]:.1f} {right[1]:.1f}z",
        whole=link.acknowledged == link.count,
        title=", ".join(ends),
    )


def _name(report: AuditReport, party: int) -> str:
    return report.parties[party].name


def _told(link: Passage) -> str:
    many = "1 message" if link.count == 1 else f"{link.count} messages"
    return f"{many}, acknowledged" if link.acknowledged == link.count else f"{many}, {link.acknowledged} acknowledged"
