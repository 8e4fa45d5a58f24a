"""AUCs of scores with one column's values moved to other rows, on shares (`models.permuting`)."""

from __future__ import annotations

from collections.abc import Sequence

from placet.models.permuting import AREA_UNIT, TRIES, turns
from placet.protocols.spu.card_coalitions import area_by_bands
from placet.protocols.spu.merging import Array, flags

EVERY = 2
"""Of the edges between bands, which are as many as a table has."""


def permuted_areas(own: Array, base: Array, edges: Array, lines: Array, permutations: int, smallest: int) -> Array:
    """(1 + columns,): the AUC, and that of each column's values in other rows, in parts of `AREA_UNIT`; 0 of too few.
    `own` (rows, columns) and `base` add up to scores; `lines` (2, rows) are 1 for a positive, a negative, that
    counts."""
    import jax.numpy as jnp

    some = edges[EVERY - 1 :: EVERY]
    score, counts = base + own.sum(axis=1), lines.sum(axis=0)
    sums = [permutations * area_by_bands(score, some, lines)] + [0] * own.shape[1]
    for steps in turns(own.shape[0], permutations, TRIES):
        others = score[:, None] + moved(own, counts, steps) - own
        sums[1:] = [one + area_by_bands(others[:, place], some, lines) for place, one in enumerate(sums[1:])]
    enough = flags(lines.sum(axis=1) >= smallest)
    areas = jnp.floor(jnp.stack(sums) * (AREA_UNIT / permutations) + 0.5).astype(jnp.int64)
    return areas * enough[0] * enough[1]


def moved(values: Array, counts: Array, steps: Sequence[int]) -> Array:
    """`models.permuting.moved`."""
    import jax.numpy as jnp

    there = values
    for step in reversed(steps):
        there = there + jnp.roll(counts, step)[:, None] * (jnp.roll(values, step, axis=0) - there)
    return there
