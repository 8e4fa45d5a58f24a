"""`match-count`: how many of the consumer's customers a provider has, never below the smallest group."""

from __future__ import annotations

from placet.catalogue.circuit_psi import ENGINES, CircuitParameters, fits
from placet.catalogue.spec import CONSUMER, RecipeSpec, Role, by_identifier
from placet.core.lawful import Tells
from placet.core.purposes import Operation


class MatchCountParameters(CircuitParameters):
    """No more than all of them have."""


SPEC = RecipeSpec(
    name="match-count",
    version=1,
    does="The consumer learns how many of its customers a provider has among its consented rows, where they are "
    "enough, and not which; by a garbled circuit on the engine embedded, by Cheetah on spu.",
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
            "after the release the count, or that too few matched, and not which; how many consented rows the provider "
            "has",
            alias="customers",
        ),
    ),
    parameters=MatchCountParameters,
    reads=lambda _, parameters: (parameters.identifier,),
    aligns=by_identifier,
    fits=fits,
    tells=lambda parameters: Tells("aggregate", parameters.smallest_group),
)
