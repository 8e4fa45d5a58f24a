"""Months as days: how many they have at the least."""

from __future__ import annotations

import calendar
import functools

_CYCLE = 400
"""Years after which the Gregorian calendar begins again."""


@functools.cache
def fewest_days(months: int) -> int:
    """Of all spans of so many months, each from a day to the same day, the days of the shortest that begins on a first:
    28 for one month, 365 for twelve."""
    cycles, rest = divmod(months, 12 * _CYCLE)
    lengths = [calendar.monthrange(2000 + number // 12, number % 12 + 1)[1] for number in range(12 * _CYCLE)]
    window = sum(lengths[:rest])
    fewest = window
    for begin in range(len(lengths)):
        window += lengths[(begin + rest) % len(lengths)] - lengths[begin]
        fewest = min(fewest, window)
    return cycles * sum(lengths) + fewest
