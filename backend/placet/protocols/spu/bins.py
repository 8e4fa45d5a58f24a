"""Where identifiers lie in circuit PSI: one side's in a cuckoo table, the other's at all three places they might be.

Pinkas, Schneider, Tkachenko, Yanai, "Efficient circuit-based PSI with linear communication", EUROCRYPT 2019, without
its OPPRF: bins are compared entry by entry. Three hash functions, each into its own third of the bins, so that an
identifier always has three places and equal identifiers meet in exactly one.

Sizes depend on the two public numbers of rows alone. What can go wrong by chance, each with less than 2^-40: a cuckoo
table that has no room (the leading term, four identifiers at the same three places, is held below that for small
tables; 1.27 bins an identifier for large ones is Pinkas, Schneider and Zohner's figure, TOPS 2018, extrapolated from
experiments); a bin that overflows (union bound); different identifiers with the same tag (62 bits).
"""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from placet.core.errors import DataError, LimitError, ProtocolError

Words = npt.NDArray[np.int64]
MAX_ENTRIES = 1 << 21
_EMPTY_CUCKOO = -1
_EMPTY_SIMPLE = -2
_SLACK_BITS = 42
_FAIL_BITS = 40


@dataclass(frozen=True)
class Layout:
    """`bins` in three equal thirds; `depth` entries in each of the other side's bins."""

    bins: int
    depth: int


@dataclass(frozen=True)
class _Place:
    bins: tuple[int, int, int]
    tag: int


def layout(cuckoo_rows: int, simple_rows: int) -> Layout:
    """For the public numbers of rows of both sides. LimitError for more comparisons than are feasible."""
    smallest = (820 * 2**_SLACK_BITS * cuckoo_rows**4) ** (1 / 9)
    third = math.ceil(max(1.27 * cuckoo_rows, smallest) / 3)
    depth = 1
    while depth < simple_rows and _overflow_bits(simple_rows, third, depth) < _FAIL_BITS:
        depth += 1
    if 3 * third * depth > MAX_ENTRIES:
        raise LimitError(
            "too many comparisons for circuit PSI", expected=f"at most {MAX_ENTRIES}", found=3 * third * depth
        )
    return Layout(3 * third, depth)


def rounded(rows: int) -> int:
    """A number of rows that says little of the exact one: the next higher of eight an octave, 64 at the least."""
    step = 1 << max(rows - 1, 63).bit_length() - 4
    return max(64, -(-rows // step) * step)


def cuckoo(identifiers: Sequence[bytes | str], session: bytes, shape: Layout) -> tuple[Words, Words]:
    """Tags by bin (bins,), and which row lies in each (-1 for none). ProtocolError where there is no room."""
    places = _places(identifiers, session, shape)
    holder = np.full(shape.bins, -1, np.int64)
    for row in range(len(places)):
        _insert(row, places, holder)
    tags = np.full(shape.bins, _EMPTY_CUCKOO, np.int64)
    for place in np.flatnonzero(holder >= 0):
        tags[place] = places[holder[place]].tag
    return tags, holder


def simple(identifiers: Sequence[bytes | str], session: bytes, shape: Layout) -> tuple[Words, Words]:
    """Tags by bin and entry (bins, depth), and which row each belongs to (-1 for none). ProtocolError on overflow."""
    tags = np.full((shape.bins, shape.depth), _EMPTY_SIMPLE, np.int64)
    rows = np.full((shape.bins, shape.depth), -1, np.int64)
    filled = [0] * shape.bins
    for row, place in enumerate(_places(identifiers, session, shape)):
        for at in place.bins:
            if filled[at] == shape.depth:
                raise ProtocolError("a bin of circuit PSI overflows", remedy="start a new attempt", code="spu.bins")
            tags[at, filled[at]], rows[at, filled[at]] = place.tag, row
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


def _places(identifiers: Sequence[bytes | str], session: bytes, shape: Layout) -> list[_Place]:
    third = shape.bins // 3
    salted = hashlib.sha256(b"placet.spu.circuit/1" + session)
    places = []
    for identifier in identifiers:
        one = salted.copy()
        one.update(identifier.encode() if isinstance(identifier, str) else identifier)
        digest = one.digest()
        first, second, last = (
            part * third + int.from_bytes(digest[8 * part : 8 * part + 8], "big") % third for part in range(3)
        )
        places.append(_Place((first, second, last), int.from_bytes(digest[24:], "big") >> 2))
    if len({(place.bins, place.tag) for place in places}) != len(places):
        raise DataError("an identifier occurs twice", expected="distinct identifiers")
    return places


def _insert(row: int, places: Sequence[_Place], holder: Words) -> None:
    """Breadth first to the nearest free bin, then move along the path: finds room wherever there is any."""
    came: dict[int, int | None] = dict.fromkeys(places[row].bins)
    queue = deque(came)
    while queue:
        at = queue.popleft()
        occupant = int(holder[at])
        if occupant < 0:
            before = came[at]
            while before is not None:
                holder[at] = holder[before]
                at, before = before, came[before]
            holder[at] = row
            return
        for further in places[occupant].bins:
            if further not in came:
                came[further] = at
                queue.append(further)
    raise ProtocolError("circuit PSI's table has no room", remedy="start a new attempt", code="spu.bins")
