"""What a block's header and receipts say, out of the bytes that its hash commits to (Yellow Paper, 4.4).

A header is a list of at least 15 fields; later forks only add some at its end (base fee, withdrawals, blobs, requests),
so that none has to be known here. A receipt is a list after the number of its transaction's type (EIP-2718), or the
list alone.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from placet.core import rlp
from placet.core.errors import InputError
from placet.core.hashing import keccak
from placet.core.ordered_trie import ordered_root

_FIXED = {0: 32, 1: 32, 2: 20, 3: 32, 4: 32, 5: 32, 6: 256, 13: 32, 14: 8}
"""How many bytes some fields of a header have."""
_LEAST, _MOST = 15, 32
_FILTER = 256
"""Bytes of a Bloom filter: each receipt has one, so that it is longer."""
MAX_HEADER = 2048
"""Bytes; a header has some 600."""


@dataclass(frozen=True)
class SealedHeader:
    """A header that hashes to `hash`: number, Unix time, its parent's hash, the roots of the state and of its receipts,
    and the Bloom filter of its logs (2048 bits)."""

    hash: bytes
    number: int
    timestamp: int
    parent: bytes
    state_root: bytes
    receipts_root: bytes
    bloom: int


@dataclass(frozen=True)
class ReceiptLog:
    """A log: the contract, up to four topics (32 bytes each), data, and its place among the block's logs."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    index: int


def read_header(raw: bytes) -> SealedHeader:
    """A header from its RLP. InputError if it is none."""
    if len(raw) > MAX_HEADER:
        raise _malformed("header", f"at most {MAX_HEADER} bytes")
    fields = _octets(rlp.decode(raw), "header")
    if not _LEAST <= len(fields) <= _MOST or any(len(fields[at]) != size for at, size in _FIXED.items()):
        raise _malformed("header", "the fields of a block's header")
    return SealedHeader(
        hash=keccak(raw),
        number=read_number(fields[8]),
        timestamp=read_number(fields[11]),
        parent=fields[0],
        state_root=fields[3],
        receipts_root=fields[5],
        bloom=int.from_bytes(fields[6], "big"),
    )


def read_logs(header: SealedHeader, receipts: Sequence[bytes]) -> list[ReceiptLog]:
    """All logs of a block, in order, from all its receipts. InputError unless they are those under its header."""
    possible = all(
        len(receipt) > _FILTER for receipt in receipts
    )  # else a trie of as many as a stranger likes is built
    root = ordered_root(receipts) if possible else b""
    if root != header.receipts_root:
        raise InputError("other receipts than the block's", expected="the header's root", found=f"{len(receipts)}")
    logs = [log for receipt in receipts for log in _logs(receipt)]
    return [ReceiptLog(address, topics, data, place) for place, (address, topics, data) in enumerate(logs)]


def _logs(receipt: bytes) -> Iterator[tuple[bytes, tuple[bytes, ...], bytes]]:
    fields = rlp.decode(receipt[1:] if receipt[0] < 0x80 else receipt)
    if isinstance(fields, bytes) or len(fields) != 4 or isinstance(fields[3], bytes):
        raise _malformed("receipt", "status, gas, filter and logs")
    yield from map(log_of_fields, fields[3])


def log_of_fields(log: rlp.Item) -> tuple[bytes, tuple[bytes, ...], bytes]:
    """Address, topics and data of a log, out of its RLP list. InputError for another one."""
    if isinstance(log, bytes) or len(log) != 3:
        raise _malformed("log", "address, topics and data")
    address, topics, data = log[0], _octets(log[1], "log"), log[2]
    if not isinstance(address, bytes) or not isinstance(data, bytes) or len(address) != 20:
        raise _malformed("log", "address, topics and data")
    if len(topics) > 4 or any(len(topic) != 32 for topic in topics):
        raise _malformed("log", "at most four topics of 32 bytes")
    return address, tuple(topics), data


def _octets(item: rlp.Item, what: str) -> list[bytes]:
    """A list of byte strings."""
    if isinstance(item, bytes) or not all(isinstance(one, bytes) for one in item):
        raise _malformed(what, "a list of byte strings")
    return [one for one in item if isinstance(one, bytes)]


def read_number(field: bytes) -> int:
    """A number of at most 8 bytes. InputError for another form than the shortest."""
    if len(field) > 8 or field[:1] == b"\0":
        raise _malformed("number", "at most 8 bytes without leading zeros")
    return int.from_bytes(field, "big")


def _malformed(what: str, expected: str) -> InputError:
    return InputError(f"{what} is malformed", expected=expected)


@functools.lru_cache(maxsize=1 << 14)
def bloom_bits(item: bytes) -> int:
    """The three bits of an address or a topic in a Bloom filter (4.4.3)."""
    digest = keccak(item)
    bits = 0
    for at in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[at : at + 2], "big") & 2047)
    return bits


def bloom_over(items: Iterable[bytes]) -> int:
    """The Bloom filter that holds these addresses and topics."""
    bits = 0
    for item in items:
        bits |= bloom_bits(item)
    return bits
