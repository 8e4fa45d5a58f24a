"""How two jobs' matches differ, and whether that tells too much: the rule behind a scope's `smallest_change`.

Who has the results of two jobs has their difference too. Where one person came or went between them, it is that
person's value (differencing, also called a tracker attack: Denning and Schlörer, ACM TODS 5(1), 1980).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MatchChange:
    """People by job: who matched in the earlier alone (`gone`) and in the later alone (`fresh`). `erased` matched in
    the earlier one too, but nobody knows any more who they were: each may be one of the fresh."""

    gone: int
    fresh: int
    erased: int = 0

    def too_small(self, smallest: int) -> bool:
        """May the two jobs differ in somebody, but in fewer than `smallest` people? Between the least and the most that
        it can be, every second number is possible; none at all is fine."""
        least = self.gone + abs(self.fresh - self.erased)
        most = self.gone + self.fresh + self.erased
        return 0 < (least or min(2, most)) < smallest
