"""How good a score is, from its band table: exact numbers where there are such, of integers and fractions.

Positives are whom high scores should find. Two scores of one band count as equal. AUC: Mann-Whitney with ties by half,
so the area under the ROC curve through the bands' edges. Its error: DeLong, DeLong, Clarke-Pearson, "Comparing the
areas under two or more correlated receiver operating characteristic curves", Biometrics 44(3), 1988, whose placements
are a band's own. KS: the largest distance of both distributions at an edge. Calibration: Hosmer and Lemeshow, "Goodness
of fit tests for the multiple logistic regression model", Communications in Statistics 9(10), 1980.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from placet.core.errors import InputError
from placet.models.bands import BandTable

Z95 = 1.959963984540054
"""Of a 95 % interval of the normal distribution."""


def decimal(value: Fraction, places: int = 6) -> str:
    """A fraction as decimal text, to the nearest, halves to even."""
    scaled = round(value * 10**places)
    whole, rest = divmod(abs(scaled), 10**places)
    return f"{'-' if scaled < 0 else ''}{whole}.{rest:0{places}}"


def demand_both(table: BandTable) -> None:
    """InputError unless there are positives and negatives: without either there is nothing to tell apart."""
    if not table.all_positives or not table.all_negatives:
        raise InputError("a score can't be judged", expected="positives and negatives")


def auc(table: BandTable) -> Fraction:
    demand_both(table)
    below = itertools.accumulate(table.negatives, initial=0)
    pairs = sum(p * (2 * b + n) for p, n, b in zip(table.positives, table.negatives, below, strict=False))
    return Fraction(pairs, 2 * table.all_positives * table.all_negatives)


def auc_by_ranks(doubled_ranks: int, positives: int, negatives: int) -> Fraction:
    """The exact AUC from twice the sum of the positives' ranks among all, from 1 on, equal scores by their mean rank
    (Mann and Whitney, Annals of Mathematical Statistics 18(1), 1947)."""
    return Fraction(doubled_ranks - positives * (positives + 1), 2 * positives * negatives)


def auc_error(table: BandTable) -> float | None:
    """The standard error of `auc`; None where a class has one person alone."""
    area, positives, negatives = auc(table), table.all_positives, table.all_negatives
    if min(positives, negatives) < 2:
        return None
    below = list(itertools.accumulate(table.negatives, initial=0))
    above = [positives - reached for reached in itertools.accumulate(table.positives)]
    of_positives = sum(
        p * (Fraction(2 * b + n, 2 * negatives) - area) ** 2
        for p, n, b in zip(table.positives, table.negatives, below, strict=False)
    )
    of_negatives = sum(
        n * (Fraction(2 * a + p, 2 * positives) - area) ** 2
        for p, n, a in zip(table.positives, table.negatives, above, strict=True)
    )
    variance = of_positives / ((positives - 1) * positives) + of_negatives / ((negatives - 1) * negatives)
    return math.sqrt(variance)


def interval(area: Fraction, error: float) -> tuple[float, float]:
    """95 % about an AUC, within 0 and 1."""
    return max(0.0, float(area) - Z95 * error), min(1.0, float(area) + Z95 * error)


def ks(table: BandTable) -> tuple[Fraction, int | None]:
    """The statistic, and the edge at which it is; None where there is no edge."""
    demand_both(table)
    distances = [
        abs(Fraction(p, table.all_positives) - Fraction(n, table.all_negatives))
        for p, n in zip(itertools.accumulate(table.positives), itertools.accumulate(table.negatives), strict=True)
    ]
    at = max(range(len(distances)), key=distances.__getitem__)
    return distances[at], table.edges[at] if at < len(table.edges) else None


@dataclass(frozen=True, slots=True)
class GainsRow:
    """A band, and all from it upwards. `edge` is its lower one, None for the lowest band. `lift`: the positives' share
    over everybody's share, of all upwards."""

    edge: int | None
    positives: int
    negatives: int
    reached_positives: int
    reached_negatives: int
    rate: Fraction
    people_share: Fraction
    positives_share: Fraction
    lift: Fraction

    def figures(self) -> dict[str, int | str]:
        """As reports have it: people, positives, shares and lift of all upwards, and the band's own rate; fractions as
        `decimal` writes them."""
        return {
            "people": self.reached_positives + self.reached_negatives,
            "positives": self.reached_positives,
            "people_share": decimal(self.people_share),
            "positives_share": decimal(self.positives_share),
            "lift": decimal(self.lift),
            "rate": decimal(self.rate),
        }


def gains(table: BandTable) -> list[GainsRow]:
    """From the highest band down; a band without people is left out."""
    demand_both(table)
    rows, reached_p, reached_n = list[GainsRow](), 0, 0
    for band in reversed(range(len(table.positives))):
        p, n = table.positives[band], table.negatives[band]
        if p + n == 0:
            continue
        reached_p, reached_n = reached_p + p, reached_n + n
        people = Fraction(reached_p + reached_n, table.people)
        share = Fraction(reached_p, table.all_positives)
        edge = table.edges[band - 1] if band else None
        rows.append(GainsRow(edge, p, n, reached_p, reached_n, Fraction(p, p + n), people, share, share / people))
    return rows


@dataclass(frozen=True, slots=True)
class Confusion:
    """Who scores at least `threshold` is taken for positive."""

    threshold: int
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def recall(self) -> Fraction | None:
        """Also sensitivity, or the true positive rate; None without positives."""
        return _share(self.true_positives, self.false_negatives)

    @property
    def fallout(self) -> Fraction | None:
        """Also the false positive rate."""
        return _share(self.false_positives, self.true_negatives)

    @property
    def precision(self) -> Fraction | None:
        return _share(self.true_positives, self.false_positives)

    @property
    def selected(self) -> Fraction | None:
        """The share of people who reach the threshold."""
        return _share(
            self.true_positives + self.false_positives,
            self.false_negatives + self.true_negatives,
        )


def _share(of: int, others: int) -> Fraction | None:
    return Fraction(of, of + others) if of + others else None


def confusion(table: BandTable, threshold: int) -> Confusion:
    """InputError where the threshold is no edge of the table."""
    if threshold not in table.edges:
        raise InputError("no such threshold in the bands", expected="one of their edges", found=threshold)
    first = table.edges.index(threshold) + 1
    tp, fp = sum(table.positives[first:]), sum(table.negatives[first:])
    return Confusion(threshold, tp, fp, table.all_positives - tp, table.all_negatives - fp)


def predicted(table: BandTable, scale: int) -> list[Fraction]:
    """Each band's mean predicted probability, `scale` being the score of probability 1. InputError without sums, or
    where a mean is no probability."""
    if table.sums is None or 0 in table.counts:
        raise InputError("calibration needs the sum of scores", expected="sums and people in every band")
    means = [Fraction(total, count * scale) for total, count in zip(table.sums, table.counts, strict=True)]
    if not all(0 <= mean <= 1 for mean in means):
        raise InputError("these scores are no probabilities", expected=f"scores of 0 to {scale}")
    return means


def brier(table: BandTable, scale: int) -> Fraction:
    """The mean of (label − p)², where p is the mean predicted probability of a person's band (Brier, Monthly Weather
    Review 78(1), 1950): what it leaves out is how predictions differ within a band."""
    pairs = zip(predicted(table, scale), table.positives, table.negatives, strict=True)
    return sum((p * (1 - mean) ** 2 + n * mean**2 for mean, p, n in pairs), Fraction()) / table.people


def hosmer_lemeshow(table: BandTable, scale: int) -> tuple[Fraction, int, float] | None:
    """The statistic over the bands, its degrees of freedom (bands − 2) and p-value; None where a band's predictions are
    all 0 or 1, or there are fewer than three bands."""
    means, counts = predicted(table, scale), table.counts
    if len(counts) < 3 or any(mean in (0, 1) for mean in means):
        return None
    statistic = sum(
        ((p - count * mean) ** 2 / (count * mean * (1 - mean)))
        for p, count, mean in zip(table.positives, counts, means, strict=True)
    )
    freedom = len(counts) - 2
    return Fraction(statistic), freedom, chi_square_tail(float(statistic), freedom)


def chi_square_tail(value: float, freedom: int) -> float:
    """P(X > value) of the chi-square distribution, by the finite sums for even and odd degrees of freedom (Abramowitz
    and Stegun, 26.4.4 and 26.4.5)."""
    half = value / 2
    if freedom % 2 == 0:
        term = total = math.exp(-half)
        for step in range(1, freedom // 2):
            term *= half / step
            total += term
        return min(1.0, total)
    total = math.erfc(math.sqrt(half))
    term = math.sqrt(value) * math.exp(-half) * math.sqrt(2 / math.pi)
    for step in range(1, freedom // 2 + 1):
        total += term
        term *= value / (2 * step + 1)
    return min(1.0, total)


@dataclass(frozen=True, slots=True)
class Fairness:
    """At one threshold, the largest difference between two groups: of the share that is selected (demographic parity),
    of the share of positives that is (equal opportunity). Hardt, Price, Srebro, NeurIPS 2016."""

    threshold: int
    parity: Fraction
    opportunity: Fraction


def fairness(tables: Sequence[BandTable], threshold: int) -> Fairness | None:
    """None for fewer than two groups."""
    if len(tables) < 2:
        return None
    at = [confusion(table, threshold) for table in tables]
    selected = [one.selected for one in at if one.selected is not None]
    recalled = [one.recall for one in at if one.recall is not None]
    return Fairness(threshold, max(selected) - min(selected), max(recalled) - min(recalled))
