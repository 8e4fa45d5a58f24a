"""`match-statistics`: how many of its customers a provider has, and the sum and mean of a value over them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from placet.catalogue.circuit_psi import ENGINES, CircuitParameters, fits
from placet.catalogue.spec import (
    CONSUMER,
    AmountDecimals,
    Column,
    RecipeSpec,
    Role,
    by_identifier,
    scale,
)
from placet.core.lawful import Tells
from placet.core.purposes import Operation


class MatchStatisticsParameters(CircuitParameters):
    value: Annotated[Column, Field(description="the provider's column of integers that is added up")]
    decimals: AmountDecimals = None

    @model_validator(mode="after")
    def _two_columns(self) -> MatchStatisticsParameters:
        if self.identifier == self.value:
            raise ValueError("identifier and value are two columns")
        return self


def reads(role: str, parameters: MatchStatisticsParameters) -> tuple[str, ...]:
    """The consumer's list has identifiers alone."""
    return (parameters.identifier,) if role == CONSUMER else (parameters.identifier, parameters.value)


SPEC = RecipeSpec(
    name="match-statistics",
    version=1,
    does="The consumer learns how many of its customers a provider has among its consented rows, and the sum and mean "
    "of a value over them, where they are enough; by a garbled circuit on the engine embedded, by Cheetah on spu.",
    operations=Operation.PSI | Operation.MPC,
    engines=ENGINES,
    on_withdrawal="drop",
    roles=(
        Role(
            "provider",
            "how long the consumer's list is; not who matched, nor how many",
            alias="accounts",
            persons=True,
            output=True,
        ),
        Role(
            CONSUMER,
            "after the release count, sum and mean, or that too few matched, and not which; how many consented rows "
            "the provider has",
            alias="customers",
        ),
    ),
    parameters=MatchStatisticsParameters,
    reads=reads,
    aligns=by_identifier,
    amounts=lambda role, parameters: () if role == CONSUMER else ((parameters.value, scale(parameters.decimals)),),
    fits=fits,
    tells=lambda parameters: Tells("aggregate", parameters.smallest_group),
)
