"""The programs of `mpc.programs` as SPU runs them: exact integers, so that each gives what its reference gives.

Inputs and results are 64-bit integers, never real numbers: SPU would round those by its fraction bits, with an error of
its own in each product. A ring of 64 bits (FM64) holds every value that `Program.require_range` lets through for it,
and a comparison is the sign of a difference, which is bounded too. Where something on the way needs more, `ring_of`
takes 128 bits (FM128), which cost more. SPU itself tells no overflow.

Each body takes what the parties bring, in their order, and keeps all of it shares: counts are compared with the
smallest group, and totals with the edges, under the protocol, and only flags multiply on. All edges are compared at
once, since rounds cost more than numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from placet.core.errors import PlanError
from placet.protocols.mpc.numbers import FM64, FM128, Ring
from placet.protocols.mpc.program import Declared
from placet.protocols.mpc.programs import (
    Compare,
    Dot,
    GroupBy,
    GroupTotals,
    Levels,
    Mean,
    PairStatistics,
    Size,
    Sum,
    WeightedSum,
)

Array = Any
"""A jax array under trace, of 64-bit integers."""


def ring_of(program: Declared, parties: int, size: Size) -> Ring:
    """The smaller of SPU's rings that is safe for a run; PlanError, before it, where neither is."""
    try:
        program.require_range(parties, size, FM64)
    except PlanError:
        program.require_range(parties, size, FM128)
        return FM128
    return FM64


def total(_: Sum | Mean, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    """`sum` and `mean`."""
    return (_add(*arrays.values()),)


def weighted_sum(program: WeightedSum, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    return (_add(*(array * weight for array, weight in zip(arrays.values(), program.scaled, strict=True))),)


def dot(_: Dot, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    vector, rows = arrays.values()
    return (rows @ vector,)


def compare(program: Compare, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    larger, smaller = arrays.values()
    flags = _flags(larger > smaller)
    return (flags if program.output == "flags" else flags.sum().reshape(1),)


def group_by(program: GroupBy, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    groups, lines = arrays.values()
    values, present = lines
    return _without_small(program.smallest, present @ groups, values @ groups)


def group_totals(program: GroupTotals, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    counts, sums = _add(*arrays.values())
    return _without_small(program.smallest, counts, sums)


def levels(program: Levels, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    import jax.numpy as jnp

    edges = jnp.array(program.edges, dtype=jnp.int64)
    return (_flags(_add(*arrays.values())[:, None] >= edges[None, :]).sum(axis=1),)


def pair_statistics(program: PairStatistics, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    """A value is 0 where its own side has no row, so that products need no more than the other side's ones."""
    import jax.numpy as jnp

    (first, in_first), (second, in_second) = arrays.values()
    count = in_first @ in_second
    numbers = [count, *[jnp.zeros((), jnp.int64)] * 4]
    if "sums" in program.statistics:
        numbers[1:3] = first @ in_second, in_first @ second
    if "product" in program.statistics:
        numbers[3] = first @ second
    if "larger" in program.statistics:
        larger = (_flags(first > second) * in_first) @ in_second
        sides = _flags(jnp.stack([larger, count - larger]) >= program.smallest)
        numbers[4] = larger * sides[0] * sides[1]
    return (jnp.stack(numbers) * _flags(count >= program.smallest),)


def _without_small(smallest: int, counts: Array, sums: Array) -> tuple[Array, ...]:
    import jax.numpy as jnp

    enough = _flags(counts >= smallest)
    return (jnp.stack([counts * enough, sums * enough]),)


def _flags(compared: Array) -> Array:
    return compared.astype("int64")


def _add(first: Array, *others: Array) -> Array:
    for other in others:
        first = first + other
    return first
