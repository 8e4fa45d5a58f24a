"""A registered program on everybody's secret inputs, in the engine's process. What comes out stays shares.

A program that may refuse (`Program.refusal`) has a number last that has to be 0. What it is otherwise is nobody's
business, so it is multiplied by a random number of the ring, the sum of one from each party, and that product alone is
opened: 0, or a random number, which tells no more than how often 2 divides the first one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import spu
from spu import libspu
from spu.experimental import reveal
from spu.utils import frontend

from placet.core.errors import ProtocolError
from placet.core.framing import FrameReader, frame
from placet.core.hashing import canonical
from placet.core.values import parse
from placet.protocols.spu import dealing
from placet.protocols.spu.engine import Engine
from placet.protocols.spu.handing import Array, Handed
from placet.protocols.spu.programs import find
from placet.protocols.spu.shares import MAX_BYTES, ShareBytes, decode, encode
from placet.protocols.spu.task import ROUND, EngineInput, ProgramTask, Turn, array_file, share_file
from placet.protocols.work import Progress

_KINDS = {"cheetah": libspu.ProtocolKind.CHEETAH, "aby3": libspu.ProtocolKind.ABY3}
_FIELDS = {"FM64": libspu.FieldType.FM64, "FM128": libspu.FieldType.FM128}

_MASK = "refusal-mask-"


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
        self._io = spu.Io(engine.parties, settings(engine))
        self._compiled: dict[tuple[Any, ...], tuple[Any, int]] = {}

    def run(self, work: ProgramTask | Turn, handed: Handed, progress: Progress) -> int:
        """Run it, put our share of each output where it goes, and return how many there are. After each of several
        rounds `progress` hears of it. ProtocolError `spu.turn`
        where another party is at another turn: it got no more than random shares of ours by then. RefusedError where
        the program refuses, at every party alike, once nothing is under way between them."""
        refusal = find(work.program).refusal
        inputs = work.inputs if refusal is None else (*work.inputs, *_masks(self._engine.parties))
        executable, made = self._executable(work, inputs)
        if isinstance(work, Turn):
            shares = self._dealt_at_once(work.context, inputs, handed)
        else:
            shares = self._dealt_one_by_one(inputs, handed)
        for place, share in enumerate(shares):
            self._runtime.set_var(_input(place), share)
        rounds = None if isinstance(work, Turn) else work.rounds
        outputs, times = made - (refusal is not None), 1 if rounds is None else rounds.count
        for time in range(times):
            self._runtime.run(executable)
            if refusal is not None and np.any(self._opened(_output(outputs))):
                raise RefusedError("the program refused what was brought", expected="no", found="yes", code=refusal)
            for place in range(outputs):
                share = self._runtime.get_var(_output(place))
                handed.put(time * outputs + place, encode(ShareBytes(share.meta, tuple(share.share_chunks))))
            if rounds is not None:
                self._runtime.set_var(_input(rounds.carried), self._runtime.get_var(_output(0)))
                progress(ROUND, time + 1, times)
        for name in (*map(_input, range(len(inputs))), *map(_output, range(made))):
            self._runtime.del_var(name)
        return times * outputs

    @property
    def _others(self) -> list[int]:
        return [rank for rank in range(self._engine.parties) if rank != self._me]

    def _executable(self, work: ProgramTask | Turn, inputs: Sequence[EngineInput]) -> tuple[Any, int]:
        shapes = tuple((given.name, given.dtype, given.shape) for given in work.inputs)
        key = (work.program, canonical(work.parameters), shapes)
        if key not in self._compiled:
            self._compiled[key] = _compiled(work, inputs)
        return self._compiled[key]

    def _dealt_one_by_one(self, inputs: Sequence[EngineInput], handed: Handed) -> Iterator[Any]:
        """Our share of each input, one after the other, since they may be large."""
        for place, given in enumerate(inputs):
            if given.owner is None:
                yield _libspu(handed.kept(place))
            elif given.owner == self._me:
                share, messages = self._dealt(_own(place, given, handed), given.dtype)
                for rank, message in messages.items():
                    self._link.send(rank, message)
                yield share
            else:
                yield self._received(given, self._link.recv(given.owner))

    def _dealt_at_once(self, context: bytes, inputs: Sequence[EngineInput], handed: Handed) -> Iterator[Any]:
        """The same of a turn's inputs, which are small: each peer gets one message with the context and all that is
        dealt to it, and we wait for nothing before all of ours are under way. ProtocolError `spu.turn`."""
        own, messages = {}, {rank: [context] for rank in self._others}
        for place, given in enumerate(inputs):
            if given.owner == self._me:
                own[place], dealt = self._dealt(_own(place, given, handed), given.dtype)
                for rank, message in dealt.items():
                    messages[rank].append(frame(message))
        for rank, parts in messages.items():
            self._link.send_async(rank, b"".join(parts))
        readers = {rank: _reader(self._link.recv(rank), context) for rank in self._others}
        for place, given in enumerate(inputs):
            if given.owner is None:
                yield _libspu(handed.kept(place))
            elif given.owner == self._me:
                yield own[place]
            else:
                yield self._received(given, readers[given.owner].frame(MAX_BYTES))

    def _dealt(self, array: Array, dtype: str) -> tuple[Any, dict[int, bytes]]:
        """Our share of an own array, and what each peer is to get: its share and no other."""
        if dealing.compact(self._engine, dtype):
            share, messages = dealing.deal(self._engine, self._me, array)
            return _as_libspu(share), messages
        shares = self._io.make_shares(array, spu.Visibility.VIS_SECRET)
        parts = {rank: ShareBytes(shares[rank].meta, tuple(shares[rank].share_chunks)) for rank in self._others}
        return shares[self._me], {rank: encode(part) for rank, part in parts.items()}

    def _received(self, given: EngineInput, raw: bytes) -> Any:
        """Our share of an input of the party that sent this."""
        if given.owner is None or not dealing.compact(self._engine, given.dtype):
            return _libspu(raw)
        return _as_libspu(dealing.receive(self._engine, given.owner, self._me, given.shape, raw))

    def _opened(self, name: str) -> Any:
        """The value of a variable that the program has opened."""
        return self._io.reconstruct([self._runtime.get_var(name)] * self._engine.parties)


def reconstruct(engine: Engine) -> int:
    """Put one value together from `share_file` of every party and write it as `array_file(0)`."""
    shares = [_libspu(Path(share_file(rank)).read_bytes()) for rank in range(engine.parties)]
    value = spu.Io(engine.parties, settings(engine)).reconstruct(shares)
    np.save(array_file(0), np.asarray(value), allow_pickle=False)
    return 1


def _compiled(task: ProgramTask | Turn, inputs: Sequence[EngineInput]) -> tuple[Any, int]:
    program = find(task.program)
    parameters = parse(program.parameters, task.parameters)

    def body(*arrays: Any) -> tuple[Any, ...]:
        named = {given.name: array for given, array in zip(task.inputs, arrays, strict=False)}
        outputs = program.body(parameters, named)
        if program.refusal is None:
            return outputs
        *results, zero = outputs
        return (*results, reveal(zero * sum(arrays[len(named) + 1 :], start=arrays[len(named)])))

    names: list[str] = []

    def named(flat: list[Any]) -> list[str]:
        names.extend(_output(place) for place in range(len(flat)))
        return names

    executable, _ = frontend.compile(
        frontend.Kind.JAX,
        body,
        [jax.ShapeDtypeStruct(given.shape, given.dtype) for given in inputs],
        {},
        [_input(place) for place in range(len(inputs))],
        [spu.Visibility.VIS_SECRET] * len(inputs),
        named,
        copts=_options(small=isinstance(task, Turn)),
    )
    return executable, len(names)


def _options(*, small: bool) -> Any:
    """SPU reads a program's text anew each time it runs; words about memory to free are a fifth of a small one's."""
    options = libspu.CompilerOptions()
    options.disable_deallocation_insertion = small
    return options


def _masks(parties: int) -> Iterator[EngineInput]:
    """A number from each party, which a refusing program's last output is multiplied by the sum of."""
    return (EngineInput(name=f"{_MASK}{rank}", owner=rank, dtype="int64", shape=(1,)) for rank in range(parties))


def _own(place: int, given: EngineInput, handed: Handed) -> Array:
    if given.name.startswith(_MASK):
        return np.frombuffer(secrets.token_bytes(8), np.int64)
    return handed.array(place, given)


def _reader(message: bytes, context: bytes) -> FrameReader:
    """What a party deals in a turn. ProtocolError `spu.turn` where it is at another one."""
    reader = FrameReader(message, "a turn's shares")
    if reader.take(len(context)) != context:
        raise ProtocolError("a party computes something else over this link", code="spu.turn")
    return reader


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
