"""What others sent this party in attempts that can be replayed: payloads as they came, a sealed file an attempt.

    frame(hash of the signed message) ‖ frame(sealed payload), one pair a message, in the order of arrival

A payload is sealed under its message's hash, so that none opens in another's place. No file is written to once an
attempt is over, and none is synced to the disk: what a crash takes away is not covered by a replay, and nothing else
hangs on it. An empty file is of an attempt whose payloads were too many to be kept.

What is kept stays for its days: a new attempt for which there is no room is not kept itself, and says so. So nobody
makes an older job's evidence go by running large new ones.

Rows are not kept here: a replay asks the vault for them, whose gate decides anew.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from placet.core.at_rest import AtRest
from placet.core.errors import PlacetError
from placet.core.framing import FrameReader, frame
from placet.core.ids import JobId
from placet.core.trail import Message
from placet.jobs.records import Phase
from placet.jobs.store import JobStore

log = logging.getLogger("placet.jobs")
DAY = 86_400
SEALED = frozenset({"completed", "closed"})
"""How jobs end of which an attempt was sealed."""
_SUFFIX = ".received"
_PATTERN = f"{'[0-9a-f]' * 64}-*{_SUFFIX}"
_FRAME = 1 << 30


@dataclass(frozen=True)
class Retention:
    """For how many days after a job's `settle_by` payloads are kept (0: none ever is), and how many bytes of one
    attempt and of all."""

    days: int
    attempt_bytes: int
    total_bytes: int


class KeptPayloads:
    """One node's. Synchronous; safe from several threads."""

    def __init__(self, folder: Path, at_rest: AtRest, retention: Retention) -> None:
        """`at_rest`: under the institution's HPKE secret."""
        self.retention = retention
        self._folder = folder
        self._at_rest = at_rest
        self._lock = threading.Lock()
        self._total: int | None = None

    def keep(self, message: Message, payload: bytes) -> None:
        """One more payload. Of an attempt that gets too large, alone or beside what is kept of others, none is kept any
        more. That, and what the file system refuses, is logged: no job fails for it."""
        if not self.retention.days:
            return
        content = frame(message.hash) + frame(self._at_rest.seal(payload, message.hash))
        try:
            with self._lock:
                self._append(self._path(message.job, message.attempt), content)
        except OSError as error:
            log.warning("a payload is not kept for replays: %s", error.strerror)
            self._total = None
            with contextlib.suppress(OSError):
                self._path(message.job, message.attempt).write_bytes(b"")

    def _append(self, path: Path, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        size = path.stat().st_size if path.exists() else None
        if size == 0:
            return
        if (size or 0) + len(content) > self.retention.attempt_bytes or not self._room(len(content)):
            log.warning("an attempt's payloads are too many to be kept: it can't be replayed (replay.*_bytes)")
            self._total = None
            path.write_bytes(b"")
            return
        with path.open("ab") as file:
            path.chmod(0o600)
            file.write(content)

    def _room(self, size: int) -> bool:
        """Is there room for so many bytes more beside all that is kept? Counts them if so."""
        most = self.retention.total_bytes
        if self._total is None or self._total + size > most:
            self._total = sum(path.stat().st_size for path in self._files())
        self._total += size
        return self._total <= most

    def of(self, job: JobId, attempt: int) -> Mapping[bytes, bytes] | None:
        """Sealed payloads by their messages' hashes; empty where they were too many, None where nothing is kept. What a
        crash cut off at the end is left out."""
        try:
            raw = self._path(job, attempt).read_bytes()
        except OSError:
            return None
        reader, payloads = FrameReader(raw, "the payloads that are kept"), dict[bytes, bytes]()
        with contextlib.suppress(PlacetError):
            while reader.left:
                name = reader.frame(32)
                payloads[name] = reader.frame(_FRAME)
        return payloads

    def open(self, message: Message, sealed: bytes) -> bytes:
        """StateError where it was altered, or is another message's."""
        return self._at_rest.open(sealed, message.hash)

    def sweep(self, store: JobStore, now: int) -> None:
        """Remove what no replay will ask for at this time (Unix seconds): of attempts that failed or were never sealed,
        and of jobs that ended too long ago."""
        with self._lock:
            for path in self._files():
                name, _, attempt = path.name.removesuffix(_SUFFIX).partition("-")
                if not self._wanted(store, JobId(bytes.fromhex(name)), int(attempt), now):
                    self._total = None
                    path.unlink(missing_ok=True)

    def forget(self, jobs: Iterable[JobId]) -> None:
        """Remove all that is kept of these jobs."""
        with self._lock:
            forget(self._folder, jobs)
            self._total = None

    def _wanted(self, store: JobStore, job: JobId, attempt: int, now: int) -> bool:
        record = store.find(job)
        if record is None or store.phase(job, attempt) is Phase.FAILED:
            return False
        if record.ended is None:
            return True
        if record.ended not in SEALED or store.progress(job)[1] != attempt:
            return False
        return now <= record.plan.settle_by + self.retention.days * DAY

    def _files(self) -> Iterator[Path]:
        return self._folder.glob(_PATTERN)

    def _path(self, job: JobId, attempt: int) -> Path:
        return self._folder / f"{job.hex()}-{attempt}{_SUFFIX}"


def forget(folder: Path, jobs: Iterable[JobId]) -> None:
    """Remove all that is kept in a folder of these jobs: no row of theirs that was erased is opened again, so that
    nothing of them can be replayed."""
    for job in jobs:
        for path in folder.glob(f"{job.hex()}-*{_SUFFIX}"):
            path.unlink(missing_ok=True)
