"""Asking for a program that is forked from `placet.sandbox.fork_server`, of which this process has one."""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, Pipe
from typing import Self

_HEAD = 4
"""Bytes of a request's length, which come with its descriptors."""
_FILES = 4


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
        """To the server, with stdin, stdout, stderr and the writing end of the new process's pipe."""
        content = json.dumps(asdict(self)).encode()
        socket.send_fds(door, [len(content).to_bytes(_HEAD)], files)
        door.sendall(content)

    @classmethod
    def receive(cls, door: socket.socket) -> tuple[Self, list[int]] | None:
        """With the files; None once the starter has ended."""
        head, files, _, _ = socket.recv_fds(door, _HEAD, _FILES)
        size = int.from_bytes(head)
        content = door.recv(size, socket.MSG_WAITALL) if head else b""
        if len(head) < _HEAD or len(content) < size:
            return None
        return cls(**json.loads(content)), files


class Forked:
    """A running program, with the methods of `subprocess.Popen` that its users need."""

    def __init__(self, args: Sequence[str], pipe: Connection) -> None:
        self.args = list(args)
        self.returncode: int | None = None
        self._pipe = pipe
        self._hearing = threading.Lock()
        try:
            self.pid = int(pipe.recv_bytes())
        except EOFError:
            raise RuntimeError("the process that others are forked from has ended") from None

    def poll(self) -> int | None:
        return self._hear(0)

    def wait(self, timeout: float | None = None) -> int:
        if (code := self._hear(timeout)) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def _hear(self, timeout: float | None) -> int | None:
        """The exit code; None if it still runs after `timeout` seconds."""
        if self.returncode is None and self._pipe.poll(timeout):
            with self._hearing:
                if self.returncode is None:
                    try:
                        self.returncode = int(self._pipe.recv_bytes())
                    except EOFError:  # the server was killed, and with it what it had forked
                        self.returncode = -signal.SIGKILL
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def fork(request: ForkRequest, stdin: int, stdout: int, stderr: int) -> Forked:
    """Start it with these standard files. From any thread."""
    told, telling = Pipe(duplex=False)
    with telling:
        _server(os.getpid()).ask(request, [stdin, stdout, stderr, telling.fileno()])
    return Forked([request.module, *request.words], told)


class _Server:
    """Ends when this process does, which closes the socket."""

    def __init__(self) -> None:
        self._door, theirs = socket.socketpair()
        self._asking = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "placet.sandbox.fork_server", str(theirs.fileno())],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=[theirs.fileno()],
            )

    def ask(self, request: ForkRequest, files: Sequence[int]) -> None:
        with self._asking:
            request.send(self._door, files)


_starting = threading.Lock()


def _server(process: int) -> _Server:
    with _starting:
        return _made(process)


@functools.cache
def _made(process: int) -> _Server:
    """A fork of this process gets one of its own."""
    return _Server()
