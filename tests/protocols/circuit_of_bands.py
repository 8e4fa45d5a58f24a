"""The circuit of `bands` on plain arrays against the reference, over random tables: a program of its own, since JAX
starts threads. Usage: circuit_of_bands.py TABLES"""

from __future__ import annotations

import os
import random
import sys

os.environ |= {"JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}

import jax.numpy as jnp
import numpy as np

from placet.protocols.mpc.numbers import Numbers
from placet.protocols.mpc.programs import Bands, Size
from placet.protocols.spu.banding import bands

SEED = 20261129


def compare(chance: random.Random) -> int:
    """One table; how many bands are told of it."""
    rows, groups, parts = chance.randrange(1, 200), chance.choice([1, 1, 2, 3]), chance.choice([1, 1, 2])
    edges = tuple(sorted(chance.sample(range(-50, 50), chance.randrange(1, 11))))
    program = Bands(
        values=Numbers(bound=100),
        edges=edges,
        thresholds=tuple(sorted(chance.sample(edges, min(len(edges), chance.randrange(0, 4))))),
        groups=groups,
        smallest=chance.randrange(2, 9),
        sums=chance.random() < 0.5,
        exact=groups == parts == 1 and chance.random() < 0.5,
    )
    columns = [[_maybe(chance, chance.randrange(-60, 60)) for _ in range(rows)] for _ in range(parts)]
    labels = [int(chance.random() < 0.3) for _ in range(rows)]
    of_groups = [_maybe(chance, min(chance.randrange(groups), chance.randrange(groups))) for _ in range(rows)]
    bring = program.bring_scores if parts == 1 else program.bring_part
    brought = [*map(bring, columns), program.bring_labels(labels, of_groups if groups > 1 else None)]
    for party, array in enumerate(brought):
        program.brings(party, len(brought), Size(rows), array)
    expected = program.reference(brought)
    (found,) = bands(program, {str(party): jnp.array(array) for party, array in enumerate(brought)})
    assert np.asarray(found).tolist() == expected.tolist(), program
    assert program.reached(expected), program
    return int((expected[0] > 0).sum())


def _maybe(chance: random.Random, value: int) -> int | None:
    return None if chance.random() < 0.1 else value


if __name__ == "__main__":
    chance = random.Random(SEED)
    told = [compare(chance) for _ in range(int(sys.argv[1]))]
    assert min(told) == 0 and max(told) > 3, "tables of all kinds"
