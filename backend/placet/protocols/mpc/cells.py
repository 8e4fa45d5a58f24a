"""What programs over many parties' columns bring alike: the cells of values, and the consumer's labels.

Rows stand at the same places at all parties: first those that train, then those that validate, then those that test.
Each party that computes brings one array of 64-bit integers, a row a line: the cells of its own columns as 0 and 1, the
consumer its label behind them. Cells that follow from others are not brought: a column's first bin is where no other
cell is, and numbers are never in `other`. The cells of a party that does not compute come as two random-looking parts
that add up to them modulo 2^64, of which the first two providers bring one each, behind their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from placet.core.errors import DataError
from placet.core.values import Value
from placet.models.binning import Bins, Codes, Kind, one_hot
from placet.models.scorecard_fit import Monotone
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.program import Declared, Shape, Size, wrong_number

MAX_OWNERS = 8
Row = Annotated[int, Field(strict=True, ge=0, le=2**20)]


class CardColumn(Value):
    """A column of `owner`, by its number: providers in the plan's order from 0 on, then the consumer."""

    owner: Annotated[int, Field(strict=True, ge=0, lt=MAX_OWNERS)]
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


class CellsProgram(Declared):
    """`providers` and the consumer have columns, or the consumer none. `train` and `validation` are numbers of rows,
    the rest tests. `join`: all rows count, or those that all providers have."""

    providers: Annotated[int, Field(strict=True, ge=1, lt=MAX_OWNERS)]
    columns: Annotated[tuple[CardColumn, ...], Field(min_length=1, max_length=512)]
    train: Row
    validation: Row
    join: Literal["all", "any"]

    @model_validator(mode="after")
    def _in_order(self) -> CellsProgram:
        owners = [column.owner for column in self.columns]
        if owners != sorted(owners) or max(owners) > self.providers:
            raise ValueError("columns by their owners' order")
        if not set(owners) >= set(range(self.providers)):
            raise ValueError("columns of each provider")
        return self

    @property
    def cells(self) -> int:
        """Of all columns."""
        return sum(column.cells for column in self.columns)

    @property
    def starts(self) -> tuple[int, ...]:
        """Where each column's cells begin among all, and where they end."""
        return tuple(itertools.accumulate((column.cells for column in self.columns), initial=0))

    def of(self, owner: int) -> tuple[CardColumn, ...]:
        """One owner's columns."""
        return tuple(column for column in self.columns if column.owner == owner)

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

    @property
    def shared(self) -> tuple[int, ...]:
        """Owners that do not compute."""
        return tuple(range(2, self.providers))

    def roles(self, parties: int) -> tuple[str, ...]:
        expected = min(self.providers, 2) + 1
        if parties != expected:
            raise wrong_number(self, f"{expected} that compute", parties)
        return (*("first-provider", "second-provider")[: expected - 1], "consumer")

    def shapes(self, parties: int, size: Size) -> tuple[Shape, ...]:
        behind = sum(self.width(owner) for owner in self.shared)
        providers = [(size.rows, self.width(owner) + behind) for owner in range(len(self.roles(parties)) - 1)]
        return (*providers, (size.rows, self.width(self.providers) + 1))

    def inspect(self, role: str, size: Size, array: Integers) -> None:
        """Own cells alone: what others sent is random."""
        owner = {"first-provider": 0, "second-provider": 1}.get(role, self.providers)
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
        *providers, consumer = [np.asarray(array).astype(object) for array in brought]
        blocks = [array[:, : self.width(owner)] for owner, array in enumerate(providers)]
        starts = [self.width(owner) for owner in range(len(providers))]
        for owner in self.shared:
            whole = sum(array[:, low : low + self.width(owner)] for array, low in zip(providers, starts, strict=True))
            blocks.append((np.asarray(whole) + 2**63) % 2**64 - 2**63)
            starts = [low + self.width(owner) for low in starts]
        blocks.append(consumer[:, :-1])
        labels = consumer[:, -1].astype(np.int64)
        codes: list[Any] = []
        present = np.ones(len(labels), np.int64)
        for owner, block in enumerate(np.asarray(block).astype(np.int64) for block in blocks):
            if self.join == "all" and owner < self.providers:
                present *= block[:, -1]
            at = 0
            for column in self.of(owner):
                sent = block[:, at : at + len(column.sent)]
                codes.append((sent * np.array(column.sent, dtype=np.int64)).sum(axis=1, keepdims=True))
                at += len(column.sent)
        return np.concatenate(codes, axis=1).astype(np.int64), labels, present
