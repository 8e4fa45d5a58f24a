"""Two indicators of one row: which of their curvatures may be told, and what stands for the others.

A curvature of two indicators is, at equal weights, how many people have both: with what is told of each by itself it
says how many are in each *cell*, who has both, the first alone, the second alone, or neither. Of a cell with one person
it tells his weight, step by step. So it is summed only where two places have the smallest group in each cell. For all
others stands what it were if both were independent. Where enough have both or neither, and too few one alone, it is as
if nobody had, and the same the other way round, as long as that shortens the loss. Newton's steps come to the same
model, since gradients are exact, and need a few more where many pairs are hidden.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Pair: TypeAlias = tuple[int, int]
Alike: TypeAlias = bool | None
"""Have nearly all both indicators or neither? Or one of them? None where nothing is known."""


def pairs_of(owners: Sequence[int | None]) -> list[Pair]:
    """Of indicators of different columns; by number the column whose indicator it is, None for what is none."""
    several = itertools.combinations([place for place, owner in enumerate(owners) if owner is not None], 2)
    return [(i, j) for i, j in several if owners[i] != owners[j]]


def gates(numbers: npt.NDArray[np.float64], pairs: Sequence[Pair], least: int) -> Iterator[int]:
    """Of each pair's four cells whether so many own rows are in it; `numbers`: (rows, numbers)."""
    several = sorted({place for pair in pairs for place in pair})
    own = (numbers[:, several] > 0).astype(np.float64)
    both, each = own.T @ own, own.sum(axis=0)
    at = {place: number for number, place in enumerate(several)}
    for i, j in ((at[i], at[j]) for i, j in pairs):
        alone = each[i] - both[i, j], each[j] - both[i, j]
        yield from (int(cell >= least) for cell in (both[i, j], *alone, len(own) - both[i, j] - sum(alone)))


def hidden_of(pairs: Sequence[Pair], places: Sequence[int], enough: int) -> dict[Pair, Alike]:
    """The pairs that are not summed, by how many places have the smallest group in each cell."""
    cells = [[count >= enough for count in places[start : start + 4]] for start in range(0, 4 * len(pairs), 4)]
    alike: dict[tuple[bool, ...], bool] = {(True, False, False, True): True, (False, True, True, False): False}
    return {pair: alike.get(tuple(own)) for pair, own in zip(pairs, cells, strict=True) if not all(own)}


def fill(curvature: list[list[float]], hidden: Mapping[Pair, Alike]) -> None:
    """In place, by each indicator's own curvature: that with the intercept, the last one."""
    last = len(curvature) - 1
    everybody = curvature[last][last]
    for (i, j), alike in hidden.items():
        own, other = curvature[i][last], curvature[j][last]
        value = own * other / everybody if everybody else 0.0
        if alike is not None:
            value = min(own, other) if alike else max(0.0, own + other - everybody)
        curvature[i][j] = curvature[j][i] = value
