"""A job's facts as one chain endpoint tells them at one block: its last confirmed one, or an earlier one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from placet.audit.chain_log import ChainLog, told_log, whole_log
from placet.audit.event_filter import EventFilter
from placet.audit.fact_reader import FactReader, OfferHeads
from placet.audit.facts import ChainFacts, Ending, Moment
from placet.audit.log_proof import MOST_LOGGED, ReadUntil
from placet.audit.proof import ChainProof, ProvenBlock
from placet.chain import events, proofs
from placet.chain.blocks import Block
from placet.chain.client import Chain
from placet.chain.events import E
from placet.core.block_header import SealedHeader, read_header
from placet.core.errors import ChainError
from placet.core.ids import JobId, OfferId
from placet.core.plan import Plan

MOST_LINKED = 10_000
"""Headers of a bundle that follow each other without a gap, at the most: 13 MB. Where a job's oldest fact lies further
back, only the blocks that hold its facts are taken along, and the log of events where witnesses signed one."""


def facts(chain: Chain, job: JobId, plan: Plan | None) -> ChainFacts:
    """The facts alone, for whoever was handed a bundle and wants to compare; the plan is the one in its evidence."""
    chain.check()
    return LiveFactReader(chain, job).facts(plan)


def proven_facts(chain: Chain, job: JobId, plan: Plan | None, until: ReadUntil) -> tuple[ChainFacts, ChainProof | None]:
    """The same as of that block, with what shows that they stand under its hash."""
    chain.check()
    reader = LiveFactReader(chain, job, until)
    return reader.facts(plan), reader.proof()


class LiveFactReader(FactReader):
    """Reads everything at one block, and notices if that block is replaced meanwhile."""

    def __init__(self, chain: Chain, job: JobId, until: ReadUntil | None = None) -> None:
        """`until`: the block, if not the last confirmed one. ChainError for a block that is not confirmed."""
        confirmed = chain.confirmed()
        at = confirmed if until is None else until.block
        if at > confirmed:
            raise ChainError(
                "that block is not confirmed yet", expected=f"at most block {confirmed}", found=at, code="chain.early"
            )
        self._chain = chain
        self._block = chain.block(at)
        self._times: dict[int, int] = {self._block.number: self._block.timestamp}
        self._signed = None if until is None else until.log
        self._queries: list[EventFilter] = []
        self._seen: set[int] = set()
        head = Moment(block=self._block.number, index=0, timestamp=self._block.timestamp)
        state = chain.job(job, block=self._block.number)
        super().__init__(job, chain.deployment, head, Ending.of_status(state.status), state.attempt)

    @cached_property
    def _blocks(self) -> list[Block]:
        return self._chain.blocks(self._chain.deployment.block, self._block)

    @cached_property
    def _log(self) -> ChainLog | None:
        """The log of events, if the endpoint tells the one that witnesses signed; then no header has to be read. None
        also where there are so few blocks that their headers are all read and taken along."""
        if self._signed is None or self._block.number - self._chain.deployment.block < MOST_LINKED:
            return None
        log = told_log(self._chain, self._block.number)
        return log if log is not None and log.head == self._signed else None

    def all(self, kinds: Sequence[type[E]], **indexed: bytes | int) -> list[E]:
        self._queries.append(EventFilter(self.deployment, kinds, indexed))
        if self._log is not None:
            events_ = self._log.events.all(kinds, indexed)
        else:
            events_ = self._chain.events_of(self._blocks, kinds, **indexed)
        self._seen.update(event.block for event in events_)
        return events_

    def time(self, event: events.Event) -> int:
        if event.block not in self._times:
            time = event.timestamp
            self._times[event.block] = time if time is not None else self._chain.block(event.block).timestamp
        return self._times[event.block]

    def offer_heads(self, offer: OfferId) -> OfferHeads:
        return self._chain.offer(offer, block=self._block.number)

    def has_code(self, address: bytes) -> bool:
        return self._chain.has_code(address, block=self._block.number)

    def opened_plan(self, job: JobId, transaction: bytes) -> Plan | None:
        return self._chain.opened_plan(job, transaction)

    def facts(self, plan: Plan | None) -> ChainFacts:
        """As all facts; ChainError also where the block was replaced while it was read."""
        facts = super().facts(plan)
        if self._chain.block(self._block.number).hash != self._block.hash:
            raise ChainError(
                "the chain was reorganised below what it had confirmed while it was read",
                found=f"another block {self._block.number}",
                remedy="collect again; if it happens often, raise the deployment's confirmations",
            )
        return facts

    def proof(self) -> ChainProof | None:
        """What shows all that was read until now; None where the chain's hashes are not those of
        Ethereum's headers. ChainError where it was reorganised meanwhile."""
        try:
            return self._proof()
        except ChainError as error:
            if error.code != "chain.unprovable":
                raise
            return None

    def _proof(self) -> ChainProof:
        oldest, head = min(self._seen, default=self._block.number), self._block.number
        if head - oldest < MOST_LINKED:
            return ChainProof(blocks=self._with_receipts(range(oldest, head + 1)))
        numbers = sorted({*self._seen, head})
        if self._signed is not None:
            # What contradicts the witnesses is shown as it is: the check says so.
            log = (self._log or whole_log(self._chain, self._blocks)).after(oldest)
            if len(log.entries) <= MOST_LOGGED:
                blocks = tuple(ProvenBlock(header=raw) for _, _, raw in self._headers(numbers))
                return ChainProof(blocks=blocks, log=log)
        return ChainProof(blocks=self._with_receipts(numbers))

    def _with_receipts(self, numbers: Sequence[int]) -> tuple[ProvenBlock, ...]:
        blocks = []
        for row, header, raw in self._headers(numbers):
            needed = header.number in self._seen or any(query.may_hold(header.bloom) for query in self._queries)
            receipts = proofs.receipts(self._chain.rpc, row, header) if needed else None
            blocks.append(ProvenBlock(header=raw, receipts=receipts))
        return tuple(blocks)

    def _headers(self, numbers: Sequence[int]) -> Iterator[tuple[dict[str, Any], SealedHeader, bytes]]:
        """The last one is the head's. ChainError where it is another one now."""
        last = b""
        for row, raw in proofs.headers(self._chain.rpc, numbers):
            header = read_header(raw)
            last = header.hash
            yield row, header, raw
        if last != self._block.hash:
            raise ChainError(
                "the chain was reorganised while it was read",
                found=f"another block {self._block.number}",
                remedy="collect again",
                code="chain.moving",
            )
