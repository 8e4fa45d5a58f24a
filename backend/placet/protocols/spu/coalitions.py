"""The program `coalitions` as SPU runs it: fixed point of 18 bits in FM64, all of it on shares.

The inverse of a coalition's part of the matrix is found by Newton's and Schulz's iteration, all coalitions at once. A
score is compared with edges between bands of equal share under a normal distribution, so that its scale matters little;
the label is put to one width before, lest few positives leave too few bits. Sums over n rows are taken times 1/1024 and
then 1024/n, since 1/n has too few bits. A secret number of few bits is no factor beside a constant: the compiler
multiplies the two first, and what is left of their product is off by percents.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np

from placet.models.contribution import METRIC_UNIT
from placet.protocols.mpc.coalitions import RIDGE, STEP, Coalitions

Array = Any
"""A jax array under trace."""
BANDS = 64
_EDGES = np.array([NormalDist().inv_cdf(place / BANDS) for place in range(1, BANDS)], np.float32)
_INVERSE_STEPS = 13
_LEAST_VARIANCE = 1e-3


def coalitions(program: Coalitions, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    import jax.numpy as jnp

    *columns, last = arrays.values()
    values = _real(jnp.concatenate([*columns, last[:, :-1]], axis=1)) * (1 / STEP)
    labels = last[:, -1]
    judge = labels[program.train :]
    counts = jnp.stack([judge.sum(), judge.shape[0] - judge.sum()])
    enough = _flags(counts >= program.smallest)
    weights = _weights(program, values[: program.train], labels[: program.train])
    scores = values[program.train :] @ weights.T
    lines = jnp.stack([judge, 1 - judge])
    metrics = [area(scores[:, place], _EDGES, lines) for place in range(len(program.coalitions))]
    return (jnp.floor(METRIC_UNIT * jnp.stack(metrics) + 0.5).astype(jnp.int64) * enough[0] * enough[1],)


def _weights(program: Coalitions, values: Array, labels: Array) -> Array:
    """(coalitions, columns): of the model of each coalition, by which its scores have a variance of 1."""
    import jax
    import jax.numpy as jnp

    def mean(total: Array) -> Array:
        return (total * (1 / 1024)) * (1024 / program.train)

    masks = program.masks.astype(np.float32)
    unit = np.eye(masks.shape[1], dtype=np.float32)
    gram = mean(values.T @ values)
    share = mean(_real(labels.sum()))
    target = (_real(labels) - share) * jax.lax.rsqrt(share * (1 - share) + _LEAST_VARIANCE)
    pull = mean(values.T @ target)[None, :] * masks
    within = masks[:, :, None] * masks[:, None, :]
    parts = gram[None] * within + unit[None] * (1 - masks[:, :, None]) + RIDGE * unit[None] * masks[:, :, None]

    def step(_: int, inverse: Array) -> Array:
        return inverse @ (2 * unit[None] - parts @ inverse)

    start = np.broadcast_to(unit / (len(program.columns) + 0.5), parts.shape)
    inverse = jax.lax.fori_loop(0, _INVERSE_STEPS, step, jnp.array(start))
    weights = (inverse * pull[:, None, :]).sum(axis=2)
    variance = (weights * (weights @ gram)).sum(axis=1)
    return weights * jax.lax.rsqrt(variance + _LEAST_VARIANCE)[:, None]


def area(score: Array, edges: Array, lines: Array) -> Array:
    """AUC of scores (rows,) in bands between ascending `edges`; `lines` (2, rows) are 1 for a positive, a negative.

    Positives and negatives are counted by band, equal bands by half. Pairs are whole numbers; only their quotient is
    not, of two that are cut to 20 bits, 8 of them fractional, where SPU divides well."""
    import jax.numpy as jnp

    counts = lines.sum(axis=1)
    total = counts[:, None]
    running = jnp.concatenate([lines @ _flags(score[:, None] < edges[None, :]), total], axis=1)
    each = jnp.concatenate([running[:, :1], running[:, 1:] - running[:, :-1]], axis=1)
    ahead = each[0] @ (2 * running[1] - each[1] - total[1])
    spare = max((lines.shape[1] ** 2 // 4).bit_length() - 20, 0)
    pairs = _real(jnp.stack([ahead, counts[0] * counts[1]]) >> spare) * (1 / 256)
    return 0.5 + 0.5 * (pairs[0] / (pairs[1] + _LEAST_VARIANCE))


def _real(whole: Array) -> Array:
    return whole.astype("float32")


def _flags(compared: Array) -> Array:
    return compared.astype("int64")
