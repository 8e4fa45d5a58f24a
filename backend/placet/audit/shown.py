"""The leaves of lawful sets as parties show them: columns of one record a leaf, so that a million of them fit."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from placet.audit.reading import Columns, LeafContext, read_leaves
from placet.audit.sections import Sections
from placet.core.eip712 import Domain
from placet.core.enrolment_batch import Enrolments, checked
from placet.core.errors import InputError
from placet.core.evidence import Batch, ErasedLeaf, InputEvidence, Leaf, Section, ShownEnrolments
from placet.core.ids import NO_CONSENT, BatchRoot, ConsentId


@dataclass(frozen=True)
class ShownSet:
    """The leaves that a party shows for one input in one attempt. An id is None where the leaf has no words."""

    input: int
    attempt: int
    party: int
    evidence: InputEvidence
    columns: Columns

    @property
    def erased(self) -> tuple[ErasedLeaf, ...]:
        return self.evidence.erased

    @property
    def count(self) -> int:
        """Of all leaves, erased ones among them."""
        return len(self.columns) + len(self.erased)

    def every(self) -> Iterator[tuple[ConsentId, bytes, BatchRoot]]:
        """Consent, row and batch of every leaf that has an id, erased ones among them, ascending."""
        if not self.erased and not self.columns.wordless.total:
            return zip(self._consents, self.rows, self.batches, strict=True)
        shown = zip(self.ids, self.rows, self.batches, strict=True)
        live = ((ident, row, batch) for ident, row, batch in shown if ident is not None)
        gone = ((leaf.consent, leaf.row, leaf.batch) for leaf in self.erased)
        return heapq.merge(live, gone, key=lambda leaf: leaf[0])

    def id(self, place: int) -> ConsentId | None:
        ident = ConsentId(bytes(self.columns.ids[32 * place : 32 * place + 32]))
        return None if ident == NO_CONSENT else ident

    @property
    def ids(self) -> Iterator[ConsentId | None]:
        return (None if ident == NO_CONSENT else ident for ident in self._consents)

    @property
    def _consents(self) -> list[ConsentId]:
        return cast("list[ConsentId]", _each(self.columns.ids))

    def among(self, consents: Collection[ConsentId]) -> Iterator[ConsentId]:
        """Those of all leaves that are among these consents, ascending."""
        return (ident for ident, _, _ in self.every() if ident in consents) if consents else iter(())

    def until(self) -> Iterator[tuple[ConsentId, int]]:
        """The last second of each consent that has an id, in Unix seconds."""
        spans = zip(self.ids, self.columns.not_after, strict=True)
        return ((ident, last) for ident, last in spans if ident is not None)

    @property
    def rows(self) -> list[bytes]:
        return _each(self.columns.rows)

    @property
    def batches(self) -> list[BatchRoot]:
        return cast("list[BatchRoot]", _each(self.columns.batches))


def _each(column: bytes | bytearray) -> list[bytes]:
    column = bytes(column)
    return [column[start : start + 32] for start in range(0, len(column), 32)]


class ShownLeaves:
    """Reads each section once, in however many attempts it is shown."""

    def __init__(self, sections: Sections) -> None:
        self._sections = sections
        self._read: dict[bytes, tuple[int, LeafContext, Columns]] = {}

    def read(self, index: int, context: LeafContext, leaves: tuple[Leaf, ...] | Section) -> Columns:
        """What is shown for input `index`; broken where the same section was shown before in another context."""
        if not isinstance(leaves, Section):
            return read_leaves(context, leaves, self._sections)
        if leaves.hash not in self._read:
            self._read[leaves.hash] = index, context, read_leaves(context, leaves, self._sections)
        first, words, columns = self._read[leaves.hash]
        if (first, words) != (index, context):
            return Columns(broken=f"those of input {first}, or under another offer or scope than before")
        return columns


def batch_leaves(batch: Batch, sections: Sections) -> list[ConsentId]:
    """A batch's consent ids. InputError for a section that does not hold so many."""
    return cast("list[ConsentId]", _each(_joined(batch.leaves, sections)))


def shown_enrolments(shown: ShownEnrolments, sections: Sections, domain: Domain) -> Enrolments:
    """A batch of enrolments as its enroller signed it. InputError or SignatureError where it did not."""
    return checked(shown.batch, bytes(_joined(shown.leaves, sections)), domain)


def _joined(leaves: Sequence[bytes] | Section, sections: Sections) -> bytearray:
    if not isinstance(leaves, Section):
        return bytearray().join(leaves)
    joined = bytearray().join(sections.read(leaves))
    if len(joined) != 32 * leaves.count:
        raise InputError("a batch's leaves have 32 bytes each", expected=32 * leaves.count, found=len(joined))
    return joined
