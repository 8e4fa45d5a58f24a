"""A registered program on everybody's secret inputs, in the engine's process. Outputs are written as shares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
import spu
from spu import libspu
from spu.utils import frontend

from placet.core.errors import InputError, ProtocolError
from placet.core.values import parse
from placet.protocols.spu import dealing
from placet.protocols.spu.engine import Engine
from placet.protocols.spu.programs import find
from placet.protocols.spu.shares import ShareBytes, decode, encode
from placet.protocols.spu.task import ROUND, EngineInput, ProgramTask, array_file, kept_file, share_file
from placet.protocols.work import Progress

_KINDS = {"cheetah": libspu.ProtocolKind.CHEETAH, "aby3": libspu.ProtocolKind.ABY3}
_FIELDS = {"FM64": libspu.FieldType.FM64, "FM128": libspu.FieldType.FM128}


def settings(engine: Engine) -> Any:
    """SPU's configuration; the protocol stands in `Engine`, so SEMI2K can't be asked for."""
    return libspu.RuntimeConfig(
        protocol=_KINDS[engine.protocol], field=_FIELDS[engine.field], fxp_fraction_bits=engine.fraction_bits
    )


class RefusedError(ProtocolError):
    """All parties saw the program's flag."""


def compute(task: ProgramTask, link: Any, progress: Progress) -> int:
    """Run it, write `share_file(i)` for each output i, and return how many there are. After each of several rounds
    `progress` hears of it. RefusedError where the program's flag is up, at every party alike, once nothing is under way
    between them."""
    configuration = settings(task.engine)
    runtime, io = spu.Runtime(link, configuration), spu.Io(task.engine.parties, configuration)
    executable, outputs = _compiled(task)
    for place, (given, share) in enumerate(_shared(task, link, io)):
        del given
        runtime.set_var(_input(place), share)
    if (refusal := find(task.program).refusal) is not None:
        outputs -= 1
    times = 1 if task.rounds is None else task.rounds.count
    for time in range(times):
        runtime.run(executable)
        if refusal is not None and np.any(_opened(task, link, io, runtime.get_var(_output(outputs)))):
            raise RefusedError("the program refused what was brought", expected="no", found="yes", code=refusal)
        for place in range(outputs):
            share = runtime.get_var(_output(place))
            file = Path(share_file(time * outputs + place))
            file.write_bytes(encode(ShareBytes(share.meta, tuple(share.share_chunks))))
        if task.rounds is not None:
            runtime.set_var(_input(task.rounds.carried), runtime.get_var(_output(0)))
            progress(ROUND, time + 1, times)
    return times * outputs


def reconstruct(engine: Engine) -> int:
    """Put one value together from `share_file` of every party and write it as `array_file(0)`."""
    shares = [_libspu(Path(share_file(rank)).read_bytes()) for rank in range(engine.parties)]
    value = spu.Io(engine.parties, settings(engine)).reconstruct(shares)
    np.save(array_file(0), np.asarray(value), allow_pickle=False)
    return 1


def _compiled(task: ProgramTask) -> tuple[Any, int]:
    program = find(task.program)
    parameters = parse(program.parameters, task.parameters)

    def body(*arrays: Any) -> tuple[Any, ...]:
        return program.body(parameters, {given.name: array for given, array in zip(task.inputs, arrays, strict=True)})

    names: list[str] = []

    def named(flat: list[Any]) -> list[str]:
        names.extend(_output(place) for place in range(len(flat)))
        return names

    executable, _ = frontend.compile(
        frontend.Kind.JAX,
        body,
        [jax.ShapeDtypeStruct(given.shape, given.dtype) for given in task.inputs],
        {},
        [_input(place) for place in range(len(task.inputs))],
        [spu.Visibility.VIS_SECRET] * len(task.inputs),
        named,
    )
    return executable, len(names)


def _shared(task: ProgramTask, link: Any, io: Any) -> Iterator[tuple[EngineInput, Any]]:
    """Our share of each input: kept, or made and dealt by its owner, who sends each peer that peer's share and no
    other."""
    me = task.link.me
    for place, given in enumerate(task.inputs):
        if given.owner is None:
            yield given, _libspu(Path(kept_file(place)).read_bytes())
            continue
        small = dealing.compact(task.engine, given.dtype)
        if given.owner != me:
            raw = link.recv(given.owner)
            share = dealing.receive(task.engine, given.owner, me, given.shape, raw) if small else decode(raw)
            yield given, _as_libspu(share)
            continue
        if small:
            share, sent = dealing.deal(task.engine, me, _own(place, given))
            for rank, message in sent.items():
                link.send(rank, message)
            yield given, _as_libspu(share)
            continue
        shares = io.make_shares(_own(place, given), spu.Visibility.VIS_SECRET)
        for rank, share in enumerate(shares):
            if rank != me:
                link.send(rank, encode(ShareBytes(share.meta, tuple(share.share_chunks))))
        yield given, shares[me]


def _opened(task: ProgramTask, link: Any, io: Any, share: Any) -> Any:
    """The value behind a share, which each party tells all others."""
    me, raw = task.link.me, encode(ShareBytes(share.meta, tuple(share.share_chunks)))
    others = [rank for rank in range(task.engine.parties) if rank != me]
    for rank in others:
        link.send(rank, raw)
    shares = {me: share} | {rank: _libspu(link.recv(rank)) for rank in others}
    return io.reconstruct([shares[rank] for rank in sorted(shares)])


def _own(place: int, given: EngineInput) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = np.load(array_file(place), allow_pickle=False)
    if array.dtype.name != given.dtype or array.shape != given.shape:
        raise InputError("an input is not what was announced", expected=given.name, code="spu.input")
    return np.ascontiguousarray(array)


def _libspu(raw: bytes) -> Any:
    return _as_libspu(decode(raw))


def _as_libspu(given: ShareBytes) -> Any:
    share = libspu.Share()
    share.meta = given.meta
    share.share_chunks = list(given.chunks)
    return share


def _input(place: int) -> str:
    return f"in{place}"


def _output(place: int) -> str:
    return f"out{place}"
