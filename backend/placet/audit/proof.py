"""What makes the facts checkable without the chain: headers of blocks, and receipts under them.

A block's hash commits to its header, the header to all receipts of the block (Yellow Paper, 4.4), and each receipt to
its logs. So that certain events stand in certain blocks rests on the hashes of these blocks alone, whoever collected
them. A header also commits to its parent's hash and to the Bloom filter of its logs: over headers without a gap it is
shown, too, that nothing was left out. Where that would be too many headers, a log of events shows both (`log_proof`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from placet.audit.event_filter import EventFilter, EventIndex
from placet.audit.fact_reader import FactReader, OfferHeads
from placet.audit.facts import ChainFacts, OfferFact
from placet.audit.findings import Truncated
from placet.audit.log_proof import LogHead, LogProof, ReadLog
from placet.chain import event_types
from placet.chain.event_types import LogPlace
from placet.chain.events import E, Event, OfferMade
from placet.core.block_header import ReceiptLog, SealedHeader, bloom_bits, read_header, read_logs
from placet.core.errors import InputError, NotFoundError
from placet.core.ids import JobId, OfferId
from placet.core.offers import Offer
from placet.core.plan import Plan
from placet.core.trust import Deployment
from placet.core.values import Octets, Value, to_hex


class ProvenBlock(Value):
    """A block's header in RLP and all its receipts as its trie holds them (EIP-2718), in order; None for receipts that
    nobody needs."""

    header: Octets
    receipts: tuple[Octets, ...] | None = None


class ChainProof(Value):
    """Blocks in ascending order: those of the facts and that of their head, and all between them unless there is a
    `log`, which tells what the receipts would."""

    blocks: tuple[ProvenBlock, ...]
    log: Annotated[LogProof | None, Field(exclude_if=lambda log: log is None)] = None


@dataclass(frozen=True)
class TrustedBlocks:
    """Hashes of blocks by number that the auditor trusts, and in words by whom he has them; `logs`: what the events up
    to a block come to, where witnesses signed that."""

    hashes: Mapping[int, bytes]
    whose: str
    logs: Mapping[int, LogHead] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadBlock:
    """A block of a proof: its header, and its logs where its receipts are there and right. `fault`: what is wrong with
    them."""

    header: SealedHeader
    logs: tuple[ReceiptLog, ...] | None
    fault: InputError | None


@dataclass(frozen=True)
class ReadProof:
    """A proof, read. `faults`: places of what are no headers, in words, and what was expected there; `log_fault`: what
    is wrong with its log."""

    blocks: tuple[ReadBlock, ...]
    faults: Truncated[tuple[str, str]]
    log: ReadLog | None = None
    log_fault: InputError | None = None

    @classmethod
    def of(cls, proof: ChainProof) -> ReadProof:
        blocks, faults = [], Truncated[tuple[str, str]]()
        for place, block in enumerate(proof.blocks):
            try:
                header = read_header(block.header)
            except InputError as error:
                faults.add((f"header {place}", error.expected or "a header"))
                continue
            blocks.append(_read(header, block.receipts))
        try:
            log = None if proof.log is None else ReadLog.of(proof.log)
        except InputError as error:
            return cls(tuple(blocks), faults, log_fault=error)
        return cls(tuple(blocks), faults, log)

    def signed(self, trusted: TrustedBlocks) -> LogHead | None:
        """What the events up to the last block come to, by those whom the auditor trusts."""
        return trusted.logs.get(self.blocks[-1].header.number) if self.blocks else None

    def anchored(self, trusted: TrustedBlocks) -> set[int]:
        """Places of the blocks whose hashes follow from those that are trusted."""
        logged = self.log.hashes if self.log is not None and self.log.head == self.signed(trusted) else {}
        anchored: set[int] = set()
        for place in reversed(range(len(self.blocks))):
            header = self.blocks[place].header
            above = self.blocks[place + 1].header if place + 1 in anchored else None
            linked = above is not None and above.number == header.number + 1 and above.parent == header.hash
            if linked or header.hash in (trusted.hashes.get(header.number), logged.get(header.number)):
                anchored.add(place)
        return anchored


def _read(header: SealedHeader, receipts: Sequence[bytes] | None) -> ReadBlock:
    if receipts is None:
        return ReadBlock(header, None, None)
    try:
        return ReadBlock(header, tuple(read_logs(header, receipts)), None)
    except InputError as error:
        return ReadBlock(header, None, error)


class ProvenFactReader(FactReader):
    """Facts out of the receipts of a proof, or out of its log. What no event tells is the bundle's word (`shown`);
    other checks hold that against the events. `unseen`: blocks that may hold more of what was looked for, and came
    without receipts. InputError for events that no contract of the deployment tells, and for one without its block's
    header."""

    def __init__(self, proof: ReadProof, shown: ChainFacts, deployment: Deployment) -> None:
        super().__init__(JobId(shown.job), deployment, shown.head, shown.status, shown.attempt)
        if proof.log_fault is not None:
            raise proof.log_fault
        self.unseen: set[int] = set()
        self._shown = shown
        self._told_offers: dict[bytes, OfferFact] = {offer.id: offer for offer in shown.offers}
        self._told_lineage = {one.offer.id: one for one in shown.lineage}
        contracts = event_types.addresses(deployment)
        within = [block for block in proof.blocks if block.header.number <= shown.head.block]
        self._times = {block.header.number: block.header.timestamp for block in within}
        if proof.log is not None:
            events = _logged(proof.log, contracts, shown.head.block)
            dark = []
        else:
            events = (event for block in within for event in _events(block, contracts))
            dark = [block.header for block in within if block.logs is None]
        self._events = EventIndex(events)
        ours = [bloom_bits(address) for address in contracts]
        self._dark = [header for header in dark if any(header.bloom & bits == bits for bits in ours)]

    def all(self, kinds: Sequence[type[E]], **indexed: bytes | int) -> list[E]:
        query = EventFilter(self.deployment, kinds, indexed)
        self.unseen.update(header.number for header in self._dark if query.may_hold(header.bloom))
        return self._events.all(kinds, indexed)

    def time(self, event: Event) -> int:
        if event.block not in self._times:
            lacking = f"the header of block {event.block}, which holds {type(event).__name__}"
            raise InputError("the proof lacks the header of a block with an event of the job", expected=lacking)
        return self._times[event.block]

    def offer_heads(self, offer: OfferId) -> OfferHeads:
        if offer not in self._told_offers:
            raise NotFoundError("the facts lack an offer", found=to_hex(offer))
        return self._told_offers[offer]

    def lineage_heads(self, offer: OfferId) -> tuple[Offer, bytes]:
        if offer not in self._told_lineage or not self.all((OfferMade,), offer=offer):
            raise NotFoundError("facts or receipts lack an offer of a model's origin", found=to_hex(offer))
        return self._told_lineage[offer].offer, self._told_lineage[offer].epoch

    def has_code(self, address: bytes) -> bool:
        return address in self._shown.contracts

    def opened_plan(self, job: JobId, transaction: bytes) -> Plan | None:
        return next((origin.plan for origin in self._shown.origins if origin.job == job), None)


def _events(block: ReadBlock, contracts: Mapping[bytes, str]) -> Iterator[Event]:
    """The deployment's events in a block. InputError for what its contracts never tell."""
    for log in block.logs or ():
        place = LogPlace(block.header.number, block.header.hash, block.header.timestamp, log.index)
        event = _event(log, place, contracts)
        if event is not None:
            yield event


def _logged(log: ReadLog, contracts: Mapping[bytes, str], last: int) -> Iterator[Event]:
    """The same in a log, up to a block."""
    for entry in log.entries:
        event = _event(entry.log, LogPlace(entry.block, entry.block_hash, None, entry.log.index), contracts)
        if event is not None and entry.block <= last:
            yield event


def _event(log: ReceiptLog, place: LogPlace, contracts: Mapping[bytes, str]) -> Event | None:
    contract = contracts.get(log.address)
    return None if contract is None else event_types.event_of(contract, log.topics, log.data, place)
