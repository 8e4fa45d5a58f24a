"""Where identifiers lie in PSI by bins: one side's each in one bin of a cuckoo table, the other's in all three bins
where they might be.

Pinkas, Schneider, Tkachenko, Yanai, "Efficient circuit-based PSI with linear communication", EUROCRYPT 2019. Three hash
functions, each into its own third of the bins, so that an identifier always has three places, equal identifiers meet in
exactly one, and a bin's number says which of the functions has led there.

A table without room is less likely than 2^-40: the leading term, four identifiers at the same three places, is held
below that for small tables; 1.27 bins an identifier for large ones is Pinkas, Schneider and Zohner's figure (TOPS
2018), extrapolated from experiments.
"""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from placet.core.errors import DataError, ProtocolError

Places = npt.NDArray[np.int64]
DIGEST_BYTES = 64
PLACE_BYTES = 24
"""Of a digest, which say where it lies: 8 a function. What follows them tells identifiers apart."""
_BINS_A_ROW = 1.27
_SLACK_BITS = 42


def third_of(rows: int) -> int:
    """How many bins each of the three functions has, for a cuckoo table of so many identifiers."""
    smallest: float = (820 * 2**_SLACK_BITS * rows**4) ** (1 / 9)
    return math.ceil(max(_BINS_A_ROW * rows, smallest) / 3)


def rounded(rows: int) -> int:
    """A number of rows that says little of the exact one: the next higher of eight an octave, 64 at the least."""
    step = 1 << max(rows - 1, 63).bit_length() - 4
    return max(64, -(-rows // step) * step)


def digests(identifiers: Sequence[bytes | str], salt: bytes) -> npt.NDArray[np.uint8]:
    """SHA-512 of each identifier under the public `salt`, which is unique to this use: (n, 64). DataError for
    duplicates."""
    salted = hashlib.sha512(salt)
    lines = []
    for identifier in identifiers:
        one = salted.copy()
        one.update(identifier.encode() if isinstance(identifier, str) else identifier)
        lines.append(one.digest())
    if len(set(lines)) != len(lines):
        raise DataError("an identifier occurs twice", expected="distinct identifiers")
    return np.frombuffer(b"".join(lines), np.uint8).reshape(-1, DIGEST_BYTES)


def places(lines: npt.NDArray[np.uint8], third: int) -> Places:
    """The three bins of each digest: (n, 3), the first in [0, third), the second in [third, 2·third), and so on."""
    numbers = np.ascontiguousarray(lines[:, :PLACE_BYTES]).view(">u8") % np.uint64(third)
    spots: Places = numbers.astype(np.int64) + third * np.arange(3)
    return spots


def cuckoo_rows(spots: Places, bins: int) -> Places:
    """Which row lies in each bin (bins,), -1 for none, each row in one of its own `spots` (n, 3), whether these are in
    thirds or not. ProtocolError for no room."""
    holder = np.full(bins, -1, np.int64)
    waiting = np.arange(len(spots))
    for function in range(spots.shape[1]):
        wishes = spots[waiting, function]
        free = np.flatnonzero(holder[wishes] < 0)
        seats = free[np.unique(wishes[free], return_index=True)[1]]
        holder[wishes[seats]] = waiting[seats]
        waiting = np.delete(waiting, seats)
    of_row, row_in = spots.tolist(), holder.tolist()
    for row in waiting.tolist():
        _insert(row, of_row, row_in)
    return np.array(row_in, np.int64)


def _insert(row: int, spots: Sequence[Sequence[int]], row_in: list[int]) -> None:
    """Breadth first to the nearest free bin, then move along the path: finds room wherever there is any."""
    came: dict[int, int | None] = dict.fromkeys(spots[row])
    queue = deque(came)
    while queue:
        at = queue.popleft()
        occupant = row_in[at]
        if occupant < 0:
            before = came[at]
            while before is not None:
                row_in[at] = row_in[before]
                at, before = before, came[before]
            row_in[at] = row
            return
        for further in spots[occupant]:
            if further not in came:
                came[further] = at
                queue.append(further)
    raise ProtocolError("a cuckoo table of PSI has no room", remedy="start a new attempt", code="psi.bins")
