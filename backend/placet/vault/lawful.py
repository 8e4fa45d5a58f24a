"""Which rows are lawful: pure, over what the vault has accepted and the chain shows. In columns, since there may be
millions of consents."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from placet.core.errors import StateError
from placet.core.merkle import lawful_root, rfc6962_nodes
from placet.vault.candidates import Candidate, Candidates
from placet.vault.columns import Subjects, column, find
from placet.vault.records import LEAF, RowLeaf

NEVER = 2**32 - 1


@dataclass(frozen=True)
class Chosen:
    """A lawful set: its leaves, `RowLeaf`s one after the other, and the first opening that not all of them cover."""

    leaves: bytes
    opens_before: int

    @property
    def count(self) -> int:
        return len(self.leaves) // LEAF

    def root(self) -> bytes:
        """The lawful tree's root."""
        view, sha256 = self.leaves, hashlib.sha256
        starts = range(0, len(view), LEAF)
        return rfc6962_nodes([sha256(b"\x00" + view[start : start + 64]).digest() for start in starts])


def choose(
    candidates: Candidates,
    *,
    batches: Mapping[bytes, bytes],
    anchored: Mapping[bytes, int],
    block: int,
    subjects: Subjects,
    dead: Collection[bytes],
    now: int,
    deadline: int,
    openings: int,
) -> Chosen:
    """Leaves ascending by consent id, each row once. `batches` are joined leaves by root.

    A consent counts if it is in a batch anchored at or before `block`, alive, valid from now until the deadline and
    covers the next opening; its leaf names the earliest such batch. Where a row has more than one consent, the one that
    lasts longest (uses, then time, then the smaller id) stands for it.
    """
    early = sorted((anchored[root], root) for root in batches if anchored.get(root, block + 1) <= block)
    batch_of = np.full(len(candidates), -1)
    for number, (_, root) in reversed(list(enumerate(early))):
        places, there = find(candidates.ids, column(batches[root]))
        batch_of[places[there]] = number
    alive = np.ones(len(candidates), np.bool_)
    places, there = find(candidates.ids, column(b"".join(dead)))
    alive[places[there]] = False
    row_of, known = candidates.places_in(subjects)
    good = np.flatnonzero(
        known
        & alive
        & (batch_of >= 0)
        & (candidates.not_before <= now)
        & (candidates.not_after >= deadline)
        & (candidates.first_opening <= openings)
        & (candidates.opens_before > openings)
    )
    lasting = np.lexsort((-candidates.not_after[good], -candidates.opens_before[good], row_of[good]))
    good = good[lasting]
    _, first = np.unique(row_of[good], return_index=True)
    best = np.sort(good[first])
    rows = subjects.rows[row_of[best]]
    if not subjects.distinct and len(set(rows.tolist())) != len(rows):
        raise StateError("two rows of the table have one commitment", code="vault.tampered")
    roots = column(b"".join(root for _, root in early))
    leaves = np.stack((candidates.ids[best], rows, roots[batch_of[best]]), axis=1) if len(best) else np.empty(0, "S32")
    opens_before = int(candidates.opens_before[best].min()) if len(best) else NEVER
    return Chosen(leaves.tobytes(), opens_before)


def covers(candidate: Candidate, *, now: int, deadline: int, opening: int) -> bool:
    """Is the consent valid from now until the deadline, and for this opening?"""
    in_time = candidate.not_before <= now and candidate.not_after >= deadline
    return in_time and candidate.first_opening <= opening < candidate.opens_before


def root_of(leaves: Sequence[RowLeaf]) -> bytes:
    """The lawful tree's root."""
    return lawful_root([(leaf.consent, leaf.row) for leaf in leaves])
