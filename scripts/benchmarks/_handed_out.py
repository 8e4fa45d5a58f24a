"""Models as recipes hand them out, by the recipes' own code in one process: the log odds that they give to rows.

Of `pooled-model` all rows are in one place, whose totals are then everybody's: the model is the same as of several
places. With noise it is that of one place alone, since all others may pool what they know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from placet.catalogue import pooled_model, shared_representation
from placet.core.errors import InputError
from placet.jobs.randomness import stream
from placet.models.choices import Scale
from placet.models.pooled_checks import Seat
from placet.models.pooled_private import Release
from placet.models.preparing import UNIT
from placet.protocols.order import Entropy
from placet.recipes.blocks.pooled_table import MemberTable, prepared_of
from placet.recipes.pooled_model import card_training, private_training, training
from placet.recipes.pooled_model.training import Pooled
from placet.recipes.shared_representation.source import learned, with_noise

Reals = np.ndarray[Any, np.dtype[np.float64]]
Whole = np.ndarray[Any, np.dtype[np.int64]]
SCALE = Scale(base_score=600, pdo=20, base_odds=1, higher=1)
SMALLEST = 5
NOISY_STEPS = 8


@dataclass(frozen=True)
class People:
    """`features` as `pooled-model` takes them, and each one's values and labels."""

    features: Sequence[dict[str, Any]]
    values: Sequence[Sequence[Any]]
    labels: Whole

    def some(self, rows: Whole) -> People:
        return People(self.features, [[own[row] for row in rows.tolist()] for own in self.values], self.labels[rows])

    def with_value(self, place: int, value: Any) -> People:
        """The same people, all of whom have this value in a column."""
        values = [list(own) for own in self.values]
        values[place] = [value] * len(self.labels)
        return People(self.features, values, self.labels)


Trained = Callable[[People], Reals]
"""A model as who gets it can use it: people to the log odds of label 1."""
Recipe = Callable[[People, bytes], Trained]
"""The people that train, and a seed of noise where there is any."""


def entropy_of(seed: bytes) -> Entropy:
    return stream(bytes(32), seed)


async def _alone(what: str, numbers: list[int], most: int) -> list[int]:
    """One place's numbers as the totals of all; where it has enough people, a second one does."""
    return [3 * number for number in numbers] if what.startswith("parties with") else numbers


def _pooled_parameters(people: People, **more: Any) -> pooled_model.PooledModelParameters:
    raw = {"label": "label", "features": list(people.features), "train": 50, "smallest_group": SMALLEST}
    return pooled_model.SPEC.parse(raw | more)


def _table(people: People) -> MemberTable:
    """All train; the first few stand for those who test, since the model is not of them."""
    return MemberTable(tuple(people.values), people.labels, np.arange(len(people.labels)), np.arange(SMALLEST))


def pooled(people: People) -> Pooled:
    """Without noise."""
    model = asyncio.run(training.trained(_pooled_parameters(people, steps=20), _table(people), _alone, Seat(0, 2)))
    if model is None:
        raise InputError("too few people", found=len(people.labels))
    return model


def _log_odds(model: Pooled) -> Trained:
    weights = np.array(model.coefficients)

    def log_odds(rows: People) -> Reals:
        prepared = prepared_of(model.columns, _table(rows), np.arange(len(rows.labels)))
        return np.asarray(prepared / UNIT @ weights[:-1] + weights[-1], np.float64)

    return log_odds


def logistic(people: People, seed: bytes) -> Trained:
    """`pooled-model` without a budget."""
    return _log_odds(pooled(people))


def noisy(people: People, budget: int, seed: bytes) -> Pooled | None:
    """With noise; None where the people look too few."""
    parameters = _pooled_parameters(people, budget=budget, steps=NOISY_STEPS)
    noise = private_training.drawn_from(entropy_of(seed))
    return asyncio.run(private_training.trained(parameters, _table(people), _alone, noise, budget, 1))


def noisy_logistic(budget: int) -> Recipe:
    """`pooled-model` with one."""

    def recipe(people: People, seed: bytes) -> Trained:
        model = noisy(people, budget, seed)
        return (lambda rows: np.zeros(len(rows.labels))) if model is None else _log_odds(model)

    return recipe


def pooled_design(people: People, budget: int | None, seed: bytes) -> tuple[Reals, Reals, float]:
    """What a pooled logistic regression was fitted to, 1 in the last column; its coefficients; and its penalty on half
    a squared one. InputError where the people look too few."""
    model = pooled(people) if budget is None else noisy(people, budget, seed)
    if model is None:
        raise InputError("too few people", found=len(people.labels))
    rows = len(people.labels)
    prepared = prepared_of(model.columns, _table(people), np.arange(rows)) / UNIT
    used = np.array(model.open)
    design = np.concatenate([prepared[:, used], np.ones((rows, 1))], axis=1)
    return design, np.array(model.coefficients)[np.append(used, True)], rows * _pooled_parameters(people).l2 / 1000


def scorecard(people: People, seed: bytes) -> Trained:
    """`pooled-model` with a scale, whose points anybody can add up."""
    parameters = _pooled_parameters(people, scale=SCALE.to_json(), steps=20)
    card = asyncio.run(card_training.trained(parameters, SCALE, _table(people), _alone, Seat(0, 2)))
    if card is None:
        raise InputError("too few people", found=len(people.labels))

    def log_odds(rows: People) -> Reals:
        codes = card_training.codes_of(parameters, _table(rows), np.arange(len(rows.labels)))
        scores = card_training.scores_of(card.base, card.points, codes)
        return np.asarray((scores - SCALE.offset) / SCALE.factor, np.float64)

    return log_odds


def representation(budget: int | None) -> Recipe:
    """`shared-representation`; without noise, which no plan can have, for comparison."""

    def exact(release: Release, amount: int) -> list[int]:
        return list(release.numbers)

    def recipe(people: People, seed: bytes) -> Trained:
        names = [one["column"] for one in people.features]
        parameters = shared_representation.SPEC.parse(
            {
                **{"source_labels": ["label"], "label": "label", "shared": list(people.features)},
                **{"own": [{"column": "own"}], "train": 50, "smallest_group": SMALLEST},
                "budget": budget or 10**9,
            }
        )
        noisy = exact if budget is None else with_noise(entropy_of(seed))
        outcome = learned(parameters, people.values, [people.labels], noisy)
        if outcome is None:
            return lambda rows: np.zeros(len(rows.labels))
        (head,) = outcome.heads
        return lambda rows: head.predictors(
            {(shared_representation.PROVIDER, name): own for name, own in zip(names, rows.values, strict=True)}
        )

    return recipe
