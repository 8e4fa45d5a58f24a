"""What programs over many parties' columns have in common: whose columns there are, and how they are brought.

Rows stand at the same places at all parties: first those that train, then those that validate, then those that test.
The consumer and the first two providers compute, and bring an array each: first their own columns, which the consumer's
label follows. What is of a provider that does not compute comes as two random-looking parts that add up to it modulo
2^64, of which the first two providers bring one each, behind their own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

import numpy as np
from pydantic import Field, model_validator

from placet.core.values import Value
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.program import Declared, Size, wrong_number

MAX_OWNERS = 8
Row = Annotated[int, Field(strict=True, ge=0, le=2**20)]


class OwnedColumn(Value):
    """A column of `owner`, by its number: providers in the plan's order from 0 on, then the consumer."""

    owner: Annotated[int, Field(strict=True, ge=0, lt=MAX_OWNERS)]


Column = TypeVar("Column", bound=OwnedColumn)


class ColumnsProgram(Declared, Generic[Column]):
    """`providers` and the consumer have columns, or the consumer none. `train` and `validation` are numbers of rows,
    the rest tests. `join`: all rows count, or those that all providers have."""

    providers: Annotated[int, Field(strict=True, ge=1, lt=MAX_OWNERS)]
    columns: Annotated[tuple[Column, ...], Field(min_length=1, max_length=512)]
    train: Row
    validation: Row
    join: Literal["all", "any"]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        owners = [column.owner for column in self.columns]
        if owners != sorted(owners) or max(owners) > self.providers:
            raise ValueError("columns by their owners' order")
        if not set(owners) >= set(range(self.providers)):
            raise ValueError("columns of each provider")
        return self

    def of(self, owner: int) -> tuple[Column, ...]:
        """One owner's columns."""
        return tuple(column for column in self.columns if column.owner == owner)

    @abstractmethod
    def width(self, owner: int) -> int:
        """Numbers a row that one owner's columns are brought in."""

    @property
    def shared(self) -> tuple[int, ...]:
        """Owners that do not compute."""
        return tuple(range(2, self.providers))

    def rows(self, size: Size) -> tuple[range, range, range]:
        """The places of rows that train, validate and test."""
        second = self.train + self.validation
        return range(self.train), range(self.train, second), range(second, size.rows)

    def roles(self, parties: int) -> tuple[str, ...]:
        expected = min(self.providers, 2) + 1
        if parties != expected:
            raise wrong_number(self, f"{expected} that compute", parties)
        return (*("first-provider", "second-provider")[: expected - 1], "consumer")

    def owner_of(self, role: str) -> int:
        """Whose columns come first in what a role brings."""
        return {"first-provider": 0, "second-provider": 1}.get(role, self.providers)

    def by_owner(self, arrays: Sequence[Any]) -> list[Any]:
        """Each owner's columns (rows, `width`) from all that was brought, the consumer's with its label behind them.
        What came in two parts is their sum, as the ring of the arrays adds."""
        *providers, consumer = arrays
        blocks = [array[:, : self.width(owner)] for owner, array in enumerate(providers)]
        at = [self.width(owner) for owner in range(len(providers))]
        for owner in self.shared:
            wide = self.width(owner)
            blocks.append(sum(array[:, low : low + wide] for array, low in zip(providers, at, strict=True)))
            at = [low + wide for low in at]
        return [*blocks, consumer]

    def opened_by_owner(self, brought: Sequence[Integers]) -> list[Integers]:
        """`by_owner` of integers that are no shares: sums of two parts modulo 2^64, between -2^63 and 2^63."""
        blocks = self.by_owner([np.asarray(array).astype(object) for array in brought])
        return [((block + 2**63) % 2**64 - 2**63).astype(np.int64) for block in blocks]
