"""`model-stability`: has a provider's score, or what it is made of, moved since training, over a consumer's list?"""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Annotated

from pydantic import Field, model_validator

from placet.catalogue.spec import (
    CONSUMER,
    Column,
    IdentifiedParameters,
    RecipeSpec,
    Role,
    SmallestGroup,
    by_identifier,
    scale,
)
from placet.core.lawful import Tells
from placet.core.offers import Decimals
from placet.core.purposes import Operation
from placet.core.values import Value, Whole

PROVIDER = "provider"
MAX_ROWS = 1_000_000
MAX_COLUMNS, MAX_BANDS = 64, 128
SHIFT = Decimal("0.25")
"""From which index on a column has moved, where the plan does not say."""


class Monitored(Value):
    """A column of integers: a new band begins at each of its `edges`; `reference` is how many people each band had at
    training. Edges count in the column's smallest unit, which its `decimals` say where its offer does."""

    column: Column
    decimals: Annotated[Decimals | None, Field(exclude_if=lambda decimals: decimals is None)] = None
    edges: Annotated[tuple[Whole, ...], Field(min_length=1, max_length=MAX_BANDS - 1)]
    reference: Annotated[tuple[Annotated[int, Field(strict=True, ge=0, le=2**31)], ...], Field(max_length=MAX_BANDS)]

    @model_validator(mode="after")
    def _bands(self) -> Monitored:
        if any(left >= right for left, right in itertools.pairwise(self.edges)):
            raise ValueError("strictly ascending edges")
        if len(self.reference) != len(self.edges) + 1 or not any(self.reference):
            raise ValueError("a reference with a number for each band, and somebody in it")
        return self


class ModelStabilityParameters(IdentifiedParameters):
    columns: Annotated[
        tuple[Monitored, ...],
        Field(
            min_length=1,
            max_length=MAX_COLUMNS,
            description="the provider's columns of integers, the score and what it is made of, each {column, edges: "
            "ascending values at which a new band begins, as strings, reference: how many people each band had at "
            "training}, and decimals where its offer says some",
        ),
    ]
    limit: Annotated[
        str | None,
        Field(
            pattern=r"^[0-9]\.[0-9]{1,6}$",
            description=f"from which population stability index on a column has moved; {SHIFT} where left out",
        ),
    ] = None
    smallest_group: Annotated[SmallestGroup, Field(le=MAX_ROWS)]

    @model_validator(mode="after")
    def _own_columns(self) -> ModelStabilityParameters:
        columns = [one.column for one in self.columns]
        if len(set(columns)) < len(columns) or self.identifier in columns:
            raise ValueError("each column once, and not the identifier")
        return self


def reads(role: str, parameters: ModelStabilityParameters) -> tuple[str, ...]:
    """The consumer's list has identifiers alone."""
    if role == CONSUMER:
        return (parameters.identifier,)
    return (parameters.identifier, *(one.column for one in parameters.columns))


def amounts(role: str, parameters: ModelStabilityParameters) -> tuple[tuple[str, int], ...]:
    return () if role == CONSUMER else tuple((one.column, scale(one.decimals)) for one in parameters.columns)


SPEC = RecipeSpec(
    name="model-stability",
    version=1,
    does="The consumer learns how a provider's score, and what it is made of, are spread over those of its customers "
    "whom the provider has, and how far that moved since training.",
    operations=Operation.PSI,
    engines=("embedded",),
    on_withdrawal="drop",
    roles=(
        Role(
            PROVIDER,
            "how long the consumer's list is, and, while the job runs, which of its own consented rows are in it, "
            "hence how many are in which band",
            alias="accounts",
            persons=True,
            output=True,
        ),
        Role(
            CONSUMER,
            "after the release how many of its customers are in which band of each column, never fewer than the "
            "smallest group, and not which; or that they are too few; how many consented rows the provider has",
            alias="customers",
        ),
    ),
    parameters=ModelStabilityParameters,
    reads=reads,
    aligns=by_identifier,
    amounts=amounts,
    tells=lambda parameters: Tells("aggregate", parameters.smallest_group, shows=(PROVIDER,)),
)
