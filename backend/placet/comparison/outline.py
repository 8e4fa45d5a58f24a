"""The lists that are open at a place in a document: which of them a number goes on with, and its full number there."""

from __future__ import annotations

from dataclasses import dataclass

from placet.comparison.numbering import BULLET, IMPLIED, KEYWORDS, Marker, Reading, bare, is_root


@dataclass(frozen=True, slots=True)
class _Level:
    style: str
    depth: int
    value: int
    label: str
    titled: bool = False
    implied: bool = False
    """Nobody wrote it: `3.8` says that there is a list whose third item it stands in."""


class Outline:
    """The open lists, outermost first."""

    def __init__(self) -> None:
        self._open: list[_Level] = []

    def fits(self, found: Marker) -> bool:
        """Whether the marker begins a list or goes on with an open one; the very next of it, where it may be prose."""
        most = 1 if found.titled else 10
        return any(self._follows(reading, most) for reading in found.readings)

    def _follows(self, reading: Reading, most: int) -> bool:
        if reading.style == BULLET or reading.value == 1:
            return True
        return any(0 < reading.value - level.value <= most for level in self._open if level.style == reading.style)

    def enter(self, found: Marker, depth: int = 0, *, titled: bool = False) -> tuple[str, int]:
        """Goes to the marker's place; the full number there (`2.1(a)`) and the number of lists around it.

        `titled`: what it numbers is a heading. Where two open lists may go on, headings go on with headings.
        """
        if found.root:
            self._open.clear()
        if found.path:
            self._imply(found.path, depth)
        reading = self._likeliest(found)
        place = self._place(reading, depth, titled=titled)
        if place is None and reading.style in KEYWORDS:  # `Part B` is in none of the lists before it
            place = max((n + 1 for n, level in enumerate(self._open) if level.style in KEYWORDS), default=0)
        del self._open[len(self._open) if place is None else place :]
        label = self._label(found, reading)
        self._open.append(_Level(reading.style, depth, reading.value, label, titled))
        return label, sum(not level.implied for level in self._open) - 1

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

    def _likeliest(self, found: Marker) -> Reading:
        """The reading that continues the innermost list, else the one that begins a list, else the first."""
        for level in reversed(self._open):
            for reading in found.readings:
                if reading.style == level.style and reading.value == level.value + 1:
                    return reading
        begins = [reading for reading in found.readings if reading.value == 1]
        opened = {level.style for level in self._open}
        known = [reading for reading in found.readings if reading.style in opened]
        return (begins or known or list(found.readings))[0]

    def _label(self, found: Marker, reading: Reading) -> str:
        parent = next((level.label for level in reversed(self._open) if level.label), "")
        if reading.style == BULLET:
            return parent
        own = bare(found.written)
        if found.root or not parent:
            return own
        if reading.style in KEYWORDS or found.parts > 1:
            outer = self._open[0]
            return f"{outer.label}, {own}" if is_root(outer.style) else own
        if own.startswith(("(", "[")):
            return parent + own
        if " " in parent.rpartition(", ")[2]:
            return f"{parent}, {own}"
        return f"{parent}.{own}" if parent[-1].isalnum() else f"{parent} {own}"
