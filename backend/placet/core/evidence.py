"""What a party hands an auditor about one job, and the bundle of all of it.

Evidence holds no output and no subject: consents in compact form, commitments, steps, signed messages; the cards of a
model that the party registered, in which the job's consumer says how good it is; and where it was given something wrong
in a verified sum, that one share or part, which is uniform without the others, or the certificate of a false garbling.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field

from placet.core.complaints import Complaint
from placet.core.consent import CompactConsent
from placet.core.deletion import SignedDeletion
from placet.core.enrolment import AnyEnrolment
from placet.core.enrolment_batch import EnrolmentBatch
from placet.core.hashing import document_hash
from placet.core.ids import BatchRoot, ConsentId, JobId
from placet.core.model_card import ModelCard
from placet.core.offers import Offer, Scope
from placet.core.plan import MAX_PARTIES, Amendment, Plan, Seal, Terms
from placet.core.standing import StandingPlan
from placet.core.trail import SignedMessage, Step
from placet.core.values import U32, Bytes32, Signature, Value

MAX_EVIDENCE = 64 << 20
"""Bytes of one party's evidence document at the most, without its sections."""
MAX_SECTIONS = 8 << 30
"""Bytes of one party's sections at the most, all together."""
MAX_CARDS = 4
"""Model cards of one party about one job."""
MAX_INLINE = 10_000
"""Leaves that stand in the document itself; where a set or a batch has more, they are in a section beside it."""


class Section(Value):
    """Leaves that stand beside the document: how many, in how many bytes, with which SHA-256."""

    count: U32
    size: Annotated[int, Field(ge=0, le=MAX_SECTIONS, strict=True)]
    hash: Bytes32


class Leaf(Value):
    """A row in a lawful set: the consent that covers it, with its signature and enrolment, and the row's commitment."""

    consent: CompactConsent
    signature: Signature
    enrolment: AnyEnrolment
    row: Bytes32
    batch: BatchRoot


class ErasedLeaf(Value):
    """A leaf whose record was erased: what is left of it, numbers that lead to nobody."""

    consent: ConsentId
    row: Bytes32
    batch: BatchRoot


class Batch(Value):
    """An anchored batch: its root and all its leaves (consent ids, ascending); in a section of 32 bytes each."""

    root: BatchRoot
    leaves: tuple[ConsentId, ...] | Section


class ShownEnrolments(Value):
    """A batch of enrolments that leaves rely on, with its leaves (ascending; in a section of 32 bytes each)."""

    batch: EnrolmentBatch
    leaves: tuple[Bytes32, ...] | Section


class NamedConsent(Value):
    """An institution's own consent for its own data, with its signature."""

    consent: CompactConsent
    signature: Signature


class InputEvidence(Value):
    """All that supports one input in one attempt. `input` counts over all inputs of the plan.

    `leaves` and `erased` together are the lawful tree's, each ascending by consent id; leaves in a section are columns
    (`core.leaves`). All are empty, and `named` is set, for a named consent.
    """

    input: U32
    attempt: U32
    offer: Offer
    scope: Scope
    leaves: tuple[Leaf, ...] | Section = ()
    erased: tuple[ErasedLeaf, ...] = ()
    named: NamedConsent | None = None


class SignedAmendment(Value):
    amendment: Amendment
    signatures: tuple[Signature, ...]


class SignedSeal(Value):
    seal: Seal
    signatures: tuple[Signature, ...]


class SignedStanding(Value):
    """The standing plan that the job is an opening of, with its signatures: parties, consumer, sponsor."""

    plan: StandingPlan
    signatures: Annotated[tuple[Signature, ...], Field(max_length=MAX_PARTIES + 2)]


class Evidence(Value):
    """One party's evidence about one job. `steps` and messages cover all attempts; `cards` are those of the model that
    it registered as the job's; `complaints` show what another party signed and what contradicts it; `deletion` is its
    record of the result's."""

    type: Literal["placet.evidence"] = "placet.evidence"
    version: Literal[1] = 1
    job: JobId
    party: U32
    plan: Plan
    terms: Terms
    plan_signatures: Annotated[tuple[Signature, ...], Field(max_length=MAX_PARTIES + 2)]
    standing: Annotated[SignedStanding | None, Field(exclude_if=lambda value: value is None)] = None
    inputs: tuple[InputEvidence, ...] = ()
    batches: tuple[Batch, ...] = ()
    enrolments: Annotated[tuple[ShownEnrolments, ...], Field(exclude_if=lambda enrolments: not enrolments)] = ()
    steps: tuple[Step, ...] = ()
    sent: tuple[SignedMessage, ...] = ()
    received: tuple[SignedMessage, ...] = ()
    amendments: tuple[SignedAmendment, ...] = ()
    seal: SignedSeal | None = None
    cards: Annotated[tuple[ModelCard, ...], Field(max_length=MAX_CARDS, exclude_if=lambda cards: not cards)] = ()
    complaints: Annotated[
        tuple[Complaint, ...], Field(max_length=MAX_PARTIES, exclude_if=lambda complaints: not complaints)
    ] = ()
    deletion: Annotated[SignedDeletion | None, Field(exclude_if=lambda value: value is None)] = None

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the document, which its recorder signs."""
        return document_hash(self)

    def sections(self) -> tuple[Section, ...]:
        """All that stands beside the document, in the order in which it follows it: inputs, then batches, then
        batches of enrolments, each once."""
        shown = (*(one.leaves for part in (self.inputs, self.batches, self.enrolments) for one in part),)
        return tuple({one.hash: one for one in shown if isinstance(one, Section)}.values())


class SignedEvidence(Value):
    """Evidence under its recorder's signature (EIP-712 `Evidence`), so that a lie has an author."""

    evidence: Evidence
    signature: Signature

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")
