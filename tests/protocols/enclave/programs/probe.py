"""A program that tries what a sandboxed one must not be able to, and says how it went, as JSON."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import resource
import socket
import sys
from collections.abc import Callable
from typing import BinaryIO

LATE = ()
RAW = {
    "shmget": {"x86_64": 29, "aarch64": 194},
    "semget": {"x86_64": 64, "aarch64": 190},
    "msgget": {"x86_64": 68, "aarch64": 186},
    "timerfd_create": {"x86_64": 283, "aarch64": 85},
    "io_uring_setup": {"x86_64": 425, "aarch64": 425},
    "clone3": {"x86_64": 435, "aarch64": 435},
    "memfd_secret": {"x86_64": 447, "aarch64": 447},
    "not yet": {"x86_64": 900, "aarch64": 900},
}
"""Calls by their numbers."""


def said(do: Callable[[], object]) -> str:
    try:
        return f"did it: {do()}"
    except BaseException as error:
        return type(error).__name__


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def raw(number: int) -> str:
    """The error of a call whose three arguments are right for `shmget` and its like, and make others do nothing."""
    done = ctypes.CDLL(None, use_errno=True).syscall(number, 0, 4096, 0o1600)
    return "did it" if done >= 0 else errno.errorcode[ctypes.get_errno()]


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def opened(descriptor: int) -> bool:
    return said(lambda: os.fstat(descriptor)) != "OSError"


def write(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def run(source: BinaryIO, sink: BinaryIO) -> None:
    print("what a library might print must not reach the pipe of the frames")
    asked = json.loads(source.readline())
    descriptors = [number for number in range(256) if opened(number)]
    tried = {
        "connect": said(lambda: socket.socket().connect(("127.0.0.1", asked["port"]))),
        "socket": said(socket.socket),
        "socketpair": said(socket.socketpair),
        "interfaces": said(socket.if_nameindex),
        "fork": said(fork),
        "memory": said(lambda: bytearray(3 << 30)),
        "more memory": said(lambda: resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))),
        "root": said(lambda: os.setuid(0)),
        "groups": said(lambda: os.setgroups([0])),
        "hostname": said(lambda: os.sethostname("other") if hasattr(os, "sethostname") else socket.sethostname("x")),
        "memfd": said(lambda: os.memfd_create("x")),
        "pipe": said(os.pipe),
        "kill": said(lambda: os.kill(1, 0)),
    }
    sink.write(
        json.dumps(
            {
                "tried": tried,
                "raw": {name: raw(numbers[platform.machine()]) for name, numbers in RAW.items()},
                "read": {path: said(lambda path=path: open(path, "rb").read(1)) for path in asked["paths"]},  # noqa: PTH123, SIM115
                "written": {path: said(lambda path=path: write(path)) for path in asked["places"]},
                "processes": [process for process in range(1, 70_000) if alive(process)],
                "seen": sorted(os.path.join(at, name) for at, _, names in os.walk("/") for name in names),  # noqa: PTH118
                "environment": dict(os.environ),
                "descriptors": descriptors,
                "limits": {
                    name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))
                    for name in ("AS", "CPU", "CORE", "FSIZE", "NOFILE", "NPROC")
                },
                "dumpable": ctypes.CDLL(None).prctl(3),
                "user": [os.getuid(), os.getgid()],
                "modules": "placet" in sys.modules,
            }
        ).encode()
    )
    sink.flush()
