"""Fitting a scorecard in the clear: what the program on shares is held against, and a party's model of its own columns.

Weights of evidence of the cells, then logistic regression on them by Newton steps with a fixed Hessian (Böhning and
Lindsay, "Monotonicity of quadratic-approximation algorithms", Annals of the Institute of Statistical Mathematics 40(4),
1988: a quarter of Z'Z bounds it from above, so each step raises the likelihood and there is no learning rate).

No weight is of fewer than `smallest` of either label, since who brings the labels chooses them: a bin with one positive
tells that the one person who is labelled so is in it. Bins, `other` behind them, are merged with their neighbours until
each group has enough of both (`bands.kept_places`). Missing values stay apart: of a label that too few of them have
`smallest` are assumed, the weight is 0 where it would then speak for that label, and they themselves count at the
middle bin, so that what is told of a column adds up to all people. A column of which too few of either label have a
value says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from placet.models.bands import kept_places
from placet.models.binning import one_hot
from placet.models.choices import Scale

SMOOTHING = 0.5
"""Added to a cell's positives, and to its negatives: no logarithm of zero."""
MAX_WOE = 4.0
MAX_LOGIT = 12.0
INTERCEPT_L2 = 1e-4
Reals = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
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
        positive = labels @ member
        woe, counts = weights_of_evidence(
            np.stack([positive, member.sum(axis=0) - positive]), smallest, column.monotone
        )
        weights.append(woe)
        values.append(information(woe, counts))
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


def weights_of_evidence(lines: Counts, smallest: int, monotone: Monotone | None) -> tuple[Reals, Counts]:
    """ln(positives / negatives) of each cell less that of all, smoothed, within ±`MAX_WOE`; and the counts that it is
    of. `lines` (2, cells): positives and negatives."""
    bins, missing = lines[:, :-1], lines[:, -1]
    counts, woe = lines.copy(), np.zeros(lines.shape[1])
    if bins.sum(axis=1).min() < smallest:
        return woe, counts
    prior = _log_odds(*lines.sum(axis=1))
    few = missing < smallest
    counts[few, -1] = 0
    counts[few, middle(lines.shape[1])] += missing[few]
    places = kept_places(bins.tolist(), smallest, (0, bins.shape[1]))
    groups = np.add.reduceat(counts[:, :-1], places[:-1], axis=1)
    own = _log_odds(*groups) - prior if monotone is None else _isotonic(groups, prior, monotone)
    woe[:-1] = np.repeat(own, np.diff(places))
    apart = float(_log_odds(*np.maximum(missing, smallest)) - prior)
    apart = min(apart, 0.0) if few[0] else apart
    woe[-1] = max(apart, 0.0) if few[1] else apart
    return np.clip(woe, -MAX_WOE, MAX_WOE), counts


def middle(cells: int) -> int:
    """The bin at which missing values count that are too few to be told, of a column with so many cells."""
    return (cells - 2) // 2


def information(woe: Reals, lines: Counts) -> float:
    """IV: Σ (share of all positives − share of all negatives) · WOE."""
    positive, negative = lines / lines.sum(axis=1, keepdims=True)
    return max(0.0, float((positive - negative) @ woe))


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


def _isotonic(lines: Counts, prior: Reals, monotone: Monotone) -> Reals:
    """Isotonic regression by its min-max formula (Robertson, Wright, Dykstra, "Order Restricted Statistical Inference",
    Wiley 1988, 1.4.4): the largest over i ≤ k of the smallest over j ≥ k of bins i to j taken together."""
    sign = 1 if monotone == "rising" else -1
    places = range(lines.shape[1])
    spans = [[_log_odds(*lines[:, i : j + 1].sum(axis=1)) for j in places] for i in places]
    together = sign * (np.array(spans) - prior)
    return np.array([sign * max(together[i, k:].min() for i in range(k + 1)) for k in places])
