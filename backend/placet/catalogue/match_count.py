"""`match-count`: how many of the consumer's customers a provider has, never below the smallest group."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from placet.catalogue.spec import CONSUMER, IdentifiedParameters, RecipeSpec, Role, SmallestGroup, by_identifier
from placet.core.lawful import Tells
from placet.core.purposes import Operation

MAX_ROWS = 1_000_000


class MatchCountParameters(IdentifiedParameters):
    smallest_group: Annotated[SmallestGroup, Field(le=MAX_ROWS)]
    protocol: Annotated[Literal["cheetah"], Field(description="the MPC protocol")]


SPEC = RecipeSpec(
    name="match-count",
    version=1,
    does="The consumer learns how many of its customers a provider has among its consented rows, where they are "
    "enough, and not which; on the engine spu.",
    operations=Operation.PSI | Operation.MPC,
    engines=("spu",),
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
            "after the release the count, or that too few matched, and not which; how many consented rows the provider "
            "has",
            alias="customers",
        ),
    ),
    parameters=MatchCountParameters,
    reads=lambda _, parameters: (parameters.identifier,),
    aligns=by_identifier,
    tells=lambda parameters: Tells("aggregate", parameters.smallest_group),
)
