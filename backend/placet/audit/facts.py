"""What the verifier needs to know from the chain about one job, as plain values.

Facts are collected at one confirmed block (`ChainFacts.head`): everything below it counts, nothing above it does.
A moment's `index` is the log's place in its block, so that two moments are always in the chain's own order.

Lists have no limits here: what no chain can hold must be read to be called false (`checks.chain.limits`), and what it
costs to read is bounded by the document's size.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from placet.core.errors import InputError
from placet.core.ids import BatchRoot, ConsentId, DatasetId, JobId, OfferId, StakeId
from placet.core.lawful import ModelRef
from placet.core.offers import Offer, Subjects
from placet.core.plan import Plan
from placet.core.values import U32, U48, U64, U96, Address, Bytes24, Bytes32, Value

Count = Annotated[int, Field(ge=0, lt=2**53, strict=True)]
Openings = tuple[U32, ...]
Epochs = tuple[Bytes24, ...]
Roots = tuple[Bytes32, ...]
PerParty = tuple[Bytes32, ...]


class Moment(Value):
    """Where on the chain something happened: block, place among the block's logs, the block's Unix time."""

    block: Count
    index: Count
    timestamp: U48

    @property
    def order(self) -> tuple[int, int]:
        return self.block, self.index


class Ending(StrEnum):
    """How far a job has come; the contract's `JobStatus`."""

    UNKNOWN = "unknown"
    OPEN = "open"
    SEALED = "sealed"
    COMPLETED = "completed"
    CLOSED = "closed"
    ABORTED = "aborted"
    CANCELLED = "cancelled"

    @classmethod
    def of_status(cls, number: int) -> Ending:
        """By the contract's number. InputError for one that it does not have."""
        endings = tuple(cls)
        if number >= len(endings):
            raise InputError("not what the contract keeps", expected="a job's status", found=number)
        return endings[number]


class Opened(Value):
    """`JobOpened`: `openings[i]` is the number that input i's offer gave to this job, from 0; `block_hash` that of the
    block."""

    at: Moment
    block_hash: Bytes32
    consumer: Address
    sponsor: Address
    terms: Bytes32
    open_by: U48
    deadline: U48
    settle_by: U48
    openings: Openings


class OfferFact(Value):
    """An offer that the job uses. `epoch` (head of the list of its proven ends) and `unproven` (head of the list of
    those that were unproven when they came) are the contract's at the facts' head; the epoch at any earlier moment
    follows from the ends."""

    id: OfferId
    offer: Offer
    provider: Address
    made: Moment
    epoch: Bytes24
    unproven: Bytes24


class DatasetFact(Value):
    """`DatasetRegistered` of the dataset behind an offer that the job uses: its provider, whom its rows are about by
    that provider's word, and its privacy budget in nano-rho. None is ever changed."""

    id: DatasetId
    provider: Address
    subjects: Subjects
    budget: U64 = 0
    registered: Moment


class BudgetChange(Value):
    """`BudgetSpent` or `BudgetRefunded` by any job, of a dataset behind an offer that this job uses: `amount` of the
    offer's and the dataset's privacy budgets, and what is `left` of the dataset's after it, in nano-rho."""

    kind: Literal["spent", "refunded"]
    dataset: DatasetId
    offer: OfferId
    job: JobId
    amount: U64
    left: U64
    at: Moment


class ModelFact(Value):
    """`ModelRegistered`: a holder's part of a model; `origin` is the job that made it, by the holder's word;
    `card` the hash of the holder's model card."""

    id: DatasetId
    provider: Address
    origin: JobId
    commitment: Bytes32
    card: Bytes32
    registered: Moment

    @property
    def model(self) -> ModelRef:
        """Which model it is a part of."""
        return ModelRef(self.origin, self.commitment)


class OriginFact(Value):
    """A job that made a model which the job uses, or one that this was made of: when it was sealed, under which epochs,
    and its plan, out of the transaction that opened it (None where the endpoint does not show that)."""

    job: JobId
    plan: Plan | None = None
    sealed: Moment | None = None
    epochs: Epochs = ()


class ProvenEnd(Value):
    """An end that changed an offer's epoch, and when it did."""

    consent: ConsentId
    at: Moment


class LineageOffer(Value):
    """An offer that an origin's plan uses: all ends that changed its epoch, in that order, and the epoch as the
    contract has it at the facts' head."""

    offer: Offer
    epoch: Bytes24
    ended: tuple[ProvenEnd, ...] = ()


class Anchored(Value):
    """`BatchAnchored` under one of the job's offers."""

    offer: OfferId
    root: BatchRoot
    at: Moment


class Withdrawn(Value):
    """A consent of an offer that has ended. `proven` is when it changed the epoch; `head` is that of the list that it
    entered when it ended: the epoch if it was proven at once, else that of the unproven ends. `erased` is when its
    provider first anchored that its record is erased."""

    offer: OfferId
    consent: ConsentId
    kind: Literal["withdrawn", "revoked"]
    at: Moment
    head: Bytes24
    proven: Moment | None = None
    erased: Annotated[Moment | None, Field(exclude_if=lambda value: value is None)] = None


class Given(Value):
    """`ConsentGiven` of a consent that the plan names."""

    consent: ConsentId
    offer: OfferId
    not_before: U48
    not_after: U48
    first_opening: U32
    uses: U32
    at: Moment


class Recorded(Value):
    """`StepsRecorded`: hashes from step `first` on, and the party's trail head after them."""

    attempt: U32
    party: U32
    first: U32
    hashes: tuple[Bytes32, ...]
    head: Bytes32
    at: Moment


class Amended(Value):
    """`JobAmended`: a new attempt."""

    attempt: U32
    roots: Roots
    epochs: Epochs
    at: Moment


class Sealed(Value):
    """`JobSealed`."""

    attempt: U32
    heads: PerParty
    outputs: PerParty
    keys: PerParty
    epochs: Epochs
    payouts: tuple[U96, ...]
    at: Moment


class ReleasedKey(Value):
    """`KeyReleased`: a party's release key."""

    party: U32
    key: Bytes32
    at: Moment


class Withheld(Value):
    """`KeyWithheld`: who let `settleBy` pass."""

    party: U32
    at: Moment


class Funding(Value):
    """The escrow took the rewards in."""

    token: Address
    sponsor: Address
    amount: U96
    at: Moment


class Paid(Value):
    """The escrow credited a payee, or gave the sponsor back what was not earned."""

    kind: Literal["credit", "refund"]
    to: Address
    amount: U96
    at: Moment


class End(Value):
    """How the job ended. `by` and `reason` are those of an abort; `signer` is who cancelled, as its place in the
    plan's list."""

    kind: Literal[Ending.COMPLETED, Ending.CLOSED, Ending.ABORTED, Ending.CANCELLED]
    at: Moment
    by: Address | None = None
    reason: Bytes32 | None = None
    signer: U32 | None = None


class Committed(Value):
    """`DatasetRegistered` or `DatasetCommitted` of a dataset behind a consent that the plan names."""

    dataset: DatasetId
    commitment: Bytes32
    at: Moment


class AcceptedMeasurement(Value):
    """`MeasurementAccepted` by a party that brings no input; `retired` is when it took that back."""

    provider: Address
    measurement: Bytes32
    enclave_class: Annotated[int, Field(ge=0, le=255, strict=True)]
    at: Moment
    retired: Moment | None = None


class StakeFact(Value):
    """A stake that somebody put up for the job's audit, and what became of it. `fault`: what the auditor
    reported, as the contract numbers it."""

    stake: StakeId
    party: U32
    holder: Address
    amount: U96
    deposited: Moment
    fault: U32 = 0
    reported: Moment | None = None
    answered: Moment | None = None
    end: Literal["returned", "slashed"] | None = None
    ended: Moment | None = None


class ChainFacts(Value):
    """One job on one chain, up to `head`. `deployment` is the hash of the deployment document that was checked."""

    type: Literal["placet.facts"] = "placet.facts"
    version: Literal[1] = 1
    job: JobId
    deployment: Bytes32
    chain_id: Count
    head: Moment
    status: Ending
    attempt: U32
    opened: Opened | None = None
    offers: tuple[OfferFact, ...] = ()
    datasets: tuple[DatasetFact, ...] = ()
    budgets: tuple[BudgetChange, ...] = ()
    models: tuple[ModelFact, ...] = ()
    """Those behind the job's offers, and those that they were made of."""
    origins: tuple[OriginFact, ...] = ()
    lineage: tuple[LineageOffer, ...] = ()
    made: tuple[ModelFact, ...] = ()
    """Those that name this job as their origin."""
    anchored: tuple[Anchored, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()
    given: tuple[Given, ...] = ()
    committed: tuple[Committed, ...] = ()
    contracts: tuple[Address, ...] = ()
    """Those of the plan's signers that have code at the facts' head: they may sign as ERC-1271 contracts."""
    accepted: tuple[AcceptedMeasurement, ...] = ()
    amended: tuple[Amended, ...] = ()
    recorded: tuple[Recorded, ...] = ()
    sealed: Sealed | None = None
    released: tuple[ReleasedKey, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    funded: Funding | None = None
    paid: tuple[Paid, ...] = ()
    end: End | None = None
    stakes: Annotated[tuple[StakeFact, ...], Field(exclude_if=lambda stakes: not stakes)] = ()
