"""The circuit of `coalitions` on plain arrays against the reference, over random owners: a program of its own, since
JAX starts threads. Usage: circuit_of_coalitions.py CASES"""

from __future__ import annotations

import os
import sys

os.environ |= {"JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}

import jax.numpy as jnp
import numpy as np
from numpy.random import Generator, default_rng

from placet.protocols.mpc.coalitions import TOLERANCE, Coalitions, Size
from placet.protocols.mpc.numbers import Integers
from placet.protocols.spu.coalitions import coalitions

SEED = 20261129


def owners(program: Coalitions, chance: Generator, rows: int, rate: float) -> list[Integers]:
    """What owners bring whose columns say something of one label, some of it twice."""
    hidden = chance.normal(size=rows)
    labels = (hidden + chance.normal(size=rows) > np.quantile(hidden, 1 - rate)).astype(np.int64)
    brought = []
    for owner, width in enumerate(program.columns):
        own = chance.normal(size=(rows, width)) * 10 ** chance.uniform(-3, 3, size=width)
        own += np.outer(hidden, own.std(axis=0) * chance.uniform(0, 1.2, size=width)) if width else 0
        if width > 2:
            own[:, -1] = own[:, 0]
        last = owner == len(program.columns) - 1
        brought.append(program.bring(own, labels.tolist() if last else None))
    return brought


def compare(chance: Generator) -> int:
    """One table; how far the circuit is off at the most, in millionths."""
    widths = tuple(int(chance.integers(1, 7)) for _ in range(int(chance.integers(1, 3))))
    program = Coalitions(
        rule="shapley" if chance.random() < 0.7 else "leave-one-out",
        columns=(*widths, int(chance.integers(0, 5))),
        train=int(chance.integers(1_000, 5_000)),
        smallest=20,
    )
    size = Size(program.train + int(chance.integers(1_000, 4_000)))
    brought = owners(program, chance, size.rows, float(chance.uniform(0.05, 0.5)))
    for owner, array in enumerate(brought):
        program.brings(owner, len(brought), size, array)
    expected = program.reference(brought)
    (found,) = coalitions(program, {str(owner): jnp.array(array) for owner, array in enumerate(brought)})
    off = int(np.abs(np.asarray(found) - expected.astype(np.int64)).max())
    assert off <= TOLERANCE, (program, expected.tolist(), np.asarray(found).tolist())
    assert min(expected) > 300_000, "an AUC"
    return off


if __name__ == "__main__":
    chance = default_rng(SEED)
    print(max(compare(chance) for _ in range(int(sys.argv[1]))))
