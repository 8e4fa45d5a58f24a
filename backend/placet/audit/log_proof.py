"""The deployment's events themselves, where too many blocks lie between a job's facts and their head.

A header for each block in between would be 600 bytes, whatever happened in it. Witnesses hash all of these headers
anyway, and sign the number and the RFC 6962 root of all events that they found under them (`placet.witness`). So the
bundle brings these events: all from one on, and of those before it the complete subtrees, a hash for each bit of their
number. That they come to what witnesses signed shows each of them, and that none is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from placet.audit.facts import Count
from placet.core.errors import InputError
from placet.core.event_log import LogEntry, in_order
from placet.core.merkle import Rfc6962Tree, rfc6962_leaf
from placet.core.values import Bytes32, Octets, Value

MOST_LOGGED = 250_000
"""Entries of a bundle at the most: some 250 MB."""


class LogProof(Value):
    """A log of events from its entry number `size` on (from 0): `entries` as RLP; `nodes` are the complete subtrees
    over the entries before it, from left to right."""

    size: Count
    nodes: Annotated[tuple[Bytes32, ...], Field(max_length=64)]
    entries: tuple[Octets, ...]


@dataclass(frozen=True)
class LogHead:
    """How many events there are, and the root over them."""

    size: int
    root: bytes


@dataclass(frozen=True)
class ReadUntil:
    """The block as of which a chain is read, and what witnesses signed of the events up to it, where that is known."""

    block: int
    log: LogHead | None = None


@dataclass(frozen=True)
class ReadLog:
    """A log of events, read: what it comes to, and its entries."""

    head: LogHead
    entries: tuple[LogEntry, ...]

    @classmethod
    def of(cls, proof: LogProof) -> ReadLog:
        """InputError for what is no log."""
        tree = Rfc6962Tree(proof.size, proof.nodes)
        for raw in proof.entries:
            tree.add(rfc6962_leaf(raw))
        entries = tuple(map(LogEntry.read, proof.entries))
        if not in_order(entries):
            raise InputError("a log of events out of order", expected="entries in the chain's order")
        return cls(LogHead(tree.size, tree.root()), entries)

    @property
    def hashes(self) -> dict[int, bytes]:
        """Hashes of the blocks with events, by number."""
        return {entry.block: entry.block_hash for entry in self.entries}
