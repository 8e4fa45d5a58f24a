"""How long parts of a run take, by the clock and by all processors."""

from __future__ import annotations

import os
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class Usage:
    """Of each part of a run the time by the clock and, on Linux, the processor time of this process and all that it
    started, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.processor: dict[str, float] = {}
        self._since, self._used = time.perf_counter(), processor_seconds()

    def part(self, name: str) -> None:
        """End a part."""
        now, used = time.perf_counter(), processor_seconds()
        self.seconds[name] = round(now - self._since, 1)
        self.processor[name] = round(used - self._used, 1)
        self._since, self._used = now, used


def processor_seconds() -> float:
    """User and system time so far of this process and of all below it, alive or waited for."""
    children: dict[int, list[tuple[int, float]]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append((int(file.parent.name), sum(map(int, fields[11:15])) / TICKS))
    own = os.times()
    total, below = own.user + own.system + own.children_user + own.children_system, [os.getpid()]
    while below:
        for child, used in children.get(below.pop(), []):
            total += used
            below.append(child)
    return total
