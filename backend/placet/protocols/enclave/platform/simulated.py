"""The simulated platform: bubblewrap isolates, a software TPM signs. Its class is `simulated`, by its kind of evidence.

What it proves and what it doesn't: `docs/explanation/enclave.md`.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, TypeVar

from placet.core.enclave_policy import ROLES, Role
from placet.core.errors import ConfigError, LimitError, PlacetError, ProtocolError, StateError
from placet.core.hashing import document_bytes
from placet.core.ids import JobId
from placet.protocols.enclave import codes, frames
from placet.protocols.enclave.evidence.binding import Binding
from placet.protocols.enclave.evidence.model import EnclaveEvidence
from placet.protocols.enclave.frames import FrameKind
from placet.protocols.enclave.platform import SealedResult
from placet.protocols.enclave.platform.image import PROGRAM, Image, build
from placet.protocols.enclave.platform.sandbox import Sandbox
from placet.protocols.enclave.platform.swtpm import Swtpm
from placet.protocols.enclave.sealed.sizes import MAX_MASKED
from placet.protocols.enclave.sealed.task import Task, role_byte

R = TypeVar("R")
MAX_ENCLAVES = 4
"""At a time. Each may take `inside.boot.MEMORY`, and its files once more."""
START_SECONDS = 120.0
IDLE_SECONDS = 900.0
"""An enclave that is up and was given no job by then ends by itself."""


class SimulatedPlatform:
    """`folder` keeps the TPM's state, so that the attestation key stays the one that plans name; nothing else is
    written, anywhere. Open it with `opened`; use it as an asynchronous context, or close it."""

    def __init__(self, image: Image, tpm: Swtpm) -> None:
        self._image, self._tpm = image, tpm
        self._pool = ThreadPoolExecutor(2 * MAX_ENCLAVES, thread_name_prefix="enclave")
        self._running: set[SimulatedEnclave] = set()

    @classmethod
    async def opened(
        cls, folder: Path, *, program: str = PROGRAM, folders: list[Path] | None = None
    ) -> SimulatedPlatform:
        """Measures the program and tries the sandbox once, so that a host that can't isolate is known at once:
        ConfigError `enclave.isolation`, `enclave.image` or `enclave.tpm`."""
        image = await asyncio.to_thread(build, program, folders)
        try:
            await _try(image)
            return cls(image, await asyncio.to_thread(Swtpm, folder))
        except BaseException:
            image.close()
            raise

    @property
    def measurement(self) -> bytes:
        return self._image.measurement

    @property
    def image(self) -> Image:
        """For whoever wants to see what is measured."""
        return self._image

    @property
    def attestation_key(self) -> bytes:
        """Its SubjectPublicKeyInfo, of which a plan's `TpmRule` names the SHA-256."""
        return self._tpm.key

    async def start(self, *, chain: int, job: JobId) -> SimulatedEnclave:
        """LimitError `enclave.busy` where as many run as may; ProtocolError `enclave.died` if it does not come up."""
        if len(self._running) >= MAX_ENCLAVES:
            raise LimitError("no enclave is free", expected=f"at most {MAX_ENCLAVES}", code="enclave.busy")
        enclave = SimulatedEnclave(Sandbox(self._image), self._pool, self._tpm, self.measurement, chain, job)
        self._running.add(enclave)
        enclave.when_gone(lambda: self._running.discard(enclave))
        await enclave.up()
        return enclave

    async def close(self) -> None:
        """Closes everything, also where an enclave stays: then StateError `enclave.alive`."""
        ends = await asyncio.gather(*(one.end() for one in tuple(self._running)), return_exceptions=True)
        self._pool.shutdown(wait=False)
        await asyncio.to_thread(self._tpm.close)
        self._image.close()
        for failed in ends:
            if failed is not None:
                raise failed

    async def __aenter__(self) -> SimulatedPlatform:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class SimulatedEnclave:
    """Made by `SimulatedPlatform.start`."""

    def __init__(
        self, sandbox: Sandbox, pool: ThreadPoolExecutor, tpm: Swtpm, measurement: bytes, chain: int, job: JobId
    ) -> None:
        self._sandbox, self._pool, self._tpm, self._measurement = sandbox, pool, tpm, measurement
        self._chain, self._job = chain, job
        self._key: bytes | None = None
        self._used = False
        self._ending: asyncio.Task[None] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._when_gone: Callable[[], None] = lambda: None

    @property
    def key(self) -> bytes:
        if self._key is None:
            raise StateError("the enclave has not come up", code="enclave.ended")
        return self._key

    async def up(self) -> None:
        """Waits for its public key."""
        self._key = await self._within(lambda: frames.read(self._sandbox.source, FrameKind.READY)[1], START_SECONDS)
        if len(self._key) != 32:
            await self.end()
            raise ProtocolError("the enclave's key is no key", code="enclave.protocol")
        self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._break_off)

    def when_gone(self, do: Callable[[], None]) -> None:
        self._when_gone = do

    async def prove(self, nonce: bytes) -> EnclaveEvidence:
        if self._ending is not None:
            raise StateError("the enclave has ended", code="enclave.ended")
        binding = Binding(chain=self._chain, job=self._job, key=self.key, nonce=nonce, issued=0)
        statement = await asyncio.to_thread(self._tpm.quote, self._measurement, binding.digest())
        return EnclaveEvidence(statement=statement)

    async def compute(
        self, task: Task, keys: Mapping[Role, bytes], documents: Mapping[Role, BinaryIO], *, seconds: float
    ) -> tuple[SealedResult, ...]:
        """DataError, InputError or ProtocolError with one of the codes in `codes`; ProtocolError `enclave.timeout`
        after `seconds`, `enclave.died` where it ended by itself; StateError `enclave.ended` where it was ended."""
        if self._ending is not None:
            raise StateError("the enclave has ended", remedy="start another one", code="enclave.ended")
        if self._used:
            raise StateError("an enclave serves one job, once", code="enclave.ended")
        self._used = True
        self._in_use()
        try:
            return await self._within(lambda: _converse(self._sandbox, self.key, task, keys, documents), seconds)
        finally:
            await self.end()

    async def end(self) -> None:
        await asyncio.shield(self._break_off())

    def _break_off(self) -> asyncio.Task[None]:
        self._in_use()
        if self._ending is None:
            self._sandbox.kill()
            self._ending = asyncio.ensure_future(self._gone())
        return self._ending

    def _in_use(self) -> None:
        if self._idle is not None:
            self._idle.cancel()

    async def _gone(self) -> None:
        """Its slot is free afterwards, also where a killed process hangs in the kernel: it would for ever."""
        try:
            await asyncio.to_thread(self._sandbox.gone)
        finally:
            self._when_gone()

    async def _within(self, work: Callable[[], R], seconds: float) -> R:
        """The work's result; where it is not done in time, or was broken off, the enclave is ended first."""
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(future)
        except TimeoutError:
            raise ProtocolError(
                "the enclave took too long", expected=f"{seconds:g} s", code="enclave.timeout"
            ) from None
        except (PlacetError, OSError, ValueError) as error:
            if self._ending is not None:  # killed a moment after it had said something
                raise StateError("the enclave was ended", code="enclave.ended") from None
            if isinstance(error, frames.Gone | OSError):
                raise ProtocolError("the enclave ended without a word", code="enclave.died") from None
            raise
        finally:
            if not future.done() or future.exception() is not None:
                await self.end()
                await asyncio.wait([future])


def _converse(
    sandbox: Sandbox, enclave: bytes, task: Task, keys: Mapping[Role, bytes], documents: Mapping[Role, BinaryIO]
) -> tuple[SealedResult, ...]:
    """The host's side of `frames`. An enclave that has failed stops to listen, but says why."""
    try:
        _send(sandbox.sink, task, keys, documents)
    except BrokenPipeError:
        return _receive(sandbox.source, enclave, task)
    return _receive(sandbox.source, enclave, task)


def _send(sink: BinaryIO, task: Task, keys: Mapping[Role, bytes], documents: Mapping[Role, BinaryIO]) -> None:
    sink.write(frames.encode(FrameKind.TASK, document_bytes(task)))
    for role in ROLES:
        sink.write(frames.encode(FrameKind.KEY, role_byte(role) + keys[role]))
    for role in ROLES:
        while piece := documents[role].read(frames.PIECE):
            sink.write(frames.encode(FrameKind.DOCUMENT, piece))
        sink.write(frames.encode(FrameKind.END))
    sink.flush()


def _receive(source: BinaryIO, enclave: bytes, task: Task) -> tuple[SealedResult, ...]:
    results = []
    for recipient in task.recipients:
        masked = bytearray()
        while True:
            kind, body = frames.read(source, FrameKind.RESULT, FrameKind.END, FrameKind.FAILED)
            if kind is FrameKind.FAILED:
                raise codes.error(body.decode("ascii", "replace"))
            if kind is FrameKind.END:
                break
            masked += body
            if len(masked) > MAX_MASKED:
                raise frames.broken("a result is too large")
        results.append(SealedResult(party=recipient.party, enclave=enclave, masked=bytes(masked)))
    frames.read(source, FrameKind.DONE)
    return tuple(results)


async def _try(image: Image) -> None:
    """Start it once and see that its key comes."""
    sandbox = Sandbox(image, stderr=subprocess.PIPE)
    try:
        async with asyncio.timeout(START_SECONDS):
            await asyncio.to_thread(frames.read, sandbox.source, FrameKind.READY)
    except (ProtocolError, TimeoutError, OSError):
        sandbox.kill()
        said = await asyncio.to_thread(lambda: sandbox.errors)
        raise ConfigError(
            "this host can't run an enclave in isolation",
            found=said.decode(errors="replace").strip()[-400:] or "no word from it",
            remedy="apt-get install bubblewrap (0.8 or later), and let this user make user namespaces",
            code="enclave.isolation",
        ) from None
    finally:
        sandbox.kill()
        await asyncio.to_thread(sandbox.gone)
