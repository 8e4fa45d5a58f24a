"""On which day blocks were made, by few questions to the chain: between two blocks of one day all are of that day."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Sequence

from placet.chain.client import Chain

DAY = 86_400


class BlockDays:
    """Remembers the days of deep blocks. Any thread may ask."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._lock = threading.Lock()
        self._blocks: list[int] = []
        self._days: dict[int, int] = {}

    def of(self, blocks: Sequence[int]) -> dict[int, int]:
        """The day of each of these blocks (ascending, each once), in UTC, counted from 1970."""
        if not blocks:
            return {}
        deep = self._chain.confirmed()
        days: dict[int, int] = {}
        spans = [(0, len(blocks) - 1)]
        while spans:
            low, high = spans.pop()
            for place in (low, high):
                if blocks[place] not in days:
                    days[blocks[place]] = self._day(blocks[place], deep)
            if days[blocks[low]] == days[blocks[high]]:
                days.update(dict.fromkeys(blocks[low:high], days[blocks[low]]))
            elif high - low > 1:
                middle = (low + high) // 2
                spans += [(low, middle), (middle, high)]
        return days

    def _day(self, block: int, deep: int) -> int:
        with self._lock:
            place = bisect.bisect_left(self._blocks, block)
            around = {self._days[one] for one in self._blocks[max(place - 1, 0) : place + 1]}
            if block in self._days or (0 < place < len(self._blocks) and len(around) == 1):
                return self._days.get(block, min(around))
        day = self._chain.block(block).timestamp // DAY
        if block <= deep:
            with self._lock:
                if block not in self._days:
                    bisect.insort(self._blocks, block)
                    self._days[block] = day
        return day
