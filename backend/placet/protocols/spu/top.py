"""The largest few of each row and their places, on shares: nothing of the rest comes out, nor how large they are.

A number and its place are one integer, so that a comparison carries both. Sorted lists of as many as are wanted are
merged pair by pair: the largest of two lists are those of the one against the other in reverse, which a bitonic network
sorts again (K. E. Batcher, "Sorting networks and their applications", AFIPS 1968).
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any
"""A jax array under trace."""
_SORTED = {1: (), 2: (((0, 1),),), 4: (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((1, 2),))}
"""Layers of comparisons that sort so many."""


def largest_places(numbers: Array, most: int) -> Array:
    """(rows, `most`): places from 1 on of a row's largest numbers (rows, columns), the first of equal ones first; 0
    where there is no further positive one. Numbers lie within ±2^33, columns are 512 and `most` is 4 at the most."""
    import jax.numpy as jnp

    rows, columns = numbers.shape
    wide = next(power for power in (1, 2, 4) if power >= most)
    unit = 1 << max(columns - 1, 1).bit_length()
    keys = numbers * unit + (unit - 1 - np.arange(columns, dtype=np.int64))[None, :]
    lists = 1 << (max(-(-columns // wide) - 1, 0)).bit_length()
    keys = jnp.concatenate([keys, jnp.zeros((rows, lists * wide - columns), jnp.int64)], axis=1)
    line = keys.T.reshape(lists, wide, rows)
    for layer in _SORTED[wide]:
        line = _layer(line, layer)
    while line.shape[0] > 1:
        half = line.shape[0] // 2
        first, second = line[:half], line[half:][:, ::-1]
        line = _cleaned(jnp.where(first > second, first, second))
    top = line[0][:most].T
    place = unit - jnp.bitwise_and(top, unit - 1)
    return place * (top >= unit).astype(jnp.int64)


def _cleaned(line: Array) -> Array:
    """Bitonic lists (lists, length, rows), sorted."""
    stride = line.shape[1] // 2
    while stride:
        pairs = [(low, low + stride) for low in range(line.shape[1]) if not low & stride]
        line = _layer(line, tuple(pairs))
        stride //= 2
    return line


def _layer(line: Array, pairs: tuple[tuple[int, int], ...]) -> Array:
    """The larger of each pair comes first."""
    import jax.numpy as jnp

    high, low = (jnp.stack([line[:, pair[end]] for pair in pairs], axis=1) for end in (0, 1))
    larger = jnp.where(high > low, high, low)
    smaller = high + low - larger
    there = {place: line[:, place] for place in range(line.shape[1])}
    for at, (first, second) in enumerate(pairs):
        there |= {first: larger[:, at], second: smaller[:, at]}
    return jnp.stack([there[place] for place in sorted(there)], axis=1)


def largest(line: Array) -> Array:
    """The largest of each line (lines, numbers)."""
    import jax.numpy as jnp

    while line.shape[1] > 1:
        if line.shape[1] % 2:
            line = jnp.concatenate([line, line[:, :1]], axis=1)
        half = line.shape[1] // 2
        line = jnp.where(line[:, :half] > line[:, half:], line[:, :half], line[:, half:])
    return line[:, 0]
