"""Anonymous consent as documents: the tree of an offer's live consents, and what its owners prove by it.

A *tag* is a word that an owner's wallet derives for one consent and signs over to the provider. Leaves are made of
tags; the provider publishes the root of the tree in the contract `ConsentTrees`, and all leaves as a file. A statement
says that one of the consents is the prover's, and names by a *nullifier* that it was used for a job, and not which.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, field_validator

from placet.core import eip712
from placet.core.eip712 import Domain
from placet.core.errors import AccessError, InputError, StateError
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


class TreeState(IntEnum):
    """Whether statements under a root stand now, or why not; the contract's `State`. `ENDED`: some consent to the offer
    ended since."""

    LIVE = 0
    UNKNOWN = 1
    ENDED = 2
    EXPIRED = 3
    EXHAUSTED = 4


@dataclass(frozen=True, kw_only=True)
class ConsentOnChain:
    """What only the chain says of a statement about a consent, as of one block (its number, and its time in Unix
    seconds). `provider`: whose offer it is, who alone publishes such trees; `tree` is None where there is no such one.
    `recorded_at`: when this very statement was recorded, 0 if it was not, `is_confirmed` where the network does not
    take that back; `is_used`: a statement with its nullifier was recorded under its key."""

    block: int
    time: int
    provider: bytes
    state: TreeState
    tree: PublishedTree | None
    is_used: bool
    recorded_at: int
    is_confirmed: bool

    def demand_stands(self) -> PublishedTree:
        """The tree. AccessError `proof.nullifier` where another statement has used the consent for this job; InputError
        `proof.tree` for a root that is not live and was not when the statement was recorded, StateError
        `proof.unconfirmed` where the network may still take that record back."""
        if self.is_used and not self.recorded_at:
            raise AccessError("the consent was used for this job already, in another statement", code="proof.nullifier")
        # What is recorded was true when it was; anything else must be so now.
        if self.tree is None or (self.state is not TreeState.LIVE and not self.recorded_at):
            raise InputError(
                "no consent can be proven under this root", expected="a live tree", found=self.state.name.lower(),
                remedy="ask for a proof under the provider's latest tree", code="proof.tree",
            )  # fmt: skip
        if self.state is not TreeState.LIVE and not self.is_confirmed:
            raise StateError(
                "the statement's record is not final yet, and its tree is not live any more",
                expected="a record that the network does not take back",
                found=f"recorded at {self.recorded_at}",
                remedy="ask again in some blocks",
                code="proof.unconfirmed",
            )
        return self.tree
