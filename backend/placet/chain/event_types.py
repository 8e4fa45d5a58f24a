"""What the contracts' events are made of, and events out of a log's topics and data.

No artifact of the compiler is read here and no library of the chain: an auditor's verifier decodes with this module
what it was shown to stand under a block's hash. That the signatures are the contracts' is tested.
"""

from __future__ import annotations

import functools
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from placet.chain.events import CONTRACTS, DatasetRegistered, Event, OfferMade, StakeDeposited
from placet.core import abi_words
from placet.core.errors import InputError
from placet.core.hashing import keccak
from placet.core.offers import Offer, Subjects
from placet.core.stakes import StakeTerms
from placet.core.trust import Deployment
from placet.core.values import MAX_BUDGET

SIGNATURES = """
    DatasetRegistered(bytes32 indexed dataset, address indexed provider, uint8 subjects, bytes32 schema, bytes32
            commitment, uint64 budget)
    ModelRegistered(bytes32 indexed dataset, bytes32 indexed job, address indexed provider, bytes32 commitment,
            bytes32 card)
    DatasetCommitted(bytes32 indexed dataset, bytes32 commitment)
    BudgetSpent(bytes32 indexed dataset, bytes32 indexed offer, bytes32 indexed job, uint64 amount, uint64 left)
    BudgetRefunded(bytes32 indexed dataset, bytes32 indexed offer, bytes32 indexed job, uint64 amount, uint64 left)
    OfferMade(bytes32 indexed offer, address indexed provider, (bytes32,address,bytes32,uint32,bytes32,uint64)
            terms)
    RelayAppointed(address indexed provider, address indexed relay, bool allowed)
    ConsentGiven(bytes32 indexed consent, bytes32 indexed offer, uint48 notBefore, uint48 notAfter, uint32
            firstOpening, uint32 uses, bool proven)
    BatchAnchored(bytes32 indexed offer, bytes32 indexed root)
    ConsentWithdrawn(bytes32 indexed offer, bytes32 indexed consent, bool proven, bytes24 head)
    ConsentRevoked(bytes32 indexed offer, bytes32 indexed consent, bool proven, bytes24 head, bytes32 reason)
    ErasureAnchored(bytes32 indexed offer, bytes32 indexed consent, bytes32 receipt)
    WithdrawalProven(bytes32 indexed offer, bytes32 indexed consent, bytes32 batch, bytes24 epoch)
    JobOpened(bytes32 indexed job, address indexed consumer, address indexed sponsor, bytes32 terms, uint48 openBy,
            uint48 deadline, uint48 settleBy, uint32[] openings)
    JobListed(bytes32 indexed signer, bytes32 indexed job, uint64 number, bytes24 head)
    JobCancelled(bytes32 indexed job, uint256 signer)
    StepsRecorded(bytes32 indexed job, uint32 indexed party, uint32 attempt, uint32 from, bytes32[] hashes, bytes32
            head)
    JobAmended(bytes32 indexed job, uint32 attempt, bytes32[] roots, bytes24[] epochs)
    JobSealed(bytes32 indexed job, uint32 attempt, bytes32[] heads, bytes32[] outputs, bytes32[] keys, bytes24[]
            epochs, uint96[] payouts)
    KeyReleased(bytes32 indexed job, uint32 indexed party, bytes32 key)
    JobCompleted(bytes32 indexed job)
    KeyWithheld(bytes32 indexed job, uint32 indexed party)
    JobClosed(bytes32 indexed job)
    JobAborted(bytes32 indexed job, address by, bytes32 reason)
    Funded(bytes32 indexed job, address indexed token, address indexed sponsor, uint96 amount)
    Credited(bytes32 indexed job, address indexed payee, uint96 amount)
    Refunded(bytes32 indexed job, address indexed sponsor, uint96 amount)
    Claimed(address indexed token, address indexed payee, uint256 amount)
    MeasurementAccepted(address indexed provider, bytes32 indexed measurement, uint8 class)
    MeasurementRetired(address indexed provider, bytes32 indexed measurement)
    StakeDeposited(bytes32 indexed stake, bytes32 indexed job, uint32 indexed party,
            (bytes32,uint32,address,address,address,address,uint96,uint48,uint32,uint8) terms)
    FaultReported(bytes32 indexed stake, bytes32 indexed job, uint8 fault, bytes32 evidence, uint48 answerBy)
    FaultAnswered(bytes32 indexed stake, bytes32 indexed job, bytes32 opening, uint48 upholdBy)
    StakeReturned(bytes32 indexed stake, bytes32 indexed job, address holder, uint96 amount)
    StakeSlashed(bytes32 indexed stake, bytes32 indexed job, address beneficiary, uint96 amount, bytes32 evidence)
"""
"""One event each, as Solidity declares it."""


@dataclass(frozen=True)
class EventType:
    """An event's first topic and its parameters in order: name, type, `indexed` or not."""

    name: str
    topic: bytes
    parameters: tuple[tuple[str, str, bool], ...]


@functools.cache
def _types() -> dict[str, EventType]:
    types = {}
    for name, inside in re.findall(r"(\w+)\(((?:[^()]|\([^()]*\))*)\)", " ".join(SIGNATURES.split())):
        declared = re.findall(r"(\([^()]*\)|[\w\[\]]+) (indexed )?(\w+)", inside)
        kinds = ",".join(kind for kind, _, _ in declared)
        parameters = tuple((parameter, kind, bool(indexed)) for kind, indexed, parameter in declared)
        types[name] = EventType(name, keccak(f"{name}({kinds})".encode()), parameters)
    return types


def event_type(kind: type[Event]) -> EventType:
    """The ABI of an event class."""
    return _types()[kind.__name__]


@functools.cache
def kinds_by_topic(contract: str) -> dict[bytes, type[Event]]:
    """The events of a contract by their first topic."""
    return {event_type(kind).topic: kind for kind in CONTRACTS[contract]}


def addresses(deployment: Deployment) -> dict[bytes, str]:
    """Address to contract name, of the contracts that emit events."""
    return {
        deployment.dataset_registry.address: "DatasetRegistry",
        deployment.consent_registry.address: "ConsentRegistry",
        deployment.job_ledger.address: "JobLedger",
        deployment.reward_escrow.address: "RewardEscrow",
        deployment.enclave_registry.address: "EnclaveRegistry",
        deployment.audit_stakes.address: "AuditStakes",
    }


def field_name(parameter: str) -> str:
    """An ABI parameter's name as a field's."""
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda m: "_" + m[1].lower(), parameter)
    return snake + "_" if keyword.iskeyword(snake) else snake


def indexed_topics(kind: type[Event], values: Mapping[str, bytes | int]) -> list[bytes | None]:
    """The topics after the first that an event with these indexed fields has; None where any may stand.
    LookupError for a field that is not indexed."""
    places = [field_name(name) for name, _, indexed in event_type(kind).parameters if indexed]
    if not values.keys() <= set(places):
        raise LookupError(f"{kind.__name__} is indexed by {sorted(places)}, not by {sorted(values)}")
    return [topic_of(values[name]) if name in values else None for name in places]


def topic_of(value: bytes | int) -> bytes:
    """An indexed value's topic: 32 bytes, an address or a number."""
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")


@dataclass(frozen=True)
class LogPlace:
    """Where a log stands: block number and hash, the block's Unix time where it is known, place among the block's logs,
    transaction hash (empty where it is not known)."""

    block: int
    block_hash: bytes
    timestamp: int | None
    log_index: int
    transaction: bytes = b""


def event_of(contract: str, topics: Sequence[bytes], data: bytes, place: LogPlace) -> Event | None:
    """A log of one of our contracts as an event. InputError if it is not what the contract tells. None if it is none of
    the known events, or an offer of more privacy budget than documents count exactly: anybody can make one, no consent
    or plan can be of it."""
    kind = kinds_by_topic(contract).get(topics[0]) if topics else None
    if kind is None:
        return None
    parameters = event_type(kind).parameters
    indexed, plain = ([p for p in parameters if p[2] is which] for which in (True, False))
    if len(topics) != 1 + len(indexed):
        raise InputError("not what the contract tells", expected=f"{len(indexed)} topics", found=len(topics) - 1)
    values: dict[str, Any] = {}
    for (name, of, _), topic in zip(indexed, topics[1:], strict=True):
        values[field_name(name)] = abi_words.decode((of,), topic)[0]
    for (name, _, _), value in zip(plain, abi_words.decode([of for _, of, _ in plain], data), strict=True):
        values[field_name(name)] = value
    if kind is OfferMade:
        if values["terms"][-1] >= MAX_BUDGET:
            return None
        values["terms"] = offer_of(values["terms"])
    if kind is StakeDeposited:
        values["terms"] = StakeTerms.of(values["terms"])
    if kind is DatasetRegistered:
        values["subjects"] = subjects_of(values["subjects"])
    return kind(
        block=place.block,
        log_index=place.log_index,
        transaction=place.transaction,
        block_hash=place.block_hash,
        timestamp=place.timestamp,
        **values,
    )


def offer_of(terms: Sequence[Any]) -> Offer:
    """The contract's `Offer` as ours."""
    return Offer(**dict(zip(("dataset", "consumer", "purpose", "operations", "scope", "budget"), terms, strict=True)))


def subjects_of(number: int) -> Subjects:
    """The contract's `Subjects` as ours; InputError for a number that it never gives."""
    try:
        return Subjects(number)
    except ValueError:
        raise InputError("not what the contract tells", expected="subjects from 0 to 3", found=number) from None
