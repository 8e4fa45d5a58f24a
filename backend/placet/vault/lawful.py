"""Which rows are lawful: pure, over what the vault has accepted and the chain shows. In columns, since there may be
millions of consents."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from placet.core.errors import StateError
from placet.core.hashing import sha256
from placet.core.ids import BatchRoot, ConsentId
from placet.core.merkle import rfc6962_nodes
from placet.vault.candidates import Candidates
from placet.vault.columns import RowSubjects, column
from placet.vault.leaves import LEAF, join

NEVER = 2**32 - 1


@dataclass(frozen=True, eq=False)
class Chosen:
    """A lawful set: its leaves, `RowLeaf`s one after the other, and the first opening that not all of them cover.
    `places` are those of the leaves' rows in the table that they were chosen from; None where they come from a kept
    set. `source`: what it was chosen from, by which the same choice is known again."""

    leaves: bytes = field(repr=False)
    opens_before: int
    places: NDArray[np.intp] | None = field(default=None, repr=False)
    source: Source | None = field(default=None, repr=False)

    @property
    def count(self) -> int:
        return len(self.leaves) // LEAF

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the leaves."""
        return sha256(self.leaves)

    @cached_property
    def root(self) -> bytes:
        """The lawful tree's."""
        return root_of(self.leaves)


@dataclass(frozen=True, eq=False)
class Source:
    """The consents at `best` of `candidates`, of which none changes, in batches of these roots, and a table's rows."""

    candidates: Candidates
    subjects: RowSubjects
    roots: tuple[BatchRoot, ...]
    best: NDArray[np.intp]

    def same(self, other: Source) -> bool:
        """Does the same set come of it?"""
        alike = self.candidates is other.candidates and self.subjects is other.subjects and self.roots == other.roots
        return alike and np.array_equal(self.best, other.best)


def choose(
    candidates: Candidates,
    *,
    batches: Mapping[BatchRoot, bytes],
    anchored: Mapping[BatchRoot, int],
    block: int,
    subjects: RowSubjects,
    dead: Collection[ConsentId],
    now: int,
    deadline: int,
    openings: int,
    last: Chosen | None = None,
) -> Chosen:
    """Leaves ascending by consent id, each row once. `batches` are joined leaves by root, looked at where they are new.
    `last` again where just the same comes out: a plan's set is worked out when it is proposed and when it is signed.

    A consent counts if it is in a batch anchored at or before `block`, alive, valid from `now`, the latest block's time
    (no opening is earlier), until the deadline, and covers the next opening; its leaf names the earliest such batch.
    Where a row has more than one consent, the one that lasts longest (uses, then time, then the smaller id) stands for
    it.
    """
    early = sorted((anchored[root], root) for root in batches if anchored.get(root, block + 1) <= block)
    roots = tuple(root for _, root in early)
    batch_of = candidates.batches_in(roots, batches)
    row_of, known = candidates.places_in(subjects)
    covering = candidates.covering(now=now, deadline=deadline, opening=openings)
    good = np.flatnonzero(known & ~candidates.among(dead) & (batch_of >= 0) & covering)
    best = good if _distinct(row_of[good]) else _lasting(candidates, good, row_of[good])
    source = Source(candidates, subjects, roots, best)
    if last is not None and last.source is not None and source.same(last.source):
        return last
    rows = subjects.rows[row_of[best]]
    if not subjects.distinct and len(set(rows.tolist())) != len(rows):
        raise StateError("two rows of the table have one commitment", code="vault.tampered")
    leaves = join(candidates.ids[best], rows, column(b"".join(roots))[batch_of[best]]) if len(best) else b""
    return Chosen(leaves, opens_before(candidates, best), subjects.places[row_of[best]], source)


def _distinct(rows: NDArray[np.intp]) -> bool:
    return not len(rows) or int(np.bincount(rows).max()) == 1


def _lasting(candidates: Candidates, good: NDArray[np.intp], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Of each row's consents, which ascend by id, the one that lasts longest; ascending by id again."""
    order = np.lexsort((-candidates.not_after[good], -candidates.opens_before[good], rows))
    _, first = np.unique(rows[order], return_index=True)
    return np.sort(good[order[first]])


def opens_before(candidates: Candidates, places: NDArray[np.intp]) -> int:
    """The first opening that not all of these consents cover."""
    return int(candidates.opens_before[places].min()) if len(places) else NEVER


def root_of(leaves: bytes) -> bytes:
    """The lawful tree's root over packed leaves."""
    one, starts = hashlib.sha256, range(0, len(leaves), LEAF)
    return rfc6962_nodes([one(b"\x00" + leaves[start : start + 64]).digest() for start in starts])
