"""Events out of JSON-RPC logs: which contract tells them, by which topics, and what their parameters are here."""

from __future__ import annotations

import functools
import keyword
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from placet.chain import abi
from placet.chain.events import CONTRACTS, DatasetRegistered, Event, OfferMade, StakeDeposited
from placet.chain.rpc import members, octets, quantity
from placet.core.errors import ChainError, NotFoundError
from placet.core.offers import Offer, Subjects
from placet.core.stakes import StakeTerms
from placet.core.trust import Deployment
from placet.core.values import MAX_BUDGET

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
    if kind is StakeDeposited:
        values["terms"] = StakeTerms(*values["terms"])
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
