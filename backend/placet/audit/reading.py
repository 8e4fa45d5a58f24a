"""One pass over the leaves of a lawful set: from what a party shows to columns, and to what is wrong with single ones.

What costs time is done here and once: each consent's id and two signatures, for a section on all cores. What needs the
rest of the case (roots, batches, withdrawals, time, uses) is for the checks, which go over the columns: 128 bytes a
leaf.
"""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import operator
import os
import signal
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
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
from placet.core.leaves import LeafColumns, LeafRecord, decode_group, split_groups
from placet.core.offers import Offer, Scope
from placet.core.processes import end_with_parent
from placet.core.trust import Deployment, TrustList
from placet.core.values import parse, to_hex
from placet.core.wording import Wording

CHUNK = 1_024
"""Leaves that a process reads at a time."""
_AHEAD = 3
"""Chunks that wait for each process."""
WINDOW = ("not_before", "not_after", "first_opening", "uses")
"""Columns of a consent's times and openings."""
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
        for name in WINDOW:
            getattr(self, name).extend(getattr(more, name))
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

    def read(self, leaves: LeafColumns, first: int) -> Columns:
        """Columns of some leaves, the first being leaf number `first`."""
        columns = Columns()
        columns.ids += b"".join(self._signed(leaves, first, columns))
        columns.rows += b"".join(leaves.rows)
        columns.batches += b"".join(leaves.batches)
        for name in WINDOW:
            setattr(columns, name, array("q", getattr(leaves, name)))
        self._enrolled(leaves, first, columns)
        return columns

    def _signed(self, leaves: LeafColumns, first: int, columns: Columns) -> list[ConsentId]:
        ids = [None] * len(leaves.owners) if self._wording is None else self._wording.ids(leaves.consents())
        digests = self._domain.digests(identity or NO_CONSENT for identity in ids)
        verdicts = self._verifiers.accept_many(leaves.owners, digests, leaves.signatures)
        if None in ids or not all(verdicts):
            for place, (identity, is_signed, consent) in enumerate(zip(ids, verdicts, leaves.consents(), strict=True)):
                if identity is None:
                    columns.wordless.add((first + place, self._fault(ConsentFields(*consent))))
                elif not is_signed:
                    columns.unsigned.add((first + place, consent[0]))
        return [identity or NO_CONSENT for identity in ids]

    def _fault(self, consent: ConsentFields) -> str:
        """Why it has no id."""
        if self._wording is None:
            return self._without_words
        try:
            self._wording.consent_id(consent)
        except PlacetError as error:
            return str(error)
        raise RuntimeError("a consent that has an id")

    def _enrolled(self, leaves: LeafColumns, first: int, columns: Columns) -> None:
        enrollers, provider, claims, last = self._enrollers, self._provider, columns.claims, (b"", b"")
        claim = Claim([], [])
        words = zip(leaves.owners, leaves.enrolments, leaves.enrollers, leaves.subjects, leaves.enrolled, strict=True)
        for place, (owner, enrolment, enroller, subject, enrolled) in enumerate(words, first):
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
        return context.reader().read(LeafColumns.of([*map(LeafRecord.of, leaves)]), 0) if leaves else Columns()
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
        yield _read(context.reader(), *one)
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
    gc.disable()
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
    return _read(_reader, chunk, first)


def _read(reader: LeafReader, chunk: bytes, first: int) -> Columns:
    """All of its groups."""
    columns = Columns()
    for _, group in split_groups((chunk,)):
        columns.join(reader.read(decode_group(group), first + len(columns)))
    return columns
