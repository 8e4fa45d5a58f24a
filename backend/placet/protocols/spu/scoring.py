"""The program `scorecard-score` as SPU runs it: integers alone, all of it on shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from placet.protocols.mpc.scoring import ScorecardScore

Array = Any
"""A jax array under trace."""
POINTS = "points"


def scorecard_score(program: ScorecardScore, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    """`points`: (1 + cells,), the base first; all others are owners' cells (rows, own cells), in the points' order."""
    import jax.numpy as jnp

    points = arrays[POINTS]
    cells = jnp.concatenate([array for name, array in arrays.items() if name != POINTS], axis=1)
    score = points[0] + cells @ points[1:]
    if program.output == "score":
        return (score,)
    edges = np.array(program.edges, dtype=np.int64)
    return ((score[:, None] >= edges[None, :]).astype(jnp.int64).sum(axis=1),)
