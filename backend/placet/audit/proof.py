"""What makes the facts checkable without the chain: headers of blocks, and receipts under them.

A block's hash commits to its header, the header to all receipts of the block (Yellow Paper, 4.4), and each receipt to
its logs. So that certain events stand in certain blocks rests on the hashes of these blocks alone, whoever collected
them. A header also commits to its parent's hash and to the Bloom filter of its logs: over headers without a gap it is
shown, too, that nothing was left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from placet.audit.event_filter import EventFilter
from placet.audit.fact_reader import FactReader, OfferHeads
from placet.audit.facts import ChainFacts, OfferFact
from placet.audit.findings import Truncated
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

_BY = frozenset({"consent", "dataset", "job", "offer", "provider"})
"""The indexed fields by one of which facts are looked for."""


class ProvenBlock(Value):
    """A block's header in RLP and all its receipts as its trie holds them (EIP-2718), in order; None for receipts that
    nobody needs."""

    header: Octets
    receipts: tuple[Octets, ...] | None = None


class ChainProof(Value):
    """Blocks in ascending order: those of the facts and that of their head, and as a rule all between them."""

    blocks: tuple[ProvenBlock, ...]


@dataclass(frozen=True)
class TrustedBlocks:
    """Hashes of blocks by number that the auditor trusts, and in words by whom he has them."""

    hashes: Mapping[int, bytes]
    whose: str


@dataclass(frozen=True)
class ReadBlock:
    """A block of a proof: its header, and its logs where its receipts are there and right. `fault`: what is wrong with
    them."""

    header: SealedHeader
    logs: tuple[ReceiptLog, ...] | None
    fault: InputError | None


@dataclass(frozen=True)
class ReadProof:
    """A proof, read. `faults`: places of what are no headers, in words, and what was expected there."""

    blocks: tuple[ReadBlock, ...]
    faults: Truncated[tuple[str, str]]

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
        return cls(tuple(blocks), faults)

    def anchored(self, trusted: TrustedBlocks) -> set[int]:
        """Places of the blocks whose hashes follow from those that are trusted."""
        anchored: set[int] = set()
        for place in reversed(range(len(self.blocks))):
            header = self.blocks[place].header
            above = self.blocks[place + 1].header if place + 1 in anchored else None
            linked = above is not None and above.number == header.number + 1 and above.parent == header.hash
            if linked or trusted.hashes.get(header.number) == header.hash:
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
    """Facts out of the receipts of a proof. What no event tells is the bundle's word (`shown`); other checks hold that
    against the events. `unseen`: blocks that may hold more of what was looked for, and came without receipts.
    InputError for receipts with events that no contract of the deployment tells."""

    def __init__(self, proof: ReadProof, shown: ChainFacts, deployment: Deployment) -> None:
        super().__init__(JobId(shown.job), deployment, shown.head, shown.status, shown.attempt)
        self.unseen: set[int] = set()
        self._shown = shown
        self._told_offers: dict[bytes, OfferFact] = {offer.id: offer for offer in shown.offers}
        self._told_lineage = {one.offer.id: one for one in shown.lineage}
        contracts = event_types.addresses(deployment)
        within = [block for block in proof.blocks if block.header.number <= shown.head.block]
        self._events: dict[tuple[str, object], list[Event]] = defaultdict(list)
        for block in within:
            for event in _events(block, contracts):
                for name in _BY.intersection(vars(event)):
                    self._events[name, getattr(event, name)].append(event)
        self._times = {block.header.number: block.header.timestamp for block in within}
        ours = [bloom_bits(address) for address in contracts]
        dark = [block.header for block in within if block.logs is None]
        self._dark = [header for header in dark if any(header.bloom & bits == bits for bits in ours)]

    def all(self, kinds: Sequence[type[E]], **indexed: bytes | int) -> list[E]:
        query = EventFilter(self.deployment, kinds, indexed)
        self.unseen.update(header.number for header in self._dark if query.may_hold(header.bloom))
        return [cast("E", event) for event in self._events.get(next(iter(indexed.items())), ()) if query.takes(event)]

    def time(self, event: Event) -> int:
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


def _events(block: ReadBlock, contracts: Mapping[bytes, str]) -> list[Event]:
    """The deployment's events in a block. InputError for what its contracts never tell."""
    events = []
    for log in block.logs or ():
        contract = contracts.get(log.address)
        if contract is None:
            continue
        place = LogPlace(block.header.number, block.header.hash, block.header.timestamp, log.index)
        event = event_types.event_of(contract, log.topics, log.data, place)
        if event is not None:
            events.append(event)
    return events
