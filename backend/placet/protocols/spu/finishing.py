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
from placet.protocols.spu.scorecard import band_table
from placet.protocols.spu.scoring import descended

Array = Any
"""A jax array under trace."""


def trees_finish(program: TreesFinish, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    import jax.numpy as jnp

    margins, labels, grow = arrays[STATE][0], arrays[LABELS], program.grow
    middle = _mean(margins[: grow.train])
    away = margins[: grow.train] - middle
    variance = _mean(away * away)
    width = jnp.sqrt(jnp.where(variance > MIN_WIDTH**2, variance, MIN_WIDTH**2))
    edges = _rounded(SCORE_UNIT * (middle + width * np.array(QUANTILES, np.float32)))
    scores = _rounded(SCORE_UNIT * margins)
    parts = [edges]
    ends = (grow.train, grow.train + grow.validation, labels.shape[0])
    for low, high in itertools.pairwise(ends):
        if low == high:
            parts.append(jnp.zeros((TABLE,), jnp.int64))
            continue
        hits = labels[low:high]
        parts += band_table(scores[low:high], jnp.stack([hits, 1 - hits]), edges, grow.smallest)
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


def _mean(values: Array) -> Array:
    """1/n has too few bits: of 1/1024, then times 1024/n."""
    return (values * (1 / 1024)).sum() * (1024 / values.shape[0])


def _rounded(value: Array) -> Array:
    import jax.numpy as jnp

    return jnp.floor(value + 0.5).astype(jnp.int64)
