"""What a column is worth against a label, from noisy counts of people with and without the label by the column's cell.

Weight of evidence and information value: Siddiqi, *Credit Risk Scorecards* (2006); with both classes' shares p and n of
a group they are ln(p/n) and the sum of (p - n) ln(p/n). With groups in the order of that weight the AUC is the column's
own, and KS is half of the sum of |p - n|. All of it is computed of noisy counts, so it costs no privacy.

Noise and chance make worthless columns look as if they were worth something, since figures are convex in the counts. So
counts are drawn anew, with the noise's variance and that of chance (Poisson), and what a figure is too high by in draws
is subtracted (Efron, Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 10). Draws are around counts that
were moved towards those of a column without worth, by what the information value is too high by: else half of the bias
of AUC and KS stays near nothing. They give the interval too. Whether a column is worth more than nothing is asked of
draws around such counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from placet.models.quality import Z95

Reals = npt.NDArray[np.float64]
Statistic = Callable[[Reals], Reals]
DRAWS, SEED = 2000, 20260713
CLEAR_OF_NOISE = 4
"""Standard deviations of its noise that a group has at the least of either class: below, it goes with a neighbour."""
LEAST = 0.5
"""Of people in a group, in draws: half a person, as in a scorecard."""
BY_CHANCE = 0.01
"""Columns of no worth that are taken for more than nothing."""


@dataclass(frozen=True)
class WorthFigure:
    """An estimate and its 95 % interval, for the noise and for who happened to be there."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Group:
    """Cells that are judged together, by their places."""

    cells: tuple[int, ...]
    positives: int
    negatives: int
    woe: float


@dataclass(frozen=True)
class Worth:
    """`correlation`: of the column's ranks with the label, None for categories. `beyond_chance`: is it more than
    nothing?"""

    groups: tuple[Group, ...]
    iv: WorthFigure
    auc: WorthFigure
    ks: WorthFigure
    correlation: WorthFigure | None
    beyond_chance: bool


def grouped(counts: Reals, variance: float, smallest: int, *, ordered: bool) -> list[list[int]]:
    """Cells (2, cells) that are judged together: each group has enough of either class to stand clear of its noise. The
    last cell is that of missing values. Of an ordered column neighbours go together; missing values, too few to judge,
    are left out. Of categories those that are too few go together."""
    cells = counts.shape[1]

    def clear(places: Sequence[int]) -> bool:
        least = max(float(smallest), CLEAR_OF_NOISE * np.sqrt(variance * len(places)))
        return bool((counts[:, places].sum(axis=1) >= least).all())

    if not ordered:
        large = [[place] for place in range(cells) if clear([place])]
        few = [place for place in range(cells) if not clear([place])]
        if few and clear(few):
            return [*large, few]
        if few and large:
            large[min(range(len(large)), key=lambda at: counts[:, large[at]].min())] += few
        return large
    groups, under_way = list[list[int]](), list[int]()
    for place in range(cells - 1):
        under_way.append(place)
        if clear(under_way):
            groups.append(under_way)
            under_way = []
    if groups:
        groups[-1] += under_way
    return groups + [[cells - 1]] * clear([cells - 1])


def together(counts: Reals, groups: Sequence[Sequence[int]]) -> Reals:
    """Counts (…, cells) by group."""
    return np.stack([counts[..., group].sum(axis=-1) for group in groups], axis=-1)


def worth_of(counts: npt.ArrayLike, variance: float, smallest: int, *, ordered: bool) -> Worth | None:
    """Of noisy counts (2, cells), positives first, each with noise of that variance; 0 where one was too small to be
    told. None where there is but one group, so that nothing can be told apart."""
    noisy = np.asarray(counts, np.float64)
    groups = grouped(noisy, variance, smallest, ordered=ordered)
    if len(groups) < 2:
        return None
    own = together(noisy, groups)
    widths = variance * np.array([len(group) for group in groups], np.float64)
    ranked = [at for at, group in enumerate(groups) if ordered and group != [noisy.shape[1] - 1]]
    nothing = own.sum(axis=1, keepdims=True) * own.sum(axis=0) / own.sum()
    random = np.random.default_rng(SEED)

    def drawn(centre: Reals) -> Reals:
        noise = random.standard_normal((DRAWS, *centre.shape))
        draws: Reals = np.maximum(centre + np.sqrt(widths + centre) * noise, LEAST)
        return draws

    value, around_own = float(information(own)), drawn(own)
    centre = between(nothing, own, value, information(around_own))
    around_centre = drawn(centre)
    worthy = rare(value, information(drawn(nothing)))

    def figure(statistic: Statistic, low: float, high: float, *, signed: bool = False) -> WorthFigure:
        return corrected(
            float(statistic(own)),
            float(statistic(centre)),
            (statistic(around_own), statistic(around_centre)),
            (low, high),
            worthy=worthy or signed,
        )

    woe = evidence(own)
    return Worth(
        groups=tuple(
            Group(tuple(group), round(float(own[0, at])), round(float(own[1, at])), float(woe[at]))
            for at, group in enumerate(groups)
        ),
        iv=_by_its_root(figure(information, 0, np.inf), (around_own, around_centre))
        if worthy
        else figure(information, 0, np.inf),
        auc=figure(area, 0.5, 1),
        ks=figure(distance, 0, 1),
        correlation=figure(lambda lines: correlation(lines[..., ranked]), -1, 1, signed=True)
        if len(ranked) > 1
        else None,
        beyond_chance=worthy,
    )


def between(nothing: Reals, own: Reals, value: float, drawn: Reals) -> Reals:
    """Counts as far from those of no worth as they would be without noise. `value` grows with the square of how far
    they are, and `drawn` is as much too high again."""
    share = max(0.0, 2 * value - float(drawn.mean())) / value if value > 0 else 0.0
    moved: Reals = nothing + np.sqrt(min(share, 1.0)) * (own - nothing)
    return moved


def corrected(
    value: float, centre: float, drawn: tuple[Reals, Reals], bounds: tuple[float, float], *, worthy: bool
) -> WorthFigure:
    """An estimate without what draws are higher than the `centre` that they are around, and its interval, both within
    bounds. `drawn` are those around what came out, and those around the centre. Unless it is `worthy`, what looks like
    worth may be noise alone or all real: the interval goes from the least to what it looks like and more."""
    estimate = value + centre - float(drawn[1].mean())
    error = Z95 * max(float(one.std()) for one in drawn)
    ends = (estimate - error, estimate + error) if worthy else (bounds[0], max(value, estimate) + error)
    return WorthFigure(*(float(np.clip(one, *bounds)) for one in (estimate, *ends)))


def _by_its_root(iv: WorthFigure, drawn: tuple[Reals, Reals]) -> WorthFigure:
    """With an interval that is even on both sides of its root, as the noise is: IV goes with a square."""
    error = Z95 * max(float(np.sqrt(information(one)).std()) for one in drawn)
    root = float(np.sqrt(iv.value))
    return WorthFigure(iv.value, max(0.0, root - error) ** 2, (root + error) ** 2)


def rare(value: float, by_chance: Reals) -> bool:
    """Is so high a value seldom met by chance?"""
    return bool((1 + np.sum(by_chance >= value)) / (1 + len(by_chance)) < BY_CHANCE)


def evidence(lines: Reals) -> Reals:
    """Weight of evidence of each group, of (…, 2, groups)."""
    shares = _shares(lines)
    return np.log(shares[..., 0, :] / shares[..., 1, :])


def information(lines: Reals) -> Reals:
    """Information value."""
    shares = _shares(lines)
    values: Reals = ((shares[..., 0, :] - shares[..., 1, :]) * evidence(lines)).sum(axis=-1)
    return values


def area(lines: Reals) -> Reals:
    """AUC of the groups in the order of their evidence."""
    return area_by(evidence(lines), lines)


def area_by(scores: Reals, lines: Reals) -> Reals:
    """AUC of groups (…, 2, groups) in the order of their scores (…, groups), equal ones in any."""
    order, shares = np.argsort(scores, axis=-1, kind="stable"), _shares(lines)
    positives, negatives = (np.take_along_axis(shares[..., line, :], order, axis=-1) for line in (0, 1))
    areas: Reals = (positives * (negatives.cumsum(axis=-1) - negatives / 2)).sum(axis=-1)
    return areas


def distance(lines: Reals) -> Reals:
    """KS of the groups in that order."""
    shares = _shares(lines)
    distances: Reals = np.abs(shares[..., 0, :] - shares[..., 1, :]).sum(axis=-1) / 2
    return distances


def correlation(lines: Reals) -> Reals:
    """Spearman's, of groups in their own order with the label; people of one group are of one rank, in its middle."""
    people = lines.sum(axis=-2)
    everybody = people.sum(axis=-1, keepdims=True)
    share, positive = people / everybody, lines[..., 0, :] / everybody
    rate, rank = positive.sum(axis=-1), share.cumsum(axis=-1) - share / 2
    joint = (positive * (rank - 0.5)).sum(axis=-1)
    correlations: Reals = joint / np.sqrt((share * (rank - 0.5) ** 2).sum(axis=-1) * rate * (1 - rate))
    return correlations


def _shares(lines: Reals) -> Reals:
    shares: Reals = lines / lines.sum(axis=-1, keepdims=True)
    return shares
