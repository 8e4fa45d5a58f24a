"""Rows of nobody, by which a model is tried: their scores are kept as shares where it is trained, and it is used only
where they come out again.

Which cells a row is in follows from how many cells the columns have, so it is public, and no person is in it. Each cell
of each column is in one row at least: points that changed anywhere change a score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from placet.core.hashing import sha256
from placet.models.binning import Codes, one_hot


def probe_codes(cells: Sequence[int]) -> Codes:
    """(rows, columns): the cell of each probe in each column, of which each has so many cells. As many rows as the
    widest column has cells; columns are a step apart, lest two of one width always move together."""
    rows = np.arange(max(cells))
    return np.stack([(rows + place) % wide for place, wide in enumerate(cells)], axis=1)


def probe_cells(cells: Sequence[int]) -> Codes:
    """(rows, all cells): the same as 0 and 1."""
    codes = probe_codes(cells)
    return np.concatenate([one_hot(codes[:, place], wide) for place, wide in enumerate(cells)], axis=1)


def trial_weights(probes: int) -> Codes:
    """A weight for each probe, below 2^63: with them one sum tells of all probes whether any is off. Sums of what is
    off, each times such a weight, are 0 modulo 2^64 by a chance of about 2^-63, unless somebody chose what is off."""
    words = [sha256(b"placet.models.probes/1" + place.to_bytes(4, "big"))[:8] for place in range(probes)]
    return np.array([int.from_bytes(word, "big") >> 1 for word in words], dtype=np.int64)
