"""The programs of `mpc.scoring` as SPU runs them: integers alone, all of it on shares but for whether the model is as
it was, which is opened to who computes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from placet.models.probes import trial_weights
from placet.protocols.mpc.scoring import ScoreProgram, TreesScore, WeightedScore
from placet.protocols.spu.top import largest, largest_places

Array = Any
"""A jax array under trace."""
MODEL = "model"
FIRST_PARTS, SECOND_PARTS = "parts-first", "parts-second"
"""Of what parties bring that do not compute: what adds up to it."""
SKEW = "model.skew"


def weighted_score(program: WeightedScore, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    """`scorecard-score` and `linear-score`. `MODEL`: what is kept (`kept_of`); all others are what owners bring (rows,
    own numbers), in the model's order. Rows are applicants, then probes, then what columns can come to. The result, and
    0 where every probe comes to the kept number: their differences, weighted and added up (`trial_weights`)."""
    model, brought = arrays[MODEL], _side_by_side(arrays)
    base, weights = model[0], model[1 : program.numbers]
    own = None if program.reasons is None else _by_column(program, brought, weights)
    sums = base + (brought @ weights if own is None else own.sum(axis=1))
    rows = _Rows.of(program, brought)
    return _told(program, rows, sums, sums, model[program.numbers :], own)


def trees_score(program: TreesScore, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    """`trees-score`, as `weighted_score`."""
    model, brought = arrays[MODEL], _side_by_side(arrays)
    at = 1 + program.trees * program.nodes * program.wide
    yes = model[1:at].reshape(program.trees, program.nodes, program.wide)
    margins, tried = descended(brought, yes, model[at : program.numbers].reshape(program.trees, program.leaves))
    rows = _Rows.of(program, brought)
    return _told(program, rows, model[0] + margins, model[0] + tried, model[program.numbers :], None)


def descended(cells: Array, yes: Array, weights: Array) -> tuple[Array, Array]:
    """Of each row (rows, cells) the weights of the leaves that it comes to, added up; and beside them the numbers of
    the nodes where it goes to `yes` (trees, nodes, cells). `weights` (trees, leaves)."""
    trees, nodes, wide = yes.shape
    sides = (cells @ yes.reshape(trees * nodes, wide).T).reshape(-1, trees, nodes)
    value = weights[None]
    first = nodes // 2
    while True:
        side = sides[:, :, first : 2 * first + 1]
        gone, stays = value[:, :, 0::2], value[:, :, 1::2]
        value = stays + side * (gone - stays)
        if not first:
            break
        first //= 2
    margins = value[:, :, 0].sum(axis=1)
    return margins, margins + sides.reshape(-1, trees * nodes) @ np.arange(1, trees * nodes + 1)


@dataclass(frozen=True)
class _Rows:
    """Which of all rows are applicants, which probes, and which say what columns can come to."""

    applicants: slice
    probes: slice
    extremes: slice

    @classmethod
    def of(cls, program: ScoreProgram, brought: Array) -> _Rows:
        end = brought.shape[0] - program.examples
        applicants = end - program.probes
        probes = slice(applicants, end)
        return cls(slice(applicants), probes, slice(end, None) if program.examples else probes)


def _side_by_side(arrays: Mapping[str, Array]) -> Array:
    """(rows, all columns' numbers)."""
    import jax.numpy as jnp

    blocks = [array for name, array in arrays.items() if name not in (MODEL, SECOND_PARTS)]
    if SECOND_PARTS in arrays:
        place = [name for name in arrays if name not in (MODEL, SECOND_PARTS)].index(FIRST_PARTS)
        blocks[place] = blocks[place] + arrays[SECOND_PARTS]
    return jnp.concatenate(blocks, axis=1)


def _told(
    program: ScoreProgram, rows: _Rows, sums: Array, tried: Array, expected: Array, own: Array | None
) -> tuple[Array, ...]:
    """`own` (rows, columns): what each column adds."""
    import jax.numpy as jnp

    skew = trial_weights(program.probes) @ (tried[rows.probes] - expected)
    value, (unit, bits) = sums[rows.applicants] * program.sign, program.unit
    if unit > 1:
        value = value * unit
    if program.output != "score":
        edges = np.array(program.thresholds, dtype=np.int64)
        value = (value[:, None] >= edges[None, :]).astype(jnp.int64).sum(axis=1)
    elif bits:
        value = jnp.right_shift(value + program.half, bits)
    if program.reasons is None or own is None:
        return (value, skew)
    own = own * program.sign
    best = largest(own[rows.extremes].T)[None, :] if program.reasons.against == "best" else 0
    codes = largest_places(best - own[rows.applicants], min(program.reasons.most, len(program.widths)))
    if program.output == "decision":
        codes = codes * (1 - value)[:, None]
    padding = jnp.zeros((codes.shape[0], program.reasons.most - codes.shape[1]), jnp.int64)
    return (jnp.concatenate([value[:, None], codes, padding], axis=1), skew)


def _by_column(program: WeightedScore, brought: Array, weights: Array) -> Array:
    """(rows, columns): what each column adds. A product a column: one of all cells with a matrix that is zero but for
    each column's own weights takes Cheetah 1.6 times as long, and as much more memory."""
    import jax.numpy as jnp

    ends = itertools.pairwise(itertools.accumulate(program.widths, initial=0))
    return jnp.stack([brought[:, low:high] @ weights[low:high] for low, high in ends], axis=1)
