"""`joint-statistics`: statistics over those of a consumer's customers whom both of two providers hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from placet.catalogue.spec import (
    CONSUMER,
    AmountDecimals,
    Column,
    IdentifiedParameters,
    RecipeSpec,
    Role,
    SmallestGroup,
    by_identifier,
    scale,
)
from placet.core.lawful import Tells
from placet.core.purposes import Operation

FIRST, SECOND = "first-provider", "second-provider"
MAX_ROWS = 100_000
"""Of the consumer's list: what the two of Cheetah compute in minutes, and what results are bounded for."""
MAX_GROUPS = 64
_LEARNS = (
    "how long the consumer's list is, and, while the job runs, which of its own consented rows are in it; not whom the "
    "other provider has, nor the statistics"
)


class JointStatisticsParameters(IdentifiedParameters):
    """Two forms: values and statistics, or group, groups and value."""

    values: Annotated[
        tuple[Column, Column] | None,
        Field(
            description="the column of integers of the first provider, and of the second; or instead group and value"
        ),
    ] = None
    statistics: Annotated[
        tuple[Literal["larger", "product", "sums"], ...] | None,
        Field(
            min_length=1,
            description="with values: which of larger (in how many rows the first value is), product (the sum of the "
            "values' products; for offers of output association) and sums (and means), in this order",
        ),
    ] = None
    group: Annotated[
        Column | None, Field(description="the first provider's column that says in which group a row is")
    ] = None
    groups: Annotated[
        tuple[Annotated[str, Field(max_length=200)], ...] | None,
        Field(
            min_length=1,
            max_length=MAX_GROUPS,
            description="with group: the names of 1 to 64 groups; a row of another one counts in none",
        ),
    ] = None
    value: Annotated[
        Column | None, Field(description="with group: the second provider's column of integers that is added up")
    ] = None
    decimals: AmountDecimals = None
    smallest_group: Annotated[SmallestGroup, Field(le=MAX_ROWS)]
    protocol: Annotated[Literal["cheetah"], Field(description="the MPC protocol")]

    @model_validator(mode="after")
    def _one_form(self) -> JointStatisticsParameters:
        pair = (self.values is not None, self.statistics is not None)
        grouped = (self.group is not None, self.groups is not None, self.value is not None)
        if not (all(pair) and not any(grouped)) and not (all(grouped) and not any(pair)):
            raise ValueError("values and statistics, or group, groups and value")
        if self.identifier in self.own:
            raise ValueError("other columns than the identifier")
        if self.groups is not None and len(set(self.groups)) < len(self.groups):
            raise ValueError("each group once")
        if self.statistics is not None and list(self.statistics) != sorted(set(self.statistics)):
            raise ValueError("each statistic once, in the order larger, product, sums")
        return self

    @property
    def own(self) -> tuple[str, str]:
        """The column of the first provider, and of the second."""
        return self.values or (self.group or "", self.value or "")


def reads(role: str, parameters: JointStatisticsParameters) -> tuple[str, ...]:
    """Each provider's rows have its own column and not the other's; the consumer's list has identifiers alone."""
    if role == CONSUMER:
        return (parameters.identifier,)
    return (parameters.identifier, parameters.own[(FIRST, SECOND).index(role)])


def amounts(role: str, parameters: JointStatisticsParameters) -> tuple[tuple[str, int], ...]:
    """Both values count the same unit, since they are compared and told together; a group is no amount."""
    if role == CONSUMER or (role == FIRST and parameters.groups is not None):
        return ()
    return ((parameters.own[(FIRST, SECOND).index(role)], scale(parameters.decimals)),)


def tells(parameters: JointStatisticsParameters) -> Tells:
    """A sum of products says how two institutions' data go together: owners are told so by a word of its own."""
    product = parameters.statistics is not None and "product" in parameters.statistics
    return Tells("association" if product else "aggregate", parameters.smallest_group)


SPEC = RecipeSpec(
    name="joint-statistics",
    version=1,
    does="The consumer learns statistics over those of its customers whom both of two providers have among their "
    "consented rows, where they are enough, and nothing about single ones; on the engine spu.",
    operations=Operation.PSI | Operation.MPC,
    engines=("spu",),
    on_withdrawal="drop",
    roles=(
        Role(FIRST, _LEARNS, alias="accounts", persons=True, output=True),
        Role(SECOND, _LEARNS, alias="accounts", persons=True, output=True),
        Role(
            CONSUMER,
            "after the release what it asked for over all together, or by groups, or that they are too few, and not "
            "which; how many consented rows each provider has",
            alias="customers",
        ),
    ),
    parameters=JointStatisticsParameters,
    reads=reads,
    aligns=by_identifier,
    amounts=amounts,
    tells=tells,
)
