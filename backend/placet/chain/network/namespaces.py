"""Network namespaces of Linux for the nodes of a local network: each of a thread's own, all on one bridge.

A namespace belongs to a thread and to what that thread starts (clone(2)), so a node's thread opens its connections and
starts its clients within. `ip` (iproute2) does the rest. The caller must be root of a user namespace or of the machine.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading

from placet.core.errors import ConfigError

BRIDGE = "validators"
_NEW_NET = 0x40000000
"""CLONE_NEWNET of <sched.h>."""


def address_of(node: int) -> str:
    """A node's address among the others."""
    return f"10.99.0.{node}"


def raise_bridge() -> None:
    """What the nodes are plugged into, in this thread's namespace."""
    _ip("link", "set", "lo", "up")
    _ip("link", "add", BRIDGE, "type", "bridge")
    _ip("link", "set", BRIDGE, "up")


def enter_own() -> int:
    """Give this thread a namespace of its own and return the thread's id. ConfigError where the system forbids it."""
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NET) != 0:
        raise ConfigError(
            "no network namespace for a node",
            found=os.strerror(ctypes.get_errno()),
            remedy="run it where namespaces are allowed: on Linux, not in a container that forbids them",
        )
    return threading.get_native_id()


def plug(node: int, thread: int) -> None:
    """A cable from the bridge of this thread into the namespace of another."""
    _ip("link", "add", _cable(node), "type", "veth", "peer", "name", "node", "netns", str(thread))
    join(node)


def configure(node: int) -> None:
    """A node's end of its cable, in this thread's namespace."""
    _ip("link", "set", "lo", "up")
    _ip("addr", "add", f"{address_of(node)}/24", "dev", "node")
    _ip("link", "set", "node", "up")
    _ip("route", "add", "default", "dev", "node")


def join(node: int) -> None:
    """Plug a node into the bridge."""
    _ip("link", "set", _cable(node), "master", BRIDGE, "up")


def divide(sides: list[list[int]]) -> None:
    """Each side but the first has a bridge of its own from now on: no side hears another."""
    for place, side in enumerate(sides):
        bridge = BRIDGE if place == 0 else f"side{place}"
        if place > 0:
            _ip("link", "add", bridge, "type", "bridge")
            _ip("link", "set", bridge, "up")
        for node in side:
            _ip("link", "set", _cable(node), "master", bridge)


def unite(sides: list[list[int]]) -> None:
    """Undo `divide`."""
    for place, side in enumerate(sides):
        for node in side:
            join(node)
        if place > 0:
            _ip("link", "delete", f"side{place}")


def _cable(node: int) -> str:
    return f"cable{node}"


def _ip(*words: str) -> None:
    try:
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=30)  # noqa: S607
    except FileNotFoundError:
        raise ConfigError("the program ip is missing", expected="iproute2", remedy="apt-get install iproute2") from None
    except subprocess.CalledProcessError as error:
        raise ConfigError(f"ip {' '.join(words)} failed", found=error.stderr.strip()[:200]) from None
