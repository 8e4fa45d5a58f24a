"""`overlap`: about how many of the consumer's customers a provider has, with noise, under a privacy budget."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from placet.catalogue.circuit_psi import ENGINES, CircuitParameters, fits
from placet.catalogue.private_statistics import NOISY
from placet.catalogue.spec import CONSUMER, RecipeSpec, Role, by_identifier
from placet.core.lawful import Tells
from placet.core.privacy import GaussianRelease, variance_for
from placet.core.purposes import Operation
from placet.core.values import NanoRho

PROVIDER = "provider"


class OverlapParameters(CircuitParameters):
    budget: Annotated[
        NanoRho,
        Field(ge=1, description="what the count spends of the provider's privacy budget, in nano-rho: more is nearer"),
    ]


def counted(parameters: OverlapParameters) -> GaussianRelease:
    """What either party adds its noise to."""
    return GaussianRelease("count", 1, 1, variance_for(1, parameters.budget))


SPEC = RecipeSpec(
    name="overlap",
    version=1,
    does="The consumer learns about how many of its customers a provider has among its consented rows, with noise, so "
    "that the count looks nearly the same whoever's row is left out, and not which; the opening spends the offer's and "
    "the dataset's privacy budget on chain; by a garbled circuit on the engine embedded, by Cheetah on spu.",
    operations=Operation.PSI | Operation.MPC | Operation.DP,
    engines=ENGINES,
    on_withdrawal="drop",
    roles=(
        Role(
            PROVIDER,
            "about how long the consumer's list is (rounded up, to within an eighth); not who matched, nor how many: "
            "were it to see the result, the consumer's own noise is still on it",
            alias="accounts",
            persons=True,
            output=True,
        ),
        Role(
            CONSUMER,
            "after the release the noisy count, or that it looks too small, and not which; about how many consented "
            "rows the provider has (rounded up, to within an eighth)",
            alias="customers",
        ),
    ),
    parameters=OverlapParameters,
    reads=lambda _, parameters: (parameters.identifier,),
    aligns=by_identifier,
    spends=lambda role, parameters: parameters.budget if role == PROVIDER else 0,
    noise=lambda _, parameters: ((counted(parameters),),),
    masked=True,
    fits=fits,
    tells=lambda parameters: Tells(NOISY, parameters.smallest_group),
)
