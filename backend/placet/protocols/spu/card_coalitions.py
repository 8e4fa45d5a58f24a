"""The AUCs of coalitions beside a scorecard, on shares (`mpc.card_coalitions`).

Scores are whole numbers, `_UNIT` to a standard deviation, so that they are counted by bands exactly. The label is put
to one width before, lest few positives leave too few bits. Columns of others have a diagonal of their own in a
coalition's matrix, by which their part of the iteration stands still.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from placet.models.contribution import COALITION_BANDS, METRIC_UNIT
from placet.protocols.mpc.scorecard import ScorecardTrain
from placet.protocols.spu.cells import Cells
from placet.protocols.spu.merging import Array
from placet.protocols.spu.searching import in_bands, running_totals

_UNIT = 1024
_EDGES = np.array([round(_UNIT * NormalDist().inv_cdf(place / COALITION_BANDS)) for place in range(1, COALITION_BANDS)])
_INVERSE_STEPS = 16
_LEAST_VARIANCE = 1e-3


def card_points(program: ScorecardTrain, gram: Array, products: Array, woe: Array, spread: Array) -> Array:
    """(cells + 1, coalitions): points of each cell, and what all scores are less by. `gram` (columns + 1,) squared has
    the means of products of columns, the last one 1; `products` those of columns and label."""
    import jax
    import jax.numpy as jnp

    owners = np.array([column.owner for column in program.columns])
    masks = np.array([np.isin(owners, [*one]) for one in program.coalitions]).astype(np.float32)
    wide, ridge = len(owners), 4 * program.l2 / 1000
    unit = np.eye(wide, dtype=np.float32)
    mean, share = gram[-1, :-1], products[-1]
    spread_of = gram[:-1, :-1] - mean[:, None] * mean[None, :]
    pull = (products[:-1] - share * mean) * jax.lax.rsqrt(share * (1 - share) + _LEAST_VARIANCE)
    trace = jnp.trace(spread_of) + ridge * wide
    within = masks[:, :, None] * masks[:, None, :]
    others = unit[None] * (1 - masks)[:, :, None]
    parts = spread_of[None] * within + ridge * unit[None] * within + trace * others

    def step(_: int, inverse: Array) -> Array:
        return inverse @ (2 * unit[None] - parts @ inverse)

    start = unit[None] * jnp.reciprocal(trace) * np.ones((len(masks), 1, 1), np.float32)
    inverse = jax.lax.fori_loop(0, _INVERSE_STEPS, step, start)
    weights = (inverse * (pull[None, :] * masks)[:, None, :]).sum(axis=2)
    variance = (weights * (weights @ spread_of)).sum(axis=1)
    weights = weights * jax.lax.rsqrt(variance + _LEAST_VARIANCE)[:, None]
    cells = woe[:, None] * (spread @ weights.T)
    return _rounded(_UNIT * jnp.concatenate([cells, (weights @ mean)[None, :]]))


def card_areas(program: ScorecardTrain, points: Array, cells: Cells, lines: Array) -> Array:
    """(coalitions,) in millionths, of the rows that test: their cells, and 1 for a positive, a negative (2, rows)."""
    import jax.numpy as jnp

    scores = cells.times(points[:-1]) - points[-1][None, :]
    each = [area_by_bands(scores[:, place], _EDGES, lines) for place in range(len(program.coalitions))]
    return _rounded(METRIC_UNIT * jnp.stack(each))


def area_by_bands(score: Array, edges: Array, lines: Array) -> Array:
    """AUC of scores (rows,) in bands between ascending `edges`; `lines` (2, rows) are 1 for a positive, a negative.

    Positives and negatives are counted by band, equal bands by half. Pairs are whole numbers; only their quotient is
    not, of two that are cut to 20 bits, 8 of them fractional, where SPU divides well."""
    import jax.numpy as jnp

    running = running_totals(lines, in_bands(score, edges))
    counts, total = running[:, -1], running[:, -1:]
    each = jnp.concatenate([running[:, :1], running[:, 1:] - running[:, :-1]], axis=1)
    ahead = each[0] @ (2 * running[1] - each[1] - total[1])
    spare = max((lines.shape[1] ** 2 // 4).bit_length() - 20, 0)
    pairs = _real(jnp.stack([ahead, counts[0] * counts[1]]) >> spare) * (1 / 256)
    return 0.5 + 0.5 * (pairs[0] / (pairs[1] + _LEAST_VARIANCE))


def _real(whole: Array) -> Array:
    return whole.astype("float32")


def _rounded(value: Array) -> Array:
    import jax.numpy as jnp

    return jnp.floor(value + 0.5).astype(jnp.int64)
