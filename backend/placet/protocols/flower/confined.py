"""What the engine's process may not do: take memory beyond a bound, open a connection, dump its memory."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Sequence
from typing import Any

MEMORY = 8 << 30
"""Bytes."""
_NEWUSER, _NEWNET = 0x10000000, 0x40000000
_NETWORK = ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname")


def confine(seconds: int) -> None:
    """Once, before anything else is imported. Where Linux lets it, the process gets a network of its own, with nobody
    else in it; everywhere Python's own sockets are refused. The process ends after `seconds`."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard), hard))
    if sys.platform == "linux":
        ctypes.CDLL(None).unshare(_NEWUSER | _NEWNET if os.geteuid() else _NEWNET)
    sys.addaudithook(_refuse)
    signal.alarm(seconds)


def _refuse(event: str, arguments: Sequence[Any]) -> None:
    if event in _NETWORK:
        raise PermissionError(f"the engine has no network: {event}")
