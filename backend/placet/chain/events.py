"""What the contracts tell: one frozen value per event. `placet.chain.event_logs` decodes them.

Fields carry the ABI's names in snake case (`from` is `from_`, `class` is `class_`); arrays are tuples, addresses and
hashes are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from placet.core.ids import BatchRoot, ConsentId, DatasetId, JobId, OfferId, StakeId
from placet.core.offers import Offer, Subjects
from placet.core.stakes import StakeTerms


@dataclass(frozen=True, kw_only=True)
class Event:
    """Where an event stands: block number and hash, place among the block's logs, transaction hash.

    `timestamp` is the block's, in Unix seconds; None where the endpoint doesn't tell it with a log.
    """

    block: int
    log_index: int
    transaction: bytes
    block_hash: bytes
    timestamp: int | None = None


@dataclass(frozen=True, kw_only=True)
class DatasetRegistered(Event):
    dataset: DatasetId
    provider: bytes
    subjects: Subjects
    schema: bytes
    commitment: bytes
    budget: int


@dataclass(frozen=True, kw_only=True)
class ModelRegistered(Event):
    """`job` is the one that made the model, by the holder's word; `card` the hash of the holder's model card."""

    dataset: DatasetId
    job: JobId
    provider: bytes
    commitment: bytes
    card: bytes


@dataclass(frozen=True, kw_only=True)
class DatasetCommitted(Event):
    dataset: DatasetId
    commitment: bytes


@dataclass(frozen=True, kw_only=True)
class BudgetSpent(Event):
    """`amount` in nano-rho of an offer's and its dataset's budgets; `left` of the dataset's."""

    dataset: DatasetId
    offer: OfferId
    job: JobId
    amount: int
    left: int


@dataclass(frozen=True, kw_only=True)
class BudgetRefunded(Event):
    """As `BudgetSpent`: what went back."""

    dataset: DatasetId
    offer: OfferId
    job: JobId
    amount: int
    left: int


@dataclass(frozen=True, kw_only=True)
class OfferMade(Event):
    offer: OfferId
    provider: bytes
    terms: Offer


@dataclass(frozen=True, kw_only=True)
class RelayAppointed(Event):
    provider: bytes
    relay: bytes
    allowed: bool


@dataclass(frozen=True, kw_only=True)
class ConsentGiven(Event):
    consent: ConsentId
    offer: OfferId
    not_before: int
    not_after: int
    first_opening: int
    uses: int
    proven: bool


@dataclass(frozen=True, kw_only=True)
class BatchAnchored(Event):
    offer: OfferId
    root: BatchRoot


@dataclass(frozen=True, kw_only=True)
class ConsentWithdrawn(Event):
    offer: OfferId
    consent: ConsentId
    proven: bool
    head: bytes


@dataclass(frozen=True, kw_only=True)
class ConsentRevoked(Event):
    offer: OfferId
    consent: ConsentId
    proven: bool
    head: bytes
    reason: bytes


@dataclass(frozen=True, kw_only=True)
class ErasureAnchored(Event):
    offer: OfferId
    consent: ConsentId
    receipt: bytes


@dataclass(frozen=True, kw_only=True)
class WithdrawalProven(Event):
    offer: OfferId
    consent: ConsentId
    batch: BatchRoot
    epoch: bytes


@dataclass(frozen=True, kw_only=True)
class JobOpened(Event):
    job: JobId
    consumer: bytes
    sponsor: bytes
    terms: bytes
    open_by: int
    deadline: int
    settle_by: int
    openings: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class JobListed(Event):
    """`signer` is a hash (`placet.core.job_list.signer_key`); `head` (24 bytes) is the list's after this job."""

    signer: bytes
    job: JobId
    number: int
    head: bytes


@dataclass(frozen=True, kw_only=True)
class JobCancelled(Event):
    job: JobId
    signer: int


@dataclass(frozen=True, kw_only=True)
class StepsRecorded(Event):
    job: JobId
    party: int
    attempt: int
    from_: int
    hashes: tuple[bytes, ...]
    head: bytes


@dataclass(frozen=True, kw_only=True)
class JobAmended(Event):
    job: JobId
    attempt: int
    roots: tuple[bytes, ...]
    epochs: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class JobSealed(Event):
    job: JobId
    attempt: int
    heads: tuple[bytes, ...]
    outputs: tuple[bytes, ...]
    keys: tuple[bytes, ...]
    epochs: tuple[bytes, ...]
    payouts: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class KeyReleased(Event):
    job: JobId
    party: int
    key: bytes


@dataclass(frozen=True, kw_only=True)
class JobCompleted(Event):
    job: JobId


@dataclass(frozen=True, kw_only=True)
class KeyWithheld(Event):
    job: JobId
    party: int


@dataclass(frozen=True, kw_only=True)
class JobClosed(Event):
    job: JobId


@dataclass(frozen=True, kw_only=True)
class JobAborted(Event):
    job: JobId
    by: bytes
    reason: bytes


@dataclass(frozen=True, kw_only=True)
class Funded(Event):
    job: JobId
    token: bytes
    sponsor: bytes
    amount: int


@dataclass(frozen=True, kw_only=True)
class Credited(Event):
    job: JobId
    payee: bytes
    amount: int


@dataclass(frozen=True, kw_only=True)
class Refunded(Event):
    job: JobId
    sponsor: bytes
    amount: int


@dataclass(frozen=True, kw_only=True)
class Claimed(Event):
    token: bytes
    payee: bytes
    amount: int


@dataclass(frozen=True, kw_only=True)
class MeasurementAccepted(Event):
    """`class_`: an `EnclaveClass` of placet.chain.states, as a number."""

    provider: bytes
    measurement: bytes
    class_: int


@dataclass(frozen=True, kw_only=True)
class MeasurementRetired(Event):
    provider: bytes
    measurement: bytes


@dataclass(frozen=True, kw_only=True)
class StakeDeposited(Event):
    stake: StakeId
    job: JobId
    party: int
    terms: StakeTerms


@dataclass(frozen=True, kw_only=True)
class FaultReported(Event):
    """`fault`: a `core.stakes.Fault`, as a number; `evidence`: hash of the auditor's finding document."""

    stake: StakeId
    job: JobId
    fault: int
    evidence: bytes
    answer_by: int


@dataclass(frozen=True, kw_only=True)
class FaultAnswered(Event):
    """`opening`: hash of the opening that the holder hands to the auditor."""

    stake: StakeId
    job: JobId
    opening: bytes
    uphold_by: int


@dataclass(frozen=True, kw_only=True)
class StakeReturned(Event):
    stake: StakeId
    job: JobId
    holder: bytes
    amount: int


@dataclass(frozen=True, kw_only=True)
class StakeSlashed(Event):
    stake: StakeId
    job: JobId
    beneficiary: bytes
    amount: int
    evidence: bytes


E = TypeVar("E", bound=Event)

CONTRACTS: dict[str, tuple[type[Event], ...]] = {
    "DatasetRegistry": (DatasetRegistered, ModelRegistered, DatasetCommitted, BudgetSpent, BudgetRefunded),
    "ConsentRegistry": (
        OfferMade,
        RelayAppointed,
        ConsentGiven,
        BatchAnchored,
        ConsentWithdrawn,
        ConsentRevoked,
        ErasureAnchored,
        WithdrawalProven,
    ),
    "JobLedger": (
        JobOpened,
        JobListed,
        JobCancelled,
        StepsRecorded,
        JobAmended,
        JobSealed,
        KeyReleased,
        JobCompleted,
        KeyWithheld,
        JobClosed,
        JobAborted,
    ),
    "RewardEscrow": (Funded, Credited, Refunded, Claimed),
    "EnclaveRegistry": (MeasurementAccepted, MeasurementRetired),
    "AuditStakes": (StakeDeposited, FaultReported, FaultAnswered, StakeReturned, StakeSlashed, Claimed),
}
"""Which contract emits which events."""
