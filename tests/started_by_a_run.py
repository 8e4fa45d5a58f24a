"""Tests that start a chain and never end: run by `test_reaper`, which kills their run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from placet.chain import local
from placet.chain.local import LocalChain

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


@pytest.mark.parametrize("number", range(2))
def test_with_a_chain(anvil: LocalChain, daemon: local.Running, number: int) -> None:
    """A chain and a daemon."""
    stay(chain=anvil.pid, daemon=daemon.pid)
