"""A folder's network of validators as this machine sees it: `up`, `down`, `status`, and orders to its supervisor.

`up` leaves it running; with `child` it ends with the process that started it. In either case no client outlives the
supervisor: they are in a namespace of processes whose first one it is (pid_namespaces(7)), and `unshare --kill-child`
ends that one with itself.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from placet.chain.anvil import HOST, check_free, free_port, rpc, tail
from placet.chain.network.settings import SHORTEST_SLOT, NetworkSettings, demand_clients, found
from placet.chain.processes import identity, locked
from placet.core.child import start_child
from placet.core.errors import ChainError, ConfigError, StateError

START_SECONDS = 900.0
STOP_SECONDS = 90.0
ORDER_SECONDS = 300.0
LONGEST_SOCKET = 107
"""Bytes of a Unix socket's path (unix(7))."""
_PAUSE = 0.2


@dataclass(frozen=True)
class NodeStatus:
    """One node: its JSON-RPC, whether both its clients run, its latest and its finalized block; None where it does not
    say."""

    url: str
    runs: bool
    block: int | None
    finalized: int | None


@dataclass(frozen=True)
class NetworkStatus:
    """`pid` is None where the network is down, `nodes` is empty then."""

    folder: Path
    chain_id: int
    pid: int | None
    nodes: tuple[NodeStatus, ...]


def is_network(folder: Path) -> bool:
    """Does the folder hold a network, and no Anvil?"""
    return (folder / "network.json").is_file()


def up(folder: Path, settings: NetworkSettings, *, child: bool = False) -> NetworkStatus:
    """Start the folder's network and wait for its first block; nothing to do if it runs. ConfigError without Linux'
    namespaces or the clients, StateError where the folder holds another one, ChainError if a client does not start."""
    folder = folder.resolve()
    demand_clients()
    if sys.platform != "linux":
        raise ConfigError("a network of validators runs on Linux only", remedy="placet chain up, without --validators")
    if len(os.fsencode(folder / "control")) > LONGEST_SOCKET:
        raise ConfigError("the folder's path is too long", expected="at most 99 bytes", found=folder)
    with locked(folder):
        before = NetworkSettings.read(folder)
        if before is None:
            if (folder / "state.json").exists():
                raise StateError("the folder holds the state of an Anvil", found=str(folder), remedy="choose another")
            found(folder, settings)
        elif replace(before, genesis_time=0, genesis_hash="") != settings:
            raise StateError(
                "the folder holds a network with other settings",
                expected=before.shown,
                remedy="give the same, or another folder",
            )
        if _running(folder) is None:
            _start(folder, settings, child=child)
        return status(folder)


def down(folder: Path) -> NetworkStatus:
    """Stop the folder's network: all clients are asked to end, so that what they have is on disk."""
    folder = folder.resolve()
    with locked(folder):
        pid = _running(folder)
        if pid is not None:
            try:
                order(folder, {"do": "down"})
                _wait_until_gone(folder, STOP_SECONDS)
            except (OSError, StateError):
                os.kill(pid, signal.SIGKILL)
                _wait_until_gone(folder, STOP_SECONDS)
        (folder / "network.pid.json").unlink(missing_ok=True)
        return status(folder)


def status(folder: Path) -> NetworkStatus:
    """Whether the folder's network runs, and how far each node is."""
    folder = folder.resolve()
    settings, pid = NetworkSettings.read(folder), _running(folder)
    if settings is None:
        raise StateError("the folder holds no network", found=str(folder))
    if pid is None:
        return NetworkStatus(folder, settings.chain_id, None, ())
    running = set(order(folder, {"do": "status"})["nodes"])
    places = range(1, settings.validators + 1)
    nodes = tuple(_node(settings.url(place), runs=place in running) for place in places)
    return NetworkStatus(folder, settings.chain_id, pid, nodes)


def order(folder: Path, content: Mapping[str, object]) -> dict[str, Any]:
    """Have the supervisor do something, and return how things stand then. StateError where it refuses."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ORDER_SECONDS)
        connection.connect(str(folder / "control"))
        connection.sendall(json.dumps(content).encode() + b"\n")
        answer: dict[str, Any] = json.loads(b"".join(iter(lambda: connection.recv(65_536), b"")))
    if "error" in answer:
        raise StateError("the network does not do this", found=answer["error"])
    return answer


def free_ports(count: int) -> int:
    """The first of so many ports in a row that were free a moment ago."""
    while True:
        first = free_port()
        try:
            for place in range(1, count):
                check_free(first + place)
        except ChainError:
            continue
        return first


def _start(folder: Path, settings: NetworkSettings, *, child: bool) -> None:
    listeners = []
    for place in range(settings.validators):
        check_free(settings.port + place)
        listeners.append(socket.create_server((HOST, settings.port + place), backlog=64))
    descriptors = [one.fileno() for one in listeners]
    command = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    command += ["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command += [sys.executable, "-m", "placet.chain.network.supervisor", str(folder), *map(str, descriptors)]
    start = start_child if child else subprocess.Popen
    (folder / "control").unlink(missing_ok=True)
    with (folder / "network.log").open("wb") as sink:
        process: subprocess.Popen[bytes] = start(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            pass_fds=descriptors,
            start_new_session=True,
            cwd=folder,
        )
    for one in listeners:
        one.close()
    try:
        written = {"pid": process.pid, "identity": identity(process.pid)}
        (folder / "network.pid.json").write_text(json.dumps(written) + "\n")
        _wait_until_up(folder, settings, process)
    except BaseException:
        process.kill()
        process.wait()
        raise


def _wait_until_up(folder: Path, settings: NetworkSettings, process: subprocess.Popen[bytes]) -> None:
    """Until all nodes run and the first block is there."""
    deadline, started = time.monotonic() + START_SECONDS, False
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            started = started or bool(order(folder, {"do": "status"})["started"])
            if started and int(rpc(settings.url(1), "eth_blockNumber"), 16) > 0:
                return
        except (OSError, ValueError, ChainError):
            pass  # not there yet
        time.sleep(_PAUSE)
    raise ChainError(
        "the network did not start", found=tail(folder / "network.log"), remedy=f"see the logs below {folder}"
    )


def _wait_until_gone(folder: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while _running(folder) is not None:
        if time.monotonic() > deadline:
            raise StateError("the network did not end", expected=f"within {seconds:g} s")
        time.sleep(_PAUSE)


def _running(folder: Path) -> int | None:
    """The supervisor's process in this machine's count; None where there is none."""
    file = folder / "network.pid.json"
    try:
        fields = json.loads(file.read_bytes())
        pid, written = int(fields["pid"]), str(fields["identity"])
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise StateError(
            "the pid file is damaged", found=str(file), remedy="remove it; end the network by hand"
        ) from error
    return pid if identity(pid) == written else None


def _node(url: str, *, runs: bool) -> NodeStatus:
    def number(tag: str) -> int | None:
        try:
            return int(rpc(url, "eth_getBlockByNumber", tag, False)["number"], 16)
        except (ChainError, TypeError, KeyError, ValueError):
            return None

    return NodeStatus(url, runs, number("latest") if runs else None, number("finalized") if runs else None)


def settings_of(validators: int, port: int, chain_id: int, slot: float) -> NetworkSettings:
    """ConfigError for a slot that is not of whole seconds, two at least."""
    if slot != int(slot) or slot < SHORTEST_SLOT:
        raise ConfigError(
            "validators need whole seconds between blocks", expected=f"{SHORTEST_SLOT} or more", found=slot
        )
    return NetworkSettings(validators, port, chain_id, int(slot))
