"""Enrolments in a batch: an enroller signs one root for many pairs of an owner's key and a subject commitment.

Leaves ascend, so that where one stands says nothing of when or after whom its person was enrolled; a subject commitment
is salted, so that a leaf says nothing of anybody. Who relies on a batch has all of its leaves, 32 bytes each: it costs
one signature, and for each pair one hash and a look into the list.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, BinaryIO, Literal, NamedTuple

from pydantic import Field

from placet.core import eip712
from placet.core.errors import ConsentError, InputError
from placet.core.hashing import document_bytes
from placet.core.ids import EnrolmentRoot
from placet.core.merkle import rfc6962_nodes
from placet.core.namespace import Namespace
from placet.core.signatures import Key, Verifiers
from placet.core.values import Address, Signature, Value, parse, to_hex

MAX_PAIRS = 1 << 25
"""Pairs of one batch at the most: 1 GiB of leaves."""
MAX_HEADER = 4_096
_KEYS = Verifiers(frozenset())

BatchName = tuple[bytes, bytes]
"""Enroller and root: two enrollers may sign one root."""


class EnrolmentBatch(Value):
    """What the enroller signed: all pairs under `root` are its word, under one kind of identifier."""

    enroller: Address
    namespace: Namespace
    root: EnrolmentRoot
    signature: Signature

    @property
    def name(self) -> BatchName:
        return self.enroller, self.root


class EnrolmentsHeader(EnrolmentBatch):
    """The first line of a file of enrolments; so many leaves follow it."""

    type: Literal["placet.enrolments"] = "placet.enrolments"
    version: Literal[1] = 1
    count: Annotated[int, Field(ge=1, le=MAX_PAIRS, strict=True)]

    @property
    def batch(self) -> EnrolmentBatch:
        return EnrolmentBatch(
            enroller=self.enroller, namespace=self.namespace, root=self.root, signature=self.signature
        )


def enrolment_leaf(owner: bytes, subject: bytes) -> bytes:
    """A pair's leaf in the tree: SHA-256(0x00 ‖ subject commitment ‖ owner)."""
    return hashlib.sha256(b"\x00" + subject + owner).digest()


def enrolments_hash(namespace: str, root: bytes) -> bytes:
    """EIP-712 struct hash of what the enroller signs."""
    return eip712.ENROLMENTS.of(namespace, root)


def enrolments_root(leaves: Sequence[bytes]) -> EnrolmentRoot:
    """The RFC 6962 root over leaves as `enrolment_leaf` gives them. InputError unless there are some, ascending."""
    if not leaves:
        raise InputError("a batch of enrolments has at least one", expected="one pair or more", found=0)
    if not all(map(operator.lt, leaves, leaves[1:])):
        raise InputError("a batch's enrolments do not ascend, or one stands twice", code="enrolments.order")
    return EnrolmentRoot(rfc6962_nodes(list(leaves)))


@dataclass(frozen=True)
class Enrolments:
    """A batch with its leaves, both good: made by `checked` or `signed` alone."""

    batch: EnrolmentBatch
    joined: bytes = field(repr=False)
    """The leaves, ascending, 32 bytes each."""

    @cached_property
    def leaves(self) -> frozenset[bytes]:
        return frozenset(_split(self.joined))

    def file(self) -> bytes:
        """The file of enrolments."""
        header = EnrolmentsHeader(**self.batch.model_dump(), count=len(self.joined) // 32)
        return document_bytes(header) + b"\n" + self.joined


def signed(pairs: Collection[tuple[bytes, bytes]], namespace: str, key: Key, domain: eip712.Domain) -> Enrolments:
    """The enroller's word for these pairs of owner and subject commitment, each there once. InputError."""
    leaves = sorted(enrolment_leaf(owner, subject) for owner, subject in pairs)
    root = enrolments_root(leaves)
    signature = key.sign(domain.digest(enrolments_hash(namespace, root)))
    batch = EnrolmentBatch(enroller=key.address, namespace=namespace, root=root, signature=signature)
    return Enrolments(batch, b"".join(leaves))


def checked(batch: EnrolmentBatch, joined: bytes, domain: eip712.Domain) -> Enrolments:
    """InputError unless these are the batch's leaves, SignatureError unless its enroller signed their root."""
    if len(joined) % 32 or len(joined) > 32 * MAX_PAIRS:
        raise InputError("a batch's enrolments have 32 bytes each", found=f"{len(joined)} bytes")
    root = enrolments_root(_split(joined))
    if root != batch.root:
        raise InputError(
            "the root is not that of these enrolments",
            expected=to_hex(batch.root),
            found=to_hex(root),
            code="enrolments.root",
        )
    digest = domain.digest(enrolments_hash(batch.namespace, batch.root))
    _KEYS.demand("the batch of enrolments", batch.enroller, digest, batch.signature)
    return Enrolments(batch, joined)


def read_enrolments(file: BinaryIO, domain: eip712.Domain) -> Enrolments:
    """A file of enrolments, checked. InputError or SignatureError."""
    line = file.readline(MAX_HEADER + 1)
    header = parse(EnrolmentsHeader, line.removesuffix(b"\n"), limit=MAX_HEADER, what="the header of the enrolments")
    if document_bytes(header) + b"\n" != line:
        raise InputError("the header of the enrolments is not in its one form", expected="canonical JSON (RFC 8785)")
    joined = file.read(32 * header.count + 1)
    if len(joined) != 32 * header.count:
        raise InputError("not as many enrolments as the header counts", expected=32 * header.count, found=len(joined))
    return checked(header.batch, joined, domain)


class Claim(NamedTuple):
    """Consents that say that a batch enrols their owners: each one's place among those read, and its leaf."""

    places: list[int]
    leaves: list[bytes]


def unenrolled(claim: Claim, enrolments: Enrolments | None, namespace: str | None) -> list[int]:
    """The places of those that the batch does not enrol under that kind of identifier; of all where it is not there."""
    if enrolments is None or enrolments.batch.namespace != namespace:
        return claim.places
    if enrolments.leaves.issuperset(claim.leaves):
        return []
    return [place for place, leaf in zip(claim.places, claim.leaves, strict=True) if leaf not in enrolments.leaves]


def no_enrolment_in(name: BatchName, enrolments: Enrolments | None, namespace: str | None) -> ConsentError:
    """Why a consent that `unenrolled` found is refused."""
    if enrolments is None:
        return ConsentError(
            "the batch that enrols its owner is not at hand",
            expected=f"the enrolments with root {to_hex(name[1])}, signed by {to_hex(name[0])}",
            remedy="give the enroller's file: --enrolments FILE",
            code="consent.enrolment",
        )
    if enrolments.batch.namespace != namespace:
        return ConsentError(
            "the batch enrols by another kind of identifier",
            expected=namespace,
            found=enrolments.batch.namespace,
            remedy=f"enrol under {namespace}, which the offer says; an enrolment of another kind of identifier is none",
            code="consent.enrolment",
        )
    return ConsentError(
        "the batch does not enrol this key for this subject", expected=to_hex(name[1]), code="consent.enrolment"
    )


def demand_enrolled_in(
    claims: Mapping[BatchName, Claim], known: Mapping[BatchName, Enrolments], namespace: str | None
) -> tuple[int, ConsentError] | None:
    """The first place whose owner no batch enrols, and why; None where all are."""
    worst = [
        (min(places), no_enrolment_in(name, known.get(name), namespace))
        for name, claim in claims.items()
        if (places := unenrolled(claim, known.get(name), namespace))
    ]
    return min(worst, key=lambda one: one[0]) if worst else None


def _split(joined: bytes) -> list[bytes]:
    return [joined[at : at + 32] for at in range(0, len(joined), 32)]
