"""Rows of nobody, by which a model is tried: their scores are kept as shares where it is trained, and it is used only
where they come out again.

Which cells a row is in follows from how many cells the columns have, so it is public, and no person is in it. Each cell
of each column is in one row at least: points that changed anywhere change a score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
