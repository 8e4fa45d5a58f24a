"""What the parties of `contract-compare` agree on, tell each other and show an auditor, in types.

The task of the enclave follows from the plan and from what both companies told under their signatures, so whoever has
these can work it out again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from placet.comparison.limits import MAX_BYTES
from placet.core.enclave_policy import ROLES, EnclavePolicy, Recipient, Role
from placet.core.errors import ProtocolError
from placet.core.ids import JobId
from placet.core.plan import Plan
from placet.core.values import U32, U48, Bytes32, Value
from placet.protocols.enclave.evidence.binding import Binding
from placet.protocols.enclave.evidence.model import EnclaveEvidence
from placet.protocols.enclave.sealed.sizes import MAX_MASKED, encrypted_size
from placet.protocols.enclave.sealed.task import Task, TaskInput

STARTED: Final = "enclave.started"
INPUT: Final = "enclave.input"
KEYS: Final = "enclave.keys"
RESULTS: Final = "enclave.results"
"""Tags of messages: the service tells its enclave's key, a company of its document, a company gives its keys away, the
service tells what came out."""


MAX_LOCKED: Final = encrypted_size(MAX_BYTES)
"""Bytes of an encrypted document at the most."""


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


def task_of(
    plan: Plan,
    policy: EnclavePolicy,
    recipients: tuple[Recipient, ...],
    announcements: Mapping[Role, Announcement],
    *,
    job: JobId,
    attempt: int,
    chain: int,
) -> Task:
    """The one task that the plan and both companies' words lead to. ProtocolError where they lead to none."""
    try:
        return Task(
            chain=chain,
            job=job,
            policy=policy.digest(),
            attempt=attempt,
            inputs=tuple(
                TaskInput(
                    role=role,
                    party=party,
                    consent=plan.parties[party].inputs[0].consent,
                    document=announcements[role].document,
                    size=announcements[role].size,
                    commitment=announcements[role].commitment,
                    release=announcements[role].release,
                )
                for party, role in enumerate(ROLES)
            ),
            recipients=recipients,
        )
    except ValueError:
        raise ProtocolError(
            "both companies' words lead to no task", expected="two documents, two keys", code="enclave.words"
        ) from None
