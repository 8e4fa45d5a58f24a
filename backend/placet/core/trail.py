"""A party's trail: step records, their hash chain, and the signed messages between parties."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from placet.core import eip712
from placet.core.hashing import document_hash, keccak
from placet.core.ids import JobId
from placet.core.values import U32, U48, Bytes32, Name, Signature, Value

Tag = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9./_-]{0,79}$")]


MASKED_OUTPUT = "output.masked"
"""The tag under which a party hands the consumer its part of the output."""


START_PROTOCOL, HEAD_TAG = "placet.start/1", "trail.head"
"""The protocol of the step in which parties tell each other what they start from, and its messages' tag."""


def start_told(head: bytes, steps: int) -> bytes:
    """What a party signs to the others before a protocol that discloses something inside itself: the head of its trail
    and how many steps lead to it, 36 bytes."""
    return head + steps.to_bytes(4, "big")


class Message(Value):
    """What a sender's recorder signs about one payload to one receiver (EIP-712 `Message`); parties by index."""

    job: JobId
    attempt: U32
    sequence: U32
    sender: U32
    receiver: U32
    tag: Tag
    digest: Bytes32

    @cached_property
    def hash(self) -> bytes:
        """EIP-712 struct hash; what an acknowledgement names."""
        return eip712.MESSAGE.hash(self)


def acknowledgement_hash(message: bytes) -> bytes:
    """EIP-712 struct hash of an acknowledgement of a message's struct hash."""
    return eip712.ACKNOWLEDGEMENT.of(message)


def evidence_hash(job: JobId, party: int, digest: bytes) -> bytes:
    """EIP-712 struct hash under which a party's recorder signs its evidence document."""
    return eip712.EVIDENCE.of(job, party, digest)


class Exchange(Value):
    """A message in a step record: the other side, the sequence number, the tag and the payload's SHA-256."""

    peer: U32
    sequence: U32
    tag: Tag
    digest: Bytes32


class Artefact(Value):
    """A named input or output of a step by its commitment (salted, or a public hash such as a lawful root)."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9./_-]{0,79}$")]
    commitment: Bytes32


class Step(Value):
    """One recorded action of a party. Inputs are lawful roots or outputs of earlier steps, by commitment."""

    type: Literal["placet.step"] = "placet.step"
    version: Literal[1] = 1
    job: JobId
    attempt: U32
    party: U32
    index: U32
    name: Name
    protocol: Annotated[str, Field(max_length=80)]
    parameters: Annotated[dict[str, JsonValue], Field(default_factory=dict)]
    inputs: Annotated[tuple[Artefact, ...], Field(max_length=256)] = ()
    outputs: Annotated[tuple[Artefact, ...], Field(max_length=256)] = ()
    sent: Annotated[tuple[Exchange, ...], Field(max_length=65_536)] = ()
    received: Annotated[tuple[Exchange, ...], Field(max_length=65_536)] = ()
    at: U48

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the document: what goes on chain."""
        return document_hash(self)


def trail_start(job: JobId, attempt: int, party: int) -> bytes:
    """The head of an empty trail."""
    return keccak(job, eip712.word(attempt), eip712.word(party))


def trail_head(start: bytes, hashes: Iterable[bytes]) -> bytes:
    """The head after recording `hashes` on top of `start`."""
    head = start
    for step in hashes:
        head = keccak(head, step)
    return head


class SignedMessage(Value):
    """A message with the sender's signature and, once it came back, the receiver's acknowledgement (else empty)."""

    message: Message
    signature: Signature
    acknowledgement: Signature = b""


class Timed(Value):
    """A moment in a node's life of a job, for people: chain time in Unix seconds."""

    at: U48
    what: Annotated[str, Field(max_length=200)]
