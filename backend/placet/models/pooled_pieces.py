"""A column's cells as pieces that enough rows are in, at enough places: how a pooled model comes to its bins.

Cells stand on a *line*: of numbers in their order, or categories in the plan's, and behind them what is missing. The
line is halved again and again where both halves have enough. Where no edges are given, a line of numbers has the steps
of a *grid* between two bounds, so that bins are about equally full of whatever rows there are: a place then says of a
part whether a 32nd of its own rows are in it. No number of rows is told of any part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from placet.models.binning import NumberBins
from placet.models.pooled import ENOUGH, halves, told_groups
from placet.models.trees import Whole

STEP_BITS = 7
"""Equal steps of a grid are 64 to 128."""
OCTAVES = 16
SHARE = 32
"""One in so many rows of a place, or more, are in a bin of a grid at half of all places: so there are 64 at most."""


def grid(low: int, high: int) -> tuple[float, ...]:
    """Edges from the lower bound to before the upper one: the multiples of a power of two, 64 to 128 of them, and the
    numbers that three binary digits write, down to 1, or to 2^-15 of the larger bound if that is less. So steps are
    narrow near 0, where most amounts are. Floats have all of them exactly."""
    step = 2.0 ** ((high - low).bit_length() - STEP_BITS)
    largest = max(abs(low), abs(high)).bit_length()
    sizes = [digits * 2.0**shift for digits in range(4, 8) for shift in range(min(0, largest - OCTAVES) - 2, largest)]
    equal = (step * number for number in range(math.ceil(low / step), math.ceil(high / step)))
    return tuple(sorted({edge + 0.0 for edge in (*equal, *sizes, *(-size for size in sizes)) if low <= edge < high}))


@dataclass(frozen=True)
class Line:
    """`size` cells; `share` of a grid, 0 elsewhere."""

    size: int
    share: int = 0

    def flags(self, codes: Whole, smallest: int) -> list[int]:
        """Of each half (`pooled.halves`) whether this place has enough rows in it."""
        least = max(smallest, -(-len(codes) // self.share)) if self.share else smallest
        upto = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=self.size))])
        return [int(upto[high] - upto[low] >= least) for low, high in halves(self.size)]

    def groups(self, totals: Sequence[int], places: int) -> list[tuple[int, int]]:
        """The finest parts by the flags of so many places together; none where all is too few."""
        least = max(ENOUGH, -(-places // 2)) if self.share else ENOUGH
        enough = dict(zip(halves(self.size), totals, strict=True))
        return told_groups(self.size, lambda half: enough[half] >= least)


def positions(numbers: npt.NDArray[np.float64], edges: Sequence[float]) -> Whole:
    """Where each number stands on the line of a grid; what is missing (NaN) is behind all."""
    places = np.searchsorted(np.array(edges), numbers, side="left").astype(np.int64)
    return np.where(np.isnan(numbers), len(edges) + 1, places)


def bins_of(
    edges: Sequence[float], groups: Sequence[tuple[int, int]]
) -> tuple[NumberBins, tuple[tuple[int, ...], ...]]:
    """Bins between the parts of a grid's line, and their cells as pieces."""
    inner = [edges[high - 1] for _, high in groups if high <= len(edges)]
    bins = NumberBins(bins=max(2, len(inner) + 1), edges=tuple(f"{Decimal(edge):f}" for edge in inner))
    pieces: list[tuple[int, ...]] = [(cell,) for cell in range(len(inner) + 1)] if groups else []
    if groups and groups[-1][0] == len(edges) + 1:
        pieces.append((bins.missing,))
    elif groups:
        pieces[-1] = (*pieces[-1], bins.missing)
    return bins, tuple(pieces)
