"""Permutation importance: by how much the AUC falls when a column's values stand in other rows (Breiman, "Random
forests", Machine Learning 45(1), 2001).

Rows that are judged stand in a secret random order, so values that are moved on by some places come from any others:
which places is public, and under MPC costs nothing. A value is taken from a row that counts; where `TRIES` rows in turn
do not, it stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

import numpy as np
import numpy.typing as npt

AREA_UNIT = 10_000
"""An AUC of 1, in what is opened of shares: four digits, lest many numbers together tell of single rows."""
TRIES = 4
Integers = npt.NDArray[np.int64]


def judged_rows(train: int, validation: int) -> slice:
    """The rows on which moved values are judged: those that validate, or test where none do."""
    return slice(train, train + validation if validation else None)


def turns(rows: int, permutations: int, tries: int = 1) -> tuple[tuple[int, ...], ...]:
    """Of each permutation by how many places values move on, first and where that row does not count: all different,
    and none by nothing, if there are enough rows."""
    steps = [max(1, place * rows // (permutations * tries + 1)) for place in range(1, permutations * tries + 1)]
    return tuple(tuple(steps[turn::permutations]) for turn in range(permutations))


def moved(values: Integers, counts: Integers, steps: Sequence[int]) -> Integers:
    """`values` (rows, columns) that moved on; `counts` (rows,) is 1 for each row that counts, else 0."""
    there = values
    for step in reversed(steps):
        there = there + np.roll(counts, step)[:, None] * (np.roll(values, step, axis=0) - there)
    return there


def falls(area: Callable[[Integers], float], whole: Integers, others: Iterable[Integers]) -> float:
    """By how much the AUC of `others` is less than that of the `whole`, on the mean."""
    return area(whole) - fmean(map(area, others))
