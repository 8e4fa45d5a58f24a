"""Blocks as JSON-RPC tells them, read once at the door."""

from __future__ import annotations

from dataclasses import dataclass

from placet.chain.rpc import members, octets, quantity
from placet.core.errors import ChainError


@dataclass(frozen=True)
class Head:
    """A block: number, timestamp in Unix seconds, hash."""

    number: int
    timestamp: int
    hash: bytes

    @classmethod
    def read(cls, block: object) -> Head:
        """From JSON-RPC. ChainError if it is none."""
        row = members(block, "block")
        return cls(quantity(row.get("number")), quantity(row.get("timestamp")), octets(row.get("hash"), 32))


@dataclass(frozen=True)
class BlockHeader:
    """A block with its parent's hash (32 bytes) and the Bloom filter of its logs (2048 bits)."""

    head: Head
    parent: bytes
    bloom: int

    @classmethod
    def read(cls, block: object) -> BlockHeader:
        """From JSON-RPC. ChainError if it is none."""
        row = members(block, "block")
        bloom = int.from_bytes(octets(row.get("logsBloom"), 256), "big")
        return cls(Head.read(row), octets(row.get("parentHash"), 32), bloom)


@dataclass(frozen=True)
class Block:
    """A header with the hashes of the block's transactions (32 bytes each), in order."""

    header: BlockHeader
    transactions: tuple[bytes, ...]

    @classmethod
    def read(cls, block: object) -> Block:
        """From `eth_getBlockByNumber` without the transactions themselves. ChainError if it is none."""
        hashes = members(block, "block").get("transactions")
        if not isinstance(hashes, list):
            raise ChainError("the endpoint gave a malformed block", expected="transactions", code="chain.answer")
        return cls(BlockHeader.read(block), tuple(octets(one, 32) for one in hashes))

    @property
    def number(self) -> int:
        return self.header.head.number

    @property
    def hash(self) -> bytes:
        return self.header.head.hash


@dataclass(frozen=True)
class Receipt:
    """What became of a transaction: its block, whether it took effect, gas used, and its logs as JSON-RPC has them."""

    transaction: bytes
    block: int
    block_hash: bytes
    done: bool
    gas: int
    logs: tuple[dict[str, object], ...]

    @classmethod
    def read(cls, receipt: object) -> Receipt:
        """From JSON-RPC. ChainError if it is none."""
        row = members(receipt, "receipt")
        logs = row.get("logs")
        if not isinstance(logs, list):
            raise ChainError("the endpoint gave a malformed receipt", expected="logs", code="chain.answer")
        return cls(
            transaction=octets(row.get("transactionHash"), 32),
            block=quantity(row.get("blockNumber")),
            block_hash=octets(row.get("blockHash"), 32),
            done=quantity(row.get("status")) == 1,
            gas=quantity(row.get("gasUsed")),
            logs=tuple(members(log, "log") for log in logs),
        )
