"""A logistic regression of rows that lie in several places, from sums alone: equal to that of all rows in one place.

Each place works out its own whole numbers, and what they add up to is all that anybody goes on from. What follows from
the sums is worked out by +, −, ×, / and √ of Python's floats in one order: every machine rounds these alike (IEEE 754),
so all places come to the very same model. Where the sums hold a float of a place's own rows, it is rounded to 2^-16.

*Open* numbers: a sum is opened only where at least `ENOUGH` places have the smallest group in it, so that whoever takes
its own rows away from it is left with a group that is large enough.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from placet.core.errors import InputError
from placet.models.choices import Missing
from placet.models.pooled_pairs import Alike, Pair, fill
from placet.models.preparing import PreparedNumber, standardised
from placet.models.regression import MAX_LOGIT

ENOUGH = 2
FRACTION = 2**16
"""Of one, as sums of floats have it."""
LARGEST_SUMMAND = 64
"""Of one row in any of `Design.sums`."""
SNAP = 2**24
"""Of one, as coefficients have it."""
STEPS = 2**18
"""Between the bounds of a column."""
BANDS = 64
SCORE_UNIT = 10_000
"""Of the log odds by which bands are told."""
MAX_COEFFICIENT = 64.0
FRESH = 0.1
"""A step that moves a coefficient by more is followed by a sum of curvatures; after others the last ones will do."""
CONVERGED = 2.0**-18
LIFTS = 16
Reals = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Totals = Sequence[int]


def differing(numbers: Whole, least: int) -> bool:
    """Are there at least so many rows whose number is not the most frequent one?"""
    if not len(numbers):
        return False
    return bool(len(numbers) - np.unique(numbers, return_counts=True)[1].max() >= least)


def both(labels: Whole, least: int) -> bool:
    """Have at least so many rows either label?"""
    positives = int(labels.sum())
    return min(positives, len(labels) - positives) >= least


# Columns.


def positions(numbers: Reals, low: int, high: int) -> Whole:
    """Where in `STEPS` between the bounds each number is; 0 for what is missing (NaN)."""
    within = (np.clip(numbers, low, high) - low) / (high - low)
    return np.asarray(np.rint(np.where(np.isnan(numbers), 0.0, within) * STEPS), np.int64)


def moments(numbers: Reals, low: int, high: int, *, apart: bool) -> list[int]:
    """How many numbers are known, the sum of their positions and of these squared. Unless what is missing may be told
    `apart`, it counts as known, and as the lower bound."""
    places = positions(numbers, low, high)
    known = int((~np.isnan(numbers)).sum()) if apart else len(numbers)
    return [known, int(places.sum()), int((places**2).sum())]


def standardised_by(totals: Totals, low: int, high: int, missing: Missing) -> PreparedNumber:
    """The column as all places prepare it, by the sums of `moments`."""
    known, total, squares = totals
    unit = (high - low) / STEPS
    if not known:
        return standardised(low, high, float(low), 0.0, missing)
    spread = math.sqrt(max(0, known * squares - total**2)) / known
    return standardised(low, high, low + unit * (total / known), unit * spread, missing)


# The fit.


@dataclass(frozen=True)
class Design:
    """A place's own training rows: numbers (rows, columns), none further from 0 than 4, and labels. Of `hidden` pairs
    of numbers the curvature is 0."""

    numbers: Reals
    labels: Whole
    hidden: Collection[Pair] = ()

    def sums(self, coefficients: Sequence[float], *, curvature: bool) -> list[int]:
        """The loss, the sum of the log odds and a sixteenth of that of their squares, the gradient, and the curvature's
        upper triangle."""
        design = np.concatenate([self.numbers, np.ones((len(self.numbers), 1))], axis=1)
        predictors = np.clip(design @ np.array(coefficients), -MAX_LOGIT, MAX_LOGIT)
        expected = 1 / (1 + np.exp(-predictors))
        loss = float((np.logaddexp(0.0, predictors) - self.labels * predictors).sum())
        parts = [np.array([loss, predictors.sum(), (predictors**2).sum() / 16]), design.T @ (self.labels - expected)]
        if curvature:
            hessian = (design.T * (expected * (1 - expected))) @ design
            for i, j in self.hidden:
                hessian[i, j] = 0.0
            parts.append(hessian[np.triu_indices(len(hessian))])
        return [int(number) for number in np.rint(np.concatenate(parts) * FRACTION)]


def words_of(width: int, *, curvature: bool) -> int:
    """How many sums there are of so many columns."""
    size = width + 1
    return 3 + size + (size * (size + 1) // 2 if curvature else 0)


@dataclass
class Fit:
    """Newton's steps by sums, from the log odds of all. `people` and `positives` train; `l2` is the penalty on half a
    squared coefficient, by the mean loss of a row; the intercept, which is the last one, has none. `hidden`: pairs of
    indicators whose curvature is not summed (`pooled_pairs`)."""

    width: int
    people: int
    positives: int
    l2: float
    hidden: Mapping[Pair, Alike] = field(default_factory=dict)

    def __post_init__(self) -> None:
        start = log_odds(self.positives, self.people - self.positives)
        self.coefficients = [0.0] * self.width + [start]
        self.mean, self.deviation = self.coefficients[-1], 1.0
        self.converged = False
        self._before: tuple[list[float], list[float]] | None = None
        self._loss = math.inf
        self._curvature: list[list[float]] | None = None
        self._summed: list[list[float]] | None = None

    @property
    def wants_curvature(self) -> bool:
        return self._curvature is None

    @property
    def slope(self) -> list[float]:
        """Of the penalised loss where the last step began."""
        return [] if self._before is None else self._before[1]

    @property
    def curvature(self) -> list[list[float]] | None:
        """The last one that was summed, with the penalty."""
        return self._summed

    def step(self, totals: Totals) -> None:
        """One step, by the totals of `Design.sums` at these coefficients. InputError for other sums than these."""
        if len(totals) != words_of(self.width, curvature=self.wants_curvature):
            raise InputError("sums of another model", expected=words_of(self.width, curvature=self.wants_curvature))
        size, now = self.width + 1, self.coefficients
        loss, first, second, *rest = (total / FRACTION for total in totals)
        self.mean = first / self.people
        self.deviation = math.sqrt(max(0.0, 16 * second / self.people - self.mean**2))
        penalty = [self.l2 * self.people] * self.width + [0.0]
        loss += sum(weight * one * one / 2 for weight, one in zip(penalty, now, strict=True))
        if self._before is not None and loss > self._loss + 1e-6 * max(1.0, abs(self._loss)):
            self.coefficients = [snapped((a + b) / 2) for a, b in zip(now, self._before[0], strict=True)]
            if any(alike is not None for alike in self.hidden.values()):
                self.hidden, self._curvature = dict.fromkeys(self.hidden), None
            return
        slope = [weight * one - g for g, weight, one in zip(rest[:size], penalty, now, strict=True)]
        if self._curvature is None:
            self._curvature = symmetric(rest[size:], size)
            for place, weight in enumerate(penalty):
                self._curvature[place][place] += weight
            if self.hidden:
                fill(self._curvature, self.hidden)
                if not all(factored(self._curvature)[1]):
                    fill(self._curvature, dict.fromkeys(self.hidden))
                make_definite(self._curvature)
            self._summed = [list(row) for row in self._curvature]
        elif self._before is not None:
            _update(self._curvature, *(_less(a, b) for a, b in zip((now, slope), self._before, strict=True)))
        move = solved(self._curvature, slope)
        ahead = [snapped(min(max(a - b, -MAX_COEFFICIENT), MAX_COEFFICIENT)) for a, b in zip(now, move, strict=True)]
        largest = max(map(abs, _less(ahead, now)))
        if largest > FRESH:
            self._curvature = None
        self.converged = largest <= CONVERGED
        self._before, self._loss, self.coefficients = (now, slope), loss, ahead


def _less(left: Sequence[float], right: Sequence[float]) -> list[float]:
    return [a - b for a, b in zip(left, right, strict=True)]


def _update(curvature: list[list[float]], move: Sequence[float], change: Sequence[float]) -> None:
    """So that it says of a move how it changed the slope: Broyden, Fletcher, Goldfarb and Shanno (1970)."""
    before = [sum(a * b for a, b in zip(row, move, strict=True)) for row in curvature]
    bent, expected = (sum(a * b for a, b in zip(one, move, strict=True)) for one in (change, before))
    if bent <= 1e-12 or expected <= 1e-12:
        return
    for i, row in enumerate(curvature):
        for j in range(len(row)):
            row[j] += change[i] * change[j] / bent - before[i] * before[j] / expected


def log_odds(positives: int, negatives: int) -> float:
    """Of a half more of each, to 2^-24: the logarithm is decimal, which every machine rounds alike."""
    return snapped(float((Decimal(2 * positives + 1) / Decimal(2 * negatives + 1)).ln()))


def snapped(number: float) -> float:
    """To a multiple of 1 / `SNAP`, so that what differs in the last bits is the same number at every place."""
    return round(number * SNAP) / SNAP


def symmetric(triangle: Sequence[float], size: int) -> list[list[float]]:
    """The matrix (size, size) of an upper triangle, row by row."""
    matrix = [[0.0] * size for _ in range(size)]
    for (i, j), value in zip(itertools.combinations_with_replacement(range(size), 2), triangle, strict=True):
        matrix[i][j] = matrix[j][i] = value
    return matrix


def factored(matrix: Sequence[Sequence[float]]) -> tuple[list[list[float]], list[float]]:
    """L, below its ones, and D of a symmetric, positive definite L·D·Lᵀ; 0 where a pivot is none."""
    size = len(matrix)
    lower, pivots = [[0.0] * size for _ in range(size)], [0.0] * size
    for i in range(size):
        for j in range(i):
            scaled = matrix[i][j] - sum(lower[i][k] * lower[j][k] * pivots[k] for k in range(j))
            lower[i][j] = scaled / pivots[j] if pivots[j] else 0.0
        pivot = matrix[i][i] - sum(lower[i][k] ** 2 * pivots[k] for k in range(i))
        pivots[i] = pivot if pivot > 1e-9 * max(1.0, matrix[i][i]) else 0.0
    return lower, pivots


def make_definite(matrix: list[list[float]]) -> None:
    """In place: with filled pairs it may have no inverse, and a larger diagonal makes a step shorter."""
    for _ in range(LIFTS):
        if all(factored(matrix)[1]):
            return
        for place, row in enumerate(matrix):
            row[place] *= 2.0


def solved(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """x of a symmetric, positive definite system; 0 where a pivot is none."""
    size, solution = len(right), list(right)
    lower, pivots = factored(matrix)
    for i in range(size):
        solution[i] -= sum(lower[i][k] * solution[k] for k in range(i))
    solution = [value / pivot if pivot else 0.0 for value, pivot in zip(solution, pivots, strict=True)]
    for i in reversed(range(size)):
        solution[i] -= sum(lower[k][i] * solution[k] for k in range(i + 1, size))
    return solution


# Bands.


def band_edges(mean: float, deviation: float, bands: int = BANDS) -> tuple[int, ...]:
    """The whole scores between bands of about as many people each, were scores normally distributed."""
    normal = NormalDist()
    return tuple(sorted({round(mean + deviation * normal.inv_cdf(band / bands)) for band in range(1, bands)}))


def halves(bands: int) -> list[tuple[int, int]]:
    """All groups of neighbouring bands into which a table is parted by halving: each before its halves."""
    parts = [(0, bands)]
    for low, high in parts:
        if high - low > 1:
            middle = (low + high) // 2
            parts += [(low, middle), (middle, high)]
    return parts


def told_groups(bands: int, enough: Callable[[tuple[int, int]], bool]) -> list[tuple[int, int]]:
    """Groups of neighbouring bands, in their order, of which there is enough in each; none where all together have not.
    A group falls into those of its halves; a half without enough stands with the nearest group of the other one."""

    def parted(low: int, high: int) -> list[tuple[int, int]]:
        middle = (low + high) // 2
        if high - low == 1:
            return [(low, high)]
        left, right = ([*parted(*half)] if enough(half) else [] for half in ((low, middle), (middle, high)))
        if left and right:
            return [*left, *right]
        if left:
            return [*left[:-1], (left[-1][0], high)]
        return [(low, right[0][1]), *right[1:]] if right else [(low, high)]

    return parted(0, bands) if enough((0, bands)) else []
