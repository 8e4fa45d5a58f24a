"""The log of a deployment's events, read from one chain endpoint."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any

from placet.audit.event_filter import EventIndex
from placet.audit.log_proof import LogHead, LogProof
from placet.chain import event_logs, event_types
from placet.chain.blocks import Block
from placet.chain.client import Chain
from placet.chain.rpc import RpcError, octets, quantity
from placet.core.block_header import ReceiptLog
from placet.core.event_log import LogEntry
from placet.core.merkle import Rfc6962Tree, rfc6962_leaf


class ChainLog:
    """All entries up to a block, encoded, and the events that they are."""

    def __init__(self, chain: Chain, rows: Iterable[dict[str, Any]]) -> None:
        """`rows`: the contracts' logs as JSON-RPC has them, in order. ChainError for one that is none."""
        self._raw: list[bytes] = []
        self._blocks: list[int] = []
        tree, events, contracts = Rfc6962Tree(), [], event_types.addresses(chain.deployment)
        for row in rows:
            entry = _entry(row)
            self._raw.append(entry.encoded())
            self._blocks.append(entry.block)
            tree.add(rfc6962_leaf(self._raw[-1]))
            if (event := event_logs.decode(row, contracts)) is not None:
                events.append(event)
        self.head = LogHead(tree.size, tree.root())
        self.events = EventIndex(events)

    def after(self, block: int) -> LogProof:
        """The entries from this block on, and what those before come to."""
        first, tree = bisect_left(self._blocks, block), Rfc6962Tree()
        for raw in self._raw[:first]:
            tree.add(rfc6962_leaf(raw))
        return LogProof(size=first, nodes=tree.nodes, entries=tuple(self._raw[first:]))


def told_log(chain: Chain, last: int) -> ChainLog | None:
    """By `eth_getLogs` alone, which is right if it comes to what witnesses signed. None where there is no such
    method."""
    try:
        pieces = chain.logs.told(chain.deployment.block, last)
        return ChainLog(chain, (row for piece in pieces for row in piece))
    except RpcError:
        return None


def whole_log(chain: Chain, blocks: Sequence[Block]) -> ChainLog:
    """Of blocks that `chain.blocks` gave: headers say what there is. ChainError where the endpoint does not show it."""
    return ChainLog(chain, chain.logs.rows(blocks))


def _entry(row: dict[str, Any]) -> LogEntry:
    log = ReceiptLog(
        octets(row.get("address"), 20),
        tuple(event_logs.topics_of(row)),
        octets(row.get("data")),
        quantity(row.get("logIndex")),
    )
    return LogEntry(quantity(row.get("blockNumber")), octets(row.get("blockHash"), 32), log)
