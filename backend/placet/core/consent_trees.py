"""Anonymous consent as documents: the tree of an offer's live consents, and what its owners prove by it.

A *tag* is a word that an owner's wallet derives for one consent and signs over to the provider. Leaves are made of
tags; the provider publishes the root of the tree in the contract `ConsentTrees`, and all leaves as a file. A statement
says that one of the consents is the prover's, and names by a *nullifier* that it was used for a job, and not which.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, field_validator

from placet.core import eip712
from placet.core.eip712 import Domain
from placet.core.ids import ConsentId, OfferId
from placet.core.statements import FieldBytes, ProofBytes, Statement, demand_in_field, element
from placet.core.values import U32, U48, Address, Bytes24, ChainId, Octets, Signature, Signer, Value

DEPTH = 20
MAX_LEAVES = 1 << DEPTH
MAX_TREE_FILE = 2 * 32 * MAX_LEAVES + (1 << 12)
"""Bytes of the file of a full tree: two letters a byte."""
LEAF_SIZE = 32


class ProofTag(Value):
    """What an owner signs with the key of its consent: its tag, from which the provider makes a leaf."""

    consent: ConsentId
    tag: FieldBytes

    def digest(self, domain: Domain) -> bytes:
        """What is signed, under the domain of consents."""
        return domain.digest(eip712.PROOF_TAG.hash(self))


class KeptTag(Value):
    """A tag as the provider keeps it, with what it knows of the consent: whose it is, until when and for which openings
    it may be used, and the owner's signature over the tag."""

    signed: ProofTag
    owner: Signer
    not_before: U48
    not_after: U48
    first_opening: U32
    opens_before: U32
    signature: Signature


class TreeWindow(NamedTuple):
    """How long a tree can be live at most: its consents may be used until then (Unix seconds), and for openings before
    that."""

    until: int
    opens_before: int


class ConsentTree(Value):
    """The file with all leaves of a tree, which the provider hands to everybody: 32 bytes each, ascending. Who asks for
    it does not say by that which leaf is his."""

    type: Literal["placet.consent-tree"] = "placet.consent-tree"
    version: Literal[1] = 1
    chain_id: ChainId
    consent_trees: Address
    offer: OfferId
    leaves: Octets

    @field_validator("leaves")
    @classmethod
    def _in_order(cls, value: bytes) -> bytes:
        split = [value[at : at + LEAF_SIZE] for at in range(0, len(value), LEAF_SIZE)]
        if not 1 <= len(split) <= MAX_LEAVES or len(value) % LEAF_SIZE:
            raise ValueError(f"expected 1 to {MAX_LEAVES} leaves of {LEAF_SIZE} bytes")
        if any(one >= other for one, other in pairwise(split)) or not any(split[0]):
            raise ValueError("expected leaves in ascending order, each once, none of them zero")
        demand_in_field(split[-1])
        return value

    @property
    def numbers(self) -> list[int]:
        """The leaves as field elements."""
        return [int.from_bytes(self.leaves[at : at + LEAF_SIZE], "big") for at in range(0, len(self.leaves), LEAF_SIZE)]


class PublishedTree(Value):
    """A tree as the provider puts it on chain; `epoch` and `unproven` are the heads of ended consents that it saw."""

    offer: OfferId
    root: FieldBytes
    epoch: Bytes24
    unproven: Bytes24
    until: U48
    opens_before: U32
    leaves: Annotated[int, Field(ge=1, le=MAX_LEAVES, strict=True)]

    def to_tuple(self) -> tuple[object, ...]:
        """As the contract takes it."""
        root = int.from_bytes(self.root, "big")
        return (self.offer, root, self.epoch, self.unproven, self.until, self.opens_before, self.leaves)


class ConsentStatement(Statement):
    """A consent of the prover's lies in the tree `root` of the live consents to `offer`; for this job it has this
    nullifier and no other."""

    offer: OfferId
    root: FieldBytes
    nullifier: FieldBytes

    @property
    def inputs(self) -> tuple[int, int, int]:
        """Root, offer (253 bits of its id), nullifier."""
        return int.from_bytes(self.root, "big"), element(self.offer), int.from_bytes(self.nullifier, "big")


class ConsentProof(Value):
    """The file that a relying party gets: a statement about a consent, and its proof."""

    type: Literal["placet.consent-proof"] = "placet.consent-proof"
    version: Literal[1] = 1
    chain_id: ChainId
    statements: Address
    statement: ConsentStatement
    proof: ProofBytes
