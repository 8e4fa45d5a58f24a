"""What the vault answers."""

from __future__ import annotations

from placet.chain.findings import State
from placet.core.consent import CompactConsent
from placet.core.enrolment_batch import EnrolmentBatch
from placet.core.evidence import ErasedLeaf
from placet.core.ids import BatchRoot, ConsentId, EnrolmentRoot, JobId, OfferId
from placet.core.sample import LeafPath, RowOpening
from placet.core.values import U32, U48, Address, Bytes24, Bytes32, Octets, Signature, Value

OWNERS_PAGE = 1_000
"""Consents of one owner in one answer, at the most."""


class TableCounts(Value):
    """For the institution itself: rows of an offer's table, consents to the offer that have not ended, and how many of
    those have no row there."""

    rows: U32
    consents: U32
    rowless: U32


class LawfulSet(Value):
    """A lawful set as a plan's input names it. `epoch` is the head of the list of proven ends that it was held
    against. `opens_before` is 2^32 − 1 for an empty set. `counts` are there where it was worked out from the table."""

    root: Bytes32
    count: int
    epoch: Bytes24
    opens_before: U32
    counts: TableCounts | None = None


class SetToSign(Value):
    """What a node is about to sign of a lawful set for a job: the vault keeps the set if it is just that. A plan names
    all of it, and by `open_by` (Unix seconds) the job is open or never will be; an amendment, whose job is open, has no
    `opens_before` and no `open_by`."""

    job: JobId
    root: Bytes32
    epoch: Bytes24
    opens_before: U32 | None = None
    open_by: U48 | None = None

    def is_of(self, lawful: LawfulSet) -> bool:
        """Is it what stands in the signed document, where that set is what the vault would bring?"""
        ends = (None, lawful.opens_before)
        return (self.root, self.epoch) == (lawful.root, lawful.epoch) and self.opens_before in ends


class EndpointFinding(Value):
    """One check of the vault's own endpoint."""

    check: str
    state: State
    detail: str
    remedy: str | None


class EndpointFindings(Value):
    """What the vault finds at its endpoint, which is `shown` without its credentials."""

    shown: str
    findings: tuple[EndpointFinding, ...]


class DeadLeaves(Value):
    """The leaves of a lawful set that have ended, and the epoch of the offer that says so: head of the very list that
    was looked through."""

    epoch: Bytes24
    consents: tuple[ConsentId, ...]


class LeavesPart(Value):
    """Some of a lawful set's leaves in columns (`core.leaves`), what is left of erased ones among them, the batches
    that hold both, the batches of enrolments that the former rely on, by enroller and root, how many leaves it went
    through, and how many the set has in all."""

    total: int
    passed: int
    count: int
    leaves: Octets
    erased: tuple[ErasedLeaf, ...]
    batches: tuple[BatchRoot, ...]
    enrolments: tuple[tuple[Address, EnrolmentRoot], ...]


class OpenedLeaf(Value):
    """A leaf of a lawful set, and its row; None where the consent has ended, or run out, since."""

    leaf: LeafPath
    row: RowOpening | None


class OpenedRows(Value):
    """In the order in which they were asked for."""

    leaves: tuple[OpenedLeaf, ...]


class KeptConsent(Value):
    """A consent as the vault keeps it, less what ties it to a person. `batch`: the root of the one that it is in, and
    how many `leaves` that has; none and 0 for one that is in none."""

    id: ConsentId
    offer: OfferId
    consent: CompactConsent
    signature: Signature
    batch: BatchRoot | None
    leaves: U32


class KeptConsents(Value):
    """Some of one owner's, ascending by id."""

    consents: tuple[KeptConsent, ...]


class EnrolledLeaves(Value):
    """A batch of enrolments, and its leaves, ascending, 32 bytes each."""

    batch: EnrolmentBatch
    joined: Octets


class BatchLeaves(Value):
    """A batch's consent ids, ascending, 32 bytes each."""

    joined: Octets
