"""What parties bring to a linear model of prepared columns: each its own columns of the rows, and the label.

Each party that computes brings one array of 64-bit integers, a row a line: its prepared numbers, a 1 for each number
that differs from its column's most frequent one, a 1 where a provider has the row, if only rows of all count; the
consumer its label behind them (`bring_label`). What a party that does not compute brings comes as two random-looking
parts, as in `scorecard`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from placet.core.errors import DataError
from placet.models.choices import Family, Levels, Missing, Statistics
from placet.models.preparing import LIMIT, UNIT, Prepared
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.owners import ColumnsProgram, OwnedColumn
from placet.protocols.mpc.program import Shape, Size

LABEL_UNIT = 1024
"""Of a label that is a number, and of what goes with it."""
MAX_LABEL = 64
"""In units of the labels' spread, or of their mean."""


class DesignColumn(OwnedColumn):
    """A column that is brought as prepared numbers."""

    kind: Literal["number", "category"]
    levels: Levels = 2
    missing: Missing = "own"

    @property
    def width(self) -> int:
        """As `models.preparing` lays it out."""
        return (1 if self.kind == "number" else self.levels) + int(self.missing == "own")

    @property
    def numbers(self) -> tuple[bool, ...]:
        """Whether each prepared number is a number, and not an indicator."""
        return (self.kind == "number", *[False] * (self.width - 1))


class DesignProgram(ColumnsProgram[DesignColumn]):
    """`statistics`: none, besides the model, or instead of it; then no label is brought."""

    family: Family
    statistics: Statistics

    @property
    def wide(self) -> int:
        """Prepared numbers of a row."""
        return sum(column.width for column in self.columns)

    @property
    def numbers(self) -> tuple[bool, ...]:
        """Of each prepared number whether it is no indicator."""
        return tuple(number for column in self.columns for number in column.numbers)

    @property
    def widths(self) -> tuple[int, ...]:
        """Prepared numbers of each column."""
        return tuple(column.width for column in self.columns)

    def layout(self, owner: int) -> tuple[int, int, int]:
        """What a row of one owner's is brought in: prepared numbers, flags, and 1 for whether a provider has it."""
        own = self.of(owner)
        flags = sum(column.kind == "number" for column in own)
        return sum(column.width for column in own), flags, int(self.join == "all" and owner < self.providers)

    def width(self, owner: int) -> int:
        """Numbers a row that one owner's columns are brought in."""
        return sum(self.layout(owner))

    @property
    def labels(self) -> int:
        """Numbers a row of the label: itself; for a number also what goes with it, and whether it is unusual."""
        return 0 if self.statistics == "only" else 1 if self.family == "logistic" else 3

    @property
    def blocks(self) -> bool:
        """Whether each party brings sums of products of its own columns, which it knows where all rows count: with two
        parties, for whom products on shares are dear."""
        return self.providers == 1 and self.join == "any"

    def below(self, owner: int) -> int:
        """Lines that an owner brings below its rows: those sums, over the rows that train."""
        return self.layout(owner)[0] if self.blocks else 0

    def whole(self, owner: int, prepared: Prepared, present: npt.NDArray[np.bool_], labels: Any = None) -> Integers:
        """All that an owner brings of its own columns, and the consumer of its `labels`."""
        brought = self.bring(owner, prepared, present)
        if labels is not None:
            brought = np.concatenate([brought, self.bring_label(labels)], axis=1)
        if not (below := self.below(owner)):
            return brought
        own = brought[: self.train, :below]
        return np.concatenate([brought, np.pad(own.T @ own, ((0, 0), (0, brought.shape[1] - below)))], axis=0)

    def bring(self, owner: int, prepared: Prepared, present: npt.NDArray[np.bool_]) -> Integers:
        """What an owner's prepared rows (rows, own prepared numbers) come to, as (rows, `width`). Where a row is not
        `present` its values are missing, or it does not count at all."""
        wide, _, presence = self.layout(owner)
        there = np.asarray(prepared, dtype=np.int64).reshape(len(present), wide) * present[:, None]
        places = np.flatnonzero([number for column in self.of(owner) for number in column.numbers])
        lines = [there, *(_unusual(there[:, place], present)[:, None] for place in places)]
        if self.join == "any":
            at = 0
            for column in self.of(owner):
                at += column.width
                if column.missing == "own":
                    there[~present, at - 1] = UNIT
        if presence:
            lines.append(present[:, None].astype(np.int64))
        return np.concatenate(lines, axis=1)

    def bring_label(self, labels: npt.NDArray[np.float64]) -> Integers:
        """Labels as the consumer brings them, (rows, `labels`): 0 and 1; or numbers by their spread or mean, with their
        square, or their product with their logarithm, and a 1 where they are not the most frequent one. DataError for a
        number beyond `MAX_LABEL`."""
        if self.statistics == "only":
            return np.zeros((len(labels), 0), np.int64)
        if self.family == "logistic":
            return np.asarray(labels, dtype=np.int64)[:, None]
        if np.abs(labels).max(initial=0) > MAX_LABEL:
            raise DataError(
                "a label is too far from the others",
                expected=f"within {MAX_LABEL} times their {'mean' if self.family == 'poisson' else 'spread'}",
                code="joint.label",
            )
        whole = np.rint(labels * LABEL_UNIT).astype(np.int64)
        exact = whole / LABEL_UNIT
        beside = exact**2 if self.family == "linear" else exact * np.log(np.maximum(exact, 1e-9))
        unusual = _unusual(whole, np.ones(len(whole), np.bool_))
        return np.stack([whole, np.rint(beside * LABEL_UNIT).astype(np.int64), unusual], axis=1)

    def shapes(self, parties: int, size: Size) -> tuple[Shape, ...]:
        behind = sum(self.width(owner) for owner in self.shared)
        lines = {owner: size.rows + self.below(owner) for owner in (0, 1, self.providers)}
        providers = [(lines[owner], self.width(owner) + behind) for owner in range(len(self.roles(parties)) - 1)]
        return (*providers, (lines[self.providers], self.width(self.providers) + self.labels))

    def inspect(self, role: str, size: Size, array: Integers) -> None:
        """Own numbers alone: what others sent is random."""
        owner = self.owner_of(role)
        wide, flags, presence = self.layout(owner)
        array, below = array[: size.rows], array[size.rows :, :wide]
        numbers = np.array([number for column in self.of(owner) for number in column.numbers], dtype=np.bool_)
        prepared = array[:, :wide]
        fits = not wide or (
            np.abs(prepared[:, numbers]).max(initial=0) <= LIMIT * UNIT
            and np.isin(prepared[:, ~numbers], (0, UNIT)).all()
        )
        own = array[: self.train, :wide].astype(np.int64)
        fits = fits and (not len(below) or np.array_equal(own.T @ own, below.astype(np.int64)))
        fits = fits and np.isin(array[:, wide : wide + flags + presence], (0, 1)).all()
        label = array[:, wide + flags + presence :] if role == "consumer" else array[:, :0]
        if label.shape[1] == 1:
            fits = fits and np.isin(label, (0, 1)).all()
        elif label.shape[1]:
            fits = fits and np.abs(label[:, 0]).max(initial=0) <= MAX_LABEL * LABEL_UNIT
            fits = fits and np.isin(label[:, 2], (0, 1)).all()
        if not fits:
            raise DataError("a prepared number or label that there can't be", expected="as the program declares them")

    def put_together(self, brought: Sequence[Integers]) -> Whole:
        """In the clear: what all have brought, by what it is."""
        rows = len(brought[-1]) - self.below(self.providers)
        blocks = self.opened_by_owner([array[:rows] for array in brought])
        prepared, flags, present = [], [], np.ones(rows, np.int64)
        for owner, block in enumerate(blocks):
            wide, more, presence = self.layout(owner)
            prepared.append(block[:, :wide])
            flags.append(block[:, wide : wide + more])
            present = present * block[:, wide + more] if presence else present
        labels = blocks[-1][:, self.width(self.providers) :]
        whole = np.concatenate(prepared, axis=1)
        return Whole(whole, self.counted(whole, np.concatenate(flags, axis=1)), labels, present)

    def counted(self, prepared: Integers, flags: Integers) -> Integers:
        """(rows, `wide`): what is counted of each prepared number, an indicator or whether a number is unusual."""
        lines, flag = [], 0
        for place, number in enumerate(self.numbers):
            lines.append(flags[:, flag] if number else prepared[:, place] // UNIT)
            flag += number
        return np.stack(lines, axis=1)


@dataclass(frozen=True)
class Whole:
    """What all parties brought: prepared numbers, what is counted of them, labels, and 1 for each row that counts."""

    prepared: Integers
    flags: Integers
    labels: Integers
    present: Integers


def _unusual(numbers: Integers, present: npt.NDArray[np.bool_]) -> Integers:
    """1 where a number is not the most frequent one of those that are there."""
    if not present.any():
        return np.zeros(len(numbers), np.int64)
    values, counts = np.unique(numbers[present], return_counts=True)
    return np.asarray((numbers != values[np.argmax(counts)]) & present, dtype=np.int64)
