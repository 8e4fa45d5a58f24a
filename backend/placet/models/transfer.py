"""A model of many labels put to use where labels are few: how it is adapted, how it is judged, and when that counts.

Two adapters. *Recalibration* moves and stretches the source's log odds by two numbers (Cox, "Two further applications
of a model for binary regression", Biometrika 45, 1958): it changes no order. *MAP* fits weights under a normal prior
about the source's (Chelba and Acero, "Adaptation of maximum entropy capitalizer", Computer Speech and Language 20(4),
2006). Both start at the source and go in steps of a fixed Hessian that bounds the true one (`regression`), so that no
step diverges and there is no learning rate.

What adapting is worth is a paired difference over rows that trained nothing. The bootstrap of a mean has a closed
form: resampled without end its variance is that of the sample over n (Efron and Tibshirani, 1993, chapter 6). An AUC's
is DeLong's (`quality`). So nothing is resampled, and the error is exact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from placet.models.quality import Z95
from placet.models.regression import CURVATURE, MAX_LOGIT, MOMENTUM, mean_of

Reals = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
INTERCEPT_PRIOR = 0.02
"""The prior's precision on the intercept: a segment's own rate is learned from a handful of rows."""
STEPS = 16
"""Of fitting: from the source on, which is near."""
SLOPE_PRIOR = 1.0
"""The prior's precision on how much recalibration stretches, in standard deviations of the source's log odds."""
LEAST_SPREAD = 0.01
"""Of the source's log odds over the rows that train."""


@dataclass(frozen=True)
class RotatedRows:
    """The target's rows as MAP sees them: rotated so that all directions have the curvature 1 at the most. `rows`
    (rows, rank), `pull` (rank,): how strongly the prior holds each direction."""

    rows: Reals
    pull: Reals


def basis_of(design: Reals, train: int, strength: float) -> RotatedRows:
    """Of a design (rows, width) whose first `train` rows train; an intercept goes with it. `strength`: the precision of
    the prior on each weight."""
    precision = np.append(np.full(design.shape[1], strength), INTERCEPT_PRIOR)
    scaled = np.concatenate([design, np.ones((len(design), 1))], axis=1) / np.sqrt(precision)
    _, singular, right = np.linalg.svd(scaled[:train], full_matrices=False)
    pull = 1 / (CURVATURE["logistic"] * singular**2 + 1)
    return RotatedRows((scaled @ right.T) * np.sqrt(pull), pull)


def map_fit(basis: RotatedRows, scores: Reals, labels: Reals, steps: int) -> Reals:
    """The log odds of all rows, where the first ones, as many as `labels`, train. `scores`: the source's; zeros give a
    ridge regression that knows no source."""
    train = basis.rows[: len(labels)]
    now = before = np.zeros(basis.rows.shape[1])
    for _ in range(steps):
        ahead = now + MOMENTUM["logistic"] * (now - before)
        wrong = labels - mean_of("logistic", scores[: len(labels)] + train @ ahead)
        before, now = now, ahead + train.T @ wrong - basis.pull * ahead
    return np.asarray(scores + basis.rows @ now)


@dataclass(frozen=True)
class Recalibration:
    """Log odds become `intercept` + `slope` times the source's."""

    intercept: float
    slope: float

    def of(self, scores: Reals) -> Reals:
        return np.asarray(self.intercept + self.slope * scores)


def recalibrated(scores: Reals, labels: Reals, steps: int) -> Recalibration:
    """By the rows that train, whose log odds by the source are `scores`."""
    rows = len(labels)
    centre = float(scores.mean())
    spread = math.sqrt(max(float((scores**2).mean()) - centre**2, LEAST_SPREAD**2))
    standard = (scores - centre) / spread
    lengths = np.array([1 / (CURVATURE["logistic"] * rows), 1 / (CURVATURE["logistic"] * rows + SLOPE_PRIOR)])
    start = np.array([centre, spread])
    now = before = start
    for _ in range(steps):
        ahead = now + MOMENTUM["logistic"] * (now - before)
        wrong = labels - mean_of("logistic", ahead[0] + ahead[1] * standard)
        gradient = np.array([wrong.sum(), wrong @ standard - SLOPE_PRIOR * (ahead[1] - spread)])
        before, now = now, ahead + lengths * gradient
    return Recalibration(float(now[0] - now[1] * centre / spread), float(now[1] / spread))


# What is measured.


def losses(log_odds: Reals, positives: int) -> Reals:
    """Minus the log likelihood of each row; the first ones are positive, all others negative."""
    wrong = np.where(np.arange(len(log_odds)) < positives, -log_odds, log_odds)
    return np.asarray(np.logaddexp(0.0, wrong))


def wins(log_odds: Whole | Reals, positives: int) -> tuple[Whole, Whole]:
    """Of each positive row twice how many negative ones it is above, equal ones by half; of each negative row the same
    of positive ones above it."""
    own, others = log_odds[:positives, None], log_odds[None, positives:]
    pairs = (own > others).astype(np.int64) + (own >= others)
    return pairs.sum(axis=1), pairs.sum(axis=0)


@dataclass(frozen=True)
class WithError:
    """A figure and its standard error."""

    value: float
    error: float

    @property
    def interval(self) -> tuple[float, float]:
        """95 %."""
        return self.value - Z95 * self.error, self.value + Z95 * self.error

    @property
    def beyond_error(self) -> bool:
        """Is it above 0 by more than the error?"""
        return self.interval[0] > 0


def mean_measured(values: Reals) -> WithError:
    """A mean, with the error that its bootstrap has."""
    return WithError(float(values.mean()), float(values.std()) / math.sqrt(len(values)))


def area_measured(own: Reals, others: Reals) -> WithError:
    """An AUC, or a difference of two, by DeLong; of the shares that positives and negatives win (or how these
    differ)."""
    variance = sum(float(shares.var(ddof=1)) / len(shares) for shares in (own, others))
    return WithError(float(own.mean()), math.sqrt(variance))


# What is decided.


@dataclass(frozen=True)
class Judged:
    """How good each is on the rows that validate: log loss and AUC. `gains`: by how much less the first one's loss is
    than the second's, `area_gains` by how much more its AUC, paired. Recalibration that does not turn the order round
    has the source's AUC."""

    loss: Mapping[str, WithError]
    area: Mapping[str, WithError]
    gains: Mapping[tuple[str, str], WithError]
    area_gains: Mapping[tuple[str, str], WithError]


SOURCE, RECALIBRATED, MAP, ALONE = "source", "recalibrated", "map", "alone"
GAINS = ((RECALIBRATED, SOURCE), (MAP, SOURCE), (MAP, RECALIBRATED), (SOURCE, ALONE))
AREA_GAINS = ((MAP, SOURCE), (SOURCE, ALONE))


def accepted(judged: Judged, slope: float) -> str:
    """The model to use, of those that come from the source. Adapting counts only where it beats what it would replace
    by more than the error: recalibration by log loss, if it does not turn the order round; MAP by the log loss of what
    was accepted so far, and by AUC as well, since it moves the order."""
    best = SOURCE
    if slope > 0 and judged.gains[RECALIBRATED, SOURCE].beyond_error:
        best = RECALIBRATED
    if (MAP, best) not in judged.gains:
        return best
    if judged.gains[MAP, best].beyond_error and judged.area_gains[MAP, SOURCE].beyond_error:
        return MAP
    return best


def beside_alone(judged: Judged) -> str:
    """Which of the two ranks better, the source or what the target can do alone; `undecided` within the error."""
    gain = judged.area_gains[SOURCE, ALONE]
    if gain.beyond_error:
        return SOURCE
    return ALONE if WithError(-gain.value, gain.error).beyond_error else "undecided"


def judged_in_clear(log_odds: Mapping[str, Any], positives: int) -> Judged:
    """What the program on shares is held against. `log_odds`: of each model, of the rows that validate, positives
    first."""
    lost = {name: losses(one, positives) for name, one in log_odds.items()}
    rows = len(next(iter(lost.values())))
    sides = rows - positives, positives
    both = {
        name: tuple(won / (2 * total) for won, total in zip(wins(one, positives), sides, strict=True))
        for name, one in log_odds.items()
    }
    return Judged(
        loss={name: mean_measured(one) for name, one in lost.items()},
        area={name: area_measured(*one) for name, one in both.items()},
        gains={(own, other): mean_measured(lost[other] - lost[own]) for own, other in GAINS if own in lost},
        area_gains={
            (own, other): area_measured(*(left - right for left, right in zip(both[own], both[other], strict=True)))
            for own, other in AREA_GAINS
            if own in both
        },
    )


def clipped(log_odds: Reals) -> Reals:
    """Within what a sigmoid tells apart."""
    return np.clip(log_odds, -MAX_LOGIT, MAX_LOGIT)
