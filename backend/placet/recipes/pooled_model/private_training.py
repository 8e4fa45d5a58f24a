"""One party's part in training a pooled model under a privacy budget: its numbers with its own noise, then masked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np

from placet.catalogue.pooled_model import MAX_MEMBERS, PooledModelParameters, PooledNumber
from placet.models import pooled_private
from placet.models.bands import kept_places, merged
from placet.models.pooled import SCORE_UNIT, band_edges
from placet.models.pooled_private import BANDS, NoisyFit, Release
from placet.protocols.noise import discrete_gaussian
from placet.protocols.order import Entropy
from placet.recipes.blocks.pooled_sums import MOST_PEOPLE, Add
from placet.recipes.blocks.pooled_table import Columns, MemberTable, Whole, as_numbers, category, prepared_of
from placet.recipes.pooled_model.training import Pooled, scores_of

Noise = Callable[[Release, int], Awaitable[Sequence[int]]]
"""A release, and the nano-rho that it may cost, to a party's own noise on each of its numbers."""


def drawn_from(entropy: Entropy) -> Noise:
    """Noise of which no job keeps anything."""

    async def noise(release: Release, amount: int) -> list[int]:
        return [discrete_gaussian(release.variance(amount), entropy) for _ in release.numbers]

    return noise


@dataclass(frozen=True)
class NoisySums:
    """Adds up releases, each of which costs so many nano-rho, with this party's own noise before anything is masked."""

    add: Add
    noise: Noise

    async def total(self, what: str, release: Release, amount: int) -> list[int]:
        noise = await self.noise(release, amount)
        noisy = [number + own for number, own in zip(release.numbers, noise, strict=True)]
        return await self.add(f"{what}, with noise", noisy, release.most_with_noise(amount, MAX_MEMBERS))


async def trained(
    parameters: PooledModelParameters, table: MemberTable, add: Add, noise: Noise, budget: int, parties: int
) -> Pooled | None:
    """As `training.trained`, by sums with noise: three of what columns are like, one of products, a gradient a step,
    one of people by bands. None where they look too few for two smallest groups."""
    sums, parts = NoisySums(add, noise), pooled_private.amounts(budget, parameters.steps)
    train = table.columns(table.train)
    counted = pooled_private.people_of(len(table.train), MOST_PEOPLE)
    (people,) = await sums.total("people", counted, parts["people"])
    if people < 2 * parameters.smallest_group:
        return None
    most = people + counted.noise(parts["people"], MAX_MEMBERS)
    numbers = [(one, values) for one, values in zip(parameters.features, train, strict=True)
               if isinstance(one, PooledNumber)]  # fmt: skip
    places = [pooled_private.positions(as_numbers(one, values), *one.bounds) for one, values in numbers]
    first, second = [0] * len(places), [0] * len(places)
    if places:
        positions, squares = pooled_private.moments(places, most)
        first = await sums.total("positions", positions, parts["positions"])
        second = await sums.total("squares of positions", squares, parts["squares"])
    columns = _columns(parameters, people, first, second)
    design, labels = pooled_private.shrunken(prepared_of(columns, table, table.train)), table.labels[table.train]
    release = pooled_private.products(design, most)
    triangle = await sums.total("products", release, parts["products"])
    fit = NoisyFit(people, parameters.l2 / 1000, triangle, release.variance(parts["products"]), parties)
    for _ in range(parameters.steps):
        slope = pooled_private.gradient(design, labels, fit.ahead, most)
        fit.step(await sums.total("gradients", slope, parts["gradients"]))
    width = len(fit.coefficients) - 1
    scores = scores_of(prepared_of(columns, table, table.test), fit.coefficients)
    mean, deviation = fit.predictors()
    edges = band_edges(SCORE_UNIT * mean, SCORE_UNIT * deviation, BANDS)
    bands = await judged(scores, table.labels[table.test], edges, parameters.smallest_group, sums, budget)
    return Pooled(
        people, None, columns, (None,) * width, (True,) * width, tuple(fit.coefficients), parameters.steps, bands
    )  # fmt: skip


def _columns(parameters: PooledModelParameters, people: int, first: list[int], second: list[int]) -> Columns:
    sums = iter(zip(first, second, strict=True))
    return tuple(
        pooled_private.standardised_by(people, *next(sums), *one.bounds, one.missing)
        if isinstance(one, PooledNumber)
        else category(one)
        for one in parameters.features
    )


async def judged(
    scores: Whole, labels: Whole, edges: tuple[int, ...], smallest: int, sums: NoisySums, budget: int
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None:
    """Noisy people by label in bands of the score, put together until none looks too small; who tests is in no other
    sum, so this one spends the whole budget."""
    count = len(edges) + 1
    bands = np.searchsorted(np.array(edges, np.int64), scores, side="right")
    lines = [np.bincount(bands[labels == label], minlength=count).tolist() for label in (1, 0)]
    totals = await sums.total("people by bands", Release([*lines[0], *lines[1]], 1, MOST_PEOPLE), budget)
    noisy = [[max(0, one) for one in totals[:count]], [max(0, one) for one in totals[count:]]]
    if min(map(sum, noisy)) < smallest:
        return None
    places = kept_places(noisy, smallest, (0, count))
    return tuple(edges[place - 1] for place in places[1:-1]), merged(noisy[0], places), merged(noisy[1], places)
