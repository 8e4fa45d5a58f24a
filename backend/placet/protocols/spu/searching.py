"""Which band each row's score is in, by binary search under the protocol.

To compare each row with each edge takes as many comparisons a row as there are edges, and comparisons are what is dear.
A row needs only as many as it takes to halve the bands until one is left, since each tells which half to look at next.
That choice stays shares too: a row carries a 1 for the bands that it may still be in.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any
"""A jax array under trace."""


def in_bands(scores: Array, edges: Array) -> Array:
    """(rows, edges + 1): 1 in the band of each row's score (rows,), else 0. `edges`, which do not descend, are public
    (numpy's) or secret; a score that equals an edge is above it."""
    import jax.numpy as jnp

    rows, bands = scores.shape[0], edges.shape[0] + 1
    leaves = 1 << (bands - 1).bit_length()
    public = isinstance(edges, np.ndarray)
    numbers = np if public else jnp
    ahead = numbers.concatenate([edges, numbers.repeat(edges[-1:], leaves - bands)])
    half = leaves // 2
    above = (scores >= ahead[half - 1])[:, None]
    places = jnp.concatenate([~above, above], axis=1).astype(jnp.int64)
    if not public:
        ahead = ahead[None]
    while half > 1:
        if public:
            middle = places @ ahead[half // 2 - 1 :: half]
        else:
            ahead = jnp.where(above, ahead[:, half:], ahead[:, : half - 1])
            middle = ahead[:, half // 2 - 1]
        half //= 2
        above = (scores >= middle)[:, None]
        higher = jnp.where(above, places, 0)
        places = jnp.stack([places - higher, higher], axis=2).reshape(rows, -1)
    return jnp.concatenate([places[:, : bands - 1], places[:, -1:]], axis=1)


def running_totals(lines: Array, places: Array) -> Array:
    """(lines, bands): of each line of numbers (lines, rows) the sum over rows in a band or below it."""
    bands = places.shape[1]
    return (lines @ places) @ np.triu(np.ones((bands, bands), dtype=np.int64))
