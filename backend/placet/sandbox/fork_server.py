"""`python -m placet.sandbox.fork_server SOCKET`: the process that a sandbox's programs are forked from.

It has imported the package once and has one thread alone, those of libraries counted, so that a program starts in
hundredths of a second instead of two seconds of processor time. A request comes over a socket whose other end the
starter holds, together with descriptors: stdin, stdout, stderr, and a pipe that is told the process's id, or the
system's error as a negative number, and, once it has ended, its exit code. At the socket's end this process ends, and
whatever it has forked is killed, unless it is to last.

A program that was forked shares imported code with the others, and nothing else: its session, folder, environment,
standard files and signals are its own, and no other descriptor is open in it. Python draws a new seed for `random`
after a fork; secrets come from the system anyway.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import importlib
import multiprocessing
import os
import runpy
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NoReturn

from placet.chain import keystore
from placet.core.lookalikes import skeleton
from placet.core.values import build_values
from placet.owner import wallet
from placet.recipes.runs import RUNS
from placet.sandbox.forking import FILES, ForkRequest
from placet.sandbox.launch import IS_CLOSED, record

_CLIENTS = ("cli.main", "cli.doctor", "chain.deploy", "vault.setup", "vault.batch_making", "owner.client")
_AUDIT = ("audit.collect", "audit.verify")
_SERVERS = ("node.__main__", "node.processes", "vault.__main__", "identity.serve")
_OWN = ("sandbox.signing", "sandbox.token")
_LATE = (
    "alembic.command",
    "phonenumbers",
    "pyarrow.parquet",
    "sqlalchemy.ext.compiler",
    "uvicorn.lifespan.on",
)
"""What programs import once they have started."""
PRELOADED = (*(f"placet.{name}" for name in (*_CLIENTS, *_AUDIT, *_SERVERS, *_OWN)), *_LATE)
KEY_COST, WALLET_COST = 2**10, 2**14
"""The passphrase of a sandbox lies beside its keys, so that a costly derivation protects nothing: key files and wallets
that are made here open in hundredths of a second. A wallet takes no less than this."""

_KILL_WITH_PARENT, _NAME = 1, 15
"""Of prctl(2)."""


def serve(door: socket.socket) -> None:
    """Fork what is asked for until the starter ends, and then kill what is not to last."""
    ended, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker)
    running: dict[BaseProcess, tuple[Connection, bool]] = {}
    while True:
        ready, _, _ = select.select([door.fileno(), ended], [], [])
        if ended in ready:
            os.read(ended, 4096)
            for process in [process for process in running if process.exitcode is not None]:
                pipe, _ = running.pop(process)
                _tell(pipe, process.exitcode)
                pipe.close()
        if door.fileno() in ready:
            if (order := ForkRequest.receive(door)) is None:
                break
            request, files = order
            if len(files) == FILES:
                _start(request, files, running)
            for descriptor in files:
                os.close(descriptor)
    short = [process for process, (_, lasting) in running.items() if not lasting]
    for process in short:
        process.kill()
    for process in short:
        process.join()


def _start(request: ForkRequest, files: list[int], running: dict[BaseProcess, tuple[Connection, bool]]) -> None:
    pipe = Connection(files.pop(), readable=False)
    process = multiprocessing.get_context("fork").Process(target=_become, args=(request, files, os.getpid()))
    try:
        process.start()
    except OSError as error:  # no room for another process
        _tell(pipe, -(error.errno or errno.EIO))
        pipe.close()
    else:
        running[process] = pipe, request.lasting
        _tell(pipe, process.pid)


def _tell(pipe: Connection, number: int | None) -> None:
    with contextlib.suppress(OSError):  # the starter may have gone
        pipe.send_bytes(str(number).encode())


def _become(request: ForkRequest, files: Sequence[int], server: int) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.platform == "linux":
        _tie(request, server)
    os.setsid()
    for number, descriptor in enumerate(files):
        os.dup2(descriptor, number)
    for name in os.listdir("/dev/fd"):  # noqa: PTH208
        if int(name) > 2:
            with contextlib.suppress(OSError):  # the one that the list was read with
                os.close(int(name))
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.env)
    time.tzset()
    if request.record is not None and not record(Path(request.record[0]), request.record[1]):
        sys.exit(IS_CLOSED)
    keystore.SCRYPT_N, wallet.SCRYPT_N = KEY_COST, WALLET_COST
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.argv = [request.module, *request.words]
    gc.enable()
    if request.module.endswith(".py"):
        runpy.run_path(request.module, run_name="__main__")
    else:
        runpy.run_module(request.module, run_name="__main__", alter_sys=True)


def _tie(request: ForkRequest, server: int) -> None:
    """Be killed once the server ends, however it does (see `placet.core.child`), and have a name that `ps` shows."""
    library = ctypes.CDLL(None)
    library.prctl(_NAME, " ".join([request.module.partition(".")[0], *request.words[:1]]).encode())
    if not request.lasting and (library.prctl(_KILL_WITH_PARENT, signal.SIGKILL) != 0 or os.getppid() != server):
        os._exit(1)


def load() -> None:
    """Import what is forked. It is never garbage, so that nobody looks for some in it."""
    gc.disable()
    for name in PRELOADED:
        importlib.import_module(name)
    importlib.import_module("placet.cli.main").whole_tree()
    list(RUNS.values())  # imports all recipes
    build_values()
    skeleton("")  # reads the tables of look-alikes
    gc.freeze()


def main(door: int) -> NoReturn:
    """Serve whoever holds the other end. Ctrl-C is for the starter."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=door) as served:
        try:
            serve(served)
        except Exception:
            traceback.print_exc()
            os._exit(1)  # the usual end would wait for all that was forked
    os._exit(0)  # leaves what lasts alone


if __name__ == "__main__":
    load()
    main(int(sys.argv[1]))
