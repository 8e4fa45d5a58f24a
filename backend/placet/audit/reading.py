"""One pass over the leaves of a lawful set: from what a party shows to columns, and to what is wrong with single ones.

What costs time is done here and once: each consent's id and two signatures, for a section on all cores. What needs the
rest of the case (roots, batches, withdrawals, time, uses) is for the checks, which go over the columns: 128 bytes a
leaf.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field

from placet.audit.findings import Truncated
from placet.audit.sections import Sections
from placet.core.enrolment import NO_ENROLMENT, enrolment_hash, is_root, named_enrollers
from placet.core.enrolment_batch import BatchName, Claim, enrolment_leaf
from placet.core.errors import InputError, PlacetError
from placet.core.evidence import Leaf, Section
from placet.core.ids import NO_CONSENT, ConsentId
from placet.core.leaves import LeafRecord, decode_records, record_size
from placet.core.offers import Offer, Scope
from placet.core.processes import end_with_parent
from placet.core.trust import Deployment, TrustList
from placet.core.values import parse, to_hex
from placet.core.wording import Wording

CHUNK = 1_024
"""Leaves that a process reads at a time."""
_AHEAD = 3
"""Chunks that wait for each process."""
_WINDOW = struct.Struct(">4q")
INVALID = "a signature that does not verify"


@dataclass
class Columns:
    """What a lawful set holds, 32 bytes a leaf in `ids` (zeros where there is none), `rows`, `batches` and `windows`.

    `wordless` are leaves that say what their offer can't say: place and why. `unsigned`: place and owner.
    `unenrolled`: place, what was expected, what was found. `claims`: leaves that say that a batch of enrolments has
    them, by the batch. `own` people were enrolled by their provider. `broken`: why reading ended before the end.
    """

    ids: bytearray = field(default_factory=bytearray)
    rows: bytearray = field(default_factory=bytearray)
    batches: bytearray = field(default_factory=bytearray)
    windows: bytearray = field(default_factory=bytearray)
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
        for name in ("ids", "rows", "batches", "windows"):
            column: bytearray = getattr(self, name)
            column += getattr(more, name)
        self.wordless.join(more.wordless)
        self.unsigned.join(more.unsigned)
        self.unenrolled.join(more.unenrolled)
        for batch, claim in more.claims.items():
            places, leaves = self.claims.setdefault(batch, Claim([], []))
            places += claim.places
            leaves += claim.leaves
        self.own += more.own

    def spans(self) -> Iterator[tuple[int, int, int, int]]:
        """Each leaf's notBefore, notAfter, firstOpening and uses."""
        spans: Iterator[tuple[int, int, int, int]] = _WINDOW.iter_unpack(self.windows)
        return spans


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

    def read(self, leaves: Iterable[LeafRecord], first: int) -> Columns:
        """Columns of some leaves, the first being leaf number `first`."""
        columns = Columns()
        for place, leaf in enumerate(leaves, first):
            columns.ids += self._identity(leaf, place, columns)
            columns.rows += leaf.row
            columns.batches += leaf.batch
            columns.windows += _WINDOW.pack(*leaf.consent[1:5])
            self._enrolled(leaf, place, columns)
        return columns

    def _identity(self, leaf: LeafRecord, place: int, columns: Columns) -> ConsentId:
        try:
            if self._wording is None:
                columns.wordless.add((place, self._without_words))
                return NO_CONSENT
            identity = self._wording.consent_id(leaf.consent)
        except PlacetError as error:
            columns.wordless.add((place, str(error)))
            return NO_CONSENT
        if not self._verifiers.accepts(leaf.consent.owner, self._domain.digest(identity), leaf.signature):
            columns.unsigned.add((place, leaf.consent.owner))
        return identity

    def _enrolled(self, leaf: LeafRecord, place: int, columns: Columns) -> None:
        if leaf.subject != leaf.consent.enrolment or leaf.subject == NO_ENROLMENT:
            columns.unenrolled.add((place, f"enrolled as {to_hex(leaf.consent.enrolment)}", to_hex(leaf.subject)))
            return
        if leaf.enroller not in self._enrollers:
            expected = f"enrolled by an enroller that the scope names, and the trust list for {self._namespace}"
            columns.unenrolled.add((place, expected, to_hex(leaf.enroller)))
            return
        columns.own += leaf.enroller == self._provider
        if is_root(leaf.enrolled):
            claim = columns.claims.setdefault((leaf.enroller, leaf.enrolled), Claim([], []))
            claim.places.append(place)
            claim.leaves.append(enrolment_leaf(leaf.consent.owner, leaf.subject))
            return
        digest = self._domain.digest(enrolment_hash(leaf.consent.owner, self._namespace, leaf.subject))
        if not self._verifiers.accepts(leaf.enroller, digest, leaf.enrolled):
            columns.unenrolled.add((place, f"enrolled by {to_hex(leaf.enroller)} under {self._namespace}", INVALID))


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
        return context.reader().read(map(LeafRecord.of, leaves), 0)
    columns = Columns()
    try:
        for part in _on_all_cores(context, _chunks(sections.read(leaves))):
            columns.join(part)
    except InputError as error:
        columns.broken = str(error)
    if columns.broken is None and len(columns) != leaves.count:
        columns.broken = f"{len(columns)} leaf records in place of {leaves.count}"
    return columns


def _chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """`CHUNK` whole records at a time, one after the other; the rest, whatever it is, at the end."""
    buffer = bytearray()
    start = count = 0
    for piece in pieces:
        buffer += piece
        while start < len(buffer) and start + (size := record_size(buffer, start)) <= len(buffer):
            start, count = start + size, count + 1
            if count == CHUNK:
                yield bytes(buffer[:start])
                del buffer[:start]
                start = count = 0
    if buffer:
        yield bytes(buffer)


def _on_all_cores(context: LeafContext, chunks: Iterator[bytes]) -> Iterator[Columns]:
    """A single chunk is read here."""
    one, two = next(chunks, b""), next(chunks, b"")
    if not two:
        yield context.reader().read(decode_records(one), 0)
        return
    chunks, processes = itertools.chain((one, two), chunks), os.cpu_count() or 1
    names = ("offer", "scope", "deployment", "trust")
    documents = (*(getattr(context, name).model_dump_json() for name in names), context.provider)
    method = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, method, initializer=_start, initargs=documents) as pool:
        waiting: deque[Future[Columns]] = deque()
        first = 0
        try:
            for chunk in chunks:
                waiting.append(pool.submit(_work, chunk, first))
                first += CHUNK
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
    return _reader.read(decode_records(chunk), first)
