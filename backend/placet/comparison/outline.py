"""The lists that are open at a place in a document: which of them a number goes on with, and its full number there."""

from __future__ import annotations

from dataclasses import dataclass

from placet.comparison.numbering import BULLET, IMPLIED, KEYWORDS, Marker, Reading, bare, is_root

_APART = 10
"""Steps between two numbers of one list: `(ii)` is not the thirty-fifth after `(a)`."""


@dataclass(frozen=True, slots=True)
class _Level:
    style: str
    depth: int
    value: int
    label: str
    titled: bool = False
    implied: bool = False
    """Nobody wrote it: `3.8` says that there is a list whose third item it stands in."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a number stands: the full one (`2.1(a)`), how many lists are around it, and whether it goes on with what
    stands before it, so that it says no more than that."""

    label: str
    level: int
    regular: bool


class Outline:
    """The open lists, outermost first."""

    def __init__(self) -> None:
        self._open: list[_Level] = []
        self._path: tuple[int, ...] = ()
        """The last number of digits and dots, such as `3.8.1`."""
        self._named: dict[str, int] = {}
        """The last of the schedules, the articles and so on."""

    def fits(self, marker: Marker) -> bool:
        """Whether the marker begins a list or goes on with an open one; the very next of it, where it may be prose."""
        most = 1 if marker.titled else _APART
        return any(self._follows(reading, most) for reading in marker.readings)

    def _follows(self, reading: Reading, most: int) -> bool:
        if reading.style == BULLET or reading.value == 1:
            return True
        return any(0 < reading.value - level.value <= most for level in self._open if level.style == reading.style)

    def enter(self, marker: Marker, depth: int = 0, *, titled: bool = False, more: bool = False) -> Place:
        """Goes to the marker's place.

        `titled`: what it numbers is a heading. Where two open lists may go on, headings go on with headings.
        `more`: another number stands behind it, as in `(a)(ii)`, which goes on with the list inside an `(a)` before.
        """
        if marker.root:
            self._open.clear()
        reading = self._likeliest(marker)
        regular = self._regular(marker, reading)
        if marker.path:
            self._imply(marker.path, depth)
        place = self._place(reading, depth, titled=titled)
        if place is None and reading.style in KEYWORDS:  # `Part B` is in none of the lists before it
            place = max((n + 1 for n, level in enumerate(self._open) if level.style in KEYWORDS), default=0)
        elif place is None and titled and reading.style == "1.":  # a heading is not inside `(B)` of the recitals
            place = next((n for n, level in enumerate(self._open) if level.style.endswith("()")), None)
        if more and place is not None and place < len(self._open) and self._open[place].value == reading.value:
            return Place(self._open[place].label, place, regular)
        before = self._open[place].value if place is not None and place < len(self._open) else 0
        if not marker.path and reading.style not in KEYWORDS:
            regular = reading.style == BULLET or reading.value in (0, 1, before + 1)
        del self._open[len(self._open) if place is None else place :]
        label = self._label(marker, reading)
        self._open.append(_Level(reading.style, depth, reading.value, label, titled))
        return Place(label, sum(not level.implied for level in self._open) - 1, regular)

    def _regular(self, marker: Marker, reading: Reading) -> bool:
        """Whether a number goes on with the one before it, or begins something: `3.8` after `3.7`, `3.7.9` or `3`."""
        if reading.style in KEYWORDS:
            last, self._named[reading.style] = self._named.get(reading.style, 0), reading.value
            self._path = () if marker.root else self._path
            return reading.value in (1, last + 1)
        path = marker.path or ((reading.value,) if reading.style == "1." else ())
        if not path:
            return True
        last_path, self._path = self._path, path
        same = 0
        while same < min(len(path), len(last_path)) and path[same] == last_path[same]:
            same += 1
        rest = path[same:]
        if (same < len(last_path) and rest and rest[0] == last_path[same] + 1) or (not last_path and len(rest) > 1):
            rest = rest[1:]
        return all(step <= 1 for step in rest)

    def leave(self) -> None:
        """An unnumbered heading: what comes begins its own lists."""
        self._open.clear()

    def _imply(self, path: tuple[int, ...], depth: int) -> None:
        """Opens the list that `3.8` says it stands in, if it is not open at 3: a later `4.` goes on with that."""
        at = next((n for n, level in enumerate(self._open) if level.style == IMPLIED), None)
        if at is not None and self._open[at].value == path[0]:
            return
        if at is not None:
            del self._open[at:]
        elif any(level.style.startswith("1/") for level in self._open):
            return
        self._open.append(_Level(IMPLIED, depth, path[0], str(path[0]), titled=True, implied=True))

    def _place(self, reading: Reading, depth: int, *, titled: bool) -> int | None:
        """Which open list it goes on with; None where it begins one inside all of them."""
        same = [n for n, level in enumerate(self._open) if level.style == reading.style]
        here = [n for n in same if self._open[n].depth == depth or self._open[n].implied]
        following = [n for n in here if self._open[n].value + 1 == reading.value]
        if following:
            return next((n for n in reversed(following) if self._open[n].titled == titled), following[-1])
        inside = reading.value == 1 and not titled and reading.style == IMPLIED
        if not here or (inside and self._open[-1].style.startswith("1/")):
            return None
        return next((n for n in reversed(here) if 0 < self._open[n].value < reading.value), here[0])

    def _likeliest(self, marker: Marker) -> Reading:
        """The reading that continues the innermost list, else the one that begins a list, else the first."""
        for level in reversed(self._open):
            for reading in marker.readings:
                if reading.style == level.style and reading.value == level.value + 1:
                    return reading
        begins = [reading for reading in marker.readings if reading.value == 1]
        opened = {level.style: level.value for level in self._open}
        known = [reading for reading in marker.readings if self._near(reading, opened)]
        return (begins or known or list(marker.readings))[0]

    @staticmethod
    def _near(reading: Reading, opened: dict[str, int]) -> bool:
        return reading.style in opened and reading.value - opened[reading.style] <= _APART

    def _label(self, marker: Marker, reading: Reading) -> str:
        parent = next((level.label for level in reversed(self._open) if level.label), "")
        if reading.style == BULLET:
            return parent
        own = bare(marker.written)
        if marker.root or not parent:
            return own
        if reading.style in KEYWORDS or marker.parts > 1:
            outer = self._open[0]
            return f"{outer.label}, {own}" if is_root(outer.style) else own
        if own.startswith(("(", "[")):
            return parent + own
        if " " in parent.rpartition(", ")[2]:
            return f"{parent}, {own}"
        return f"{parent}.{own}" if parent[-1].isalnum() else f"{parent} {own}"
