"""The program `trees-finish` as SPU runs it, all of it on shares: bands of margins, and labels counted by them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from placet.models.probes import probe_cells
from placet.protocols.mpc.finishing import BASE, CUTS, LABELS, MIN_WIDTH, NUMBERS, SCORE_UNIT, TreesFinish
from placet.protocols.mpc.growing import STATE
from placet.protocols.mpc.scorecard import QUANTILES, TABLE
from placet.protocols.spu.merging import flags
from placet.protocols.spu.scorecard import band_table
from placet.protocols.spu.scoring import descended

Array = Any
"""A jax array under trace."""
_NOBODY = 2**-17
"""Beside a number of rows in 1024, so that it is not 0."""


def trees_finish(program: TreesFinish, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    import jax.numpy as jnp

    margins, labels, grow = arrays[STATE][0], arrays[LABELS], program.grow
    present = flags(arrays[STATE][2] > 0.5) if grow.join == "all" else None
    train = slice(grow.train)
    middle = _mean(margins[train], None if present is None else present[train])
    away = margins[train] - middle
    variance = _mean(away * away, None if present is None else present[train])
    width = jnp.sqrt(jnp.where(variance > MIN_WIDTH**2, variance, MIN_WIDTH**2))
    edges = _rounded(SCORE_UNIT * (middle + width * np.array(QUANTILES, np.float32)))
    scores = _rounded(SCORE_UNIT * margins)
    parts = [edges]
    ends = (grow.train, grow.train + grow.validation, labels.shape[0])
    for low, high in itertools.pairwise(ends):
        if low == high:
            parts.append(jnp.zeros((TABLE,), jnp.int64))
            continue
        everybody = jnp.ones((high - low,), jnp.int64) if present is None else present[low:high]
        hits = labels[low:high] * everybody
        parts += band_table(scores[low:high], jnp.stack([hits, everybody - hits]), edges, grow.smallest)
    if present is not None:
        people, positives = present[train].sum(), (labels[train] * present[train]).sum()
        either = flags(jnp.stack([positives, people - positives]) >= grow.smallest)
        parts.append(jnp.stack([people, positives]) * either[0] * either[1])
    trees = [(arrays[f"{CUTS}-{number}"], arrays[f"{NUMBERS}-{number}"]) for number in range(program.trees)]
    if grow.keeps:
        cuts, numbers = (jnp.stack(one) for one in zip(*trees, strict=True))
        weights, base = numbers[:, -grow.leaves :], arrays[BASE]
        probes = probe_cells([column.cells for column in grow.columns])
        tried = base + descended(jnp.array(probes), cuts, weights)[1]
        return jnp.concatenate(parts), jnp.concatenate([base, cuts.reshape(-1), weights.reshape(-1), tried])
    for cuts, numbers in trees:
        parts += [cuts.reshape(-1), numbers]
    return (jnp.concatenate(parts),)


def _mean(values: Array, present: Array | None) -> Array:
    """1/n has too few bits: of 1/1024, then times 1024/n. Of rows that are `present`, where they are not all."""
    if present is None:
        return (values * (1 / 1024)).sum() * (1024 / values.shape[0])
    return (values * present * (1 / 1024)).sum() / (present.sum() * (1 / 1024) + _NOBODY)


def _rounded(value: Array) -> Array:
    import jax.numpy as jnp

    return jnp.floor(value + 0.5).astype(jnp.int64)
