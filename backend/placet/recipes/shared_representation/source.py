"""The source's part: a score of each of its labels on the shared columns, nearly the same whoever's row is left out.

All of its rows train. The steps and what one row changes of each sum are `pooled_private`'s, with one place; the
curvature is of the columns alone, so all labels share it. The scores are the representation: a few numbers of a row in
which what the source learned of its labels stands (Ando and Zhang, "A framework for learning predictive structures from
multiple tasks and unlabeled data", JMLR 6, 2005).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from placet.catalogue.shared_representation import PROVIDER, STEPS, SharedRepresentationParameters
from placet.models import pooled_private
from placet.models.linear import LinearModel, logistic_of
from placet.models.pooled_private import NoisyFit, Release, Whole
from placet.protocols.noise import discrete_gaussian
from placet.protocols.order import Entropy
from placet.recipes.blocks.noise import DeclaredNoise
from placet.recipes.blocks.pooled_table import positions_of, standardised_by_sums

L2 = 0.001
MOST_ROWS = 1_000_000
Noisy = Callable[[Release, int], list[int]]
"""A release, and the nano-rho that it may cost, to its numbers with noise."""


@dataclass(frozen=True)
class Representation:
    """About how many rows it was trained on, and a logistic score of each of the source's labels, all of the same
    prepared columns, in the order of the plan."""

    people: int
    heads: tuple[LinearModel, ...]


def with_declared(noise: DeclaredNoise) -> Noisy:
    """Each number with noise that an auditor can draw again."""

    def noisy(release: Release, amount: int) -> list[int]:
        drawn = noise.on(len(release.numbers), release.variance(amount))
        return [number + one for number, one in zip(release.numbers, drawn, strict=True)]

    return noisy


def with_noise(entropy: Entropy) -> Noisy:
    """Each number with a discrete Gaussian of its own, of which no job keeps anything."""

    def noisy(release: Release, amount: int) -> list[int]:
        variance = release.variance(amount)
        return [number + discrete_gaussian(variance, entropy) for number in release.numbers]

    return noisy


def learned(
    parameters: SharedRepresentationParameters, values: Sequence[Sequence[Any]], labels: Sequence[Whole], noisy: Noisy
) -> Representation | None:
    """`values` by shared column, `labels` by the plan's; None where the rows look fewer than the smallest group.
    DataError for what is no number. It is of noisy sums alone, which together cost no more
    than the budget."""
    parts = pooled_private.amounts(parameters.budget, STEPS * len(parameters.source_labels))
    (people,) = noisy(pooled_private.people_of(len(labels[0]), MOST_ROWS), parts["people"])
    if people < parameters.smallest_group:
        return None
    places = positions_of(parameters.shared, values)
    sums: list[list[int]] = [[], []]
    if places:
        releases = zip(pooled_private.moments(places, MOST_ROWS), ("positions", "squares"), strict=True)
        sums = [noisy(release, parts[name]) for release, name in releases]
    columns = standardised_by_sums(parameters.shared, people, *sums)
    prepared = np.concatenate([one.prepare(own) for one, own in zip(columns, values, strict=True)], axis=1)
    design = pooled_private.shrunken(prepared)
    release = pooled_private.products(design, MOST_ROWS)
    triangle = noisy(release, parts["products"])
    names = [one.column for one in parameters.shared]
    heads = []
    for name, known in zip(parameters.source_labels, labels, strict=True):
        fit = NoisyFit(people, L2, triangle, release.variance(parts["products"]), 1)
        for _ in range(STEPS):
            fit.step(noisy(pooled_private.gradient(design, known, fit.ahead, MOST_ROWS), parts["gradients"]))
        heads.append(logistic_of(name, PROVIDER, list(zip(names, columns, strict=True)), fit.coefficients))
    return Representation(people, tuple(heads))
