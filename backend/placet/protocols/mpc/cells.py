"""What programs over many parties' columns bring alike where columns are cells, and the label is 0 or 1.

Each party that computes brings one array of 64-bit integers, a row a line: the cells of its own columns as 0 and 1, the
consumer its label behind them, and behind those what is of others (`owners`). Cells that follow from others are not
brought: a column's first bin is where no other cell is, and numbers are never in `other`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from placet.core.errors import DataError
from placet.models.binning import Codes, Kind, one_hot
from placet.models.choices import Bins
from placet.models.scorecard_fit import Monotone
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.owners import ColumnsProgram, OwnedColumn
from placet.protocols.mpc.program import Shape, Size


class CardColumn(OwnedColumn):
    """A column that is brought as cells, `missing` and `other` among them."""

    kind: Kind
    bins: Bins
    monotone: Monotone | None = None

    @property
    def cells(self) -> int:
        return self.bins + 2

    @property
    def sent(self) -> tuple[int, ...]:
        """The cells that are brought."""
        return tuple(cell for cell in range(1, self.cells) if cell != self.bins or self.kind == "category")


class CellsProgram(ColumnsProgram[CardColumn]):
    """A program over columns that are brought as cells."""

    @property
    def cells(self) -> int:
        """Of all columns."""
        return sum(column.cells for column in self.columns)

    @property
    def starts(self) -> tuple[int, ...]:
        """Where each column's cells begin among all, and where they end."""
        return tuple(itertools.accumulate((column.cells for column in self.columns), initial=0))

    def brought(self, owner: int) -> int:
        """How many cells of one owner are brought."""
        return sum(len(column.sent) for column in self.of(owner))

    def width(self, owner: int) -> int:
        """Numbers a row that one owner's columns are brought in; the last says whether the provider has the row, where
        only rows of all providers count."""
        return self.brought(owner) + int(self.join == "all" and owner < self.providers)

    def bring(self, owner: int, codes: Codes, present: npt.NDArray[np.bool_]) -> Integers:
        """What the cells of an owner's rows (rows, own columns) come to, as (rows, `width`). Where a row is not
        `present`, its values are missing, or it does not count at all."""
        lines = []
        for place, column in enumerate(self.of(owner)):
            cells = one_hot(np.where(present, codes[:, place], column.cells - 1), column.cells)
            lines.append(cells[:, list(column.sent)] * (1 if self.join == "any" else present[:, None]))
        if self.join == "all" and owner < self.providers:
            lines.append(present[:, None].astype(np.int64))
        return np.concatenate(lines, axis=1) if lines else np.zeros((len(codes), 0), np.int64)

    def shapes(self, parties: int, size: Size) -> tuple[Shape, ...]:
        behind = sum(self.width(owner) for owner in self.shared)
        providers = [(size.rows, self.width(owner) + behind) for owner in range(len(self.roles(parties)) - 1)]
        return (*providers, (size.rows, self.width(self.providers) + 1))

    def inspect(self, role: str, size: Size, array: Integers) -> None:
        """Own cells alone: what others sent is random."""
        owner = self.owner_of(role)
        own = array[:, : self.width(owner)]
        if not np.isin(own, (0, 1)).all() or (role == "consumer" and not np.isin(array[:, -1], (0, 1)).all()):
            raise DataError("a cell or label that is neither 0 nor 1", expected="0 or 1")
        at = 0
        there = own[:, -1] if self.join == "all" and owner < self.providers else np.ones(len(own), np.int64)
        for column in self.of(owner):
            if (own[:, at : at + len(column.sent)].sum(axis=1) > there).any():
                raise DataError("a row is in two cells of a column", expected="one, or none where it is not there")
            at += len(column.sent)

    def put_together(self, brought: Sequence[Integers]) -> tuple[Codes, Integers, Integers]:
        """In the clear: cells (rows, columns), labels, and 1 for each row that counts."""
        blocks = self.opened_by_owner(brought)
        labels = blocks[-1][:, -1]
        codes: list[Any] = []
        present = np.ones(len(labels), np.int64)
        for owner, block in enumerate(blocks):
            if self.join == "all" and owner < self.providers:
                present = present * block[:, -1]
            at = 0
            for column in self.of(owner):
                sent = block[:, at : at + len(column.sent)]
                codes.append((sent * np.array(column.sent, dtype=np.int64)).sum(axis=1, keepdims=True))
                at += len(column.sent)
        return np.concatenate(codes, axis=1).astype(np.int64), labels, present
