"""How much worse the model is for all others because of one place's rows: leaving one out, without training anew.

At the pooled model the gradients g of all places add up to the penalty's, so each place's own is what holds the model
away from where the others alone would have it: without place i, Newton's step moves it by (H − Hᵢ)⁻¹ gᵢ, and the
others' loss falls by gᵢᵀ (H − Hᵢ)⁻¹ gᵢ / 2 (infinitesimal jackknife: Giordano et al., AISTATS 2019; influence: Koh and
Liang, ICML 2017). Hᵢ is taken as the place's share of the people. Only a few random projections of gᵢ are known, in
directions in which H is 1: the mean of their squares estimates that norm, within about a half of it by eight.

*Pull* is that norm by what it would be for rows like all others' by chance: about 1, a few where a place's customers
differ. A place is named where its pull is `TIMES` that of any other and the others' loss is `HARM` larger by it; with
fewer than `LEAST` places the rest could be the odd ones. Everything is worked out from totals in one order, as the fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from placet.core.errors import InputError
from placet.models.pooled import FRACTION, factored

MOST = 8
WEIGHT = 512
"""What the weights of a direction add up to, at the most."""
TIMES, HARM, LEAST = 3.0, 0.002, 4


@dataclass(frozen=True)
class Pull:
    """Of a place: its people that train, its pull, and the others' mean loss of a row that leaving it out takes away,
    in nats."""

    people: int
    pull: float
    harm: float


def directions_of(curvature: Sequence[Sequence[float]], coin: Callable[[int], bytes]) -> list[list[int]]:
    """Weights by direction: at most half as many as there are numbers, so that half of each place's stay unknown."""
    size = len(curvature)
    lower, pivots = factored(curvature)
    weights = []
    for _ in range(min(MOST, size // 2)):
        signs = [1.0 if byte & 1 else -1.0 for byte in coin(size)]
        ahead = [sign / math.sqrt(pivot) if pivot > 0 else 0.0 for sign, pivot in zip(signs, pivots, strict=True)]
        for i in reversed(range(size)):
            ahead[i] -= sum(lower[k][i] * ahead[k] for k in range(i + 1, size))
        largest = sum(map(abs, ahead))
        weights.append([int(WEIGHT * one / largest) if largest else 0 for one in ahead])
    return weights


def beyond(people: int, values: Sequence[int], directions: Sequence[Sequence[int]], limits: Sequence[float]) -> bool:
    """Is what a place added in a direction more than so many rows can add, no number further from 0 than its limit?"""
    most = [sum(abs(one) * limit for one, limit in zip(weights, limits, strict=True)) for weights in directions]
    return any(abs(value) > people * FRACTION * one + WEIGHT for value, one in zip(values, most, strict=True))


def pulls(
    people: Sequence[int],
    values: Sequence[Sequence[int]],
    directions: Sequence[Sequence[int]],
    curvature: Sequence[Sequence[float]],
) -> list[Pull]:
    """`values`: by place and direction what it added to the last gradient. InputError where there are no directions."""
    if not directions:
        raise InputError("no direction to look in", expected="a model of at least two numbers")
    everybody, size = sum(people), len(curvature)
    bent = [sum(a * b * curvature[i][j] for i, a in enumerate(one) for j, b in enumerate(one)) for one in directions]
    totals = [sum(column) for column in zip(*values, strict=True)]
    outcome = []
    for own, added in zip(people, values, strict=True):
        share = own / everybody
        squares = [
            ((value - share * total) / FRACTION) ** 2 / bend
            for value, total, bend in zip(added, totals, bent, strict=True)
            if bend > 0
        ]
        norm = size * sum(squares) / len(squares) if squares else 0.0
        expected = size * share * (1 - share)
        others = everybody - own
        harm = norm / (1 - share) / 2 / others if others else 0.0
        outcome.append(Pull(own, norm / expected if expected else 0.0, harm))
    return outcome


def harmful(places: Sequence[Pull]) -> int | None:
    """The place that harms all others, if one does."""
    if len(places) < LEAST:
        return None
    first, second, *_ = sorted(range(len(places)), key=lambda place: -places[place].pull)
    worst = places[first]
    return first if worst.harm >= HARM and worst.pull >= TIMES * places[second].pull else None
