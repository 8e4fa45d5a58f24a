"""Events out of JSON-RPC logs: which contract tells them, by which topics, and what their parameters are here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from placet.chain import event_types
from placet.chain.event_types import LogPlace, event_of, kinds_by_topic
from placet.chain.events import Event
from placet.chain.rpc import members, octets, quantity
from placet.core.errors import ChainError, InputError, NotFoundError
from placet.core.offers import Offer, Subjects
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


def offer_of(terms: tuple[Any, ...]) -> Offer:
    """The contract's `Offer` as ours. NotFoundError for one that no document can name, as `decode` skips it."""
    if terms[-1] >= MAX_BUDGET:
        raise NotFoundError(
            "no offer that a document can name", expected=f"a budget below {MAX_BUDGET}", found=terms[-1]
        )
    return event_types.offer_of(terms)


def subjects_of(number: int) -> Subjects:
    """The contract's `Subjects` as ours; ChainError for a number that it never gives."""
    try:
        return event_types.subjects_of(number)
    except InputError:
        raise ChainError("the endpoint gave subjects that do not exist", expected="0 to 3", found=number) from None


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
    timestamp = log.get("blockTimestamp")
    place = LogPlace(
        block=quantity(log.get("blockNumber")),
        block_hash=octets(log.get("blockHash"), 32),
        timestamp=None if timestamp is None else quantity(timestamp),
        log_index=quantity(log.get("logIndex")),
        transaction=octets(log.get("transactionHash"), 32),
    )
    try:
        return event_of(contract, topics, octets(log.get("data")), place)
    except InputError as error:
        raise ChainError(
            "the endpoint gave a malformed log", expected=error.expected, found=error.found, code="chain.answer"
        ) from None
