"""The program `scorecard-score` as SPU runs it: integers alone, all of it on shares but for whether the model is as it
was, which is opened to who computes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from placet.models.probes import trial_weights
from placet.protocols.mpc.scoring import ScorecardScore
from placet.protocols.spu.top import largest, largest_places

Array = Any
"""A jax array under trace."""
POINTS = "points"
FIRST_PARTS, SECOND_PARTS = "parts-first", "parts-second"
"""Of the cells of parties that do not compute: what adds up to them."""
SKEW = "model.skew"


def scorecard_score(program: ScorecardScore, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    """`points`: what is kept of the model (`kept_of`); all others are owners' cells (rows, own cells), in the points'
    order, the probes' last. Then 0 where every probe's score is the kept one: their differences, weighted and added up
    (`trial_weights`)."""
    import jax.numpy as jnp

    model = arrays[POINTS]
    base, points, expected = model[0], model[1 : 1 + program.cells], model[1 + program.cells :]
    blocks = [array for name, array in arrays.items() if name not in (POINTS, SECOND_PARTS)]
    if SECOND_PARTS in arrays:
        place = [name for name in arrays if name not in (POINTS, SECOND_PARTS)].index(FIRST_PARTS)
        blocks[place] = blocks[place] + arrays[SECOND_PARTS]
    cells = jnp.concatenate(blocks, axis=1)
    rows = cells.shape[0] - program.probes
    own = None if program.reasons is None else _by_column(program, cells, points)
    score = base + (cells @ points if own is None else own.sum(axis=1))
    skew = trial_weights(program.probes) @ (score[rows:] - expected)
    value = score[:rows]
    if program.output != "score":
        edges = np.array(program.edges, dtype=np.int64)
        value = (value[:, None] >= edges[None, :]).astype(jnp.int64).sum(axis=1)
    if program.reasons is None or own is None:
        return (value, skew)
    best = _best(program, points)[None, :] if program.reasons.against == "best" else 0
    codes = largest_places(best - own[:rows], min(program.reasons.most, len(program.bins)))
    if program.output == "decision":
        codes = codes * (1 - value)[:, None]
    padding = jnp.zeros((rows, program.reasons.most - codes.shape[1]), jnp.int64)
    return (jnp.concatenate([value[:, None], codes, padding], axis=1), skew)


def _ends(program: ScorecardScore) -> Iterator[tuple[int, int]]:
    """Where each column's cells begin and end."""
    return itertools.pairwise(itertools.accumulate(program.widths, initial=0))


def _by_column(program: ScorecardScore, cells: Array, points: Array) -> Array:
    """(rows, columns): the points of each row's cell. A product a column: one of all cells with a matrix that is zero
    but for each column's own points takes Cheetah 1.6 times as long, and as much more memory."""
    import jax.numpy as jnp

    return jnp.stack([cells[:, low:high] @ points[low:high] for low, high in _ends(program)], axis=1)


def _best(program: ScorecardScore, points: Array) -> Array:
    """(columns,): the points of each column's best cell."""
    import jax.numpy as jnp

    wide = max(program.widths)
    each = [
        jnp.concatenate([points[low:high], jnp.broadcast_to(points[low], (wide - high + low,))])
        for low, high in _ends(program)
    ]
    return largest(jnp.stack(each))
