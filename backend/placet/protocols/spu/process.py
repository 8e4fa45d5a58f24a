"""The engine's process as its node sees it: started in a private folder, awaited, ended, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from placet.core.errors import ConfigError, InputError, LimitError, PeerError, PlacetError, ProtocolError
from placet.protocols.spu import extra, leftovers
from placet.protocols.spu.leftovers import LOG
from placet.protocols.spu.network import Network
from placet.protocols.spu.task import (
    FOLDER,
    KEY_FILE,
    MAX_EVENT,
    MAX_SECONDS,
    Done,
    Doubted,
    EngineLink,
    Failed,
    Order,
    ProgramTask,
    PsiTask,
    ReconstructTask,
    ServeTask,
    event,
    line,
)
from placet.protocols.work import Progress

R = TypeVar("R")
_SILENT = "SPU's process ended without an outcome"
_OWN = frozenset({"spu.crashed", "spu.engine"})
"""Ends that SPU itself comes to, also when a peer goes away in the middle of a message."""
_PEERS = frozenset({"spu.unreachable", "spu.stranger", "spu.refused", "spu.lost"})


def link_of(network: Network) -> EngineLink:
    """The parties as the process is told of them."""
    addresses = [{"host": m.host, "port": m.port, "certificate": m.certificate} for m in network.members]
    return EngineLink.model_validate({"members": addresses, "me": network.me, "session": network.session})


def write_key(network: Network, folder: Path) -> None:
    """The TLS key, for our eyes only; the process reads it once and removes it."""
    descriptor = os.open(folder / KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(network.key)


async def run(
    task: PsiTask | ProgramTask | ReconstructTask,
    *,
    prepare: Callable[[Path], None],
    collect: Callable[[Path, Done], R],
    scratch: Path,
    seconds: float,
    progress: Progress | None = None,
    spare: Spare | None = None,
) -> R:
    """Start a process for one task, or take the `spare` one, wait for it, and return what `collect` reads from its
    folder.

    The folder lies in `scratch`, is for this user alone, and is removed whatever happens. `prepare` and `collect` run
    in a thread. ConfigError `spu.missing` without SPU; PeerError `spu.unreachable`, `spu.stranger`, `spu.refused` or
    `spu.lost` for a party that is not there, is another, does not let us in or went away; ProtocolError `spu.timeout`
    after `seconds`, `spu.crashed` or `spu.engine` where the engine itself fails, `spu.port` where it can't listen.
    """
    extra.require()
    order = order_of(task, seconds)
    started = None if spare is None else await spare.take()
    folder = new_folder(scratch) if started is None else started.folder
    try:
        async with asyncio.timeout(seconds):
            await in_thread(lambda: prepare(folder))
            done = await _outcome(order, folder, progress, None if started is None else started.process)
            return await in_thread(lambda: collect(folder, done))
    except TimeoutError:
        raise ProtocolError("SPU took too long", expected=f"at most {seconds:g} s", code="spu.timeout") from None
    finally:
        if started is not None:
            await started.process.end()
        await in_thread(lambda: leftovers.remove(folder))


def order_of(task: PsiTask | ProgramTask | ServeTask | ReconstructTask, seconds: float) -> Order:
    """The task with its time, in whole seconds."""
    return Order.model_validate({"seconds": min(max(1, math.ceil(seconds)), MAX_SECONDS), "task": task.to_json()})


def new_folder(scratch: Path) -> Path:
    """A task's own, for this user alone."""
    return Path(tempfile.mkdtemp(prefix=FOLDER, dir=scratch.absolute()))


async def in_thread(work: Callable[[], R]) -> R:
    """Like `to_thread`, but never returns while the thread may still be writing."""
    thread = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(thread)
    finally:
        await asyncio.wait([thread])


class EngineProcess:
    """A process that has its order, in a folder that is there; to be ended by who started it."""

    def __init__(self, process: asyncio.subprocess.Process, stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader):
        self._process = process
        self._stdin = stdin
        self._stdout = stdout
        self._ended = False

    @classmethod
    async def start(cls, order: Order, folder: Path) -> EngineProcess:
        """InputError where a task is too large to hand over."""
        first = line(order)
        process = await cls.spawn(folder)
        try:
            await process.hand_over(first)
        except BaseException:
            await process.end()
            raise
        return process

    @classmethod
    async def spawn(cls, folder: Path) -> EngineProcess:
        """One that waits for its order."""
        with (folder / LOG).open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-m",
                "placet.protocols.spu",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=folder,
                env=_environment(folder),
                start_new_session=True,
                limit=2 * MAX_EVENT,
            )
        if process.stdin is None or process.stdout is None:
            raise ProtocolError("SPU's process has no pipes", code="spu.crashed")
        return cls(process, process.stdin, process.stdout)

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def hand_over(self, *words: bytes) -> None:
        """One line, and what follows it; a process that is gone is found out by `outcome`."""
        self._stdin.writelines(words)
        with contextlib.suppress(ConnectionError):
            await self._stdin.drain()

    async def outcome(self, progress: Progress | None = None, *, until: str | None = None) -> Done | None:
        """What it says in the end, or None once a stage called `until` has begun; its own PlacetError."""
        doubted: int | None = None
        while True:
            try:
                said = await self._stdout.readline()
            except ValueError:
                raise LimitError("the engine says too much", expected=f"at most {MAX_EVENT} bytes a line") from None
            outcome = event(said) if said else Failed(code="spu.crashed", message=_SILENT)
            if isinstance(outcome, Done):
                return outcome
            if isinstance(outcome, Failed):
                if doubted is not None and outcome.code in _OWN:
                    raise PeerError("a party went away", found=f"party {doubted}", code="spu.lost")
                raise _error(outcome)
            if isinstance(outcome, Doubted):
                doubted = outcome.rank
                continue
            if outcome.stage == until:
                return None
            if progress is not None:
                progress(outcome.stage, outcome.done, outcome.total)

    async def shares(self) -> tuple[bytes, ...]:
        """A turn's outcome: our share of each output."""
        done = await self.outcome()
        if done is None or done.items != len(done.sizes):
            raise ProtocolError("the engine has no outcome", code="spu.crashed")
        try:
            return tuple([await self._stdout.readexactly(size) for size in done.sizes])
        except asyncio.IncompleteReadError:
            raise ProtocolError(_SILENT, code="spu.crashed") from None

    async def end(self) -> None:
        """It, and what it has started; once, since another may have its number then."""
        if self._ended:
            return
        self._ended = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await asyncio.shield(self._process.wait())


@dataclass(frozen=True)
class Started:
    """A process that waits for its order, and its folder."""

    process: EngineProcess
    folder: Path

    @classmethod
    async def anew(cls, scratch: Path) -> Started:
        folder = new_folder(scratch)
        try:
            return cls(await EngineProcess.spawn(folder), folder)
        except BaseException:
            await in_thread(lambda: leftovers.remove(folder))
            raise

    async def end(self) -> None:
        """The process, and all that is in its folder."""
        await self.process.end()
        await in_thread(lambda: leftovers.remove(self.folder))


class Spare(Protocol):
    """Where a process may be that has no task yet."""

    async def take(self) -> Started | None: ...


async def _outcome(order: Order, folder: Path, progress: Progress | None, process: EngineProcess | None = None) -> Done:
    if process is None:
        process = await EngineProcess.start(order, folder)
    else:
        await process.hand_over(line(order))
    try:
        done = await process.outcome(progress)
    finally:
        await process.end()
    if done is None:
        raise ProtocolError(_SILENT, code="spu.crashed")
    return done


def _environment(folder: Path) -> dict[str, str]:
    """`sort` needs a place for its files and plain bytes for its order; nothing else of ours is handed on."""
    return {
        "PATH": os.defpath,
        "LC_ALL": "C",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "JAX_PLATFORMS": "cpu",
        "JAX_ENABLE_X64": "1",
    }


def _error(failure: Failed) -> PlacetError:
    if failure.code in _PEERS:
        return PeerError(failure.message, found=failure.found, code=failure.code)
    if failure.code == "config":
        return ConfigError(failure.message, found=failure.found)
    if failure.code in ("input", "spu.input", "spu.program"):
        return InputError(failure.message, found=failure.found, code=failure.code)
    return ProtocolError(failure.message, found=failure.found, code=failure.code)
