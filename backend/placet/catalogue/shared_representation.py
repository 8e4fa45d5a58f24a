"""`shared-representation`: what a source with many labels learned of the columns that both have, for a target with few.

Columns of the two differ: the target goes on at home with all of its own beside what it got."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from placet.catalogue.modelling import MAX_FEATURES, LinearFeature
from placet.catalogue.pooled_model import MAX_POOLED_WIDTH, MIN_BUDGET, PooledCategory, PooledNumber
from placet.catalogue.spec import CONSUMER, Column, RecipeParameters, RecipeSpec, Role, SmallestGroup
from placet.core.lawful import Aligns, Tells
from placet.core.offers import CLEAR_MODEL, Bounds
from placet.core.privacy import Choice
from placet.core.purposes import Operation
from placet.core.values import NanoRho

PROVIDER = "provider"
MAX_HEADS = 4
SharedFeature = Annotated[PooledNumber | PooledCategory, Field(discriminator="kind")]


class SharedRepresentationParameters(RecipeParameters):
    """No row of the one is held against a row of the other: their people may be different ones."""

    source_labels: Annotated[
        tuple[Column, ...],
        Field(
            min_length=1,
            max_length=MAX_HEADS,
            description="the provider's columns that are learned, integers 0 and 1: one to four, each a score of the "
            "representation; what their noise may cost is divided among them",
        ),
    ]
    label: Annotated[Column, Field(description="the consumer's column that is learned at home: integers 0 and 1")]
    shared: Annotated[
        tuple[SharedFeature, ...],
        Field(
            min_length=1,
            max_length=MAX_POOLED_WIDTH,
            description="the columns that both have: {kind: number, column, bounds, missing: own or usual} or {kind: "
            "category, column, values, missing}, as of pooled-model; bounds are those of the provider's offer",
        ),
    ]
    own: Annotated[
        tuple[LinearFeature, ...],
        Field(
            min_length=1,
            max_length=MAX_FEATURES,
            description="further columns that the consumer alone has: {column, kind: number or category, levels, "
            "missing, clip}, as of joint-linear",
        ),
    ]
    train: Annotated[
        int,
        Field(strict=True, ge=10, le=95, description="how many percent of the consumer's rows train: the others test"),
    ]
    smallest_group: SmallestGroup
    budget: Annotated[
        NanoRho,
        Field(
            ge=MIN_BUDGET,
            description="what the representation spends of the privacy budget of the provider's rows, in nano-rho: "
            "17465000 is epsilon 1 at 10^-6",
        ),
    ]
    prior: Annotated[
        int,
        Field(
            strict=True,
            ge=1,
            le=1000,
            description="the penalty on half a squared coefficient of a standardised column at the consumer, in rows' "
            "loss: 1 to 1000, 10 where left out; the representation's scores are nearly free of it",
        ),
    ] = 10

    @model_validator(mode="after")
    def _fits(self) -> SharedRepresentationParameters:
        shared = [one.column for one in self.shared]
        for labels, columns in (
            (self.source_labels, shared),
            ((self.label,), [*shared, *(one.column for one in self.own)]),
        ):
            if len({*labels, *columns}) < len(labels) + len(columns):
                raise ValueError("each column once, and no model reads its label")
        if sum(one.width for one in self.shared) > MAX_POOLED_WIDTH:
            raise ValueError(f"at most {MAX_POOLED_WIDTH} numbers of a row in the shared columns")
        return self


def reads(role: str, parameters: SharedRepresentationParameters) -> tuple[str, ...]:
    """The labels of either side, and the columns of which its models are."""
    shared = tuple(one.column for one in parameters.shared)
    if role == CONSUMER:
        return (parameters.label, *shared, *(one.column for one in parameters.own))
    return (*parameters.source_labels, *shared)


def bounds(role: str, parameters: SharedRepresentationParameters) -> tuple[tuple[str, Bounds], ...]:
    """Noise hides one of the provider's rows within its offer's bounds; at the consumer they are the plan's alone."""
    if role == CONSUMER:
        return ()
    return tuple((one.column, one.bounds) for one in parameters.shared if isinstance(one, PooledNumber))


STEPS = 8
"""Of each of the provider's labels."""


def noise(role: str, parameters: SharedRepresentationParameters) -> tuple[Choice, ...]:
    """What the provider adds its noise to."""
    if role == CONSUMER:
        return ()
    from placet.models import pooled_noise, pooled_private  # needs numpy, which a node's start does not

    steps = STEPS * len(parameters.source_labels)
    parts = pooled_private.amounts(parameters.budget, steps)
    widths = (sum(one.width for one in parameters.shared),)
    numbers = sum(isinstance(one, PooledNumber) for one in parameters.shared)
    described = pooled_noise.described(numbers, parts)
    fit = (*pooled_noise.products(widths, parts), *pooled_noise.gradients(widths, steps, parts))
    return pooled_noise.numbered((*described, *fit))


SPEC = RecipeSpec(
    name="shared-representation",
    version=1,
    does="A consumer with few labelled customers and columns of its own learns from a provider with many: the "
    "provider trains scores of its labels on the columns that both have, with noise, so that they look nearly the same "
    "whoever's row is left out, and the opening spends the offer's and the dataset's privacy budget on chain. The "
    "consumer trains at home, on its own columns and these scores, and takes them only where they help it on customers "
    "that it was not trained on.",
    operations=Operation.FL | Operation.DP,
    engines=("embedded",),
    on_withdrawal="drop",
    roles=(
        Role(
            PROVIDER,
            "what is trained, and which columns the consumer has; of the consumer's rows nothing, not how many they "
            "are; it knows its own rows and the noise that it adds, as its committed randomness has it",
            alias="source",
            persons=True,
            output=True,
        ),
        Role(
            CONSUMER,
            "after the release, with noise: about how many rows the provider has, the mean and spread of each shared "
            "column of numbers, and of each of the provider's labels the coefficients of a score on the shared "
            "columns, or that the rows look too few; how good models of its own rows are with it and without",
            alias="target",
            persons=True,
        ),
    ),
    parameters=SharedRepresentationParameters,
    reads=reads,
    aligns=lambda parameters: Aligns(),
    bounds=bounds,
    spends=lambda role, parameters: 0 if role == CONSUMER else parameters.budget,
    noise=noise,
    ends=("0.people",),
    masked=True,
    tells=lambda parameters: Tells(CLEAR_MODEL, parameters.smallest_group),
)
