"""Tests that start real processes and never end: run by `test_reaper`, which kills their run."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from tests.node.conftest import World
from tests.node.conftest import world as world
from tests.node.test_relay import Process

from placet.chain import local
from placet.chain.local import LocalChain
from placet.sandbox import program
from placet.sandbox.consortium import wait
from placet.sandbox.forking import ForkRequest

SHOWN = Path(os.environ["SHOWN"])


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[local.Running]:
    """A chain that outlives who started it: `placet chain up`."""
    running = local.up(tmp_path / "chain", port=local.free_port()).running
    assert running is not None
    yield running
    local.down(tmp_path / "chain")


def stay(**pids: int) -> None:
    """Tell which processes run, and since when (an id may be given anew), and wait for the end."""
    ids = {**pids, "pytest": os.getpid()}
    written = SHOWN / f"{os.getpid()}.new"
    written.write_text(json.dumps({name: [pid, psutil.Process(pid).create_time()] for name, pid in ids.items()}))
    written.replace(SHOWN / f"{len(list(SHOWN.glob('*.json')))}.json")
    while True:
        time.sleep(3600)


def test_with_a_node(world: World, daemon: local.Running, tmp_path: Path) -> None:
    """A chain, a vault that Python starts, a node that is forked, and a daemon."""
    node = Process(world, tmp_path / "node")
    env = {name: value for name, value in os.environ.items() if not name.startswith("PLACET_")}
    request = ForkRequest(["node", "--config", str(node.file)], str(tmp_path), env)
    started = program.start(request, Path(os.devnull), node.log, node.log)
    wait(lambda: _answers(node.url + "/healthz"), "node", node.log)
    [vault] = [one for one in psutil.Process().children() if "placet.vault" in one.cmdline()]
    stay(chain=world.anvil.pid, vault=vault.pid, node=started.pid, daemon=daemon.pid)


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(url, trust_env=False, timeout=5).status_code == 200
    return False


@pytest.mark.parametrize("number", range(2))
def test_with_a_chain(anvil: LocalChain, daemon: local.Running, number: int) -> None:
    """A chain and a daemon."""
    stay(chain=anvil.pid, daemon=daemon.pid)
