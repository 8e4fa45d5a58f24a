"""What the contracts hold, as values: the entries of datasets, offers, consents and jobs, accounts of the escrow, the
word on a measurement of an enclave. `placet.chain.client` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from placet.core.consent import Status
from placet.core.ids import NO_JOB, JobId
from placet.core.lawful import ModelRef
from placet.core.offers import Offer, Subjects
from placet.core.stakes import Fault, StakeStatus


@dataclass(frozen=True)
class DatasetState:
    """A dataset's entry: whom its rows are about, `budget` and `spent` in nano-rho, and the job that made it where
    it is a model (zero for rows)."""

    provider: bytes
    subjects: Subjects
    budget: int
    spent: int
    schema: bytes
    commitment: bytes
    origin: JobId = NO_JOB

    @property
    def model(self) -> ModelRef | None:
        """Which model it is a part of; None for rows."""
        return ModelRef(self.origin, self.commitment) if self.subjects is Subjects.MODEL else None


@dataclass(frozen=True)
class OfferState:
    """`epoch` (24 bytes): head of the list of proven ends; `openings` so far; `unproven` (24 bytes): head of the list
    of ends that were unproven when they came; `spent` of its privacy budget, in nano-rho."""

    offer: Offer
    provider: bytes
    epoch: bytes
    openings: int
    unproven: bytes
    spent: int = 0


@dataclass(frozen=True)
class ConsentState:
    """A consent's slot; all zero for one that the chain has not seen, such as a leaf of a batch."""

    status: Status
    proven: bool
    offer_index: int
    not_before: int
    not_after: int
    first_opening: int
    uses: int


class JobStatus(IntEnum):
    """The contract's `JobStatus`."""

    NONE = 0
    OPEN = 1
    SEALED = 2
    COMPLETED = 3
    CLOSED = 4
    ABORTED = 5
    CANCELLED = 6


@dataclass(frozen=True)
class JobState:
    """A job's slot; all zero for one never seen. Times in Unix seconds; `keys_missing` counts from the seal."""

    status: JobStatus
    rewarded: bool
    parties: int
    keys_missing: int
    attempt: int
    opened_at: int
    deadline: int
    settle_by: int
    sealed_at: int


@dataclass(frozen=True)
class Escrow:
    """A job's account in the escrow: what was paid in by whom, and what is not settled yet."""

    token: bytes
    funded: int
    sponsor: bytes
    left: int


@dataclass(frozen=True)
class StakeState:
    """A stake's slot; all zero for one that was never deposited. `until`: the last time to answer or to uphold, in
    Unix seconds; 0 where neither is due."""

    status: StakeStatus
    fault: Fault
    until: int


class EnclaveClass(IntEnum):
    """As what a provider accepts a measurement. Simulated is never equal to hardware."""

    NONE = 0
    SIMULATED = 1
    HARDWARE = 2


@dataclass(frozen=True)
class Acceptance:
    """From block `since` on a measurement is accepted; from `until` on it is retired, 0 while it is not."""

    enclave_class: EnclaveClass
    since: int
    until: int

    def holds(self, enclave_class: EnclaveClass, block: int) -> bool:
        """Was it accepted at this block, as of this class and no other?"""
        ended = self.until != 0 and block >= self.until
        return enclave_class == self.enclave_class != EnclaveClass.NONE and self.since <= block and not ended
