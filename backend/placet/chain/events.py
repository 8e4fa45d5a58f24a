"""What the contracts tell: one frozen value per event, decoded from a log.

Fields carry the ABI's names in snake case (`from` is `from_`, `class` is `class_`); arrays are tuples, addresses and
hashes are bytes.
"""

from __future__ import annotations

import functools
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from placet.chain import abi
from placet.chain.rpc import members, octets, quantity
from placet.core.errors import ChainError, NotFoundError
from placet.core.ids import BatchRoot, ConsentId, DatasetId, JobId, OfferId
from placet.core.offers import Offer, Subjects
from placet.core.trust import Deployment
from placet.core.values import MAX_BUDGET


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


E = TypeVar("E", bound=Event)

LOG_FIELDS = (
    "address",
    "topics",
    "data",
    "blockNumber",
    "blockHash",
    "blockTimestamp",
    "logIndex",
    "transactionHash",
)
"""What `decode` reads of a JSON-RPC log."""

CONTRACTS: dict[str, tuple[type[Event], ...]] = {
    "DatasetRegistry": (DatasetRegistered, ModelRegistered, DatasetCommitted, BudgetSpent, BudgetRefunded),
    "ConsentRegistry": (
        OfferMade,
        RelayAppointed,
        ConsentGiven,
        BatchAnchored,
        ConsentWithdrawn,
        ConsentRevoked,
        WithdrawalProven,
    ),
    "JobLedger": (
        JobOpened,
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
}
"""Which contract emits which events."""


def addresses(deployment: Deployment) -> dict[bytes, str]:
    """Address to contract name, of the contracts that emit events."""
    return {
        deployment.dataset_registry.address: "DatasetRegistry",
        deployment.consent_registry.address: "ConsentRegistry",
        deployment.job_ledger.address: "JobLedger",
        deployment.reward_escrow.address: "RewardEscrow",
        deployment.enclave_registry.address: "EnclaveRegistry",
    }


def event_type(kind: type[Event]) -> abi.EventType:
    """The ABI of an event class."""
    for contract, kinds in CONTRACTS.items():
        if kind in kinds:
            return abi.event(contract, kind.__name__)
    raise LookupError(kind.__name__)


@functools.cache
def kinds_by_topic(contract: str) -> dict[bytes, tuple[type[Event], abi.EventType]]:
    """The events of a contract by their first topic."""
    return {abi.event(contract, kind.__name__).topic: (kind, event_type(kind)) for kind in CONTRACTS[contract]}


def field_name(parameter: str) -> str:
    """An ABI parameter's name as a field's."""
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda m: "_" + m[1].lower(), parameter)
    return snake + "_" if keyword.iskeyword(snake) else snake


def offer_of(terms: tuple[Any, ...]) -> Offer:
    """The contract's `Offer` as ours. NotFoundError for one that no document can name, as `decode` skips it."""
    if terms[-1] >= MAX_BUDGET:
        raise NotFoundError(
            "no offer that a document can name", expected=f"a budget below {MAX_BUDGET}", found=terms[-1]
        )
    return Offer(**dict(zip(("dataset", "consumer", "purpose", "operations", "scope", "budget"), terms, strict=True)))


def subjects_of(number: int) -> Subjects:
    """The contract's `Subjects` as ours; ChainError for a number that it never gives."""
    try:
        return Subjects(number)
    except ValueError:
        raise ChainError("the endpoint gave subjects that do not exist", expected="0 to 3", found=number) from None


def _value(raw: Any) -> Any:
    return tuple(raw) if isinstance(raw, list) else raw


def parameters(kind: type[Event]) -> tuple[str, ...]:
    """An event's own fields, without its place."""
    place = {f.name for f in fields(Event)}
    return tuple(f.name for f in fields(kind) if f.name not in place)


def topics_of(log: Mapping[str, object]) -> list[bytes]:
    """A JSON-RPC log's topics (32 bytes each); ChainError if it has none of that form."""
    topics = log.get("topics")
    if not isinstance(topics, list):
        raise ChainError("the endpoint gave a malformed log", expected="an object with topics", code="chain.answer")
    return [octets(topic, 32) for topic in topics]


def decode(log: object, contracts: Mapping[bytes, str]) -> Event | None:
    """A JSON-RPC log as an event; ChainError if it is malformed. None if it is none of the known events, or an offer of
    more privacy budget than documents count exactly: anybody can make one, no consent or plan can be of it."""
    log = members(log, "log")
    contract, topics = contracts.get(octets(log.get("address"), 20)), topics_of(log)
    if contract is None or not topics or topics[0] not in kinds_by_topic(contract):
        return None
    kind, ours = kinds_by_topic(contract)[topics[0]]
    indexed = [p for p in ours.parameters if p[2]]
    plain = [p for p in ours.parameters if not p[2]]
    if len(topics) != 1 + len(indexed):
        raise ChainError("the endpoint gave a malformed log", expected=f"{len(indexed)} topics", found=len(topics) - 1)
    values: dict[str, Any] = {}
    for (name, of, _), topic in zip(indexed, topics[1:], strict=True):
        values[field_name(name)] = abi.decode((of,), topic)[0]
    for (name, _, _), value in zip(plain, abi.decode([of for _, of, _ in plain], octets(log.get("data"))), strict=True):
        values[field_name(name)] = _value(value)
    if kind is OfferMade:
        if values["terms"][-1] >= MAX_BUDGET:
            return None
        values["terms"] = offer_of(values["terms"])
    if kind is DatasetRegistered:
        values["subjects"] = subjects_of(values["subjects"])
    timestamp = log.get("blockTimestamp")
    return kind(
        block=quantity(log.get("blockNumber")),
        log_index=quantity(log.get("logIndex")),
        transaction=octets(log.get("transactionHash"), 32),
        block_hash=octets(log.get("blockHash"), 32),
        timestamp=None if timestamp is None else quantity(timestamp),
        **values,
    )
