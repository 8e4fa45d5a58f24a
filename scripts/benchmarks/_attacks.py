"""Attacks against a model by who holds it, and a lower bound on what a mechanism's noise promises.

Who was trained on: the loss threshold (Yeom, Giacomelli, Fredrikson, Jha, "Privacy risk in machine learning", IEEE CSF
2018) and the likelihood ratio of shadow models (Carlini et al., "Membership inference attacks from first principles",
IEEE S&P 2022). What a member is like: attribute inference (Yeom et al.), and the whole row of the one person whom an
adversary lacks who knows all others (Balle, Cherubin, Hayes, "Reconstructing training data with informed adversaries",
IEEE S&P 2022). What noise hides: the audit of a Gaussian mechanism by one canary (Nasr et al., "Tight auditing of
differentially private machine learning", USENIX Security 2023).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from placet.core.privacy import NANO, epsilon_hundredths
from placet.models import quality
from placet.models.bands import by_score

Reals = np.ndarray[Any, np.dtype[np.float64]]
Whole = np.ndarray[Any, np.dtype[np.int64]]
Marks = np.ndarray[Any, np.dtype[np.bool_]]
UNIT = 10_000
ACCUSED = 0.01
"""The share of strangers that may be taken for members."""
_LEAST_SPREAD = 1e-6


@dataclass(frozen=True)
class Attack:
    """How well members are told from strangers: 0.5, 0 and `ACCUSED` by guessing."""

    area: float
    interval: tuple[float, float]
    advantage: float
    members_found: float

    def figures(self) -> dict[str, Any]:
        return {
            "attack_auc": round(self.area, 4),
            "interval": [round(end, 4) for end in self.interval],
            "advantage": round(self.advantage, 4),
            "members_found": round(self.members_found, 4),
        }


def attack(scores: Reals, inside: Marks) -> Attack:
    """Of scores that should be high for members: AUC with its 95 % interval (DeLong), the largest difference of both
    rates, and the share of members above what at most `ACCUSED` of the strangers are above."""
    whole = np.rint(UNIT * scores).astype(np.int64)
    table = by_score(whole.tolist(), inside.astype(np.int64).tolist())
    area, error = quality.auc(table), quality.auc_error(table)
    assert error is not None
    threshold = np.sort(whole[~inside])[::-1][int(ACCUSED * (~inside).sum())]
    found = float((whole[inside] > threshold).mean())
    return Attack(float(area), quality.interval(area, error), float(quality.ks(table)[0]), found)


def fit_of(log_odds: Reals, labels: Whole) -> Reals:
    """How well rows are fitted, by the log odds of their own label; one threshold for all is the attack by loss."""
    return np.asarray(np.where(labels == 1, log_odds, -log_odds), np.float64)


def halves(rows: int, models: int, seed: int) -> list[Marks]:
    """Which of the rows train each of an even number of models: of each two neighbours one half and the other."""
    generator = np.random.default_rng(seed)
    marks = list[Marks]()
    for _ in range(models // 2):
        inside = np.zeros(rows, np.bool_)
        inside[generator.permutation(rows)[: rows // 2]] = True
        marks += [inside, ~inside]
    return marks


def likelihood_ratios(fits: Sequence[Reals], marks: Sequence[Marks]) -> list[Reals]:
    """Of each model the log likelihood ratio of each row, in or out, by all other models as its shadows: normal, with
    each row's own means, and spreads of all rows together, since a row has few models. `marks` as `halves` gives them:
    a model's neighbour is no shadow of it, so that each row has as many shadows in as out and noise alone says
    nothing."""
    table, inside = np.stack(fits), np.stack(marks)
    ratios = list[Reals]()
    for number, fit in enumerate(table):
        others = np.arange(len(table)) // 2 != number // 2
        logs = []
        for group in (inside[others], ~inside[others]):
            counts = np.maximum(group.sum(axis=0), 1)
            means = (table[others] * group).sum(axis=0) / counts
            rests = ((table[others] - means) * group)[group]
            spread = max(float(np.sqrt((rests**2).sum() / max(1, len(rests) - group.shape[1]))), _LEAST_SPREAD)
            logs.append(-((fit - means) ** 2) / (2 * spread**2) - math.log(spread))
        ratios.append(np.asarray(logs[0] - logs[1]))
    return ratios


def together(attacks: Sequence[Attack]) -> Attack:
    """The mean of each figure over models, of the intervals too: so they are as wide as one model's, since models of
    the same people are not independent."""

    def mean(values: Iterable[float]) -> float:
        return float(np.mean(list(values)))

    return Attack(
        mean(one.area for one in attacks),
        (mean(one.interval[0] for one in attacks), mean(one.interval[1] for one in attacks)),
        mean(one.advantage for one in attacks),
        mean(one.members_found for one in attacks),
    )


def guessed(log_odds_by_value: Reals, labels: Whole, priors: Reals) -> Whole:
    """Of each row the likeliest of the values (columns) that a hidden attribute may have: by how frequent it is, and by
    what the model says of the row's label at it."""
    signed = np.where(labels[:, None] == 1, log_odds_by_value, -log_odds_by_value)
    return np.asarray(np.argmax(np.log(priors)[None, :] - np.logaddexp(0.0, -signed), axis=1), np.int64)


def reconstructed(known: Reals, labels: Whole, coefficients: Reals, penalty: float) -> Reals:
    """The row that a logistic regression was trained on beside the known ones: at the minimum all gradients and the
    penalty add up to nothing, so what the others lack is the last row's, the product of its residual and its numbers.
    `known` has 1 in the last column, whose coefficient is not penalised; so has the answer."""
    residuals = 1 / (1 + np.exp(-known @ coefficients)) - labels
    pull = penalty * coefficients
    pull[-1] = 0.0
    left = -(known.T @ residuals + pull)
    return np.asarray(left / left[-1])


# What noise hides.

Transcript = Callable[[bool, int], float]
"""(is the canary among the rows, number of the run) to the adversary's statistic: high where it is there."""


def mu_at_least(run: Transcript, runs: int, confidence: float = 0.99) -> float:
    """A lower bound on mu, with that confidence, of a mechanism that would be mu-GDP (Dong, Roth, Su, "Gaussian
    differential privacy", JRSS B 84(1), 2022): of a threshold that the first half of the runs chose, both error rates
    of the second half, each at the end of its Clopper-Pearson interval."""
    values = {inside: np.array([run(inside, number) for number in range(runs)]) for inside in (False, True)}
    half = runs // 2
    candidates = np.unique(np.concatenate([values[False][:half], values[True][:half]]))
    rates = [((values[False][:half] > one).mean() + (values[True][:half] <= one).mean(), one) for one in candidates]
    threshold = min(rates)[1]
    false_positives = int((values[False][half:] > threshold).sum())
    false_negatives = int((values[True][half:] <= threshold).sum())
    each = (1 - confidence) / 2
    ends = [_upper(count, runs - half, each) for count in (false_positives, false_negatives)]
    normal = NormalDist()
    return max(0.0, -normal.inv_cdf(ends[0]) - normal.inv_cdf(ends[1]))


def _upper(count: int, trials: int, level: float) -> float:
    """The largest rate at which so few of the trials would come with probability `level` (Clopper, Pearson 1934)."""
    if count >= trials:
        return 1 - 1e-12
    low, high = count / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        logs = [
            math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
            + k * math.log(middle) + (trials - k) * math.log1p(-middle)
            for k in range(count + 1)
        ]  # fmt: skip
        if sum(map(math.exp, logs)) > level:
            low = middle
        else:
            high = middle
    return high


def mu_of(budget: int) -> float:
    """What nano-rho promise of a Gaussian: rho = mu^2 / 2."""
    return math.sqrt(2 * budget / NANO)


def epsilon_of_mu(mu: float) -> float:
    """As budgets are told to people, at delta 10^-6."""
    return epsilon_hundredths(int(mu**2 / 2 * NANO)) / 100
