"""Exact numbers of rows, before noise, and what is read of noisy ones: groups, clipped sums, quantiles of bands."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence


def group_of_number(edges: Sequence[int], value: int) -> int:
    """The place of the group that a number is in; a new one begins at each edge."""
    return bisect_right(edges, value)


def group_of_text(values: Sequence[str], value: str) -> int:
    """The place of a text's group, the last one for all others."""
    return values.index(value) if value in values else len(values)


def clipped_sum(values: Sequence[int], low: int, high: int) -> int:
    """Each value moved to the nearer bound where it is outside."""
    return sum(min(max(value, low), high) for value in values)


def band_between(low: int, high: int, bands: int, value: int) -> int:
    """The place of the band that a value is in, of so many equally wide ones; the outer ones hold what is outside."""
    return min(max((value - low) * bands // (high - low), 0), bands - 1)


def quantiles(counts: Sequence[int], low: int, high: int, parts: int) -> list[int] | None:
    """The values that part noisy counts of equally wide bands into equal groups, rounded down: within a band people are
    spread evenly. None where nobody seems to be there."""
    lengths = [max(0, count) for count in counts]
    total = sum(lengths)
    if total == 0:
        return None
    values, before, band = [], 0, 0
    for part in range(1, parts):
        rank = total * part  # counted in shares of `parts`
        while (before + lengths[band]) * parts < rank:
            before += lengths[band]
            band += 1
        each = lengths[band] * parts
        values.append(low + (high - low) * (band * each + rank - before * parts) // (len(counts) * each))
    return values
