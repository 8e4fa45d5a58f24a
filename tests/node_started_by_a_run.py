"""A test that starts all kinds of processes and never ends: run by `test_reaper`, which kills its run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.node.conftest import NodeEnvironment
from tests.node.conftest import environment as environment
from tests.node.test_relay import Process

from placet.chain import local
from started_by_a_run import daemon as daemon
from started_by_a_run import stay


def test_with_a_node(environment: NodeEnvironment, daemon: local.Running, tmp_path: Path) -> None:
    """A chain, a program that Python starts, a node that is forked as its vault is, and a daemon."""
    node = Process(environment, tmp_path / "node")
    node.start()
    assert node.child is not None
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"]) as program:
        stay(chain=environment.anvil.pid, program=program.pid, node=node.child.pid, daemon=daemon.pid)
