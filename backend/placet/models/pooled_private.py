"""A logistic regression of rows in several places by noisy sums: nearly the same whoever's row is left out.

What one row changes of each sum is bounded: positions by the plan's bounds; rows of prepared numbers are shrunk to a
norm of `NORM` before products and gradients are taken of them, and a row's residual is cut so that its part in a
gradient has a norm of `PULL` at the most (the model is fitted to these rows and residuals, which is a convex loss
still, and scores whole rows). Each place adds noise that is enough alone, so that nobody need trust the others' noise.

Steps are Newton's with a fixed curvature: a noisy sum of products, kept positive by a ridge as large as its noise, by
`BEND`. A quarter bounds the true curvature from above (Böhning and Lindsay 1988); a fifth is nearer to it where labels
are uneven, and no step goes beyond 5/4 of a bounded one. The noise of gradients is what costs quality most, so the
model is the mean of the last half of the steps: each is near the optimum with noise of its own (Polyak and Juditsky
1992).

Of the budget, in thousandths: `SHARES`. Rows that train are in none of the sums that test, so these may spend all of it
once more: one row costs no more than the budget (parallel composition).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from placet.core.privacy import variance_for
from placet.models.choices import Missing
from placet.models.pooled import FRACTION, MAX_COEFFICIENT, Totals, snapped, solved, symmetric
from placet.models.preparing import LIMIT, UNIT, Prepared, PreparedNumber, standardised
from placet.models.regression import MAX_LOGIT

NORM, PULL = 4, 3
"""The largest norm of a row, and of its part in a gradient."""
BEND = 0.2
STEPS = 2**10
"""Between the bounds of a column."""
BANDS = 16
SHARES = {"people": 10, "positions": 30, "squares": 30, "products": 100, "gradients": 830}
CARD_SHARES = {"counts": 300, "products": 100, "gradients": 600}
"""The same of a scorecard."""
MOMENTUM = 0.4
NARROWEST = 0.02
"""The least spread, of the width between the bounds."""
Reals = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Release:
    """Numbers to be summed with noise: `squared` is the square of what one row changes them by together, `most` what a
    total may be without noise."""

    numbers: list[int]
    squared: int
    most: int

    def variance(self, budget: int) -> int:
        """Of each place's noise, where the release may cost so many nano-rho."""
        return variance_for(self.squared, budget)

    def noise(self, budget: int, places: int) -> int:
        """What all places' noise together never passes: 13 standard deviations at each."""
        return 13 * places * (math.isqrt(self.variance(budget)) + 1)

    def most_with_noise(self, budget: int, places: int) -> int:
        return self.most + self.noise(budget, places)


def amounts(budget: int, steps: int, shares: Mapping[str, int] = SHARES) -> dict[str, int]:
    """What each sum may cost; each of the gradients its part."""
    parts = {name: budget * share // 1000 for name, share in shares.items()}
    return parts | {"gradients": parts["gradients"] // steps}


def positions(numbers: Reals, low: int, high: int) -> Whole:
    """How far each number is from the middle of the bounds, in `STEPS` of their width; what is missing is there."""
    within = (np.clip(numbers, low, high) - low) / (high - low) - 0.5
    return np.asarray(np.rint(STEPS * np.where(np.isnan(numbers), 0.0, within)), np.int64)


def people_of(rows: int, most: int) -> Release:
    return Release([rows], 1, most)


def moments(columns: Sequence[Whole], most: int) -> tuple[Release, Release]:
    """The sums of positions of each column, and of their squares."""
    half = STEPS // 2
    sums, squares = [int(one.sum()) for one in columns], [int((one**2).sum()) for one in columns]
    return Release(sums, len(sums) * half**2, most * half), Release(squares, len(sums) * half**4, most * half**2)


def counts(columns: Sequence[Whole], most: int) -> Release:
    """Of each column people by cell, of which a row is in one."""
    return Release([int(number) for one in columns for number in one.reshape(-1)], len(columns), most)


@dataclass(frozen=True)
class Standard:
    """A column of a few values as it is standardised."""

    mean: float
    spread: float

    def prepare(self, values: Reals) -> Prepared:
        scaled = (values - self.mean) / self.spread
        return np.asarray(np.rint(UNIT * np.clip(scaled, -LIMIT, LIMIT)), np.int64)


def standard_of(values: Sequence[float], people: Sequence[int]) -> Standard:
    """By how many people have each value."""
    everybody = max(1, sum(people))
    mean = sum(value * count for value, count in zip(values, people, strict=True)) / everybody
    square = sum(value * value * count for value, count in zip(values, people, strict=True)) / everybody
    return Standard(mean, math.sqrt(max(square - mean * mean, NARROWEST**2)))


def standardised_by(people: int, total: int, squares: int, low: int, high: int, missing: Missing) -> PreparedNumber:
    mean = max(-0.5, min(0.5, total / people / STEPS))
    spread = math.sqrt(max(squares / people / STEPS**2 - mean**2, NARROWEST**2))
    width = high - low
    return standardised(low, high, low + width * (mean + 0.5), width * spread, missing)


def shrunken(prepared: Prepared) -> Reals:
    """(rows, columns and 1), none of a norm above `NORM`."""
    design = np.concatenate([prepared / UNIT, np.ones((len(prepared), 1))], axis=1)
    norms = np.linalg.norm(design, axis=1, keepdims=True)
    return np.asarray(design * np.minimum(1.0, NORM / np.maximum(norms, NORM)))


def _rounded(sums: Reals, change: int, most: int) -> Release:
    """Sums of floats, of which one row changes what they are together by `change`, and each by less than 2 more where
    it is rounded."""
    numbers = [int(number) for number in np.rint(sums * FRACTION)]
    bound = change * FRACTION + 2 * (math.isqrt(len(numbers)) + 1)
    return Release(numbers, bound**2, most * change * FRACTION)


def products(design: Reals, most: int) -> Release:
    """The upper triangle of the sum of rows' products with themselves."""
    return _rounded((design.T @ design)[np.triu_indices(design.shape[1])], NORM**2, most)


def gradient(design: Reals, labels: Whole, coefficients: Sequence[float], most: int) -> Release:
    predictors = np.clip(design @ np.array(coefficients), -MAX_LOGIT, MAX_LOGIT)
    largest = PULL / np.maximum(np.linalg.norm(design, axis=1), PULL)
    residuals = np.clip(labels - 1 / (1 + np.exp(-predictors)), -largest, largest)
    return _rounded(design.T @ residuals, PULL, most)


class NoisyFit:
    """Steps by noisy sums. `variance`: of a place's noise on each product, `places` so many."""

    def __init__(self, people: int, l2: float, triangle: Totals, variance: int, places: int) -> None:
        self.people, self.l2 = people, l2
        size = (math.isqrt(8 * len(triangle) + 1) - 1) // 2
        self.products = symmetric([total / FRACTION for total in triangle], size)
        ridge = 2 * math.sqrt(places * variance * size) / FRACTION
        self._curvature = [[BEND * value for value in row] for row in self.products]
        for place in range(size):
            self._curvature[place][place] += BEND * ridge + l2 * people
        self._now = self._before = [0.0] * size
        self._steps: list[list[float]] = []

    @property
    def ahead(self) -> list[float]:
        """Where the next gradient is wanted."""
        return [a + MOMENTUM * (a - b) for a, b in zip(self._now, self._before, strict=True)]

    def step(self, totals: Totals) -> None:
        here = self.ahead
        slope = [total / FRACTION - self.l2 * self.people * one for total, one in zip(totals, here, strict=True)]
        move = solved(self._curvature, slope)
        bounded = (min(max(a + b, -MAX_COEFFICIENT), MAX_COEFFICIENT) for a, b in zip(here, move, strict=True))
        self._before, self._now = self._now, [snapped(one) for one in bounded]
        self._steps.append(self._now)

    @property
    def coefficients(self) -> list[float]:
        """The mean of the last half of the steps."""
        last = self._steps[len(self._steps) // 2 :]
        return [snapped(sum(column) / len(last)) for column in zip(*last, strict=True)]

    def predictors(self) -> tuple[float, float]:
        """About the mean and the standard deviation of the log odds, by the same sums."""
        weights, last = self.coefficients, [row[-1] for row in self.products]
        people = max(last[-1], 1.0)
        mean = sum(a * b for a, b in zip(weights, last, strict=True)) / people
        square = sum(a * sum(x * b for x, b in zip(row, weights, strict=True)) for a, row in
                     zip(weights, self.products, strict=True))  # fmt: skip
        return mean, math.sqrt(max(0.01, square / people - mean**2))
