"""Reading a batch file on all cores, in bounded memory: chunks of lines go to worker processes and come back in order.

What is checked is what was read, byte by byte: the running hash, the workers and whoever takes the lines in get the
same bytes, so that a file that is changed meanwhile can't show each of them something else.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import BinaryIO, Literal, Self

from placet.core.batch_file import (
    CHUNK,
    MAX_HEADER,
    MAX_LINE,
    BatchHeader,
    Checked,
    LineCheck,
    at_line,
    check_chunk,
    demand_above,
)
from placet.core.enrolment_batch import BatchName, Enrolments, demand_enrolled_in
from placet.core.errors import InputError, PlacetError, StateError
from placet.core.hashing import document_hash, sha256
from placet.core.ids import NO_CONSENT, ConsentId
from placet.core.merkle import BatchTree, batch_root
from placet.core.processes import end_with_parent
from placet.core.trust import Deployment, TrustList
from placet.core.values import U32, ZERO32, Bytes32, Value, parse, to_hex

_AHEAD = 3
"""Chunks that wait for each worker."""


class Progress(Value):
    """How far a check has come: so many lines, the SHA-256 of the file up to there, and what is needed to go on.

    `under` names the deployment and the trust list that the lines were held to.
    """

    type: Literal["placet.batch-check"] = "placet.batch-check"
    version: Literal[1] = 1
    under: Bytes32
    lines: U32 = 0
    hash: Bytes32 = ZERO32
    last: ConsentId = NO_CONSENT
    nodes: tuple[tuple[U32, Bytes32], ...] = ()


@dataclass(frozen=True)
class Chunk:
    """Good lines with their consent ids; `first` is the number of the first line, `progress` includes them."""

    first: int
    lines: list[bytes]
    ids: list[ConsentId]
    progress: Progress


class BatchReader:
    """A batch file as it is read: its header, then its lines, with the hash of everything so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.header = BatchHeader.of_line(self._line(1, MAX_HEADER))
        self.lines = 0

    @property
    def hash(self) -> bytes:
        return self._hash.digest()

    def chunk(self) -> list[bytes]:
        """The next `CHUNK` lines, or what is left of those that the header counts; then nothing more may follow."""
        size = min(CHUNK, self.header.count - self.lines)
        lines = [self._line(self.lines + 2 + place, MAX_LINE) for place in range(size)]
        self.lines += size
        if size and self.lines == self.header.count and self._file.read(1):
            raise InputError(f"line {self.lines + 2}: more lines than the header counts", expected=self.header.count)
        return lines

    def skip(self, progress: Progress) -> None:
        """Read over what was checked before; StateError if it is no longer the same."""
        while self.lines < min(progress.lines, self.header.count):
            self.chunk()
        if self.lines != progress.lines or self.hash != progress.hash:
            raise StateError(
                "the file was changed since its check began",
                expected=f"SHA-256 {to_hex(progress.hash)} up to line {progress.lines + 1}",
                found=to_hex(self.hash),
                remedy="find out who changed it; to check it from its first line, delete the file beside it (.check)",
                code="batch.changed",
            )

    def _line(self, number: int, limit: int) -> bytes:
        raw = self._file.readline(limit + 1)
        if not raw.endswith(b"\n"):
            if len(raw) > limit:
                raise InputError(f"line {number}: too long", expected=f"at most {limit} bytes", code="batch.line")
            raise InputError(f"line {number}: the file ends here", expected="as many lines as the header counts")
        self._hash.update(raw)
        return raw[:-1]


class BatchCheck:
    """Holds a batch's lines to one deployment, one trust list and the batches of enrolments at hand, in worker
    processes; in this one if it is to be 1. `used`: those of the batches that lines rely on."""

    def __init__(
        self,
        header: BatchHeader,
        deployment: Deployment,
        trust: TrustList,
        processes: int = 0,
        enrolments: Collection[Enrolments] = (),
    ) -> None:
        self._check = _line_check(header, deployment, trust)
        self._documents = (header.model_dump_json(), deployment.model_dump_json(), trust.model_dump_json())
        self._namespace = header.scope.namespace
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

    def run(self, reader: BatchReader, progress: Progress | None = None) -> Iterator[Chunk]:
        """All chunks after `progress`, in order, each as soon as it is known to be good; at the end the root is.

        InputError names the first bad line. Until the last chunk has come, nothing of the batch is good.
        """
        done = progress or Progress(under=self.under)
        if done.lines:
            reader.skip(done)
        waiting: deque[tuple[list[bytes], bytes, Future[Checked]]] = deque()
        last: Chunk | None = None
        while True:
            while len(waiting) < self._processes * _AHEAD and (lines := reader.chunk()):
                first = reader.lines - len(lines) + 2
                waiting.append((lines, reader.hash, self._submit(lines, first)))
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

    def _submit(self, lines: list[bytes], first: int) -> Future[Checked]:
        if self._pool is not None:
            return self._pool.submit(_work, lines, first)
        done: Future[Checked] = Future()
        try:
            done.set_result(check_chunk(self._check, lines, first))
        except InputError as error:
            done.set_exception(error)
        return done

    def _next(self, done: Progress, lines: list[bytes], digest: bytes, checked: Future[Checked]) -> Chunk:
        try:
            ids, claims = checked.result()
        except BrokenProcessPool:
            raise StateError("a worker process ended", remedy="give the command again: it goes on") from None
        first = done.lines + 2
        try:
            demand_above(done.last, ids[0])
        except PlacetError as error:
            raise at_line(first, error) from None
        bad = demand_enrolled_in(claims, self._enrolments, self._namespace)
        if bad is not None:
            raise at_line(first + bad[0], bad[1])
        self.used |= {name: self._enrolments[name] for name in claims}
        tree = BatchTree(done.nodes)
        tree.add(batch_root(ids))
        progress = Progress(under=self.under, lines=done.lines + len(ids), hash=digest, last=ids[-1], nodes=tree.nodes)
        return Chunk(first, lines, ids, progress)


def _line_check(header: BatchHeader, deployment: Deployment, trust: TrustList) -> LineCheck:
    return LineCheck(header.offer, header.scope, deployment.consents, deployment.verifiers, trust)


_worker: LineCheck | None = None


def _start(header: str, deployment: str, trust: str) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    _worker = _line_check(
        parse(BatchHeader, header), parse(Deployment, deployment), parse(TrustList, trust, limit=8 << 20)
    )


def _work(lines: list[bytes], first: int) -> Checked:
    if _worker is None:
        raise RuntimeError("a worker starts with its documents")
    return check_chunk(_worker, lines, first)
