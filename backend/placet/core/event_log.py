"""The log of all events of a deployment, as witnesses sign it: entries in the chain's order under an RFC 6962 tree."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from placet.core import rlp
from placet.core.block_header import ReceiptLog, log_of_fields, read_number
from placet.core.errors import InputError


@dataclass(frozen=True)
class LogEntry:
    """A log of one of the deployment's contracts, with the number and the hash (32 bytes) of its block."""

    block: int
    block_hash: bytes
    log: ReceiptLog

    @property
    def order(self) -> tuple[int, int]:
        """Its place in the chain: block, and place among the block's logs."""
        return self.block, self.log.index

    def encoded(self) -> bytes:
        """What a leaf of the tree holds: the RLP list of block number, block hash, place among the block's logs,
        contract, topics and data."""
        log = self.log
        number, place = rlp.of_int(self.block), rlp.of_int(log.index)
        return rlp.encode([number, self.block_hash, place, log.address, list(log.topics), log.data])

    @classmethod
    def read(cls, raw: bytes) -> LogEntry:
        """InputError for what `encoded` does not give."""
        fields = rlp.decode(raw)
        if isinstance(fields, bytes) or len(fields) != 6:
            raise _malformed("six fields")
        number, block_hash, place, *log = fields
        if not isinstance(number, bytes) or not isinstance(block_hash, bytes) or not isinstance(place, bytes):
            raise _malformed("numbers and a hash")
        if len(block_hash) != 32:
            raise _malformed("a hash of 32 bytes")
        address, topics, data = log_of_fields(log)
        return cls(read_number(number), block_hash, ReceiptLog(address, topics, data, read_number(place)))


def in_order(entries: Sequence[LogEntry]) -> bool:
    """Do they stand in the chain's order, each block under one hash?"""
    return all(
        before.order < after.order and (before.block != after.block or before.block_hash == after.block_hash)
        for before, after in itertools.pairwise(entries)
    )


def _malformed(expected: str) -> InputError:
    return InputError("entry of a log of events is malformed", expected=expected)
