"""The program `transfer-judge` as SPU runs it: scores and comparisons exact, the rest fixed point of 18 bits in FM64.

`models.transfer` is the same in the clear. Sums over rows become means over a power of two of rows (`regression` says
why), and sigmoids saturate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from placet.models.regression import CURVATURE, MAX_LOGIT, MOMENTUM
from placet.models.transfer import ALONE, AREA_GAINS, GAINS, LEAST_SPREAD, MAP, RECALIBRATED, SLOPE_PRIOR, SOURCE
from placet.protocols.mpc.transfer import (
    ENLARGED,
    FINE_BITS,
    FIT_BITS,
    LOSS_BITS,
    LOST,
    MOST,
    RANKED,
    SCORE_BITS,
    SQUARE_BITS,
    TransferJudge,
)
from placet.protocols.spu.scorecard import sigmoid
from placet.protocols.spu.scoring import descended

Array = Any
"""A jax array under trace."""
WEIGHTS, DESIGN, BASIS, PULL = "weights", "design", "basis", "pull"
LABELS, OWN, WINS = "labels", "alone", "alone-wins"
"""What a model of the target's own says of the rows that validate: log odds, and `models.transfer.wins`."""


def transfer_judge(program: TransferJudge, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    import jax.numpy as jnp

    scores = _scores(program, arrays[WEIGHTS], arrays[DESIGN])
    source = _real(scores) * 2.0**-SCORE_BITS
    judged = slice(program.train, None)
    intercept, slope, adapted = _adapted(program, arrays, source)
    log_odds = {
        SOURCE: source[judged],
        RECALIBRATED: intercept + slope * source[judged],
        MAP: adapted[judged],
        ALONE: _real(arrays[OWN]) * 2.0**-FINE_BITS,
    }
    lost = _losses(program, jnp.stack([log_odds[name] for name in LOST]))
    by_name = dict(zip(LOST, lost, strict=True))
    apart = jnp.stack([by_name[other] - by_name[own] for own, other in GAINS]) * 2.0**ENLARGED
    numbers = [_rounded(jnp.stack([intercept, slope]) * 2.0**FIT_BITS)]
    for lines in (lost, apart):
        means, squares = lines.sum(axis=1), (lines * lines).sum(axis=1)
        rounded = [means * 2.0 ** (LOSS_BITS - program.spare), squares * 2.0 ** (SQUARE_BITS - program.spare)]
        numbers.append(_rounded(jnp.stack(rounded, axis=1)).reshape(-1))
    fine = _rounded(adapted[judged] * 2.0**FINE_BITS)
    line = jnp.concatenate([*numbers, *_areas(program, jnp.stack([scores[judged], fine]), arrays[WINS])])
    return (jnp.clip(line, -MOST, MOST),)


def _scores(program: TransferJudge, weights: Array, design: Array) -> Array:
    """`SourceWeights.scores`."""
    shape = program.trees
    if shape is None:
        return weights[0] + design @ weights[1:]
    at = 1 + shape.trees * shape.nodes * program.width
    yes = weights[1:at].reshape(shape.trees, shape.nodes, program.width)
    margins, _ = descended(design, yes, weights[at:].reshape(shape.trees, shape.leaves))
    return weights[0] + margins


def _adapted(program: TransferJudge, arrays: Mapping[str, Array], source: Array) -> tuple[Array, Array, Array]:
    """Intercept, slope, and the log odds of all rows by MAP: `models.transfer.recalibrated` and `map_fit`, step by step
    together, since a sigmoid of twice as many rows takes Cheetah little longer."""
    import jax
    import jax.numpy as jnp

    labels, momentum, curvature = _real(arrays[LABELS]), MOMENTUM["logistic"], CURVATURE["logistic"]
    rows, spare = program.train, (program.train - 1).bit_length()
    known, once = source[:rows], 2**spare / rows
    centre = known.sum() * 2.0**-spare * once
    apart = known - centre
    variance = (apart * apart).sum() * 2.0**-spare * once
    inverted = jax.lax.rsqrt(jnp.where(variance > LEAST_SPREAD**2, variance, LEAST_SPREAD**2))
    standard = apart * inverted
    design = jnp.stack([jnp.ones_like(standard), standard])
    start = jnp.stack([centre, jnp.reciprocal(inverted)])
    pulls = np.array([0.0, SLOPE_PRIOR / rows], np.float32)
    lengths = np.array([1 / curvature, 1 / (curvature + SLOPE_PRIOR / rows)], np.float32)
    basis, pull = _real(arrays[BASIS]) * 2.0**-FINE_BITS, _real(arrays[PULL]) * 2.0**-FINE_BITS
    train = basis[:rows]

    def later(_: int, state: tuple[Array, ...]) -> tuple[Array, ...]:
        (line, line_before), (moved, moved_before) = state[:2], state[2:]
        line_ahead = line + momentum * (line - line_before)
        moved_ahead = moved + momentum * (moved - moved_before)
        wrong = labels - sigmoid(jnp.stack([line_ahead @ design, known + train @ moved_ahead]))
        gradient = (design @ wrong[0]) * 2.0**-spare * once - pulls * (line_ahead - start)
        return (
            *(line_ahead + lengths * gradient, line),
            *(moved_ahead + train.T @ wrong[1] - pull * moved_ahead, moved),
        )

    still = jnp.zeros((program.rank,), basis.dtype)
    line, _, moved, _ = jax.lax.fori_loop(0, program.steps, later, (start, start, still, still))
    slope = line[1] * inverted
    return line[0] - slope * centre, slope, source + basis @ moved


def _losses(program: TransferJudge, log_odds: Array) -> Array:
    """(models, rows that validate): `models.transfer.losses`, as max(x, 0) + log(1 + exp(-|x|))."""
    import jax.numpy as jnp

    sides = np.where(np.arange(program.validation) < program.positives, -1, 1).astype(np.float32)
    wrong = log_odds * sides[None, :]
    above = jnp.maximum(wrong, 0.0)
    beyond = jnp.maximum(wrong - 2.0 * above, -MAX_LOGIT)
    return above + jnp.log(1.0 + jnp.exp(beyond))


def _areas(program: TransferJudge, scores: Array, own: Array) -> list[Array]:
    """Pairs ranked right by each of `RANKED`, and the spreads of these and of `AREA_GAINS`, two by two."""
    import jax.numpy as jnp

    positives = program.positives
    left, right = scores[:, :positives, None], scores[:, None, positives:]
    pairs = (left > right).astype(jnp.int64) + 1 - (right > left).astype(jnp.int64)
    both = [
        jnp.concatenate([pairs.sum(axis=axis), part[None, :]])
        for axis, part in ((2, own[:positives]), (1, own[positives:]))
    ]
    places = {name: place for place, name in enumerate(RANKED)}
    sums = jnp.right_shift(both[0].sum(axis=1), program.sum_shift)
    spreads = []
    for won, count, shift in zip(both, (positives, program.negatives), program.spread_shifts, strict=True):
        apart = [won[places[one]] - won[places[other]] for one, other in AREA_GAINS]
        lines = jnp.concatenate([won, jnp.stack(apart)])
        total = lines.sum(axis=1)
        spreads.append(jnp.right_shift(count * (lines * lines).sum(axis=1) - total * total, shift))
    return [sums, jnp.stack(spreads, axis=1).reshape(-1)]


def _real(whole: Array) -> Array:
    return whole.astype("float32")


def _rounded(value: Array) -> Array:
    import jax.numpy as jnp

    return jnp.floor(value + 0.5).astype(jnp.int64)
