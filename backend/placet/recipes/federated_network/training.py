"""One party's part in training a network: its own training in the engine's process, and sums of what that moved.

Nothing here sends anything: `add` gives the totals of all parties' numbers. What follows from a total is worked out by
whole numbers and single divisions, and a strategy's outcome is rounded to whole weights, so all come to one network.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np

from placet.catalogue.federated_network import FederatedNetworkParameters
from placet.models.network import Reals, Whole, forward, initial, layers_of
from placet.models.pooled import FRACTION, LARGEST_SUMMAND, SCORE_UNIT, band_edges
from placet.models.pooled_checks import Seat
from placet.models.preparing import UNIT, Prepared
from placet.models.regression import MAX_LOGIT
from placet.protocols.flower.process import FlowerOutcome, Material
from placet.recipes.blocks.pooled_judging import judged
from placet.recipes.blocks.pooled_sums import Add, Described, describe
from placet.recipes.blocks.pooled_table import MemberTable, prepared_of

Engine = Callable[[Whole, Material], Awaitable[FlowerOutcome]]
"""(first weights, the own rows) to what all parties' training comes to."""


@dataclass(frozen=True)
class Federated:
    """What all parties come to: weights, the mean loss of all rows that train at the beginning of each round, and
    `bands` as of a pooled model. `alone` is the party's own: weights from its rows alone, where asked for."""

    described: Described
    weights: Whole
    losses: Reals
    bands: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None
    alone: Whole | None


async def trained(
    parameters: FederatedNetworkParameters,
    table: MemberTable,
    add: Add,
    seat: Seat,
    engine: Engine,
    seed: bytes,
    *,
    alone: bool,
) -> Federated | None:
    """None where too few have either label. Two sums of what columns are like, one a round (which `engine` asks for),
    one of what scores are like and two for the bands. `seed`: of the first weights, the same at all parties."""
    smallest = parameters.smallest_group
    described = await describe(parameters.features, smallest, table, add, seat)
    if described is None:
        return None
    prepared = reading(described, prepared_of(described.columns, table, table.train))
    first = initial(described.reads, parameters.hidden, seed)
    order = int.from_bytes(seed[:8], "big") >> 1
    outcome = await engine(first, Material(prepared, table.labels[table.train], described.people, order, alone))
    own = scores_of(parameters.hidden, outcome.weights, prepared) / SCORE_UNIT
    parts = np.array([own.sum(), (own**2).sum() / 16]) * FRACTION
    most = described.people * LARGEST_SUMMAND * FRACTION
    first_sum, second = (one / FRACTION for one in await add("scores", [round(one) for one in parts.tolist()], most))
    mean = first_sum / described.people
    deviation = math.sqrt(max(0.0, 16 * second / described.people - mean**2))
    edges = band_edges(SCORE_UNIT * mean, SCORE_UNIT * max(deviation, 0.01))
    tested = reading(described, prepared_of(described.columns, table, table.test))
    scores = scores_of(parameters.hidden, outcome.weights, tested)
    bands = await judged(scores, table.labels[table.test], edges, smallest, add, seat)
    return Federated(described, outcome.weights, outcome.losses, bands, outcome.alone)


def reading(described: Described, prepared: Prepared) -> Prepared:
    """Only the numbers that the network reads; the others are 0."""
    return np.asarray(prepared * np.array(described.reads, np.int64))


def scores_of(hidden: Sequence[int], weights: Whole, prepared: Prepared) -> Whole:
    """Log odds in ten-thousandths."""
    predictors = forward(layers_of(weights, prepared.shape[1], hidden), prepared / UNIT)
    return np.asarray(np.rint(SCORE_UNIT * np.clip(predictors, -MAX_LOGIT, MAX_LOGIT)), np.int64)
