"""What an enclave is asked to do, as one document that all parties derive from the plan.

Each party seals its keys for the hash of this document. So whoever carries it to the enclave can change nothing in
it: not the documents' hashes, not whom the result is for, not the keys that hold it back.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from placet.core.enclave_policy import ROLES, Recipient, Role
from placet.core.errors import InputError
from placet.core.hashing import document_bytes, document_hash
from placet.core.ids import ConsentId, JobId
from placet.core.values import U32, Bytes32, ChainId, Value, parse

MAX_TASK: Final = 16_384
"""Bytes of a task document."""


def role_byte(role: Role) -> bytes:
    """A role in one byte, as headers and HPKE's `info` hold it."""
    return bytes([1 + ROLES.index(role)])


class TaskInput(Value):
    """One document. `party` brings it on its `consent`; `document` is SHA-256 of the encrypted document, `size` its
    bytes; `commitment` is to the plaintext, as the consent's dataset has it on chain; `release` is keccak256 of the
    party's release key, as the seal will have it."""

    role: Role
    party: U32
    consent: ConsentId
    document: Bytes32
    size: Annotated[int, Field(ge=1, le=1 << 40, strict=True)]
    commitment: Bytes32
    release: Bytes32


class Task(Value):
    """One attempt of one job, under the plan's policy for the enclave (`Policy.digest`). Inputs stand in the order of
    `ROLES`, recipients in ascending order of parties."""

    type: Literal["placet.enclave-task"] = "placet.enclave-task"
    version: Literal[1] = 1
    chain: ChainId
    job: JobId
    policy: Bytes32
    attempt: Annotated[int, Field(ge=1, lt=2**32, strict=True)]
    inputs: Annotated[tuple[TaskInput, ...], Field(min_length=2, max_length=2)]
    recipients: Annotated[tuple[Recipient, ...], Field(min_length=1, max_length=16)]

    @model_validator(mode="after")
    def _in_order(self) -> Task:
        if tuple(one.role for one in self.inputs) != ROLES:
            raise ValueError("inputs are before and after, in this order")
        for name in ("party", "document", "release"):
            if len({getattr(one, name) for one in self.inputs}) != len(self.inputs):
                raise ValueError(f"two inputs have the same {name}")
        parties = [one.party for one in self.recipients]
        if parties != sorted(set(parties)):
            raise ValueError("recipients are in ascending order of parties, each once")
        if not set(parties) <= {one.party for one in self.inputs}:
            raise ValueError("a recipient brings a document")
        return self

    def input(self, role: Role) -> TaskInput:
        return self.inputs[ROLES.index(role)]

    def digest(self) -> bytes:
        """SHA-256 of its canonical JSON."""
        return document_hash(self)


def read_task(data: bytes) -> Task:
    """A task in its one spelling (canonical JSON); InputError for any other."""
    task = parse(Task, data, limit=MAX_TASK, what="the task")
    if document_bytes(task) != data:
        raise InputError("the task is not in canonical JSON", code="enclave.task")
    return task
