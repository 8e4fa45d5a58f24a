"""One pass over the leaves of a lawful set: from what a party shows to columns, and to what is wrong with single ones.

What costs time is done here and once: each consent's id and two signatures, for a section on all cores. What needs the
rest of the case (roots, batches, withdrawals, time, uses) is for the checks, which go over the columns: 128 bytes a
leaf.
"""

from __future__ import annotations

import itertools
import multiprocessing
import operator
import os
import signal
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field

from placet.audit.findings import Truncated
from placet.audit.sections import Sections
from placet.core.consent import ConsentFields
from placet.core.enrolment import NO_ENROLMENT, is_enrolled, is_root, named_enrollers
from placet.core.enrolment_batch import BatchName, Claim, enrolment_leaf
from placet.core.errors import InputError, PlacetError
from placet.core.evidence import Leaf, Section
from placet.core.ids import NO_CONSENT, ConsentId
from placet.core.leaves import LeafRecord, decode_leaves, split_groups
from placet.core.offers import Offer, Scope
from placet.core.processes import end_with_parent
from placet.core.trust import Deployment, TrustList
from placet.core.values import parse, to_hex
from placet.core.wording import Wording

CHUNK = 1_024
"""Leaves that a process reads at a time."""
_AHEAD = 3
"""Chunks that wait for each process."""
INVALID = "a signature that does not verify"


@dataclass
class Columns:
    """What a lawful set holds: 32 bytes a leaf in `ids` (zeros where there is none), `rows` and `batches`, and each
    consent's times and openings.

    `wordless` are leaves that say what their offer can't say: place and why. `unsigned`: place and owner.
    `unenrolled`: place, what was expected, what was found. `claims`: leaves that say that a batch of enrolments has
    them, by the batch. `own` people were enrolled by their provider. `broken`: why reading ended before the end.
    """

    ids: bytearray = field(default_factory=bytearray)
    rows: bytearray = field(default_factory=bytearray)
    batches: bytearray = field(default_factory=bytearray)
    not_before: array[int] = field(default_factory=lambda: array("q"))
    not_after: array[int] = field(default_factory=lambda: array("q"))
    first_opening: array[int] = field(default_factory=lambda: array("q"))
    uses: array[int] = field(default_factory=lambda: array("q"))
    wordless: Truncated[tuple[int, str]] = field(default_factory=Truncated)
    unsigned: Truncated[tuple[int, bytes]] = field(default_factory=Truncated)
    unenrolled: Truncated[tuple[int, str, str]] = field(default_factory=Truncated)
    claims: dict[BatchName, Claim] = field(default_factory=dict)
    own: int = 0
    broken: str | None = None

    def __len__(self) -> int:
        return len(self.ids) // 32

    def join(self, more: Columns) -> None:
        """The leaves of the next chunk."""
        self.ids += more.ids
        self.rows += more.rows
        self.batches += more.batches
        self.not_before += more.not_before
        self.not_after += more.not_after
        self.first_opening += more.first_opening
        self.uses += more.uses
        self.wordless.join(more.wordless)
        self.unsigned.join(more.unsigned)
        self.unenrolled.join(more.unenrolled)
        for batch, claim in more.claims.items():
            places, leaves = self.claims.setdefault(batch, Claim([], []))
            places += claim.places
            leaves += claim.leaves
        self.own += more.own

    @property
    def opens_before(self) -> Iterator[int]:
        """The first opening that each consent no longer covers."""
        return map(operator.add, self.first_opening, self.uses)


class LeafReader:
    """Reads leaves shown for one offer: its words, its owners' and its enrollers' signatures. What batches of
    enrolments are to hold is gathered as `claims`."""

    def __init__(self, offer: Offer, scope: Scope, deployment: Deployment, trust: TrustList, provider: bytes) -> None:
        self._domain = deployment.consents
        self._verifiers = deployment.verifiers
        self._provider = provider
        self._enrollers = named_enrollers(scope, trust) if scope.enrollers else frozenset({provider})
        self._namespace = scope.namespace
        self._wording: Wording | None = None
        try:
            self._wording = Wording(offer, scope, trust.name)
        except PlacetError as error:
            self._without_words = str(error)

    def read(self, leaves: Sequence[LeafRecord], first: int) -> Columns:
        """Columns of some leaves, the first being leaf number `first`."""
        columns = Columns()
        if leaves:
            consents, signatures, enrollers, subjects, enrolled, rows, batches = zip(*leaves, strict=True)
            owners, *window, enrolments, _, _ = zip(*consents, strict=True)
            columns.ids += b"".join(self._signed(consents, owners, signatures, first, columns))
            columns.rows += b"".join(rows)
            columns.batches += b"".join(batches)
            columns.not_before, columns.not_after, columns.first_opening, columns.uses = map(_integers, window)
            words = zip(
                range(first, first + len(leaves)), owners, enrolments, enrollers, subjects, enrolled, strict=True
            )
            self._enrolled(words, columns)
        return columns

    def _signed(
        self,
        consents: Sequence[ConsentFields],
        owners: Sequence[bytes],
        signatures: Sequence[bytes],
        first: int,
        columns: Columns,
    ) -> list[ConsentId]:
        ids = self._ids(consents)
        digests = self._domain.digests(identity or NO_CONSENT for identity in ids)
        verdicts = self._verifiers.accept_many(owners, digests, signatures)
        if None in ids or not all(verdicts):
            for place, (identity, is_signed) in enumerate(zip(ids, verdicts, strict=True)):
                if identity is None:
                    columns.wordless.add((first + place, self._fault(consents[place])))
                elif not is_signed:
                    columns.unsigned.add((first + place, owners[place]))
        return [identity or NO_CONSENT for identity in ids]

    def _ids(self, consents: Sequence[ConsentFields]) -> Sequence[ConsentId | None]:
        if self._wording is None:
            return [None] * len(consents)
        try:
            return self._wording.ids(consents)
        except PlacetError:  # over a language, of which some may be good
            return [self._identity(consent) for consent in consents]

    def _identity(self, consent: ConsentFields) -> ConsentId | None:
        try:
            return None if self._wording is None else self._wording.consent_id(consent)
        except PlacetError:
            return None

    def _fault(self, consent: ConsentFields) -> str:
        """Why it has no id."""
        if self._wording is None:
            return self._without_words
        try:
            self._wording.consent_id(consent)
        except PlacetError as error:
            return str(error)
        raise RuntimeError("a consent that has an id")

    def _enrolled(self, words: Iterable[tuple[int, bytes, bytes, bytes, bytes, bytes]], columns: Columns) -> None:
        """`words`: place, owner, the consent's enrolment, enroller, what this signed for, and its word."""
        enrollers, provider, claims, last = self._enrollers, self._provider, columns.claims, (b"", b"")
        claim = Claim([], [])
        for place, owner, enrolment, enroller, subject, enrolled in words:
            if subject != enrolment or subject == NO_ENROLMENT:
                columns.unenrolled.add((place, f"enrolled as {to_hex(enrolment)}", to_hex(subject)))
            elif enroller not in enrollers:
                expected = f"enrolled by an enroller that the scope names, and the trust list for {self._namespace}"
                columns.unenrolled.add((place, expected, to_hex(enroller)))
            else:
                columns.own += enroller == provider
                if is_root(enrolled):
                    if (name := (enroller, enrolled)) != last:
                        last, claim = name, claims.setdefault(name, Claim([], []))
                    claim.places.append(place)
                    claim.leaves.append(enrolment_leaf(owner, subject))
                elif not is_enrolled(owner, enroller, subject, enrolled, self._namespace, self._domain):
                    expected = f"enrolled by {to_hex(enroller)} under {self._namespace}"
                    columns.unenrolled.add((place, expected, INVALID))


def _integers(numbers: Iterable[int]) -> array[int]:
    return array("q", numbers)


@dataclass(frozen=True)
class LeafContext:
    """What a `LeafReader` is made from."""

    offer: Offer
    scope: Scope
    deployment: Deployment
    trust: TrustList
    provider: bytes

    def reader(self) -> LeafReader:
        return LeafReader(self.offer, self.scope, self.deployment, self.trust, self.provider)


def read_leaves(context: LeafContext, leaves: tuple[Leaf, ...] | Section, sections: Sections) -> Columns:
    """All leaves that are shown. NotFoundError for a section that is not in `sections`."""
    if not isinstance(leaves, Section):
        return context.reader().read([*map(LeafRecord.of, leaves)], 0)
    columns = Columns()
    try:
        for part in _on_all_cores(context, _chunks(sections.read(leaves), columns)):
            columns.join(part)
    except InputError as error:
        columns.broken = str(error)
    if columns.broken is None and len(columns) != leaves.count:
        columns.broken = f"{len(columns)} leaves in place of {leaves.count}"
    return columns


def _chunks(pieces: Iterable[bytes], columns: Columns) -> Iterator[tuple[bytes, int]]:
    """Whole groups of at least `CHUNK` leaves together, and the number of leaves before them. Where no more can be told
    apart, the columns are broken."""
    groups, count, first = list[bytes](), 0, 0
    try:
        for leaves, group in split_groups(pieces):
            groups.append(group)
            count += leaves
            if count >= CHUNK:
                yield b"".join(groups), first
                groups, count, first = [], 0, first + count
    except InputError as error:
        columns.broken = str(error)
    if groups:
        yield b"".join(groups), first


def _on_all_cores(context: LeafContext, chunks: Iterator[tuple[bytes, int]]) -> Iterator[Columns]:
    """A single chunk is read here."""
    one = next(chunks, None)
    if one is None:
        return
    two = next(chunks, None)
    if two is None:
        yield context.reader().read(decode_leaves(one[0]), one[1])
        return
    chunks, processes = itertools.chain((one, two), chunks), os.cpu_count() or 1
    names = ("offer", "scope", "deployment", "trust")
    documents = (*(getattr(context, name).model_dump_json() for name in names), context.provider)
    method = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, method, initializer=_start, initargs=documents) as pool:
        waiting: deque[Future[Columns]] = deque()
        try:
            for chunk in chunks:
                waiting.append(pool.submit(_work, *chunk))
                if len(waiting) >= processes * _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


_reader: LeafReader | None = None


def _start(offer: str, scope: str, deployment: str, trust: str, provider: bytes) -> None:
    global _reader
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    _reader = LeafReader(
        parse(Offer, offer),
        parse(Scope, scope),
        parse(Deployment, deployment),
        parse(TrustList, trust, limit=8 << 20),
        provider,
    )


def _work(chunk: bytes, first: int) -> Columns:
    if _reader is None:
        raise RuntimeError("a worker starts with its documents")
    return _reader.read(decode_leaves(chunk), first)
