"""What noise hides, tried: mechanisms over some rows, and over these with one more, the canary, that is as far out as a
row can be. Who knows all other rows takes the likelihood ratio of all that was told, round by round."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np
from _attacks import Transcript
from _handed_out import SMALLEST, People, entropy_of

from placet.catalogue import pooled_model, private_statistics, shared_representation
from placet.core.column_table import ColumnTable, column
from placet.core.privacy import variance_for
from placet.models.pooled_private import Release
from placet.protocols.noise import discrete_gaussian, draw
from placet.protocols.order import Entropy
from placet.recipes.blocks.pooled_table import MemberTable
from placet.recipes.pooled_model import private_training
from placet.recipes.private_statistics.run import exact, noisy
from placet.recipes.shared_representation.source import Noisy, learned, with_noise
from placet.vault.rows import Rows

ROWS, NEAR, FAR = 100, 250, 1_000
Mechanism = Callable[[bool, Noisy], object]
"""(is the canary among the rows, what adds noise), as the recipe's own code goes on by what that gives."""
Drawn = Callable[[Entropy], Noisy]
FEATURE = {"kind": "number", "column": "x", "bounds": [-FAR, FAR], "missing": "usual"}


def _people(inside: bool) -> People:
    """All but the canary have the label that their number foretells, and numbers that are nearer to the middle."""
    numbers = [NEAR if row % 2 else -NEAR for row in range(ROWS)]
    labels = [row % 2 for row in range(ROWS)]
    return People([FEATURE], [numbers + [FAR] * inside], np.array(labels + [0] * inside, np.int64))


PEOPLE = {inside: _people(inside) for inside in (False, True)}


def representation(budget: int) -> Mechanism:
    """`shared-representation`."""
    parameters = shared_representation.SPEC.parse(
        {"source_labels": ["label"], "label": "label", "shared": [FEATURE], "own": [{"column": "own"}]}
        | {"train": 50, "smallest_group": SMALLEST, "budget": budget}
    )

    def mechanism(inside: bool, noisy: Noisy) -> object:
        people = PEOPLE[inside]
        return learned(parameters, people.values, [people.labels], noisy)

    return mechanism


def pooled(budget: int) -> Mechanism:
    """`pooled-model` at one place, whose noise is to be enough alone."""
    parameters = pooled_model.SPEC.parse(
        {"label": "label", "features": [FEATURE], "train": 50, "smallest_group": SMALLEST}
        | {"budget": budget, "steps": 8}
    )

    def mechanism(inside: bool, noisy: Noisy) -> object:
        people = PEOPLE[inside]
        rows = np.arange(len(people.labels))
        table = MemberTable(tuple(people.values), people.labels, rows, rows[:0])

        async def total(_: Any, what: str, release: Release, amount: int) -> list[int]:
            return noisy(release, amount)

        with patch.object(private_training.NoisySums, "total", total):
            noise = private_training.drawn_from(bytes)
            return asyncio.run(private_training.trained(parameters, table, _nothing, noise, budget, 1))

    return mechanism


async def _nothing(what: str, numbers: list[int], most: int) -> list[int]:
    raise AssertionError("a sum without noise")


def followed(mechanism: Mechanism, drawn: Drawn = with_noise) -> Transcript:
    """The log likelihood ratio of all that a mechanism told, but for what is the same with and without the canary."""

    def run(inside: bool, number: int) -> float:
        told: list[list[int]] = []
        variances: list[int] = []
        sums: dict[bool, list[list[int]]] = {False: [], True: []}
        noise = drawn(entropy_of(bytes([inside]) + number.to_bytes(4, "big")))

        def first(release: Release, amount: int) -> list[int]:
            sums[inside].append(release.numbers)
            variances.append(release.variance(amount))
            told.append(noise(release, amount))
            return told[-1]

        def again(release: Release, amount: int) -> list[int]:
            sums[not inside].append(release.numbers)
            return told[len(sums[not inside]) - 1]

        mechanism(inside, first)
        mechanism(not inside, again)
        ratio = 0.0
        for numbers, without, with_it, variance in zip(told, sums[False], sums[True], variances, strict=True):
            for one, low, high in zip(numbers, without, with_it, strict=True):
                ratio += (high - low) * (one - (low + high) / 2) / variance
        return ratio

    return run


def statistics(budget: int, share: int = 1) -> Transcript:
    """`private-statistics`: a mean and, with a twentieth of the budget, a histogram; the noise has only the `share`th
    part of its variance."""
    questions = private_statistics.SPEC.parse(
        {
            "smallest_group": 2,
            "questions": [
                {"ask": "mean", "column": "x", "bounds": [-FAR, FAR], "budget": budget - budget // 20},
                {"ask": "histogram", "axis": {"column": "x", "edges": [0]}, "budget": budget // 20},
            ],
        }
    ).questions
    tables = {key: ColumnTable({"x": column("integer", list(people.values[0]))}) for key, people in PEOPLE.items()}
    rows = {key: Rows(table, "customer", b"") for key, table in tables.items()}
    sums = {key: [number for question in questions for number in exact(question, own)] for key, own in rows.items()}
    releases = [one for place, asked in enumerate(questions) for one in private_statistics.released(place, asked)]
    variances = [one.variance for one in releases for _ in range(one.numbers)]

    def run(inside: bool, number: int) -> float:
        entropy = entropy_of(bytes([inside]) + number.to_bytes(4, "big"))
        if share == 1:
            numbers = noisy(sums[inside], [draw(one, entropy) for one in releases])
        else:
            numbers = [
                one + discrete_gaussian(max(4, variance // share), entropy)
                for one, variance in zip(sums[inside], variances, strict=True)
            ]
        return sum(
            (high - low) * (one - (low + high) / 2) / variance
            for one, low, high, variance in zip(numbers, sums[False], sums[True], variances, strict=True)
        )

    return run


def too_little(share: int) -> Drawn:
    """As if one row changed each sum by less than it does: noise of the `share`th part of the variance."""

    def drawn(entropy: Entropy) -> Noisy:
        def noisy(release: Release, amount: int) -> list[int]:
            variance = max(4, variance_for(release.squared, amount) // share)
            return [number + discrete_gaussian(variance, entropy) for number in release.numbers]

        return noisy

    return drawn
