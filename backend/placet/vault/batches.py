"""Reading a batch file on all cores, in bounded memory: row groups go to worker processes and come back in order.

What is checked is what was read, byte by byte: the running hash, the workers and whoever takes the rows in get the
same bytes, so that a file that is changed meanwhile can't show each of them something else.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, NamedTuple, Self

from placet.core.batch_check import Checked, RowCheck, check_rows, demand_above
from placet.core.batch_columns import MAX_FOOTER, GroupReader, header_of
from placet.core.batch_file import BatchHeader, BatchRow, at_row
from placet.core.enrolment_batch import BatchName, Enrolments, demand_enrolled_in
from placet.core.errors import InputError, PlacetError, StateError
from placet.core.hashing import document_hash, sha256
from placet.core.ids import NO_CONSENT, ConsentId
from placet.core.merkle import BatchTree
from placet.core.parquet_gate import MAGIC, parse_footer, read_footer
from placet.core.processes import end_with_parent
from placet.core.trust import Deployment, TrustList
from placet.core.values import U32, ZERO32, Bytes32, Value, parse, to_hex

_AHEAD = 3
"""Row groups that wait for each worker."""


class Progress(Value):
    """How far a check has come: so many rows, the SHA-256 of the file up to there and of its footer, and what is needed
    to go on.

    `under` names the deployment and the trust list that the rows were held to.
    """

    type: Literal["placet.batch-check"] = "placet.batch-check"
    version: Literal[1] = 1
    under: Bytes32
    footer: Bytes32
    rows: U32 = 0
    hash: Bytes32 = ZERO32
    last: ConsentId = NO_CONSENT
    nodes: tuple[tuple[U32, Bytes32], ...] = ()


class RowGroup(NamedTuple):
    """A row group as it was read: the how many-th it is, the number of its first row, its bytes, and the SHA-256 of the
    file up to its end."""

    number: int
    first: int
    raw: bytes
    hash: bytes


@dataclass(frozen=True)
class Chunk:
    """A group of good rows with their consent ids; `progress` includes it."""

    group: RowGroup
    ids: list[ConsentId]
    progress: Progress
    reader: GroupReader = field(repr=False)

    def rows(self) -> list[BatchRow]:
        return self.reader.rows(self.group.number, self.group.raw, self.group.first)


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Rows make no cycles, and looking for such among them takes a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class BatchReader:
    """A batch file as it is read: its footer, then its row groups, with the hash of everything so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.footer = read_footer(file, MAX_FOOTER)
        self.header = header_of(self.footer)
        self.groups = GroupReader(self.footer)
        self._hash = hashlib.sha256(MAGIC)
        self._number = 0
        self.rows = 0

    @property
    def hash(self) -> bytes:
        """Of the file up to the last group that was read; of all of it after the last."""
        digest = self._hash.copy()
        if self.rows == self.header.count:
            digest.update(self.footer.raw + self.footer.tail)
        return digest.digest()

    def group(self) -> RowGroup | None:
        """The next row group, or None after the last."""
        if self._number == len(self.groups.spans):
            return None
        span, first, number = self.groups.spans[self._number], self.rows + 1, self._number
        self._file.seek(span.start)
        raw = self._file.read(span.size)
        if len(raw) != span.size:
            raise at_row(first, InputError("the file ends here", expected="as many rows as the header counts"))
        self._hash.update(raw)
        self._number += 1
        self.rows += span.rows
        return RowGroup(number, first, raw, self.hash)

    def skip(self, progress: Progress) -> None:
        """Read over what was checked before; StateError if it is no longer the same."""
        while self.rows < progress.rows and self.group() is not None:
            pass
        if (self.rows, self.hash, self.footer.hash) != (progress.rows, progress.hash, progress.footer):
            raise StateError(
                "the file was changed since its check began",
                expected=f"SHA-256 {to_hex(progress.hash)} up to row {progress.rows}",
                found=to_hex(self.hash),
                remedy="find out who changed it; to check it from its first row, delete the file beside it (.check)",
                code="batch.changed",
            )


class BatchCheck:
    """Holds a batch's rows to one deployment, one trust list and the batches of enrolments at hand, in worker
    processes; in this one if it is to be 1. `used`: those of the batches that rows rely on."""

    def __init__(
        self,
        reader: BatchReader,
        deployment: Deployment,
        trust: TrustList,
        processes: int = 0,
        enrolments: Collection[Enrolments] = (),
    ) -> None:
        self._reader = reader
        self._check = _row_check(reader.header, deployment, trust)
        self._documents = (
            reader.footer.raw,
            reader.footer.start,
            deployment.model_dump_json(),
            trust.model_dump_json(),
        )
        self._namespace = reader.header.scope.namespace
        self._enrolments = {one.batch.name: one for one in enrolments}
        self.used: dict[BatchName, Enrolments] = {}
        self._processes = processes or os.cpu_count() or 1
        self._pool: ProcessPoolExecutor | None = None
        self.under = sha256(document_hash(deployment), document_hash(trust))

    def __enter__(self) -> Self:
        if self._processes > 1:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._processes, context, initializer=_start, initargs=self._documents)
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def run(self, progress: Progress | None = None) -> Iterator[Chunk]:
        """All groups after `progress`, in order, each as soon as it is known to be good; at the end the root is.

        InputError names the first bad row. Until the last group has come, nothing of the batch is good.
        """
        reader = self._reader
        done = progress or Progress(under=self.under, footer=reader.footer.hash)
        if done.rows:
            reader.skip(done)
        waiting: deque[tuple[RowGroup, Future[Checked]]] = deque()
        last: Chunk | None = None
        while True:
            while len(waiting) < self._processes * _AHEAD and (group := reader.group()) is not None:
                waiting.append((group, self._submit(group)))
            if last is not None and waiting:
                yield last
            if not waiting:
                break
            last = self._next(done, *waiting.popleft())
            done = last.progress
        root = BatchTree(done.nodes).root()
        if root != reader.header.root:
            raise InputError(
                "the root is not that of these consents",
                expected=to_hex(reader.header.root),
                found=to_hex(root),
                code="batch.root",
            )
        if last is not None:
            yield last

    def _submit(self, group: RowGroup) -> Future[Checked]:
        if self._pool is not None:
            return self._pool.submit(_work, group.number, group.raw, group.first)
        done: Future[Checked] = Future()
        try:
            rows = self._reader.groups.rows(group.number, group.raw, group.first)
            done.set_result(check_rows(self._check, rows, group.first))
        except InputError as error:
            done.set_exception(error)
        return done

    def _next(self, done: Progress, group: RowGroup, checked: Future[Checked]) -> Chunk:
        try:
            ids, root, claims = checked.result()
        except BrokenProcessPool:
            raise StateError("a worker process ended", remedy="give the command again: it goes on") from None
        try:
            demand_above(done.last, ids[0])
        except PlacetError as error:
            raise at_row(group.first, error) from None
        bad = demand_enrolled_in(claims, self._enrolments, self._namespace)
        if bad is not None:
            raise at_row(group.first + bad[0], bad[1])
        self.used |= {name: self._enrolments[name] for name in claims}
        tree = BatchTree(done.nodes)
        tree.add(root)
        progress = Progress(
            under=self.under,
            footer=done.footer,
            rows=done.rows + len(ids),
            hash=group.hash,
            last=ids[-1],
            nodes=tree.nodes,
        )
        return Chunk(group, ids, progress, self._reader.groups)


def _row_check(header: BatchHeader, deployment: Deployment, trust: TrustList) -> RowCheck:
    return RowCheck(header.offer, header.scope, deployment.consents, deployment.verifiers, trust)


_worker: tuple[GroupReader, RowCheck] | None = None


def _start(footer: bytes, start: int, deployment: str, trust: str) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    known = parse_footer(footer, start)
    trusted = parse(TrustList, trust, limit=8 << 20)
    _worker = GroupReader(known), _row_check(header_of(known), parse(Deployment, deployment), trusted)
    gc.disable()


def _work(number: int, raw: bytes, first: int) -> Checked:
    if _worker is None:
        raise RuntimeError("a worker starts with its documents")
    reader, check = _worker
    return check_rows(check, reader.rows(number, raw, first), first)
