"""Where identifiers lie in circuit PSI on SPU: as in `protocols.bins`, without an OPPRF: bins are compared entry by
entry.

Sizes depend on the two public numbers of rows alone. What can go wrong by chance, each with less than 2^-40: a cuckoo
table that has no room; a bin that overflows (union bound); different identifiers with the same tag (62 bits).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from placet.core.errors import LimitError, ProtocolError
from placet.protocols.bins import PLACE_BYTES, cuckoo_rows, digests, places, third_of

Words = npt.NDArray[np.int64]
MAX_ENTRIES = 1 << 21
_EMPTY_CUCKOO = -1
_EMPTY_SIMPLE = -2
_FAIL_BITS = 40


@dataclass(frozen=True)
class Layout:
    """`bins` in three equal thirds; `depth` entries in each of the other side's bins."""

    bins: int
    depth: int


def layout(cuckoo_count: int, simple_count: int) -> Layout:
    """For the public numbers of rows of both sides. LimitError for more comparisons than are feasible."""
    third = third_of(cuckoo_count)
    depth = 1
    while depth < simple_count and _overflow_bits(simple_count, third, depth) < _FAIL_BITS:
        depth += 1
    if 3 * third * depth > MAX_ENTRIES:
        raise LimitError(
            "too many comparisons for circuit PSI", expected=f"at most {MAX_ENTRIES}", found=3 * third * depth
        )
    return Layout(3 * third, depth)


def cuckoo(identifiers: Sequence[bytes | str], session: bytes, shape: Layout) -> tuple[Words, Words]:
    """Tags by bin (bins,), and which row lies in each (-1 for none). ProtocolError where there is no room."""
    spots, own = _laid(identifiers, session, shape)
    holder = cuckoo_rows(spots, shape.bins)
    return np.where(holder >= 0, np.append(own, _EMPTY_CUCKOO)[holder], _EMPTY_CUCKOO), holder


def simple(identifiers: Sequence[bytes | str], session: bytes, shape: Layout) -> tuple[Words, Words]:
    """Tags by bin and entry (bins, depth), and which row each belongs to (-1 for none). ProtocolError on overflow."""
    spots, own = _laid(identifiers, session, shape)
    tags = np.full((shape.bins, shape.depth), _EMPTY_SIMPLE, np.int64)
    rows = np.full((shape.bins, shape.depth), -1, np.int64)
    filled = [0] * shape.bins
    for row, bins in enumerate(spots.tolist()):
        for at in bins:
            if filled[at] == shape.depth:
                raise ProtocolError("a bin of circuit PSI overflows", remedy="start a new attempt", code="psi.bins")
            tags[at, filled[at]], rows[at, filled[at]] = own[row], row
            filled[at] += 1
    return tags, rows


def spread(values: Words, rows: Words) -> Words:
    """Values of rows (n, …) brought to where the rows lie, zero elsewhere."""
    laid: Words = np.concatenate([values, np.zeros((1, *values.shape[1:]), np.int64)])[rows]
    return laid


def _overflow_bits(rows: int, third: int, depth: int) -> float:
    """-log2 of the union bound on a bin with more than `depth` entries: 3·third·C(rows, depth+1)/third^(depth+1)."""
    k = depth + 1
    ways = math.lgamma(rows + 1) - math.lgamma(k + 1) - math.lgamma(rows - k + 1)
    return k * math.log2(third) - ways / math.log(2) - math.log2(3 * third)


def _laid(identifiers: Sequence[bytes | str], session: bytes, shape: Layout) -> tuple[Words, Words]:
    """The three bins of each identifier (n, 3), and its tag (n,)."""
    lines = digests(identifiers, b"placet.spu.circuit/1" + session)
    tags = np.ascontiguousarray(lines[:, PLACE_BYTES : PLACE_BYTES + 8]).view(">u8")[:, 0] >> np.uint64(2)
    return places(lines, shape.bins // 3), tags.astype(np.int64)
