"""Asking for a program that is forked from `placet.sandbox.fork_server`, of which this process has one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, Pipe
from typing import Self

from placet.chain.processes import identity
from placet.core.parquet_gate import demand_pyarrow

_HEAD = 4
"""Bytes of a request's length, which come with its descriptors."""
FILES = 4
"""stdin, stdout, stderr, and the writing end of the new process's pipe."""
_LOOK = 0.05
"""Seconds between two looks at a process of which nobody tells any more."""
_STARTS, _KILLED = 300.0, 60.0
"""Seconds within which the server, which imports the package first, answers, and the system ends what was killed."""
_ONE_THREAD = {"JE_ARROW_MALLOC_CONF": "background_thread:false", "OPENBLAS_NUM_THREADS": "1"}
"""pyarrow's allocator and numpy's algebra start threads when they are imported, and a fork beside a thread may begin
with a lock that nobody opens."""


@dataclass(frozen=True)
class ForkRequest:
    """`python -m MODULE WORDS…`, or `python FILE WORDS…`; `record`: the folder and the name under which it writes its
    process id down."""

    words: Sequence[str]
    folder: str
    env: dict[str, str]
    module: str = "placet.cli"
    record: tuple[str, str] | None = None
    lasting: bool = False
    """Does it outlive this process?"""

    def send(self, door: socket.socket, files: Sequence[int]) -> None:
        """To the server, with `FILES`."""
        content = json.dumps(asdict(self)).encode()
        socket.send_fds(door, [len(content).to_bytes(_HEAD)], files)
        door.sendall(content)

    @classmethod
    def receive(cls, door: socket.socket) -> tuple[Self, list[int]] | None:
        """With the files; None once the starter has ended. The files are fewer where no more can be open here."""
        head, files, _, _ = socket.recv_fds(door, _HEAD, FILES)
        size = int.from_bytes(head)
        content = door.recv(size, socket.MSG_WAITALL) if head else b""
        if len(head) < _HEAD or len(content) < size:
            return None
        return cls(**json.loads(content)), files


class Forked:
    """A running program, with the methods of `subprocess.Popen` that its users need."""

    def __init__(self, args: Sequence[str], pipe: Connection) -> None:
        """OSError where the system has no room for another process, RuntimeError where the server has ended."""
        self.args = list(args)
        self.returncode: int | None = None
        self._pipe: Connection | None = pipe
        self._hearing = threading.Lock()
        if not pipe.poll(_STARTS):
            raise RuntimeError("the process that others are forked from does not answer")
        try:
            self.pid = int(pipe.recv_bytes())
        except EOFError:
            raise RuntimeError("the process that others are forked from has ended, or can open no more files") from None
        if self.pid < 0:
            raise OSError(-self.pid, os.strerror(-self.pid))
        self._identity = identity(self.pid)

    def poll(self) -> int | None:
        return self._hear(0)

    def wait(self, timeout: float | None = None) -> int:
        end = None if timeout is None else time.monotonic() + timeout
        while (code := self._hear(None if end is None else max(end - time.monotonic(), 0))) is None:
            if end is not None and time.monotonic() >= end:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            time.sleep(_LOOK)
        return code

    def _hear(self, timeout: float | None) -> int | None:
        """The exit code; None if it still runs after `timeout` seconds, or as far as can be seen."""
        pipe = self._pipe
        if self.returncode is None and pipe is not None and pipe.poll(timeout):
            with self._hearing:
                if self.returncode is None and self._pipe is not None:
                    try:
                        self.returncode = int(pipe.recv_bytes())
                    except EOFError:  # the server was killed, and with it what it had forked that was not to last
                        self._pipe = None
        if self.returncode is None and self._pipe is None:
            now = identity(self.pid)
            if now is None or now != self._identity:
                self.returncode = -signal.SIGKILL
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def end(self) -> None:
        """Kill it, and wait until it has ended. TimeoutExpired where the system does not end it."""
        self.kill()
        self.wait(_KILLED)


def fork(request: ForkRequest, stdin: int, stdout: int, stderr: int) -> Forked:
    """Start it with these standard files. From any thread."""
    report, telling = Pipe(duplex=False)
    with telling:
        _ask(request, [stdin, stdout, stderr, telling.fileno()])
    return Forked([request.module, *request.words], report)


class _Server:
    """Ends when this process does, which closes the socket."""

    def __init__(self) -> None:
        """ConfigError without the extra `parquet`, which the server loads: a sandbox has its tables in Parquet."""
        demand_pyarrow()
        self._door, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "placet.sandbox.fork_server", str(theirs.fileno())],
                cwd="/",
                env=os.environ | _ONE_THREAD,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=[theirs.fileno()],
            )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: ForkRequest, files: Sequence[int]) -> None:
        """OSError if it has ended. One caller at a time."""
        request.send(self._door, files)

    def close(self) -> None:
        self._door.close()


_asking = threading.Lock()
_servers: dict[int, _Server] = {}
"""By the id of the process that they are of: a fork of this process gets one of its own."""


def _ask(request: ForkRequest, files: Sequence[int]) -> None:
    """Of this process's server, or of a new one where it has none, or that one has ended. OSError where the new one
    ends too."""
    process = os.getpid()
    with _asking:
        server = _servers.get(process)
        if server is not None and server.alive:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has ended since
                return server.ask(request, files)
        if server is not None:
            server.close()
        _servers[process] = _Server()
        _servers[process].ask(request, files)
