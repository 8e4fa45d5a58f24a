"""Reads the logs of a range of blocks so that none is missed: the one way in which node, vault and audit read events.

`eth_getLogs` over a range can't be believed. Behind a load balancer the machine that answers may be some blocks behind
the one that told of the head; it then says "nothing" of blocks that it does not have. So the blocks themselves say what
there is to find:

                 headers of the range, each the child of the one before, the last one the head that is read up to
                        │ no transaction, or the header's Bloom filter rules logs of ours out
                        ├──────────────────────────────────────────────────────────────────────▶ nothing there
                        ▼ may hold logs of ours
                 eth_getLogs over as many blocks as the endpoint takes
                        │ the block's own hash, all logs from the first on, and they make up the header's filter
                        ├──────────────────────────────────────────────────────────────────────▶ complete
                        ▼ nothing, less, or logs of others beside ours
                 the block's receipts by its hash: one for each transaction that the block names
                        ├──────────────────────────────────────────────────────────────────────▶ complete
                        ▼ not to be had, or not all
                 ChainError `chain.incomplete`: nothing is believed, and it is read again later

A Bloom filter is believed once a block's receipts have shown that this chain fills it in: some chains leave it empty.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from placet.chain import event_logs
from placet.chain.blocks import Block, Head, Receipt
from placet.chain.blooms import LogFilter, Topics, bloom_of
from placet.chain.endpoint import EndpointError
from placet.chain.events import Event
from placet.chain.rpc import ATTEMPTS, PAUSE, Rpc, RpcError, octets, quantity
from placet.chain.sizes import AdaptiveSize
from placet.core.errors import ChainError
from placet.core.values import to_hex

MAX_BLOCKS = 2_000
"""Blocks of one `eth_getLogs` at the most."""
CHUNK = 1_000
"""Blocks whose headers are held at once."""
_AT_ONCE = 4
_RECEIPTS = 10
"""Blocks whose receipts are asked for in one request."""
_MOST_BITS = 256
"""Bits of a Bloom filter up to which it shows that no log is missing; a fuller one may hold a missing log's by chance
(at 256 of 2048 once in 250,000 for two items)."""

Log = tuple[dict[str, Any], Event]
"""A log as JSON-RPC has it, and decoded."""


class Moved(Exception):  # noqa: N818 - it is no error: the chain was reorganised while it was read
    """The blocks that were read do not follow each other up to the head."""


class LogReader:
    """The events of a deployment's contracts (address to name) at one endpoint. May be used by many threads."""

    def __init__(self, rpc: Rpc, contracts: Mapping[bytes, str]) -> None:
        self._rpc = rpc
        self._contracts = dict(contracts)
        self._range = AdaptiveSize(MAX_BLOCKS)
        self._by_block = True
        self._blooms: bool | None = None
        self._learning = threading.Lock()

    def blocks(self, first: int, head: Head, parent: bytes | None = None) -> Iterator[list[Block]]:
        """The blocks from `first` up to `head`, in pieces of at most `CHUNK`; `parent` is the hash before the first,
        where it is known. Moved where they do not follow each other: at the latest with the last piece."""
        for start in range(first, head.number + 1, CHUNK):
            end = min(start + CHUNK - 1, head.number)
            piece = self._headers(start, end)
            for block in piece:
                if parent is not None and block.header.parent != parent:
                    raise Moved
                parent = block.hash
            if end == head.number and parent != head.hash:
                raise Moved
            yield piece

    def may_hold(self, block: Block, log_filter: LogFilter | None = None) -> bool:
        """Must this block be looked into?"""
        log_filter = log_filter or LogFilter(self._contracts)
        return bool(block.transactions) and (self._blooms is not True or log_filter.may_hold(block.header.bloom))

    def logs(self, blocks: Sequence[Block], topics: Topics = ()) -> list[Log]:
        """All events of ours in these blocks (ascending) that have these topics, in order. ChainError if the endpoint
        does not show them all."""
        rows = self.rows(blocks, topics)
        decoded = [(row, event_logs.decode(row, self._contracts)) for row in rows]
        return [(row, event) for row, event in decoded if event is not None]

    def rows(self, blocks: Sequence[Block], topics: Topics = ()) -> list[dict[str, Any]]:
        """The same as JSON-RPC has them."""
        log_filter = LogFilter(self._contracts, topics)
        rows = self._learned(blocks)
        believed = self._blooms is True
        candidates = [block for block in blocks if block.hash not in rows and self.may_hold(block, log_filter)]
        ranges = self._ranges(candidates, log_filter, topics)
        whole = [block for block in candidates if not self._complete(block, ranges.get(block.hash, ()))]
        missing = {block.hash for block in whole}
        rows |= {hash_: block_rows for hash_, block_rows in ranges.items() if hash_ not in missing}
        for start in range(0, len(whole), _RECEIPTS):
            rows |= self._receipts(whole[start : start + _RECEIPTS])
        if believed and self._blooms is False:
            return self.rows(blocks, topics)
        timed = [
            self._timed(row, block) for block in blocks for row in rows.get(block.hash, ()) if log_filter.takes(row)
        ]
        return sorted(timed, key=_place)

    def told(self, first: int, last: int) -> Iterator[list[dict[str, Any]]]:
        """What `eth_getLogs` says of a range, in pieces, each in order: nobody has looked whether that is all. RpcError
        where there is no such method."""
        log_filter = LogFilter(self._contracts)
        while first <= last:
            until = min(first + self._range.now - 1, last)
            tried = until - first + 1
            try:
                answer = self._asked(first, until, ())
            except (RpcError, EndpointError) as error:
                if tried == 1 or (isinstance(error, RpcError) and error.no_method):
                    raise
                self._refused(error, tried)
                continue
            self._range.took(tried)
            ours = [row for row in answer if row.get("removed") is not True and log_filter.takes(row)]
            yield sorted(ours, key=_place)
            first = until + 1

    @property
    def most(self) -> int:
        """Blocks of one `eth_getLogs` at the most."""
        return self._range.most

    def probe(self, first: int, last: int) -> int | None:
        """How many of these blocks one `eth_getLogs` takes; None if there is no such method."""
        while True:
            size = min(self._range.now, last - first + 1)
            try:
                self._asked(last - size + 1, last, ())
            except RpcError as error:
                if error.no_method or size == 1:
                    return None
                self._range.refused(size)
            else:
                return size

    def _headers(self, first: int, last: int) -> list[Block]:
        size = max(self._rpc.batches.now, 1)
        parts = [range(start, min(start + size, last + 1)) for start in range(first, last + 1, size)]
        if len(parts) == 1 or size == 1:
            return [block for part in parts for block in self._header_part(part)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return [block for part in pool.map(self._header_part, parts) for block in part]

    def _header_part(self, numbers: range) -> list[Block]:
        """A machine that is behind has not all of them: another one is asked, some times."""
        blocks: dict[int, Block] = {}
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE * 2**attempt)
            left = [number for number in numbers if number not in blocks]
            for number, answer in zip(
                left, self._rpc.batch("eth_getBlockByNumber", [(hex(n), False) for n in left]), strict=True
            ):
                if answer is None:
                    continue
                blocks[number] = Block.read(answer)
                if blocks[number].number != number:
                    raise ChainError("the endpoint gave another block", expected=number, code="chain.answer")
            if len(blocks) == len(numbers):
                return [blocks[number] for number in numbers]
        raise _incomplete(next(number for number in numbers if number not in blocks))

    # Are Bloom filters filled in here?

    def _learned(self, blocks: Sequence[Block]) -> dict[bytes, list[dict[str, Any]]]:
        """The logs of all blocks that were read as a whole, since no filter can be believed (yet)."""
        rows: dict[bytes, list[dict[str, Any]]] = {}
        for block in blocks:
            if self._blooms is True:
                break
            if block.transactions:
                rows |= self._receipts([block])
        return rows

    def _believe(self, block: Block, bloom: int) -> None:
        """The receipts of a block make up this filter."""
        with self._learning:
            if bloom != block.header.bloom:
                self._blooms = False
            elif bloom and self._blooms is None:
                self._blooms = True

    # What `eth_getLogs` says, and whether it is all.

    def _ranges(
        self, candidates: Sequence[Block], log_filter: LogFilter, topics: Topics
    ) -> dict[bytes, list[dict[str, Any]]]:
        """The logs that the endpoint gives for ranges that cover these blocks, by the hash of the block."""
        numbers = [block.number for block in candidates]
        rows: dict[bytes, list[dict[str, Any]]] = {block.hash: [] for block in candidates}
        at = 0
        while at < len(candidates):
            first = numbers[at]
            last = min(first + self._range.now - 1, numbers[-1])
            beyond, tried = bisect_right(numbers, last), last - first + 1
            try:
                answer = self._asked(first, last, topics)
            except (RpcError, EndpointError) as error:
                if isinstance(error, RpcError) and error.no_method:
                    return rows
                self._refused(error, tried)
                at = beyond if tried == 1 else at
                continue
            self._range.took(tried)
            for row in answer:
                hash_ = octets(row.get("blockHash"), 32)
                if hash_ in rows and row.get("removed") is not True and log_filter.takes(row):
                    rows[hash_].append(row)
            at = beyond
        return rows

    def _refused(self, error: RpcError | EndpointError, tried: int) -> None:
        """Fewer blocks are asked for next, if that can help; else the error again."""
        smaller = isinstance(error, RpcError) or error.smaller
        if smaller or error.code == "chain.slow":
            self._range.refused(tried)
        if not smaller:
            raise error

    def _asked(self, first: int, last: int, topics: Topics) -> list[dict[str, Any]]:
        query = {
            "address": [to_hex(address) for address in self._contracts],
            "fromBlock": hex(first),
            "toBlock": hex(last),
            "topics": [None if options is None else [to_hex(topic) for topic in options] for options in topics],
        }
        logs = self._rpc.call("eth_getLogs", query)
        if not isinstance(logs, list) or not all(isinstance(log, dict) for log in logs):
            raise ChainError(
                "the endpoint gave malformed logs", expected="a list", found=str(logs)[:80], code="chain.answer"
            )
        return logs

    def _complete(self, block: Block, rows: Sequence[dict[str, Any]]) -> bool:
        """Are these all logs of the block, by what its header says?"""
        bloom = bloom_of(rows)
        if bloom & ~block.header.bloom:
            with self._learning:
                self._blooms = False
            return False
        places = sorted(quantity(row.get("logIndex")) for row in rows)
        return (
            bool(rows)
            and bloom == block.header.bloom
            and places == list(range(len(rows)))
            and bloom.bit_count() <= _MOST_BITS
        )

    def of_transaction(self, transaction: bytes) -> tuple[Event, ...]:
        """The events of ours in a transaction (32 bytes), as its receipt has them; none where the chain has no such
        transaction."""
        answer = self._rpc.call("eth_getTransactionReceipt", to_hex(transaction))
        logs = () if answer is None else Receipt.read(answer).logs
        decoded = (event_logs.decode(log, self._contracts) for log in logs)
        return tuple(event for event in decoded if event is not None)

    # The block as a whole.

    def _receipts(self, blocks: Sequence[Block]) -> dict[bytes, list[dict[str, Any]]]:
        """All logs of these blocks, by hash, from the receipts of all their transactions."""
        rows: dict[bytes, list[dict[str, Any]]] = {}
        for block, receipts in zip(blocks, self._of_blocks(blocks), strict=True):
            whole = _whole(block, receipts)
            if whole is None:
                whole = self._one_by_one(block)
            logs = [dict(log) for receipt in whole for log in receipt.logs]
            self._believe(block, bloom_of(logs))
            rows[block.hash] = logs
        return rows

    def _of_blocks(self, blocks: Sequence[Block]) -> list[object]:
        """What `eth_getBlockReceipts` says of each, None for nothing. Not all endpoints have it."""
        if self._by_block:
            try:
                return self._rpc.batch("eth_getBlockReceipts", [(to_hex(block.hash),) for block in blocks])
            except RpcError as error:
                self._by_block = not error.no_method
            except EndpointError as error:
                if not error.smaller:
                    raise
        return [None] * len(blocks)

    def _one_by_one(self, block: Block) -> list[Receipt]:
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE * 2**attempt)
            hashes = [(to_hex(transaction),) for transaction in block.transactions]
            whole = _whole(block, self._rpc.batch("eth_getTransactionReceipt", hashes))
            if whole is not None:
                return whole
        raise _incomplete(block.number)

    @staticmethod
    def _timed(row: dict[str, Any], block: Block) -> dict[str, Any]:
        """A log with its block's time, which not all endpoints tell with it."""
        return {**row, "blockTimestamp": hex(block.header.head.timestamp)}


def _place(row: dict[str, Any]) -> tuple[int, int]:
    return quantity(row.get("blockNumber")), quantity(row.get("logIndex"))


def _whole(block: Block, receipts: object) -> list[Receipt] | None:
    """The receipts of a block, if they are those of all its transactions."""
    if not isinstance(receipts, list) or any(receipt is None for receipt in receipts):
        return None
    read = [Receipt.read(receipt) for receipt in receipts]
    if any(receipt.block_hash != block.hash for receipt in read):
        return None
    return read if {receipt.transaction for receipt in read} >= set(block.transactions) else None


def _incomplete(block: int) -> ChainError:
    return ChainError(
        "the endpoint does not show all of a block that it tells of",
        expected=f"the transactions and logs of block {block}",
        remedy="behind a load balancer a machine may lag: it is asked again; else use another endpoint",
        code="chain.incomplete",
    )
