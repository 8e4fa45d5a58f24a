"""What every program has: roles, shapes, a check of what is brought, a bound on its numbers, a plaintext reference."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from placet.core.errors import DataError, InputError, LimitError, PlanError
from placet.core.values import Value
from placet.protocols.mpc.numbers import MAX_CELLS, Integers, Magnitudes, Numbers, Ring, require_within

MAX_PARTIES = 64
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Size:
    """How much a run is about: `rows` rows; for `dot` also the `length` of the vector and of each row."""

    rows: int
    length: int = 1

    def __post_init__(self) -> None:
        if min(self.rows, self.length) < 1:
            raise InputError("nothing to compute on", expected="at least one row", found=f"{self.rows}")
        if self.rows * self.length > MAX_CELLS:
            raise LimitError("too many rows", expected=f"at most {MAX_CELLS}", found=self.rows * self.length)


class Declared(Value):
    """One program. Parties are numbered in the order in which the plan names those that bring something."""

    program: str

    def roles(self, parties: int) -> tuple[str, ...]:
        """What each party is to the program; PlanError for the wrong number of parties."""
        if not 2 <= parties <= MAX_PARTIES:
            raise wrong_number(self, f"2 to {MAX_PARTIES}", parties)
        return ("values",) * parties

    def shapes(self, parties: int, size: Size) -> tuple[Shape, ...]:
        """The shape of what each party brings."""
        return ((size.rows,),) * len(self.roles(parties))

    def output_shape(self, size: Size) -> Shape:
        return (size.rows,)

    @abstractmethod
    def magnitudes(self, parties: int, size: Size) -> Magnitudes:
        """The largest absolute values there can be; differences for comparisons are on the way."""

    @abstractmethod
    def compute(self, brought: Sequence[Integers]) -> Integers:
        """The result, exactly, of Python integers (dtype object) of the right shapes."""

    def brings(self, party: int, parties: int, size: Size, array: Integers) -> None:
        """DataError unless this is what this party may bring: its shape, integers, and the program's own rules."""
        shape = self.shapes(parties, size)[party]
        if array.shape != shape or array.dtype not in (np.dtype(np.int64), np.dtype(object)):
            raise DataError(
                f"{self.program} takes something else of party {party}",
                expected=f"integers of shape {shape}",
                found=f"{array.dtype} of shape {array.shape}",
            )
        self.inspect(self.roles(parties)[party], size, array)

    @abstractmethod
    def inspect(self, role: str, size: Size, array: Integers) -> None:
        """DataError unless the numbers, of the right shape, are within what the program declares."""

    def reference(self, brought: Sequence[Integers]) -> Integers:
        """The result in the clear, exactly, as Python integers (dtype object)."""
        return self.compute([np.asarray(array).astype(object) for array in brought])

    @abstractmethod
    def read(self, result: Integers) -> dict[str, JsonValue]:
        """A result as JSON; numbers are decimal strings in the smallest unit, `decimals` says its scale."""

    def require_range(self, parties: int, size: Size, ring: Ring) -> None:
        """PlanError, before anything runs, unless no value can overflow the engine's ring."""
        require_within(ring, f"{self.program} over {size.rows} rows", self.magnitudes(parties, size))


class RowWise(Declared):
    """A number for each row from every party."""

    values: Numbers

    def bring(self, values: Sequence[int] | Integers) -> Integers:
        """A party's numbers, row by row."""
        return self.values.take(values)

    def inspect(self, role: str, size: Size, array: Integers) -> None:
        self.values.take(array)


def bring_present(numbers: Numbers, values: Sequence[int | None]) -> Integers:
    """Two lines: each row's value, and 1 where there is one; 0 and 0 for None."""
    taken = numbers.take([0 if value is None else value for value in values])
    return np.stack([taken, np.array([value is not None for value in values]).astype(taken.dtype)])


def inspect_present(numbers: Numbers, array: Integers) -> None:
    """DataError unless `bring_present` could have made it."""
    numbers.take(array[0])
    if not np.isin(array[1], (0, 1)).all() or (array[0][array[1] == 0] != 0).any():
        raise DataError("a value in a row that is not there", expected="0 where the second line is 0, else 1 there")


def pair(program: Declared, parties: int, roles: tuple[str, str]) -> tuple[str, ...]:
    if parties != 2:
        raise wrong_number(program, f"2: {' and '.join(roles)}", parties)
    return roles


def wrong_number(program: Declared, expected: str, found: int) -> PlanError:
    return PlanError(f"the wrong number of parties for {program.program}", expected=expected, found=found)


def add(arrays: Sequence[Integers]) -> Integers:
    total = arrays[0]
    for array in arrays[1:]:
        total = total + array
    return total


def strings(result: Integers) -> list[JsonValue]:
    return [str(int(value)) for value in result]
