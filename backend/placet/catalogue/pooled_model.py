"""`pooled-model`: one model of rows that several institutions have of the same kind, none of which leaves them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from placet.catalogue.modelling import Penalty, absent
from placet.catalogue.spec import CONSUMER, Column, RecipeParameters, RecipeSpec, Role, SmallestGroup
from placet.core.lawful import Aligns, Tells
from placet.core.offers import CLEAR_MODEL, Bounds
from placet.core.privacy import Choice
from placet.core.purposes import Operation
from placet.core.values import NanoRho, Value
from placet.models.choices import MAX_BINS, MAX_CATEGORY, MAX_COLUMNS, MAX_DEPTH, MAX_TREES, Missing, Scale

MEMBER = "member"
MAX_MEMBERS = 8
MAX_POOLED_WIDTH = 128
"""Numbers of a row that all columns become: a secure sum has half their square."""
MAX_POOLED_ROWS = 1_000_000
"""Of one party."""
MIN_BUDGET = 100_000
Slope = Annotated[Literal["rising", "falling"] | None, Field(exclude_if=absent)]
"""Trees' margins rise, or fall, with the number."""
_Category = Annotated[str, Field(min_length=1, max_length=MAX_CATEGORY)]


class PooledNumber(Value):
    """A column of numbers: values outside of `bounds` count as the nearer one. What is `missing` has an indicator of
    its own and else counts as usual, or only that."""

    kind: Literal["number"]
    column: Column
    bounds: Bounds
    missing: Missing = "own"
    monotone: Slope = None

    @property
    def width(self) -> int:
        return 1 + int(self.missing == "own")


class PooledCategory(Value):
    """A column of categories: an indicator for each of `values` but the first, and one for all others."""

    kind: Literal["category"]
    column: Column
    values: Annotated[tuple[_Category, ...], Field(min_length=2, max_length=MAX_BINS)]
    missing: Missing = "own"

    @model_validator(mode="after")
    def _each_once(self) -> PooledCategory:
        if len(set(self.values)) < len(self.values):
            raise ValueError("each value once")
        return self

    @property
    def width(self) -> int:
        return len(self.values) + int(self.missing == "own")


class PooledBins(Value):
    """A column of numbers in a scorecard: bins above an edge and up to the next one."""

    kind: Literal["bins"]
    column: Column
    edges: Annotated[tuple[int, ...], Field(min_length=1, max_length=MAX_BINS - 1)]
    monotone: Slope = None

    @model_validator(mode="after")
    def _ascending(self) -> PooledBins:
        if any(left >= right for left, right in itertools.pairwise(self.edges)):
            raise ValueError("strictly ascending edges")
        return self

    @property
    def width(self) -> int:
        return 1


TrainPercent = Annotated[
    int,
    Field(strict=True, ge=10, le=95, description="how many percent of each party's rows train: the others test"),
]
PooledFeature = Annotated[PooledNumber | PooledCategory | PooledBins, Field(discriminator="kind")]


class PooledTrees(Value):
    """Boosted trees. `rate`: how much of its correction a tree makes, in percent; `depth`: cuts to a leaf."""

    count: Annotated[int, Field(strict=True, ge=1, le=MAX_TREES)]
    depth: Annotated[int, Field(strict=True, ge=1, le=MAX_DEPTH)] = 4
    rate: Annotated[int, Field(strict=True, ge=1, le=100)] = 30


def read_by_all(label: str, features: Sequence[PooledFeature]) -> tuple[str, ...]:
    """The columns that a model of all parties' rows reads, the same at every party."""
    return (label, *(feature.column for feature in features))


def demand_each_once(columns: Sequence[str]) -> None:
    """ValueError for a column that is there twice."""
    if len(set(columns)) < len(columns):
        raise ValueError("each column once, and the model does not read the label")


class PooledModelParameters(RecipeParameters):
    """The same columns at every party."""

    label: Annotated[Column, Field(description="the column that is learned, at every party: integers 0 and 1")]
    features: Annotated[
        tuple[PooledFeature, ...],
        Field(
            min_length=1,
            max_length=MAX_POOLED_WIDTH,
            description="the columns that the model reads, at every party: {kind: number, column, bounds, missing: own "
            "or usual} or {kind: category, column, values, missing}; bounds are two integers, values the categories "
            "that have a coefficient of their own, the usual one first; a scorecard's are {kind: bins, column, edges} "
            "of integers, or categories",
        ),
    ]
    train: TrainPercent
    smallest_group: SmallestGroup
    steps: Annotated[
        int,
        Field(strict=True, ge=1, le=20, description="Newton steps at the most: 1 to 20; 6 are enough"),
    ] = 6
    l2: Penalty = 1

    budget: Annotated[
        NanoRho | None,
        Field(
            ge=MIN_BUDGET,
            description="where given, each party adds noise to each of its numbers before they are masked, and the job "
            "spends so much of the privacy budget of each party's rows, in nano-rho; bounds are the offers' own",
        ),
    ] = None

    leave_one_out: Annotated[
        Literal["each"] | None,
        Field(
            exclude_if=absent,
            description="each: the report says by how much each party's rows make the model worse for all others, and "
            "names one that harms; every party learns how many people of each train, and at most eight weighted sums "
            "of each one's last gradient",
        ),
    ] = None

    scale: Annotated[
        Scale | None,
        Field(
            description="where given, the model is a scorecard: {base_score, pdo, base_odds, higher}, as of "
            "joint-scorecard"
        ),
    ] = None

    trees: Annotated[
        PooledTrees | None,
        Field(
            exclude_if=absent,
            description="where given, the model is boosted trees: {count, depth, rate}; columns are of any kind, and "
            "numbers are cut where about equally many people are between; what is missing has a side of its own "
            "wherever enough people lack the value; steps, l2 and missing say nothing of trees",
        ),
    ] = None

    @model_validator(mode="after")
    def _trees(self) -> PooledModelParameters:
        if self.trees is None:
            if any(not isinstance(one, PooledCategory) and one.monotone for one in self.features):
                raise ValueError("monotone goes with trees")
            return self
        if self.scale is not None or self.budget is not None:
            raise ValueError("trees have neither a scale nor a budget: noise on each sum of each node would hide them")
        if self.leave_one_out is not None:
            raise ValueError("a party is left out by its last gradient, which trees have none of")
        if len(self.features) > MAX_COLUMNS:
            raise ValueError(f"trees read {MAX_COLUMNS} columns at the most")
        return self

    @model_validator(mode="after")
    def _one_kind(self) -> PooledModelParameters:
        if self.trees is not None:
            return self
        kinds = {feature.kind for feature in self.features}
        if (self.scale is None and "bins" in kinds) or (self.scale is not None and "number" in kinds):
            raise ValueError("bins go with a scale or trees, and numbers do without a scale")
        if self.leave_one_out is not None and self.budget is not None:
            raise ValueError("a party is left out by sums without noise: no budget")
        return self

    @model_validator(mode="after")
    def _fits(self) -> PooledModelParameters:
        demand_each_once(read_by_all(self.label, self.features))
        if sum(feature.width for feature in self.features) > MAX_POOLED_WIDTH:
            raise ValueError(f"at most {MAX_POOLED_WIDTH} numbers of a row, an indicator each for values and missing")
        return self


def bounds(role: str, parameters: PooledModelParameters) -> tuple[tuple[str, Bounds], ...]:
    """What noise hides is one row within the offers' bounds; without noise they are the plan's alone."""
    if parameters.budget is None:
        return ()
    return tuple((one.column, one.bounds) for one in parameters.features if isinstance(one, PooledNumber))


def noise(role: str, parameters: PooledModelParameters) -> tuple[Choice, ...]:
    """What each party adds its own noise to; a scorecard's numbers hang on which columns' noisy bins look large
    enough."""
    if (budget := parameters.budget) is None:
        return ()
    from placet.models import pooled_noise, pooled_private  # needs numpy, which a node's start does not

    features, steps = parameters.features, parameters.steps
    if parameters.scale is None:
        parts = pooled_private.amounts(budget, steps)
        first = pooled_noise.described(sum(isinstance(one, PooledNumber) for one in features), parts)
        widths = range(width := sum(one.width for one in features), width + 1)
    else:
        parts = pooled_private.amounts(budget, steps, pooled_private.CARD_SHARES)
        first = pooled_noise.by_bins([_cells(one) for one in features], parts)
        widths = range(len(features) + 1)
    fit = (*pooled_noise.products(widths, parts), *pooled_noise.gradients(widths, steps, parts))
    return pooled_noise.numbered((*first, *fit, *pooled_noise.by_bands(budget)))


def _cells(feature: PooledFeature) -> int:
    """Of a column of a scorecard: its bins, all other values, and missing ones."""
    bins = len(feature.edges) + 1 if isinstance(feature, PooledBins) else feature.width - (feature.missing == "own")
    return bins + 2


_LEARNS = (
    "inside the protocol, before the seal, the sums over all parties' rows of each round and so the model itself and "
    "how good it is: each column's mean and spread, how many people have each indicator, train, test and have label 1, "
    "gradients and curvatures, people and positives by bands of the score; each only where at least two parties have "
    "the smallest group in it, and which have; of trees, of each node by groups of neighbouring values, gradients "
    "and curvatures, which in the first tree are people by label, and how many came to each leaf: of one column and "
    "tree none that differs from another one by fewer people; with a budget sums with noise instead. Nobody's rows or "
    "labels, and no other party's own sums, unless all the others pool what they know; but with leave_one_out how many "
    "people of each party train, and at most eight weighted sums of its own last gradient, half as many as that has "
    "numbers, of which every party has the smallest group"
)

SPEC = RecipeSpec(
    name="pooled-model",
    version=1,
    does="Three to eight institutions that have the same columns of different people train one logistic regression, "
    "scorecard or model of boosted trees, equal to that of all their rows in one place: only sums over all of them are "
    "ever opened. The consumer, which is one of them, gets the model and how good it is on rows that did not train it.",
    operations=Operation.FL,
    engines=("embedded",),
    on_withdrawal="drop",
    roles=(
        Role(MEMBER, _LEARNS, alias="rows", persons=True, output=True, least=2, most=MAX_MEMBERS - 1),
        Role(CONSUMER, _LEARNS, alias="rows", persons=True),
    ),
    parameters=PooledModelParameters,
    reads=lambda _, parameters: read_by_all(parameters.label, parameters.features),
    aligns=lambda parameters: Aligns(),
    bounds=bounds,
    spends=lambda role, parameters: parameters.budget or 0,
    noise=noise,
    ends=("0.people", "0.people-by-bins"),
    tells=lambda parameters: Tells(CLEAR_MODEL, parameters.smallest_group, within=(MEMBER, CONSUMER)),
)
