"""How many common identifiers are in each cell of one side's and class of the other's, on shares.

One side says of each of its identifiers which cells it is in, the other which class it is of. A bin's class is compared
with each that there is, so whatever the other side brings, an identifier counts once and in one class at the most: who
lists somebody many times over, or with a weight, does not lift him above the noise. A class becomes a power of two, so
far from the next one that counts never meet: one product with a cell counts all classes at once, as digits of one
number. They are parted once they are sums, cell by cell and not row by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from placet.core.values import Value

Array = Any
"""A jax array under trace."""
NOISE = ("noise-0", "noise-1")
"""By rank, what each of two parties adds to counts."""
WORD_BITS = 62
MAX_CLASSES = 32
MAX_AT_ONCE = 1 << 17
"""Comparisons."""


class MatchedTable(Value):
    """`smallest`: below it a count does not come out. `bits` has room for all rows of who brings the cells: so many may
    match whatever the other side brings."""

    smallest: Annotated[int, Field(strict=True, ge=1, le=2**31)]
    classes: Annotated[int, Field(strict=True, ge=1, le=MAX_CLASSES)]
    bits: Annotated[int, Field(strict=True, ge=1, le=WORD_BITS)]

    @property
    def in_a_word(self) -> int:
        return WORD_BITS // self.bits

    @property
    def words(self) -> int:
        """Of each bin."""
        return -(-self.classes // self.in_a_word)


def parts(bins: int, depth: int) -> Iterator[slice]:
    """Bins that are compared at a time: what they take is free before the next ones."""
    step = max(1, MAX_AT_ONCE // depth)
    return (slice(start, start + step) for start in range(0, bins, step))


def commons(arrays: Mapping[str, Array], some: slice) -> Array:
    """1 where an entry of these `simple` bins (n, depth) equals its bin's `cuckoo` entry (n,), else 0."""
    import jax.numpy as jnp

    return (arrays["simple"][some] == arrays["cuckoo"][some][:, None]).astype(jnp.int64)


def once(common: Array) -> Array:
    """1 for each bin (n, depth) with an entry that is common, however many are."""
    import jax.numpy as jnp

    return 1 - (jnp.sum(common, axis=1) == 0).astype(jnp.int64)


def matched_table(asked: MatchedTable, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    """Of `simple` bins (n, depth) that equal their bin's `cuckoo` entry (n,), with `classes` (n, depth), from 1 on, and
    `cells` (n, cells) of what lies there: counts (classes · cells,), with each rank's noise, 0 where one is below
    `smallest` then."""
    import jax.numpy as jnp

    sums: Array = 0
    numbers, shifts = np.arange(1, asked.classes + 1), asked.bits * (np.arange(asked.classes) % asked.in_a_word)
    weights = np.zeros((asked.words, asked.classes), np.int64)
    weights[np.arange(asked.classes) // asked.in_a_word, np.arange(asked.classes)] = np.int64(1) << shifts
    for some in parts(*arrays["simple"].shape):
        of_bin = jnp.sum(arrays["classes"][some] * commons(arrays, some), axis=1)
        among = (of_bin[None, :] == numbers[:, None]).astype(jnp.int64)
        sums = sums + (weights @ among) @ arrays["cells"][some]
    mask = (1 << asked.bits) - 1
    counts = [
        jnp.bitwise_and(jnp.right_shift(sums[one // asked.in_a_word], int(shifts[one])), mask)
        for one in range(asked.classes)
    ]
    noisy = jnp.concatenate(counts) + arrays[NOISE[0]] + arrays[NOISE[1]]
    return (noisy * (noisy >= asked.smallest).astype(jnp.int64),)
