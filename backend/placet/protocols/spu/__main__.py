"""The engine's process: one task from standard input, one outcome on standard output, in the folder it starts in.

One task has more to come: a link that is kept takes a `Turn` a line, with what it brings behind it, and says of each
what came of it.

Standard input stays open for as long as somebody waits; once it ends, the process removes its folder and ends too, and
with it what it has started: it leads a group of its own.
"""

from __future__ import annotations

import contextlib
import os
import queue
import resource
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NoReturn

from placet.core.errors import ConfigError, PlacetError, unforeseen
from placet.core.values import parse
from placet.protocols.spu import leftovers
from placet.protocols.spu.handing import InFolder, InLine
from placet.protocols.spu.task import (
    FOLDER,
    KEY_FILE,
    MAX_TASK,
    Done,
    Doubted,
    Event,
    Failed,
    Order,
    ProgramTask,
    Progressed,
    PsiTask,
    ReconstructTask,
    ServeTask,
    Turn,
    line,
)
from placet.protocols.spu.tunnel import Tunnel

Turns = queue.SimpleQueue[tuple[Turn, InLine] | PlacetError]
_MEET = 60.0
_GRACE = 30
_SWITCH = 0.0005
"""Seconds after which the tunnel's thread gets its turn beside a small program, whose messages wait for it."""


class _Teller:
    """Says what happens, from whichever thread, whole lines only; after an outcome nothing more."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._ended = False

    def progress(self, stage: str, done: int, total: int) -> None:
        self._say(Progressed(stage=stage, done=done, total=total), last=False)

    def doubted(self, rank: int | None) -> None:
        self._say(Doubted(rank=rank), last=False)

    def turn(self, shares: Sequence[bytes]) -> None:
        done = Done(items=len(shares), sizes=tuple(map(len, shares)))
        self._say(done, last=False, behind=b"".join(shares))

    def outcome(self, value: Done | Failed) -> None:
        self._say(value, last=True)

    def _say(self, value: Event, *, last: bool, behind: bytes = b"") -> None:
        with self._lock:
            if not self._ended:
                self._ended = last
                self._out.write(line(value) + behind)
                self._out.flush()


def _failed(error: PlacetError) -> Failed:
    found = None if error.found is None else error.found[:400]
    return Failed(code=error.code, message=error.message[:400], found=found)


def _listened(folder: Path, turns: Turns | None) -> None:
    """What comes on standard input, and what is due once that ends."""
    while raw := sys.stdin.buffer.readline(MAX_TASK + 1):
        if turns is not None:
            turns.put(_read(raw))
    with contextlib.suppress(OSError):
        leftovers.remove(folder)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _read(raw: bytes) -> tuple[Turn, InLine] | PlacetError:
    """A turn, and what it brings; what is none has nothing behind it that could be found."""
    try:
        turn = parse(Turn, raw, limit=MAX_TASK)
    except PlacetError as error:
        return error
    return turn, InLine([sys.stdin.buffer.read(size) for size in turn.sizes])


def _perform(order: Order, teller: _Teller, turns: Turns) -> int | None:
    task = order.task
    if isinstance(task, ReconstructTask):
        from placet.protocols.spu.computing import reconstruct

        return reconstruct(task.engine)

    def lost(error: PlacetError) -> NoReturn:
        teller.outcome(_failed(error))
        os._exit(0)

    key = Path(KEY_FILE)
    tunnel = Tunnel(task.link, Path(), key, lost, teller.doubted)
    key.unlink()
    teller.progress("link", 0, 1)
    tunnel.open(min(_MEET, order.seconds / 2))
    from placet.protocols.spu.linking import connect, quiet

    quiet()
    link = connect(task.link, seconds=order.seconds)
    teller.progress("link", 1, 1)
    if isinstance(task, ServeTask):
        items: int | PlacetError | None = _served(task, link, teller, turns)
        link.barrier()
    else:
        teller.progress(task.kind, 0, 1)
        items = _together(task, link, teller)
        link.barrier()
        teller.progress(task.kind, 1, 1)
    tunnel.ease()
    with contextlib.suppress(RuntimeError):
        link.stop_link()
    tunnel.close()
    if isinstance(items, PlacetError):
        raise items
    return items


def _together(task: PsiTask | ProgramTask, link: object, teller: _Teller) -> int | PlacetError | None:
    """What came out. What all parties refuse alike is raised once the link has ended in good order, lest one that is
    late takes the others for lost."""
    if isinstance(task, PsiTask):
        from placet.protocols.spu.intersecting import intersect

        return intersect(task, link)
    from placet.protocols.spu.computing import Computer, RefusedError

    try:
        return Computer(link, task.link.me, task.engine).run(task, InFolder(), teller.progress)
    except RefusedError as refusal:
        return refusal


def _served(task: ServeTask, link: object, teller: _Teller, turns: Turns) -> int | PlacetError:
    """Every turn until there are enough, or one is refused by all alike: who keeps the link ends it before, by ending
    this process."""
    from placet.protocols.spu.computing import Computer, RefusedError

    sys.setswitchinterval(_SWITCH)
    computer = Computer(link, task.link.me, task.engine)
    teller.progress(task.kind, 0, task.turns)
    try:
        for _ in range(task.turns):
            turn = turns.get()
            if isinstance(turn, PlacetError):
                raise turn
            computer.run(*turn, teller.progress)
            teller.turn(turn[1].shares)
    except RefusedError as refusal:
        return refusal
    turns.get()  # what came last is read by then: nothing more is taken
    return 0


def main() -> int:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    teller = _Teller(out)
    try:
        if not Path.cwd().name.startswith(FOLDER):
            raise ConfigError("the engine starts in a folder of its own", expected=f"{FOLDER}…", found=Path.cwd().name)
        import spu  # noqa: F401 - it takes a second, which a process that has no order yet has

        raw = sys.stdin.buffer.readline(MAX_TASK + 1)
        if not raw:
            leftovers.remove(Path.cwd())  # nobody wants anything of it
            os._exit(0)
        order = parse(Order, raw, limit=MAX_TASK)
        signal.alarm(order.seconds + _GRACE)
        turns: Turns = queue.SimpleQueue()
        listener = turns if isinstance(order.task, ServeTask) else None
        threading.Thread(target=_listened, args=(Path.cwd(), listener), daemon=True).start()
        teller.outcome(Done(items=_perform(order, teller, turns)))
    except PlacetError as error:
        teller.outcome(_failed(error))
    except Exception as error:
        print(repr(error), file=sys.stderr, flush=True)
        teller.outcome(Failed(code="spu.engine", message="the engine failed", found=unforeseen(error)[-400:]))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
