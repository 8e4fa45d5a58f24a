"""`joint-linear`: a linear model of the consumer's label and several providers' columns, fitted wholly on shares; and
how the columns correlate, which a bank looks at before it trains."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from placet.catalogue import modelling
from placet.catalogue.modelling import (
    MAX_FEATURES,
    PROVIDERS,
    DataRole,
    JoinedParameters,
    LinearFeature,
    Penalty,
    fits,
    roles,
    tells,
)
from placet.catalogue.spec import CONSUMER, Column, Cost, RecipeSpec, by_identifier
from placet.core.lawful import Tells
from placet.core.purposes import Operation
from placet.models.choices import MAX_WIDTH, Family, Statistics


class JointLinearParameters(JoinedParameters):
    """The label is 0 or 1, a number, or a count, by the model's family."""

    features: Annotated[  # type: ignore[assignment]
        dict[DataRole, Annotated[tuple[LinearFeature, ...], Field(min_length=1, max_length=MAX_FEATURES)]],
        Field(
            min_length=1,
            description="by role, consumer and first-provider to seventh-provider: the columns that the model reads, "
            "each {column, kind: number or category, levels of a category, missing: own or usual, clip: percent of a "
            "number that is winsorised at either end}",
        ),
    ]
    label: Annotated[
        Column,
        Field(
            description="the consumer's column that is learned: integers 0 and 1 (logistic), numbers (linear), or "
            "counts (poisson)"
        ),
    ]
    family: Annotated[Family, Field(description="which regression: logistic, linear or poisson")] = "logistic"
    steps: Annotated[
        int,
        Field(
            strict=True,
            ge=1,
            le=30,
            description="Newton steps: 1 to 30; 8 are enough, 20 for counts or where few have label 1",
        ),
    ] = 8
    l2: Penalty = 1
    statistics: Annotated[
        Statistics,
        Field(
            description="whether the columns' correlations and variance inflation factors come with the model (also), "
            "instead of it (only), or not (none)"
        ),
    ] = "also"

    @property
    def width(self) -> int:
        """Numbers of a row that all columns become."""
        return sum(feature.width for features in self.features.values() for feature in features)

    @model_validator(mode="after")
    def _fits(self) -> JointLinearParameters:
        if self.width > MAX_WIDTH:
            raise ValueError(f"at most {MAX_WIDTH} numbers of a row, an indicator each for levels and what is missing")
        if self.model != CONSUMER and self.statistics != "none":
            raise ValueError("statistics: none, with a model that stays shared; a job of its own has statistics: only")
        return self


def linear_features(parameters: JointLinearParameters, role: str) -> tuple[LinearFeature, ...]:
    """A role's columns; none where it has none."""
    return parameters.of(role)  # type: ignore[return-value]


def reads(role: str, parameters: JointLinearParameters) -> tuple[str, ...]:
    """As a model does, but no label where none is trained."""
    columns = modelling.reads(role, parameters)
    if role == CONSUMER and parameters.statistics == "only":
        return tuple(column for column in columns if column != parameters.label)
    return columns


def says(parameters: JointLinearParameters) -> Tells:
    """A model, or statistics alone."""
    if parameters.statistics == "only":
        return Tells("aggregate", parameters.smallest_group, shows=PROVIDERS)
    return tells(parameters)


def cost(parameters: JointLinearParameters, rows: int) -> Cost:
    """From 30,000 rows of 23 columns with 4 and 8 steps by Cheetah, and 45,211 of 42 by ABY3."""
    cells, steps = rows * parameters.width, parameters.steps
    if parameters.protocol == "cheetah":
        return Cost(
            memory=(1200 << 20) + 2000 * cells,
            traffic=(60 << 20) + 200 * cells + 1000 * steps * rows,
            seconds=10 + cells // 60_000 + steps * rows // 20_000,
        )
    return Cost(
        memory=(350 << 20) + 250 * cells,
        traffic=(30 << 20) + 90 * cells + 1200 * steps * rows,
        seconds=5 + cells // 500_000 + steps * rows // 100_000,
    )


SPEC = RecipeSpec(
    name="joint-linear",
    version=1,
    does="The consumer gets a linear model (logistic, linear or Poisson regression) of its own label that was trained "
    "on its own columns and those of one to seven providers, how good it is on rows that it was not trained on, and "
    "how the columns correlate; nobody sees another party's rows, and no number in it is of fewer people than the "
    "smallest group. On the engine spu.",
    operations=Operation.PSI | Operation.MPC | Operation.FL,
    engines=("spu",),
    on_withdrawal="drop",
    roles=roles(
        "after the release how each column is prepared (winsorised ends, mean and spread, categories, to about a "
        "hundredth of the spread, over all of its owner's consented rows) and, to the percent, how much of it is "
        "missing; how many of the rows that train have each indicator; either unless too few have or lack it; of a "
        "model the coefficients, in steps of about 4 / rows that train, how many rows trained it and how many of them "
        "are positive, and how good it is on the rows that validate and test (by up to 64 bands of the score, or by "
        "the mean and variance of the label and the mean loss); unless statistics is none the correlation of each two "
        "columns over the rows that train, in the same steps, and the columns' variance inflation factors; how many "
        "consented rows each provider has; with model: shared of all that only how many trained and how many of them "
        "are positive, how good the model is, and that last",
        paid=False,
    ),
    parameters=JointLinearParameters,
    reads=reads,
    aligns=by_identifier,
    tells=says,
    fits=fits,
    cost=cost,
)
