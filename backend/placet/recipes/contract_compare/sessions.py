"""The enclaves of an institution that runs them as a service: one session an attempt, with its ciphertexts on disk.

All that lies here is encrypted: documents under keys that only the enclave learns, results masked under release keys.
A session's folder goes with its job; after a crash none is left, since its enclave is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from placet.core.enclave_policy import ROLES, EnclavePolicy, Role
from placet.core.errors import InputError, StateError
from placet.core.ids import JobId
from placet.core.values import Bytes32, Value, to_hex
from placet.protocols.enclave.evidence.model import EnclaveEvidence
from placet.protocols.enclave.platform import Enclave, Platform
from placet.protocols.enclave.sealed.task import Task, TaskInput

MAX_PIECE = 768 << 10
"""Bytes of a piece of an upload at the most."""
MOST = 4
"""Sessions at a time; others wait."""


class Proof(Value):
    """An enclave's X25519 key and the evidence that is to bind it."""

    key: Bytes32
    evidence: EnclaveEvidence


class EnclaveSession:
    """One attempt's enclave and what comes in for it."""

    def __init__(self, job: JobId, attempt: int, enclave: Enclave, folder: Path) -> None:
        self.job, self.attempt, self.enclave = job, attempt, enclave
        self._folder = folder
        self._task: Task | None = None
        self._whole: set[Role] = set()
        self._arrived = asyncio.Event()
        self._taking: dict[Role, asyncio.Lock] = {role: asyncio.Lock() for role in ROLES}

    async def prove(self, nonce: bytes) -> Proof:
        """Evidence of its enclave over a nonce."""
        return Proof(key=self.enclave.key, evidence=await self.enclave.prove(nonce))

    def expect(self, task: Task) -> None:
        """From now on the task's documents are taken."""
        self._task = task

    async def take(self, role: Role, attempt: int, offset: int, piece: bytes) -> int:
        """A piece of an encrypted document at its place; how many bytes are here then. What is here already is not
        written again. StateError `enclave.early` before the task is agreed, InputError `enclave.document` for a
        document that is not the task's (and nothing of it is kept)."""
        if self._task is None or attempt != self.attempt:
            raise StateError("this attempt takes no documents yet", found=attempt, code="enclave.early")
        async with self._taking[role]:
            have = await asyncio.to_thread(self._take, self._task.input(role), offset, piece)
        if len(self._whole) == len(ROLES):
            self._arrived.set()
        return have

    def _take(self, expected: TaskInput, offset: int, piece: bytes) -> int:
        role, file = expected.role, self._file(expected.role)
        have = file.stat().st_size if file.exists() else 0
        if have == expected.size:
            self._judge(expected)
        if offset < have or role in self._whole:
            return have
        if offset > have or have + len(piece) > expected.size:
            raise InputError(
                "a piece that does not follow what is here",
                expected=f"from byte {have}, {expected.size} in all",
                found=f"{len(piece)} bytes from byte {offset}",
                code="enclave.document",
            )
        with file.open("ab") as sink:
            sink.write(piece)
        have += len(piece)
        if have == expected.size:
            self._judge(expected)
        return have

    def _judge(self, expected: TaskInput) -> None:
        """A document that is here in full: is it the task's?"""
        if expected.role in self._whole:
            return
        file = self._file(expected.role)
        if _digest(file) != expected.document:
            file.unlink()
            raise InputError("another document than the task names", code="enclave.document")
        self._whole.add(expected.role)

    async def arrived(self) -> None:
        """Until both documents are here."""
        await self._arrived.wait()

    async def compute(self, task: Task, keys: Mapping[Role, bytes], seconds: float) -> dict[int, bytes]:
        """The masked results by party, on disk for who fetches them; the encrypted documents are removed."""
        with contextlib.ExitStack() as stack:
            documents = {role: stack.enter_context(self._file(role).open("rb")) for role in ROLES}
            results = await self.enclave.compute(task, keys, documents, seconds=seconds)
        for role in ROLES:
            self._file(role).unlink()
        for one in results:
            self.result_file(one.party).write_bytes(one.masked)
        return {one.party: one.masked for one in results}

    def result_file(self, party: int) -> Path:
        """Where a party's masked result lies, once there is one."""
        return self._folder / f"result-{party}"

    def _file(self, role: Role) -> Path:
        return self._folder / f"{role}.locked"


class EnclaveSessions:
    """All of them, on one platform. `policy` is what a plan must name to run here."""

    def __init__(self, platform: Platform, policy: EnclavePolicy, folder: Path) -> None:
        self.policy = policy
        self._platform, self._folder = platform, folder
        self._places = asyncio.Semaphore(MOST)
        self._sessions: dict[JobId, EnclaveSession] = {}
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)

    @contextlib.asynccontextmanager
    async def running(self, chain: int, job: JobId, attempt: int) -> AsyncIterator[EnclaveSession]:
        """An enclave for one attempt, ended in any session; its results stay until `forget`. Waits where all places are
        taken."""
        async with self._places:
            enclave = await self._platform.start(chain=chain, job=job)
            try:
                folder = self._folder / f"{job.hex()}-{attempt}"
                folder.mkdir(mode=0o700)
                self._sessions[job] = EnclaveSession(job, attempt, enclave, folder)
                yield self._sessions[job]
            finally:
                await enclave.end()

    def of(self, job: JobId) -> EnclaveSession:
        """StateError `enclave.early` where no enclave was started for the job."""
        if job not in self._sessions:
            raise StateError(
                "no enclave runs for this job here",
                found=to_hex(job),
                remedy="wait until the job is open on chain, at the service's depth",
                code="enclave.early",
            )
        return self._sessions[job]

    def forget(self, job: JobId) -> None:
        """Remove what is left of an ended job."""
        if self._sessions.pop(job, None) is not None:
            for folder in self._folder.glob(f"{job.hex()}-*"):
                shutil.rmtree(folder, ignore_errors=True)

    async def close(self) -> None:
        await self._platform.close()


def _digest(file: Path) -> bytes:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").digest()
