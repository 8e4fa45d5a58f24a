"""Cells of a scorecard's rows on shares, as they were brought: an array an owner, never laid out as one.

A column's first cell, and `other` of a number, follow from the cells that are brought (`CardColumn.sent`). They are put
in where sums over rows or cells are taken, by a public matrix, so that no row's cells are copied.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from placet.protocols.mpc.scorecard import ScorecardTrain
from placet.protocols.spu.merging import Array


@dataclass(frozen=True)
class Cells:
    """`blocks`: each owner's (rows, its cells that are brought), of whom have columns."""

    program: ScorecardTrain
    blocks: Sequence[Array]

    def rows(self, part: slice) -> Cells:
        """The cells of some rows."""
        return Cells(self.program, [block[part] for block in self.blocks])

    def counts(self, lines: Array, totals: Array) -> Array:
        """(lines, cells): sums of `lines` (lines, rows) by the cell that a row is in; `totals` (lines,) over all."""
        import jax.numpy as jnp

        sums = jnp.concatenate([*(lines @ block for block in self.blocks), totals[:, None]], axis=1)
        return sums @ _expansion(self.program).T

    def times(self, weights: Array) -> Array:
        """(rows, k): sums of the `weights` (cells, k) of the cells that a row is in, one of each column."""
        brought = _expansion(self.program).T @ weights
        return (
            sum(block @ part for block, (part, _) in zip(self.blocks, self._parts(brought), strict=True)) + brought[-1]
        )

    def by_column(self, weights: Array) -> Array:
        """(rows, columns): the weight (cells,) of the cell that a row is in, for each column."""
        import jax.numpy as jnp

        expansion, spread = _expansion(self.program), spread_of(self.program).astype(weights.dtype)
        brought = expansion.T @ (weights[:, None] * spread)
        each = [block @ part[:, own] for block, (part, own) in zip(self.blocks, self._parts(brought), strict=True)]
        return jnp.concatenate(each, axis=1) + brought[-1][None, :]

    def _parts(self, brought: Array) -> list[tuple[Array, slice]]:
        """Each owner's lines of what is by brought cells, and where its columns are."""
        owners = self.program.players
        cells = itertools.accumulate((self.program.brought(owner) for owner in owners), initial=0)
        columns = itertools.accumulate((len(self.program.of(owner)) for owner in owners), initial=0)
        return [
            (brought[low:high], slice(first, last))
            for (low, high), (first, last) in zip(itertools.pairwise(cells), itertools.pairwise(columns), strict=True)
        ]


def spread_of(program: ScorecardTrain) -> npt.NDArray[np.float32]:
    """(cells, columns): 1 where a cell is a column's."""
    spread = np.zeros((program.cells, len(program.columns)), np.float32)
    for place, (low, high) in enumerate(itertools.pairwise(program.starts)):
        spread[low:high, place] = 1
    return spread


def _expansion(program: ScorecardTrain) -> npt.NDArray[np.int64]:
    """(cells, brought cells + 1): each cell from those that are brought and, last, 1."""
    sent = sum(len(column.sent) for column in program.columns)
    expansion, at = np.zeros((program.cells, sent + 1), np.int64), 0
    for start, column in zip(program.starts, program.columns, strict=False):
        wide = len(column.sent)
        expansion[start, at : at + wide], expansion[start, -1] = -1, 1
        expansion[[start + cell for cell in column.sent], range(at, at + wide)] = 1
        at += wide
    return expansion
