"""Fitting a scorecard in the clear: what the program on shares is held against, and a party's model of its own columns.

Weights of evidence of the cells, then logistic regression on them by Newton steps with a fixed Hessian (Böhning and
Lindsay, "Monotonicity of quadratic-approximation algorithms", Annals of the Institute of Statistical Mathematics 40(4),
1988: a quarter of Z'Z bounds it from above, so each step raises the likelihood and there is no learning rate).

Groups of fewer than `smallest` people have no weight of their own: those of a column count together as `other`, and
where that is too small too, it says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from placet.models.binning import one_hot
from placet.models.scorecard import Scale

SMOOTHING = 0.5
"""Added to a cell's positives, and to its negatives: no logarithm of zero."""
MAX_WOE = 4.0
MAX_LOGIT = 12.0
INTERCEPT_L2 = 1e-4
Reals = npt.NDArray[np.float64]
Monotone = Literal["rising", "falling"]


@dataclass(frozen=True)
class FitColumn:
    """`cells`: its bins, then `other` and `missing`, so two more than bins."""

    cells: int
    monotone: Monotone | None = None


@dataclass(frozen=True)
class Fitted:
    """`weights`: a WOE for each cell, by column; `coefficients` of the columns, then the intercept; `points` by column.
    `people` and `positives` that it was fitted on."""

    weights: tuple[Reals, ...]
    coefficients: Reals
    iv: tuple[float, ...]
    base: int
    points: tuple[tuple[int, ...], ...]
    people: int
    positives: int

    def scores(self, codes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Of rows (rows, columns) of cells."""
        each = [np.array(points)[codes[:, place]] for place, points in enumerate(self.points)]
        return np.asarray(self.base + np.sum(each, axis=0), dtype=np.int64)


def fit(
    codes: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int64],
    columns: Sequence[FitColumn],
    *,
    scale: Scale,
    smallest: int,
    steps: int,
    l2: float,
) -> Fitted | None:
    """`codes` (rows, columns): the cell of each row in each column; `labels` 0 or 1; `l2` the penalty on a squared
    coefficient, by the mean loss of a row. None where fewer than `smallest` people have either label."""
    people, positives = len(labels), int(labels.sum())
    if min(positives, people - positives) < smallest:
        return None
    members = [one_hot(codes[:, place], column.cells) for place, column in enumerate(columns)]
    weights, values = [], []
    for member, column in zip(members, columns, strict=True):
        count, positive = member.sum(axis=0), labels @ member
        woe = weights_of_evidence(count, positive, people, positives, smallest, column)
        weights.append(woe)
        values.append(information(woe, count, positive, people, positives))
    design = np.concatenate(
        [np.stack([m @ w for m, w in zip(members, weights, strict=True)], 1), np.ones((people, 1))], 1
    )
    coefficients = regress(design, labels, steps=steps, l2=l2)
    points = tuple(
        tuple(int(p) for p in np.rint(scale.factor * coefficient * woe))
        for coefficient, woe in zip(coefficients, weights, strict=False)
    )
    base = int(np.rint(scale.offset + scale.factor * coefficients[-1]))
    return Fitted(tuple(weights), coefficients, tuple(values), base, points, people, positives)


def weights_of_evidence(
    count: npt.NDArray[np.int64],
    positive: npt.NDArray[np.int64],
    people: int,
    positives: int,
    smallest: int,
    column: FitColumn,
) -> Reals:
    """ln(positives / negatives) of each cell less that of all, smoothed, within ±`MAX_WOE`."""
    prior = float(_log_odds(positives, people - positives))
    enough = count >= smallest
    enough[-2] = False
    rest, rest_positive = int(count[~enough].sum()), int(positive[~enough].sum())
    rest_woe = _log_odds(rest_positive, rest - rest_positive) - prior if rest >= smallest else 0.0
    own = _log_odds(positive, count - positive) - prior
    if column.monotone is not None:
        own[:-2] = _isotonic(count[:-2], positive[:-2], prior, column.monotone)
    return np.asarray(np.clip(np.where(enough, own, rest_woe), -MAX_WOE, MAX_WOE))


def information(
    woe: Reals, count: npt.NDArray[np.int64], positive: npt.NDArray[np.int64], people: int, positives: int
) -> float:
    """IV: Σ (share of all positives − share of all negatives) · WOE."""
    shares = positive / positives - (count - positive) / (people - positives)
    return max(0.0, float(shares @ woe))


def regress(design: Reals, labels: npt.NDArray[np.int64], *, steps: int, l2: float) -> Reals:
    """Coefficients of the columns of `design`, of which the last one is the intercept."""
    rows, width = design.shape
    penalty = np.full(width, l2)
    penalty[-1] = INTERCEPT_L2
    inverse = np.linalg.inv(design.T @ design / (4 * rows) + np.diag(penalty))
    coefficients = np.zeros(width)
    for _ in range(steps):
        logits = np.clip(design @ coefficients, -MAX_LOGIT, MAX_LOGIT)
        gradient = design.T @ (labels - 1 / (1 + np.exp(-logits))) / rows - penalty * coefficients
        coefficients = coefficients + inverse @ gradient
    return coefficients


def _log_odds(positive: npt.ArrayLike, negative: npt.ArrayLike) -> Reals:
    return np.asarray(np.log(np.asarray(positive) + SMOOTHING) - np.log(np.asarray(negative) + SMOOTHING))


def _isotonic(count: npt.NDArray[np.int64], positive: npt.NDArray[np.int64], prior: float, monotone: Monotone) -> Reals:
    """Isotonic regression by its min-max formula (Robertson, Wright, Dykstra, "Order Restricted Statistical Inference",
    Wiley 1988, 1.4.4): the largest over i ≤ k of the smallest over j ≥ k of bins i to j taken together."""
    sign = 1 if monotone == "rising" else -1
    places = range(len(count))
    together = np.array(
        [
            [sign * (_log_odds(positive[i : j + 1].sum(), (count - positive)[i : j + 1].sum()) - prior) for j in places]
            for i in places
        ]
    )
    return np.array([sign * max(together[i, k:].min() for i in range(k + 1)) for k in places])
