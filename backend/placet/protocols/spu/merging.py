"""Which places between neighbouring bands or bins stay, so that none is too small to be told, on shares.

`models.bands.kept_places` walks from place to place, each step to the next one that is far enough. Under the protocol
no step may depend on where it is, so the steps are a matrix (a row has a 1 at most: where the walk goes on from there),
and its powers by squaring give all places that are reached, in a logarithm of the rounds that walking would take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = Any
"""A jax array under trace, of 64-bit integers."""


def running_at(running: Array, places: Sequence[int]) -> Array:
    """Running totals at places between bands, of which the first is 0: the last axis of `running` has one a band."""
    import jax.numpy as jnp

    nothing = jnp.zeros((*running.shape[:-1], 1), jnp.int64)
    return jnp.concatenate([nothing, running[..., np.array(places[1:]) - 1]], axis=-1)


def enough(running: Array, smallest: int, spare: Array | None = None) -> Array:
    """(from, to): 1 where every line has the smallest group between two places, by running totals (lines, places).
    `spare` (lines,) is what a line that is not told lacks to it."""
    import jax.numpy as jnp

    size = running.shape[-1]
    low, high = np.triu_indices(size, 1)
    between = running[:, high] - running[:, low]
    if spare is not None:
        between = between + spare[:, None]
    return _above(flags(jnp.all(between >= smallest, axis=0)), size)


def kept(forced: Array, far: Array) -> Array:
    """1 for each place that stays, those that are `forced` among them; `far` is what `enough` says of two places."""
    import jax.numpy as jnp

    size = forced.shape[0]
    nothing = np.zeros((size, 1), dtype=np.int64)
    passed = forced @ np.triu(np.ones((size, size), dtype=np.int64))
    between = flags(passed[None, :] == passed[:, None]) * np.triu(np.ones((size, size), dtype=np.int64))
    ahead = jnp.concatenate([nothing, between[:, :-1]], axis=1) * forced[None, :]
    room = (ahead * far).sum(axis=1)
    nearest = far - jnp.concatenate([nothing, far[:, :-1]], axis=1)
    steps = nearest * between * room[None, :]
    stays = forced
    for doubling in range((size - 1).bit_length()):
        if doubling:
            steps = steps @ steps
        stays = stays + stays @ steps
    return stays


def together(stays: Array) -> Array:
    """(bands, bands): 1 where no place that stays is between two bands, of `kept` places."""
    size = stays.shape[0] - 1
    low, high = np.triu_indices(size, 1)
    group = stays[:-1] @ np.triu(np.ones((size, size), dtype=np.int64))
    later = _above(flags(group[low] == group[high]), size)
    return later + later.T + np.eye(size, dtype=np.int64)


def _above(pairs: Array, size: int) -> Array:
    """(size, size) with a number for each pair of a place and a later one, row by row, and 0 elsewhere."""
    import jax.numpy as jnp

    starts = np.cumsum([0, *range(size - 1, 0, -1)])
    rows = [
        jnp.concatenate([np.zeros(place + 1, np.int64), pairs[starts[place] : starts[place + 1]]])
        for place in range(size - 1)
    ]
    return jnp.stack([*rows, jnp.zeros(size, jnp.int64)])


def flags(compared: Array) -> Array:
    """1 and 0 of what was compared."""
    return compared.astype("int64")
