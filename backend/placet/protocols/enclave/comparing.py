"""What the parties of `contract-compare` agree on, tell each other and show an auditor, in types.

The task of the enclave follows from the plan and from what both companies told under their signatures, so whoever has
these can work it out again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from placet.comparison.limits import MAX_BYTES
from placet.core.errors import InputError, PlanError, ProtocolError
from placet.core.plan import Plan, Terms
from placet.core.values import U32, U48, Bytes32, Value, parse
from placet.protocols.enclave.evidence.binding import Binding
from placet.protocols.enclave.evidence.model import EnclaveEvidence
from placet.protocols.enclave.evidence.policy import EnclavePolicy
from placet.protocols.enclave.frames import MAX_MASKED
from placet.protocols.enclave.sealed.documents import encrypted_size
from placet.protocols.enclave.sealed.task import ROLES, Recipient, Role, Task, TaskInput

RECIPE: Final = "contract-compare"
ENCLAVE: Final = "enclave"
"""The role of the party that runs the enclave; the companies' are `ROLES`."""
STARTED: Final = "enclave.started"
INPUT: Final = "enclave.input"
KEYS: Final = "enclave.keys"
RESULTS: Final = "enclave.results"
"""Tags of messages: the service tells its enclave's key, a company of its document, a company gives its keys away, the
service tells what came out."""


MAX_LOCKED: Final = encrypted_size(MAX_BYTES)
"""Bytes of an encrypted document at the most."""


class Parameters(Value):
    """Of the plan: what the enclave must prove, and who gets the result under which key."""

    policy: EnclavePolicy
    recipients: Annotated[tuple[Recipient, ...], Field(min_length=1, max_length=2)]


class Announcement(Value):
    """What a company tells the others of its document, over the signed link."""

    document: Bytes32
    size: Annotated[int, Field(ge=1, le=MAX_LOCKED, strict=True)]
    commitment: Bytes32
    release: Bytes32


class MaskedResult(Value):
    """A masked result by its SHA-256."""

    party: U32
    masked: Bytes32
    size: Annotated[int, Field(ge=1, le=MAX_MASKED, strict=True)]


class Proven(Value):
    """The parameters of a company's step `verify-enclave`, so that an auditor can do it again: evidence, what it had to
    bind, when (Unix seconds) it was verified, and the block by which the company's endpoint answered for job, consents
    and acceptance."""

    evidence: EnclaveEvidence
    binding: Binding
    at: U48
    block: Annotated[int, Field(ge=0, lt=2**53, strict=True)]


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


def demand_shape(plan: Plan, terms: Terms) -> None:
    """Two companies with a named consent and a release key each, one institution with neither, which runs the enclave.
    The plan's consumer is one of the companies, and a recipient. PlanError otherwise."""
    fits = (
        terms.roles == (*ROLES, ENCLAVE)
        and terms.inputs == ROLES
        and all(len(p.inputs) == 1 and p.inputs[0].named and p.output for p in plan.parties[:2])
        and not plan.parties[2].inputs
        and not plan.parties[2].output
        and plan.consumer in (plan.parties[0].signer, plan.parties[1].signer)
    )
    if not fits:
        raise PlanError("not a plan for contract-compare", expected="two companies, then the one that runs the enclave")
    asked = parameters_of(terms)
    if asked.policy.classes != {terms.engine}:
        raise PlanError(
            "the plan's engine is the enclave's class, and its policy accepts no other",
            expected=" and ".join(sorted(asked.policy.classes)),
            found=terms.engine,
            code="plan.engine",
        )
    keys = {one.party: one.key for one in asked.recipients}
    if not keys.keys() <= {0, 1} or keys.get(plan.party_of(plan.consumer)) != terms.consumer_key:
        raise PlanError("the recipients are companies, the consumer under its own key among them")


def task_of(
    plan: Plan, terms: Terms, told: Mapping[Role, Announcement], *, job: bytes, attempt: int, chain: int
) -> Task:
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
        raise ProtocolError(
            "both companies' words lead to no task", expected="two documents, two keys", code="enclave.words"
        ) from None
