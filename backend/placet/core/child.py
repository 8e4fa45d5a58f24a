"""Child processes that end with the process that started them, however that one ends.

Linux sends a process a signal of its choice once its parent *thread* has ended (`PR_SET_PDEATHSIG`, prctl(2)). Two
precautions make it sound: a small launcher sets it in the child itself and looks whether the parent is still there
(nothing runs between fork and exec, which is unsafe beside threads), and all children are started by one thread that
lives as long as the process. Elsewhere than on Linux a child is started as usual.
"""

from __future__ import annotations

import functools
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

_LAUNCHER = """\
import ctypes, os, sys
if ctypes.CDLL(None).prctl(1, 9, 0, 0, 0) != 0 or os.getppid() != int(sys.argv[1]):
    sys.exit("not started: its parent has ended")
os.execvp(sys.argv[2], sys.argv[2:])
"""
"""1 is PR_SET_PDEATHSIG, 9 is SIGKILL, which also reaches a process that is stopped."""


def start_child(command: Sequence[str | os.PathLike[str]], **options: Any) -> subprocess.Popen[Any]:
    """`subprocess.Popen(command, **options)` of a process that is killed once this one has ended. From any thread.

    The process's id is the command's own. A command that does not exist is an exit with code 1, not an exception.
    """
    outcome: Future[subprocess.Popen[Any]] = Future()

    def start() -> None:
        try:
            outcome.set_result(subprocess.Popen(_tied(command), **options))
        except BaseException as error:
            outcome.set_exception(error)

    _starts(os.getpid()).put(start)
    return outcome.result()


def _tied(command: Sequence[str | os.PathLike[str]]) -> list[str]:
    words = [os.fspath(word) for word in command]
    if sys.platform != "linux":
        return words
    return [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *words]


@functools.cache
def _starts(process: int) -> queue.SimpleQueue[Callable[[], None]]:
    """What the starting thread of this process has to do; a fork of the process gets a thread of its own."""
    starts: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def run() -> None:
        while True:
            starts.get()()

    threading.Thread(target=run, name=f"children-of-{process}", daemon=True).start()
    return starts
