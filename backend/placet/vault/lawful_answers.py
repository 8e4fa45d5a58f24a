"""Lawful sets: which rows a job may use, what of them has ended since, and their leaves for an auditor."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

import numpy as np

from placet.core.enrolment import is_root
from placet.core.errors import ConsentError, NotFoundError, StateError
from placet.core.evidence import ErasedLeaf
from placet.core.ids import BatchRoot, ConsentId, EnrolmentRoot, OfferId
from placet.core.leaves import LeafRecord, encode_leaves
from placet.core.values import to_hex
from placet.vault.admission import table_breaches
from placet.vault.candidates import Candidates
from placet.vault.columns import RowSubjects, column, find
from placet.vault.lawful import Chosen, choose, opens_before
from placet.vault.leaves import LEAF, RowLeaf, StoredSet, join, unpack
from placet.vault.responses import (
    BatchLeaves,
    DeadLeaves,
    EnrolledLeaves,
    LawfulSet,
    LeavesPart,
    SetToSign,
    TableCounts,
)
from placet.vault.state import VaultState

log = logging.getLogger(__name__)

PART = 20_000
"""Leaves of one `leaves` answer at the most."""


class LawfulAnswers(VaultState):
    """Works out lawful sets, keeps those that are signed, and shows them."""

    def lawful(self, offer: OfferId, block: int, deadline: int, sign: SetToSign | None = None) -> LawfulSet:
        with self._lock:
            now = self._look(thorough=True)
            if block > now.confirmed:
                raise StateError(
                    "the block is not at confirmation depth",
                    expected=f"at most {now.confirmed}",
                    found=block,
                    code="vault.block",
                )
            bound = self._records.bound(offer)
            facts = self._chain.offer(offer)
            anchored = self._chain.batches(offer)
            candidates, dead = self._records.candidates(offer), self._chain.dead(offer)
            dataset = self._tables.by_id(bound.offer.dataset)
            for breach in table_breaches(bound.scope, dataset):
                raise breach.error(ConsentError, "consent")
            subjects = self._tables.subjects(dataset.name)
            choice = choose(
                candidates,
                batches=self._records.batches(offer, anchored.keys()),
                anchored=anchored,
                block=block,
                subjects=subjects,
                dead=dead,
                now=now.block_time,
                deadline=deadline,
                openings=facts.openings,
                last=self._last,
            )
            self._last = choice
            lawful = self._set(offer, choice, facts.epoch, sign)
            log.info(
                "lawful set %s of offer %s: %d rows as of block %d",
                *(to_hex(lawful.root), to_hex(offer), choice.count, block),
            )
            return lawful.model_copy(update={"counts": _counts(candidates, subjects, dead)})

    def _set(self, offer: OfferId, chosen: Chosen, epoch: bytes, sign: SetToSign | None) -> LawfulSet:
        """A lawful set by its root. Kept if it is signed: who only asks what would be brought leaves nothing here."""
        lawful = LawfulSet(root=chosen.root, count=chosen.count, epoch=epoch, opens_before=chosen.opens_before)
        if sign is not None and sign.is_of(lawful):
            stored = StoredSet(offer, chosen.root, chosen.leaves, chosen.places)
            self._records.sets.keep(stored, sign, fresh=self._kept.get(offer) != chosen.digest)
            self._shown.pop((offer, chosen.root), None)
            self._kept[offer] = chosen.digest
        return lawful

    def without(self, offer: OfferId, root: bytes, sign: SetToSign | None = None) -> LawfulSet:
        with self._lock:
            self._look(thorough=True)
            stored = self._records.sets.stored(offer, root)
            candidates = self._records.candidates(offer)
            places, known = find(candidates.ids, stored.consents)
            good = np.flatnonzero(known)
            good = good[~candidates.among(self._chain.dead(offer))[places[good]]]
            leaves = join(stored.consents[good], stored.rows[good], stored.batches[good])
            left = Chosen(leaves, opens_before(candidates, places[good]))
            return self._set(offer, left, self._chain.offer(offer).epoch, sign)

    def dead(self, offer: OfferId, root: bytes) -> DeadLeaves:
        with self._lock:
            self._look(thorough=False)
            epoch = self._chain.offer(offer).epoch
            stored = self._records.sets.stored(offer, root)
            ended = sorted(self._chain.dead(offer))
            _, there = find(stored.consents, column(b"".join(ended)))
            dead = tuple(consent for consent, inside in zip(ended, there, strict=True) if inside)
            return DeadLeaves(epoch=epoch, consents=dead)

    def leaves(self, offer: OfferId, root: bytes, start: int) -> LeavesPart:
        with self._lock:
            cached = self._shown.pop((offer, root), None) if start else None
            packed = cached or self._records.sets.packed(offer, root)
            if (start + PART) * LEAF < len(packed):
                self._shown = {(offer, root): packed}
            leaves = unpack(packed[start * LEAF : (start + PART) * LEAF])
            known = self._records.candidates(offer)
            part = self._leaf_records(offer, [leaf for leaf in leaves if leaf.consent in known])
        return LeavesPart(
            total=len(packed) // LEAF,
            passed=len(leaves),
            count=len(part),
            leaves=encode_leaves(part),
            erased=tuple(
                ErasedLeaf(consent=leaf.consent, row=leaf.row, batch=leaf.batch)
                for leaf in leaves
                if leaf.consent not in known
            ),
            batches=tuple(sorted({leaf.batch for leaf in leaves})),
            enrolments=tuple(
                sorted(
                    {(record.enroller, EnrolmentRoot(record.enrolled)) for record in part if is_root(record.enrolled)}
                )
            ),
        )

    def enrolments(self, enroller: bytes, root: EnrolmentRoot) -> EnrolledLeaves:
        with self._lock:
            batch, joined = self._records.enrolments((enroller, root))
        return EnrolledLeaves(batch=batch, joined=joined)

    def batch(self, offer: OfferId, root: BatchRoot) -> BatchLeaves:
        with self._lock:
            batches = self._records.batches(offer, {root})
        if root not in batches:
            raise NotFoundError("the vault knows no such batch", found=to_hex(root), code="vault.root")
        return BatchLeaves(joined=batches[root])

    def _leaf_records(self, offer: OfferId, leaves: Sequence[RowLeaf]) -> list[LeafRecord]:
        leaf_records = []
        records = self._records.records(offer, [leaf.consent for leaf in leaves])
        for leaf in leaves:
            record = records[leaf.consent]
            if record.enrolment is None:
                raise StateError("a leaf without an enrolment", found=to_hex(leaf.consent), code="vault.tampered")
            leaf_records.append(
                LeafRecord.made(record.consent, record.signature, record.enrolment, leaf.row, leaf.batch)
            )
        return leaf_records


def _counts(candidates: Candidates, subjects: RowSubjects, dead: Collection[ConsentId]) -> TableCounts:
    alive = ~candidates.among(dead)
    _, known = candidates.places_in(subjects)
    return TableCounts(rows=len(subjects.rows), consents=int(alive.sum()), rowless=int((alive & ~known).sum()))
