"""Which rows are lawful: pure, over what the vault has accepted and the chain shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from placet.core.merkle import lawful_root
from placet.vault.records import Candidate, RowLeaf

NEVER = 2**32 - 1


def first_batches(
    batches: Mapping[bytes, Sequence[bytes]], anchored: Mapping[bytes, int], block: int
) -> dict[bytes, bytes]:
    """Consent to the root of the earliest batch, anchored at or before `block`, that holds it."""
    found: dict[bytes, bytes] = {}
    early = [root for root in batches if anchored.get(root, block + 1) <= block]
    for root in sorted(early, key=lambda r: (anchored[r], r)):
        for consent in batches[root]:
            found.setdefault(consent, root)
    return found


def choose(
    candidates: Iterable[Candidate],
    *,
    batch_of: Mapping[bytes, bytes],
    row_of: Mapping[bytes, bytes],
    dead: Collection[bytes],
    now: int,
    deadline: int,
    openings: int,
) -> list[RowLeaf]:
    """Leaves ascending by consent id, each row once.

    A consent counts if it is batched, alive, valid from now until the deadline and covers the next opening; where a row
    has more than one, the one that lasts longest (uses, then time, then the smaller id) stands for it.
    """
    best: dict[bytes, Candidate] = {}
    for candidate in candidates:
        if (
            candidate.subject is not None
            and candidate.subject in row_of
            and candidate.consent in batch_of
            and candidate.consent not in dead
            and covers(candidate, now=now, deadline=deadline, opening=openings)
        ):
            other = best.setdefault(candidate.subject, candidate)
            if _lasting(candidate) < _lasting(other):
                best[candidate.subject] = candidate
    leaves = [RowLeaf(c.consent, row_of[subject], batch_of[c.consent]) for subject, c in best.items()]
    return sorted(leaves, key=lambda leaf: leaf.consent)


def covers(candidate: Candidate, *, now: int, deadline: int, opening: int) -> bool:
    """Is the consent valid from now until the deadline, and for this opening?"""
    in_time = candidate.not_before <= now and candidate.not_after >= deadline
    return in_time and candidate.first_opening <= opening < candidate.opens_before


def root_of(leaves: Sequence[RowLeaf]) -> bytes:
    """The lawful tree's root."""
    return lawful_root([(leaf.consent, leaf.row) for leaf in leaves])


def _lasting(candidate: Candidate) -> tuple[int, int, bytes]:
    return (-candidate.opens_before, -candidate.not_after, candidate.consent)
