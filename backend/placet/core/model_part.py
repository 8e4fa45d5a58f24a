"""A model that a job made stays with those who made it: each party keeps a part, which alone says nothing of the rest.

A party tells the others the hash of its part; the hash of all hashes is the model's, which the chain holds with the job
of origin. So nobody can bring another part later, and nobody needs to see another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, JsonValue, model_validator

from placet.core.hashing import canonical, document_hash, sha256
from placet.core.ids import JobId
from placet.core.plan import MAX_PARTIES
from placet.core.values import U32, Bytes32, Name, Value

MAX_PART = 8 << 20
"""Bytes of a part's canonical JSON."""


class ModelPart(Value):
    """What the party with the number `party` keeps of the model that an attempt of `job` made. `kind` is the model's,
    `content` its recipe's own: shares, and how this party cuts its columns. `salt` is random, lest the hash tells."""

    type: Literal["placet.model-part"] = "placet.model-part"
    version: Literal[1] = 1
    job: JobId
    attempt: U32
    party: Annotated[int, Field(ge=0, lt=MAX_PARTIES)]
    kind: Name
    content: Annotated[dict[str, JsonValue], Field(repr=False)]
    salt: Annotated[Bytes32, Field(repr=False)]

    @model_validator(mode="after")
    def _small(self) -> ModelPart:
        if len(canonical(self.content)) > MAX_PART:
            raise ValueError(f"a part of more than {MAX_PART} bytes")
        return self

    @cached_property
    def commitment(self) -> bytes:
        """SHA-256 of the document."""
        return document_hash(self)


def model_commitment(parts: Sequence[bytes]) -> bytes:
    """The model's, from its parts' commitments in the order of the plan's parties: SHA-256 over all of them."""
    return sha256(*parts)
