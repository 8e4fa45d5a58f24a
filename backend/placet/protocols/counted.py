"""What may come out where two parties count what they share and add amounts up over it, by whichever engine."""

from __future__ import annotations

import math
from collections.abc import Sequence

from placet.core.errors import DataError, InputError

LIMIT = 1 << 62
FARTHEST = 12
"""Standard deviations beyond which no noise is, but once in 10³²."""


def demand_range(amounts: Sequence[int]) -> None:
    """DataError where the sum of some of these amounts could leave ±2^62, so that no ring wraps."""
    if any(abs(amount) > LIMIT // len(amounts) for amount in amounts):
        raise DataError("an amount is out of range", expected=f"a sum within ±2^62 over {len(amounts)} rows")


def count_and_total_of(count: int, total: int, *, rows: tuple[int, int], smallest: int) -> tuple[int, int] | None:
    """Both as they came out; None where fewer than `smallest` were common, which shows as two zeros. InputError for
    numbers that no honest parties reach."""
    if count == total == 0:
        return None
    if not smallest <= count <= min(rows) or abs(total) > LIMIT:
        raise InputError("the shares are of no count and sum", expected=f"{smallest} to {min(rows)} common rows")
    return count, total


def noisy_count_of(count: int, *, rows: tuple[int, int], variance: int, smallest: int) -> int | None:
    """A count to which both parties have added noise of that variance; None where it came out below `smallest`.
    InputError for one that no honest parties reach."""
    most = most_with_noise(rows, variance)
    if count == 0:
        return None
    if not smallest <= count <= most:
        raise InputError("the shares are of no noisy count", expected=f"{smallest} to {most}")
    return count


def most_with_noise(rows: tuple[int, int], variance: int) -> int:
    """The highest count that two parties' noise makes."""
    return min(rows) + 2 * FARTHEST * (math.isqrt(variance) + 1)
