"""Registered programs on several parties' secret arrays by SPU; what comes out stays shares until it is released."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from placet.core.errors import InputError
from placet.core.values import Value
from placet.protocols.spu.adding import integers
from placet.protocols.spu.engine import Engine
from placet.protocols.spu.kept import KeptShare
from placet.protocols.spu.network import Network
from placet.protocols.spu.process import link_of, run, write_key
from placet.protocols.spu.programs import find
from placet.protocols.spu.shares import decode
from placet.protocols.spu.task import (
    ROUND,
    Done,
    Dtype,
    EngineInput,
    ProgramTask,
    ReconstructTask,
    Rounds,
    array_file,
    kept_file,
    share_file,
)
from placet.protocols.work import Progress

Array = npt.NDArray[Any]
MAX_OUTPUTS = 512


@dataclass(frozen=True)
class Secret:
    """One input of a program, as all parties know it: its name, its owner's rank (None: each keeps a share of it), its
    type and shape."""

    name: str
    owner: int | None
    dtype: Dtype
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Repeated:
    """A program that runs `count` times, what it gives first (of `outputs` arrays) being its input `carried` the next
    time. `each` gets our shares of what comes out of each time; while it works, the engine goes on."""

    count: int
    carried: str
    outputs: int
    each: Callable[[tuple[bytes, ...]], Awaitable[None]]


async def compute(
    network: Network,
    engine: Engine,
    program: str,
    parameters: Value,
    secrets: Sequence[Secret],
    own: Mapping[str, Array],
    kept: Mapping[str, KeptShare] | None = None,
    *,
    scratch: Path,
    seconds: float,
    progress: Progress | None = None,
    repeated: Repeated | None = None,
) -> tuple[bytes, ...]:
    """Our share of each of the program's outputs, encoded (`shares`); nothing is revealed to anybody. Of a `repeated`
    one those of each time, one after the other.

    All parties call this with the same arguments but `own` and `kept`: exactly our own secrets' arrays, and our shares
    of what is kept, by name. InputError for an unregistered program, for an array that does not fit its announcement,
    or (`spu.kept`) a share that was kept of another engine, party or array; and `process.run`'s errors.
    """
    announced = announce(network, engine, program, parameters, secrets, own, kept or {})
    task = ProgramTask(
        link=link_of(network), engine=engine, program=program, parameters=parameters.to_json(), inputs=tuple(announced)
    )

    def prepare(folder: Path) -> None:
        write_key(network, folder)
        bring(folder, network.me, announced, own, kept or {})

    if repeated is None:
        return await run(task, prepare=prepare, collect=collect, scratch=scratch, seconds=seconds, progress=progress)
    rounds = Rounds(count=repeated.count, carried=[one.name for one in secrets].index(repeated.carried))
    task = task.model_copy(update={"rounds": rounds})
    return await _in_rounds(repeated, task, prepare, scratch=scratch, seconds=seconds, progress=progress)


def announce(
    network: Network,
    engine: Engine,
    program: str,
    parameters: Value,
    secrets: Sequence[Secret],
    own: Mapping[str, Array],
    parts: Mapping[str, KeptShare],
) -> list[EngineInput]:
    """A program's inputs as all parties know them, held against what we bring; errors as `compute` has them."""
    if engine.parties != len(network.members):
        raise InputError(
            f"{engine.protocol} is for another number", expected=engine.parties, found=len(network.members)
        )
    if not isinstance(parameters, find(program).parameters):
        raise InputError("these are another program's parameters", expected=program, code="spu.program")
    announced = [
        EngineInput.model_validate({"name": s.name, "owner": s.owner, "dtype": s.dtype, "shape": s.shape})
        for s in secrets
    ]
    _check(announced, own, network.me, engine.parties)
    _check_kept(announced, parts, network.me, engine)
    return announced


def bring(
    folder: Path, me: int, announced: Sequence[EngineInput], own: Mapping[str, Array], parts: Mapping[str, KeptShare]
) -> None:
    """Our own arrays and kept shares, where the process looks for them."""
    for place, given in enumerate(announced):
        if given.owner == me:
            np.save(folder / array_file(place), own[given.name], allow_pickle=False)
        elif given.owner is None:
            (folder / kept_file(place)).write_bytes(parts[given.name].share)


def bytes_of(given: EngineInput, me: int, own: Mapping[str, Array], parts: Mapping[str, KeptShare]) -> bytes:
    """The same as bytes: none of what others bring."""
    if given.owner is None:
        return parts[given.name].share
    return own[given.name].tobytes() if given.owner == me else b""


async def _in_rounds(
    repeated: Repeated,
    task: ProgramTask,
    prepare: Callable[[Path], None],
    *,
    scratch: Path,
    seconds: float,
    progress: Progress | None,
) -> tuple[bytes, ...]:
    """Tells what comes out of each time as soon as it is there; gives all of it in the end."""
    folders: list[Path] = []
    out: asyncio.Queue[tuple[bytes, ...] | None] = asyncio.Queue()

    def begin(folder: Path) -> None:
        folders.append(folder)
        prepare(folder)

    def hear(stage: str, done: int, total: int) -> None:
        if stage == ROUND:
            first = (done - 1) * repeated.outputs
            files = [folders[0] / share_file(first + place) for place in range(repeated.outputs)]
            out.put_nowait(tuple(file.read_bytes() for file in files))
        elif progress is not None:
            progress(stage, done, total)

    async def engine() -> tuple[bytes, ...]:
        try:
            return await run(task, prepare=begin, collect=collect, scratch=scratch, seconds=seconds, progress=hear)
        finally:
            out.put_nowait(None)

    running = asyncio.create_task(engine())
    try:
        while (shares := await out.get()) is not None:
            await repeated.each(shares)
        return await running
    finally:
        running.cancel()
        await asyncio.wait([running])


async def reconstruct(shares: Sequence[bytes], engine: Engine, *, scratch: Path, seconds: float) -> Array:
    """The value behind every party's share of one output, in the parties' order: whole numbers are added up here, what
    else it is is put together in a process of its own.

    InputError or LimitError for what are no shares, ProtocolError for shares that SPU can't put together. There is no
    MAC: a wrong share gives a wrong value.
    """
    if len(shares) != engine.parties:
        raise InputError("every party's share is needed", expected=engine.parties, found=len(shares))
    if (sum_of_shares := integers([decode(share) for share in shares], engine)) is not None:
        return sum_of_shares

    def prepare(folder: Path) -> None:
        for rank, share in enumerate(shares):
            (folder / share_file(rank)).write_bytes(share)

    return await run(ReconstructTask(engine=engine), prepare=prepare, collect=_array, scratch=scratch, seconds=seconds)


def _check(announced: Sequence[EngineInput], own: Mapping[str, Array], me: int, parties: int) -> None:
    names = {given.name for given in announced}
    if len(names) != len(announced) or any((given.owner or 0) >= parties for given in announced):
        raise InputError("the announced inputs do not fit", expected="distinct names, each with a party for owner")
    if set(own) != {given.name for given in announced if given.owner == me}:
        raise InputError("exactly our own arrays are needed", found=", ".join(sorted(own))[:200], code="spu.input")
    for given in announced:
        if given.owner != me:
            continue
        array = own[given.name]
        if array.dtype.name != given.dtype or array.shape != given.shape:
            raise InputError(
                f"{given.name} is not what was announced",
                expected=f"{given.dtype} {given.shape}",
                found=f"{array.dtype.name} {array.shape}",
                code="spu.input",
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(f"{given.name} is not finite everywhere", code="spu.input")


def _check_kept(announced: Sequence[EngineInput], kept: Mapping[str, KeptShare], me: int, engine: Engine) -> None:
    names = {given.name for given in announced if given.owner is None}
    if set(kept) != names:
        raise InputError(
            "a share of each kept array is needed, and no other",
            expected=", ".join(sorted(names)),
            found=", ".join(sorted(kept)),
            code="spu.kept",
        )
    for given in announced:
        if given.owner is None:
            kept[given.name].demand(given.name, engine, me, given.dtype, given.shape)


def collect(folder: Path, done: Done) -> tuple[bytes, ...]:
    if done.items is None or done.items > MAX_OUTPUTS:
        raise InputError(
            "the engine's result is malformed", expected=f"at most {MAX_OUTPUTS} outputs", code="spu.result"
        )
    return tuple((folder / share_file(place)).read_bytes() for place in range(done.items))


def _array(folder: Path, _: Done) -> Array:
    array: Array = np.load(folder / array_file(0), allow_pickle=False)
    return array
