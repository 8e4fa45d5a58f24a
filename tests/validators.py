"""A network of four validators that a test may hurt: nodes are killed, cables pulled."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from placet.chain.local import rpc
from placet.chain.network import host
from placet.chain.network.settings import NetworkSettings, demand_clients
from placet.core.errors import ChainError, ConfigError

SLOT = 3
"""Seconds between blocks: eight clients beside whatever else this machine does."""
NODES = 4
FINAL_SECONDS = 600.0


def needs_clients() -> None:
    """Skip where a network can't run."""
    try:
        demand_clients()
    except ConfigError as error:
        pytest.skip(f"{error.message}: placet chain install --validators")
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("no namespaces here: unshare and ip are missing")


class Validators:
    """For the length of a `with` block; its processes end with this one's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = NetworkSettings(NODES, host.free_ports(NODES), 31337, SLOT)

    def __enter__(self) -> Self:
        host.up(self.folder, self.settings, child=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        host.down(self.folder)

    @property
    def url(self) -> str:
        """Of the first node."""
        return self.settings.url(1)

    def rpc(self, method: str, *params: object) -> Any:
        return rpc(self.url, method, *params)

    def block_number(self) -> int:
        return int(self.rpc("eth_blockNumber"), 16)

    def kill(self, *nodes: int) -> None:
        """SIGKILL to both clients of each."""
        for node in nodes:
            host.order(self.folder, {"do": "kill", "node": node})

    def start(self, *nodes: int) -> None:
        for node in nodes:
            host.order(self.folder, {"do": "start", "node": node})

    def divide(self, *sides: list[int]) -> None:
        host.order(self.folder, {"do": "divide", "sides": sides})

    def unite(self) -> None:
        host.order(self.folder, {"do": "unite"})

    def final(self, node: int = 1) -> int:
        """The number of a node's finalized block; 0 before the first."""
        return self._number(node, "finalized")

    def latest(self, node: int = 1) -> int:
        return self._number(node, "latest")

    def _number(self, node: int, tag: str) -> int:
        try:
            block = rpc(self.settings.url(node), "eth_getBlockByNumber", tag, False)
        except ChainError:
            return 0
        return 0 if block is None else int(block["number"], 16)

    def hash(self, node: int, block: int) -> str:
        return str(rpc(self.settings.url(node), "eth_getBlockByNumber", hex(block), False)["hash"])

    def finalises(self, beyond: int | None = None, nodes: tuple[int, ...] = (1,)) -> None:
        """Wait until these nodes have a later finalized block than that; their latest one of now, unless given."""
        for node in nodes:
            least = self.latest(node) if beyond is None else beyond
            until(lambda n=node, b=least: self.final(n) >= b, f"node {node} finalises block {least}")  # type: ignore[misc]


def until(ready: Callable[[], object], what: str, seconds: float = FINAL_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.5)


def processes_below(folder: Path) -> list[int]:
    """Which processes have the folder on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(os.fsencode(folder) in word for word in words):
                found.append(int(entry.name))
    return found
