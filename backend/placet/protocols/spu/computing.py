"""A registered program on everybody's secret inputs, in the engine's process. Outputs are written as shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
import spu
from spu import libspu
from spu.utils import frontend

from placet.core.errors import InputError, ProtocolError
from placet.core.hashing import canonical
from placet.core.values import parse
from placet.protocols.spu import dealing
from placet.protocols.spu.engine import Engine
from placet.protocols.spu.programs import find
from placet.protocols.spu.shares import ShareBytes, decode, encode
from placet.protocols.spu.task import ROUND, EngineInput, ProgramTask, Turn, array_file, kept_file, share_file
from placet.protocols.work import Progress

_KINDS = {"cheetah": libspu.ProtocolKind.CHEETAH, "aby3": libspu.ProtocolKind.ABY3}
_FIELDS = {"FM64": libspu.FieldType.FM64, "FM128": libspu.FieldType.FM128}


def settings(engine: Engine) -> Any:
    """SPU's configuration; the protocol stands in `Engine`, so SEMI2K can't be asked for. What is sorted is sorted by
    radix: a quicksort opens how rows compare, and so how many are equal."""
    config = libspu.RuntimeConfig(
        protocol=_KINDS[engine.protocol], field=_FIELDS[engine.field], fxp_fraction_bits=engine.fraction_bits
    )
    config.sort_method = libspu.RuntimeConfig.SortMethod.SORT_RADIX
    return config


class RefusedError(ProtocolError):
    """All parties saw the program's flag."""


class Computer:
    """One party's runtime on a link. Between two programs nothing of the first one is left in it but what was compiled,
    and the state of the random streams, which goes on: no secret's shares are made of the same numbers twice."""

    def __init__(self, link: Any, me: int, engine: Engine) -> None:
        self._link = link
        self._me = me
        self._engine = engine
        self._runtime = spu.Runtime(link, settings(engine))
        self._compiled: dict[tuple[Any, ...], tuple[Any, int]] = {}

    def run(self, work: ProgramTask | Turn, progress: Progress) -> int:
        """Run it, write `share_file(i)` for each output i, and return how many there are. After each of several rounds
        `progress` hears of it. ProtocolError `spu.turn`
        where another party is at another turn: it got no more than random shares of ours by then. RefusedError where
        the program's flag is up, at every party alike, once nothing is under way between them."""
        executable, made = self._executable(work)
        if isinstance(work, Turn):
            self._tell(work.context)
        own = self._deal_all(work.inputs) if isinstance(work, Turn) else {}
        if isinstance(work, Turn):
            self._demand_same(work.context)
        for place, share in enumerate(self._shares(work.inputs, own)):
            self._runtime.set_var(_input(place), share)
        rounds = None if isinstance(work, Turn) else work.rounds
        refusal = find(work.program).refusal
        outputs, times = made - (refusal is not None), 1 if rounds is None else rounds.count
        for time in range(times):
            self._runtime.run(executable)
            if refusal is not None and np.any(self._opened(self._runtime.get_var(_output(outputs)))):
                raise RefusedError("the program refused what was brought", expected="no", found="yes", code=refusal)
            for place in range(outputs):
                share = self._runtime.get_var(_output(place))
                file = Path(share_file(time * outputs + place))
                file.write_bytes(encode(ShareBytes(share.meta, tuple(share.share_chunks))))
            if rounds is not None:
                self._runtime.set_var(_input(rounds.carried), self._runtime.get_var(_output(0)))
                progress(ROUND, time + 1, times)
        for name in (*map(_input, range(len(work.inputs))), *map(_output, range(made))):
            self._runtime.del_var(name)
        return times * outputs

    @property
    def _others(self) -> list[int]:
        return [rank for rank in range(self._engine.parties) if rank != self._me]

    def _tell(self, context: bytes) -> None:
        for rank in self._others:
            self._link.send(rank, context)

    def _demand_same(self, context: bytes) -> None:
        if any(self._link.recv(rank) != context for rank in self._others):
            raise ProtocolError("a party computes something else over this link", code="spu.turn")

    def _executable(self, work: ProgramTask | Turn) -> tuple[Any, int]:
        shapes = tuple((given.name, given.dtype, given.shape) for given in work.inputs)
        key = (work.program, canonical(work.parameters), shapes)
        if key not in self._compiled:
            self._compiled[key] = _compiled(work)
        return self._compiled[key]

    def _deal_all(self, inputs: Sequence[EngineInput]) -> dict[int, Any]:
        """Our share of each of our own inputs, by place. All is sent before anything is waited for: one round less for
        each party, of arrays that are small."""
        return {place: self._deal(place, given) for place, given in enumerate(inputs) if given.owner == self._me}

    def _deal(self, place: int, given: EngineInput) -> Any:
        """Our share of an own input, once each peer was sent its share and no other."""
        if dealing.compact(self._engine, given.dtype):
            share, messages = dealing.deal(self._engine, self._me, _own(place, given))
            for rank, message in messages.items():
                self._link.send(rank, message)
            return _as_libspu(share)
        io = spu.Io(self._engine.parties, settings(self._engine))
        shares = io.make_shares(_own(place, given), spu.Visibility.VIS_SECRET)
        for rank in self._others:
            self._link.send(rank, encode(ShareBytes(shares[rank].meta, tuple(shares[rank].share_chunks))))
        return shares[self._me]

    def _shares(self, inputs: Sequence[EngineInput], own: Mapping[int, Any]) -> Iterator[Any]:
        """Our share of each input: dealt by us (now, where it is not in `own`), kept, or received from its owner."""
        for place, given in enumerate(inputs):
            if given.owner is None:
                yield _libspu(Path(kept_file(place)).read_bytes())
            elif given.owner == self._me:
                yield own[place] if place in own else self._deal(place, given)
            else:
                raw, engine = self._link.recv(given.owner), self._engine
                small = dealing.compact(engine, given.dtype)
                share = dealing.receive(engine, given.owner, self._me, given.shape, raw) if small else decode(raw)
                yield _as_libspu(share)

    def _opened(self, share: Any) -> Any:
        """The value behind a share, which each party tells all others."""
        raw = encode(ShareBytes(share.meta, tuple(share.share_chunks)))
        for rank in self._others:
            self._link.send(rank, raw)
        shares = {self._me: share} | {rank: _libspu(self._link.recv(rank)) for rank in self._others}
        io = spu.Io(self._engine.parties, settings(self._engine))
        return io.reconstruct([shares[rank] for rank in sorted(shares)])


def reconstruct(engine: Engine) -> int:
    """Put one value together from `share_file` of every party and write it as `array_file(0)`."""
    shares = [_libspu(Path(share_file(rank)).read_bytes()) for rank in range(engine.parties)]
    value = spu.Io(engine.parties, settings(engine)).reconstruct(shares)
    np.save(array_file(0), np.asarray(value), allow_pickle=False)
    return 1


def _compiled(task: ProgramTask | Turn) -> tuple[Any, int]:
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
