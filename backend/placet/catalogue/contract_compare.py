"""`contract-compare`: two companies have two versions of a contract compared in an enclave of a third institution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from placet.catalogue.spec import RecipeParameters, RecipeSpec, Role
from placet.core.enclave_policy import ROLES, EnclavePolicy, Recipient
from placet.core.errors import PlanError
from placet.core.lawful import Aligns, Tells
from placet.core.plan import Terms
from placet.core.purposes import Operation

ENCLAVE: Final = "enclave"
"""The role of the party that runs the enclave; the companies' are `ROLES`."""
COLUMN: Final = "document"
_LEARNS = "after the release the whole comparison, which holds both texts"


class ContractCompareParameters(RecipeParameters):
    policy: Annotated[
        EnclavePolicy,
        Field(
            description="what the enclave must prove: kinds of evidence, measurements, age; placet compare takes the "
            "service's own and holds it against the chain"
        ),
    ]
    recipients: Annotated[
        tuple[Recipient, ...],
        Field(min_length=1, max_length=2, description="the companies that get the result, and their keys"),
    ]


def reads(role: str, _: ContractCompareParameters) -> tuple[str, ...]:
    """A document is all of its dataset."""
    return () if role == ENCLAVE else (COLUMN,)


def fits(parameters: ContractCompareParameters, terms: Terms, parties: Sequence[bytes], consumer: bytes) -> None:
    """The plan's consumer is one of the companies, and a recipient; the engine is the enclave's class."""
    if consumer not in parties[:2]:
        raise PlanError("the consumer is one of the two companies", code="plan.roles")
    if parameters.policy.classes != {terms.engine}:
        raise PlanError(
            "the plan's engine is the enclave's class, and its policy accepts no other",
            expected=" and ".join(sorted(parameters.policy.classes)),
            found=terms.engine,
            code="plan.engine",
        )
    keys = {one.party: one.key for one in parameters.recipients}
    if not keys.keys() <= {0, 1} or keys.get(parties.index(consumer)) != terms.consumer_key:
        raise PlanError("the recipients are companies, the consumer under its own key among them")


SPEC = RecipeSpec(
    name="contract-compare",
    version=1,
    does="Two companies have two versions of a contract compared in an enclave of a third institution.",
    operations=Operation.TEE,
    engines=("hardware", "simulated"),
    on_withdrawal="abort",
    roles=(
        Role(ROLES[0], _LEARNS, alias=ROLES[0], output=True),
        Role(ROLES[1], _LEARNS, alias=ROLES[1], output=True),
        Role(
            ENCLAVE,
            "sizes of documents and result, times, the code of a failure; where the enclave is simulated, the owner of "
            "its host whatever he wants to",
            alias=None,
        ),
    ),
    parameters=ContractCompareParameters,
    reads=reads,
    aligns=lambda _: Aligns(),
    tells=lambda _: Tells("comparison"),
    fits=fits,
)
