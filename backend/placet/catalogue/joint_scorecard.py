"""`joint-scorecard`: a scorecard from the consumer's labels and several providers' columns, fitted wholly on shares."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from placet.catalogue.modelling import (
    PERMUTED,
    ModellingParameters,
    absent,
    demand_measured,
    fits,
    pays,
    reads,
    roles,
    tells,
)
from placet.catalogue.spec import Cost, RecipeSpec, by_identifier
from placet.core.purposes import Operation
from placet.models.choices import PERMUTED_EDGES, Permutations, Scale
from placet.models.contribution import COALITION_BANDS, coalitions_of

DEFAULT = Scale(base_score=600, pdo=20, base_odds=1, higher=1)


class JointScorecardParameters(ModellingParameters):
    """How log odds become points is the consumer's choice; what the fit does is fixed but for its steps and penalty."""

    scale: Annotated[
        Scale,
        Field(
            description="{base_score, pdo, base_odds, higher}: at base_score the odds are base_odds to 1, pdo points "
            "more double them, and higher scores speak for the label `higher`: 0 where 1 is a default, 1 where it is a "
            "sale"
        ),
    ] = DEFAULT
    steps: Annotated[int, Field(strict=True, ge=1, le=30, description="Newton steps: 1 to 30, 6 are enough")] = 6
    l2: Annotated[
        int,
        Field(
            strict=True,
            ge=1,
            le=1_000,
            description="the penalty on a squared coefficient, in thousandths of a row's mean loss: 1 to 1000",
        ),
    ] = 1
    permutations: Annotated[Permutations | None, Field(exclude_if=absent, description=PERMUTED)] = None

    @model_validator(mode="after")
    def _bounded(self) -> JointScorecardParameters:
        demand_measured(self, self.permutations)
        return self


def cost(parameters: JointScorecardParameters, rows: int) -> Cost:
    """From 30,000 rows of 23 columns with 10 bins by ABY3, and 8,000 by Cheetah: what grows does so with the cells, but
    for ABY3's traffic, which is of sigmoids and of scores that are compared with bands. Of 4,000 rows that test by
    either: what coalitions add grows with the scores that are compared with their bands."""
    columns = [feature for features in parameters.features.values() for feature in features]
    cells = rows * sum(feature.bins + 2 for feature in columns)
    compared = _compared(parameters, rows)
    if parameters.protocol == "cheetah":
        traffic, seconds = (150 << 20) + 45 * cells + 310 * compared, 12 + cells // 50_000 + compared // 50_000
        return Cost(memory=(1250 << 20) + 950 * cells, traffic=traffic, seconds=seconds)
    traffic = (30 << 20) + 10 * cells + 19_000 * rows + 160 * compared
    return Cost(memory=(350 << 20) + 75 * cells, traffic=traffic, seconds=6 + cells // 500_000 + compared // 150_000)


def _compared(parameters: JointScorecardParameters, rows: int) -> int:
    """How often a coalition's score, or one with a column moved, is compared with an edge; of any row, where a column
    says which ones test."""
    split, compared = parameters.split, 0
    tests = 100 - (split.train or 0) - (split.validation or 0)
    if parameters.payout_rule is not None:
        coalitions = coalitions_of(parameters.payout_rule, range(len(parameters.features)))
        compared += rows * tests // 100 * (COALITION_BANDS - 1) * len(coalitions)
    if parameters.permutations is not None:
        columns = sum(map(len, parameters.features.values()))
        moved = rows * (split.validation or tests) // 100 * columns * parameters.permutations
        compared += moved * PERMUTED_EDGES
    return compared


SPEC = RecipeSpec(
    name="joint-scorecard",
    version=1,
    does="The consumer gets a scorecard that was trained on its own labels and the columns of one to seven providers, "
    "and how good it is on rows that it was not trained on; nobody sees another party's rows, and no weight in it is "
    "of fewer people of either label than the smallest group. On the engine spu.",
    operations=Operation.PSI | Operation.MPC | Operation.FL,
    engines=("spu",),
    on_withdrawal="drop",
    roles=roles(
        "after the release the scorecard (how each column is cut into bins, each bin's points, each column's "
        "information value), how many rows trained it and how many of either label, and how good it is on the rows "
        "that validate and test, by up to 64 bands of the score; with model: shared all of that but the "
        "scorecard; how many "
        "consented rows each provider has; with permutations by how much the AUC falls, in four digits, when a "
        "column's values stand in other rows; with a payout_rule what providers learn of coalitions, too",
        paid=True,
    ),
    parameters=JointScorecardParameters,
    reads=reads,
    aligns=by_identifier,
    tells=tells,
    fits=fits,
    cost=cost,
    pays=pays,
)
