"""How often an institution may be asked what it would bring, by each that asks.

Each answer says the root of a lawful set, so that whoever may ask without end learns when consents come, go and end,
without one job.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable

from placet.core.errors import LimitError

AN_HOUR = 600
_HOUR = 3600.0


class Askers:
    """Counts questions by asker in hours of this process. `clock` in seconds."""

    def __init__(self, an_hour: int = AN_HOUR, clock: Callable[[], float] = time.monotonic) -> None:
        self._an_hour = an_hour
        self._clock = clock
        self._hour = 0
        self._asked: Counter[bytes] = Counter()

    def take(self, asker: bytes) -> None:
        """Count a question; LimitError `limit.rate` beyond the hour's number."""
        now = self._clock()
        if self._hour != (hour := int(now // _HOUR)):
            self._hour, self._asked = hour, Counter()
        if self._asked[asker] >= self._an_hour:
            raise LimitError(
                "asked too often what this institution would bring",
                expected=f"at most {self._an_hour} times in an hour",
                remedy=f"wait {math.ceil(_HOUR - now % _HOUR)} seconds",
                code="limit.rate",
            )
        self._asked[asker] += 1
