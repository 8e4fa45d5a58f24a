"""What the parties of `contract-compare` agree on, tell each other and show an auditor, in types.

The task of the enclave follows from the plan and from what both companies told under their signatures, so whoever has
these can work it out again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from placet.core.errors import InputError, PlanError, ProtocolError
from placet.core.plan import Plan, Terms
from placet.core.values import U32, U48, Bytes32, Value, parse
from placet.protocols.enclave.evidence.binding import Binding
from placet.protocols.enclave.evidence.model import Evidence
from placet.protocols.enclave.evidence.policy import Policy
from placet.protocols.enclave.frames import MAX_MASKED
from placet.protocols.enclave.sealed.task import ROLES, Recipient, Role, Task, TaskInput

RECIPE: Final = "contract-compare"
ENCLAVE: Final = "enclave"
"""The role of the party that runs the enclave; the companies' are `ROLES`."""


class Parameters(Value):
    """Of the plan: what the enclave must prove, and who gets the result under which key."""

    policy: Policy
    recipients: Annotated[tuple[Recipient, ...], Field(min_length=1, max_length=2)]


class Told(Value):
    """What a company tells the others of its document, over the signed link."""

    document: Bytes32
    size: Annotated[int, Field(ge=1, le=1 << 40, strict=True)]
    commitment: Bytes32
    release: Bytes32


class MaskedResult(Value):
    """A masked result by its SHA-256."""

    party: U32
    masked: Bytes32
    size: Annotated[int, Field(ge=1, le=MAX_MASKED, strict=True)]


class Proven(Value):
    """The parameters of a company's step `release-keys`: evidence, what it had to bind, and when (Unix seconds) it was
    verified, so that an auditor can do it again."""

    evidence: Evidence
    binding: Binding
    at: U48


class Results(Value):
    """What came out of the enclave with this key: the sealed output of both companies is the hash of this document."""

    type: Literal["placet.enclave-results"] = "placet.enclave-results"
    version: Literal[1] = 1
    enclave: Bytes32
    results: Annotated[tuple[MaskedResult, ...], Field(min_length=1, max_length=2)]


def parameters_of(terms: Terms) -> Parameters:
    """PlanError for what are no parameters of this recipe."""
    try:
        return parse(Parameters, dict(terms.parameters), what="the parameters of contract-compare")
    except InputError as error:
        raise PlanError(error.message, expected=error.expected, found=error.found) from None


def task_of(plan: Plan, terms: Terms, told: Mapping[Role, Told], *, job: bytes, attempt: int, chain: int) -> Task:
    """The one task that the plan and both companies' words lead to. ProtocolError where they lead to none."""
    try:
        return Task(
            chain=chain,
            job=job,
            policy=parameters_of(terms).policy.digest(),
            attempt=attempt,
            inputs=tuple(
                TaskInput(
                    role=role,
                    party=party,
                    consent=plan.parties[party].inputs[0].consent,
                    document=told[role].document,
                    size=told[role].size,
                    commitment=told[role].commitment,
                    release=told[role].release,
                )
                for party, role in enumerate(ROLES)
            ),
            recipients=parameters_of(terms).recipients,
        )
    except ValueError:
        raise ProtocolError("both companies' words lead to no task", expected="two documents, two keys") from None
