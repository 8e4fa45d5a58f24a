"""How much is asked of an endpoint at once. Endpoints differ, most don't say, and some change their mind."""

from __future__ import annotations

RUN = 8
"""How often a size must be taken before twice as much is tried; twice as often after each try that failed."""
_LONGEST_RUN = 256


class AdaptiveSize:
    """Between 1 and `most`: half after a refusal, twice as much after a run of answers."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.now = most
        self._taken = 0
        self._run = RUN

    def refused(self, tried: int) -> None:
        """The endpoint does not take so much."""
        if tried <= self.now:
            self.now = max(tried // 2, 1)
            self._taken, self._run = 0, min(2 * self._run, _LONGEST_RUN)

    def took(self, tried: int) -> None:
        """The endpoint took so much."""
        if tried < self.now or self.now == self.most:
            return
        self._taken += 1
        if self._taken >= self._run:
            self.now, self._taken = min(2 * self.now, self.most), 0
