"""One party's part in training a pooled model under a privacy budget: its numbers with its own noise, then masked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from placet.catalogue.pooled_model import MAX_MEMBERS, PooledModelParameters
from placet.models import pooled_private
from placet.models.bands import kept_places, merged
from placet.models.pooled import SCORE_UNIT, band_edges
from placet.models.pooled_private import BANDS, NoisyFit, Reals, Release
from placet.protocols.noise import discrete_gaussian
from placet.protocols.order import Entropy
from placet.recipes.blocks.pooled_judging import people_by_bands
from placet.recipes.blocks.pooled_sums import MOST_PEOPLE, Add
from placet.recipes.blocks.pooled_table import MemberTable, Whole, positions_of, prepared_of, standardised_by_sums
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
    parts: Mapping[str, int]
    """What each sum of who trains may cost."""
    parties: int

    async def total(self, what: str, release: Release, amount: int) -> list[int]:
        noise = await self.noise(release, amount)
        noisy = [number + own for number, own in zip(release.numbers, noise, strict=True)]
        return await self.add(f"{what}, with noise", noisy, release.most_with_noise(amount, MAX_MEMBERS))


async def trained(
    parameters: PooledModelParameters, table: MemberTable, add: Add, noise: Noise, budget: int, parties: int
) -> Pooled | None:
    """As `training.trained`, by sums with noise: three of what columns are like, one of products, a gradient a step,
    one of people by bands. None where they look too few for two smallest groups."""
    parts = pooled_private.amounts(budget, parameters.steps)
    sums = NoisySums(add, noise, parts, parties)
    train = table.columns(table.train)
    counted = pooled_private.people_of(len(table.train), MOST_PEOPLE)
    (people,) = await sums.total("people", counted, parts["people"])
    if people < 2 * parameters.smallest_group:
        return None
    most = people + counted.noise(parts["people"], MAX_MEMBERS)
    places = positions_of(parameters.features, train)
    first, second = [0] * len(places), [0] * len(places)
    if places:
        positions, squares = pooled_private.moments(places, most)
        first = await sums.total("positions", positions, parts["positions"])
        second = await sums.total("squares of positions", squares, parts["squares"])
    columns = standardised_by_sums(parameters.features, people, first, second)
    design, labels = pooled_private.shrunken(prepared_of(columns, table, table.train)), table.labels[table.train]
    fit = await fitted(parameters, sums, design, labels, people, most)
    width = len(fit.coefficients) - 1
    scores = scores_of(prepared_of(columns, table, table.test), fit.coefficients)
    mean, deviation = fit.predictors()
    edges = band_edges(SCORE_UNIT * mean, SCORE_UNIT * deviation, BANDS)
    bands = await judged(scores, table.labels[table.test], edges, parameters.smallest_group, sums, budget)
    return Pooled(
        people, None, columns, (None,) * width, (True,) * width, tuple(fit.coefficients), parameters.steps, bands
    )  # fmt: skip


async def fitted(
    parameters: PooledModelParameters,
    sums: NoisySums,
    design: Reals,
    labels: Whole,
    people: int,
    most: int,
) -> NoisyFit:
    """By a noisy sum of products and a noisy gradient a step. `most`: how many people there are at the most."""
    release, parts = pooled_private.products(design, most), sums.parts
    triangle = await sums.total("products", release, parts["products"])
    fit = NoisyFit(people, parameters.l2 / 1000, triangle, release.variance(parts["products"]), sums.parties)
    for _ in range(parameters.steps):
        slope = pooled_private.gradient(design, labels, fit.ahead, most)
        fit.step(await sums.total("gradients", slope, parts["gradients"]))
    return fit


async def judged(
    scores: Whole, labels: Whole, edges: tuple[int, ...], smallest: int, sums: NoisySums, budget: int
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None:
    """Noisy people by label in bands of the score, put together until none looks too small; who tests is in no other
    sum, so this one spends the whole budget."""
    count = len(edges) + 1
    positives, negatives = people_by_bands(scores, labels, edges)
    totals = await sums.total("people by bands", Release([*positives, *negatives], 1, MOST_PEOPLE), budget)
    noisy = [[max(0, one) for one in totals[:count]], [max(0, one) for one in totals[count:]]]
    if min(map(sum, noisy)) < smallest:
        return None
    places = kept_places(noisy, smallest, (0, count))
    return tuple(edges[place - 1] for place in places[1:-1]), merged(noisy[0], places), merged(noisy[1], places)
