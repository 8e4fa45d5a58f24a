"""Linear models of a number of each row, fitted in the clear: what the program on shares is held against, and a party's
model of its own columns.

Three families, each by its canonical link: logistic (a label 0 or 1), linear (a number, with normal errors) and Poisson
(a count). Steps are Newton's with a fixed Hessian that bounds the true one from above, so that without momentum each
step lowers the loss and there is no learning rate (Böhning and Lindsay, "Monotonicity of quadratic-approximation
algorithms", Annals of the Institute of Statistical Mathematics 40(4), 1988): `CURVATURE` times Z'Z. Momentum is
Nesterov's with a constant factor ("Introductory lectures on convex optimization", 2004, 2.2), which needs no more than
that bound. Where all odds are equal, as a logistic fit begins, the true Hessian is p(1 - p) Z'Z: the first step is
Newton's own, up to `FIRST` times the bound's, with which no loss grows either.

The Poisson mean e^η has no such bound. Here η counts from the mean label, e^η grows up to `BEND` and goes on as its
tangent: the loss stays convex, its curvature is e^BEND at the most, and where no row's mean is beyond e^BEND = 7.4
times the average, the fit is Poisson's own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from placet.models.choices import Family

Reals = npt.NDArray[np.float64]
BEND, FLOOR = 2.0, -6.0
"""Where the Poisson mean goes on as its tangent, and below which it falls no more."""
CURVATURE: dict[Family, float] = {"logistic": 0.25, "linear": 1.0, "poisson": math.exp(BEND)}
MOMENTUM: dict[Family, float] = {"logistic": 0.4, "linear": 0.0, "poisson": 0.6}
FIRST = 2.0
MAX_LOGIT = 30.0


def mean_of(family: Family, predictors: Reals) -> Reals:
    """What is expected of the label at each linear predictor."""
    if family == "logistic":
        return np.asarray(1 / (1 + np.exp(-np.clip(predictors, -MAX_LOGIT, MAX_LOGIT))))
    if family == "linear":
        return predictors
    grown = np.exp(np.clip(predictors, FLOOR, BEND))
    return np.asarray(grown + math.exp(BEND) * np.maximum(predictors - BEND, 0.0))


def regress(
    design: Reals,
    labels: Reals,
    family: Family,
    *,
    steps: int,
    l2: float,
    mean: Any = mean_of,
) -> Reals:
    """Coefficients of the columns of `design`, of which the last one is 1 throughout: the intercept, which is not
    penalised. `l2`: the penalty on half a squared coefficient, by the mean loss of a row. `mean`: of a family and
    linear predictors."""
    rows, width = design.shape
    penalty = np.full(width, l2)
    penalty[-1] = 0.0
    inverse = np.linalg.pinv(CURVATURE[family] * design.T @ design / rows + np.diag(penalty), hermitian=True)
    now, length = np.zeros(width), 1.0
    if family == "logistic":
        share = (float(labels.sum()) + 0.5) / (rows + 1)
        now[-1] = math.log(share / (1 - share))
        length = CURVATURE[family] / max(share * (1 - share), CURVATURE[family] / FIRST)
    before = now
    for _ in range(steps):
        ahead = now + MOMENTUM[family] * (now - before)
        gradient = design.T @ (labels - mean(family, design @ ahead)) / rows - penalty * ahead
        before, now, length = now, ahead + length * inverse @ gradient, 1.0
    return now
