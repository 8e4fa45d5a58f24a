"""A run of pytest that is killed or interrupted leaves no process behind: no chain, node, vault or daemon."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from interrupting import hears_ctrl_c
from placet.sandbox.consortium import wait

TESTS = Path(__file__).parent
WITH_A_CHAIN, WITH_A_NODE = TESTS / "started_by_a_run.py", TESTS / "node_started_by_a_run.py"
Processes = dict[str, psutil.Process]


class Run:
    """pytest over tests that never end, in a process group of its own as a terminal's command has it."""

    def __init__(self, folder: Path, inner: Path, *words: str) -> None:
        self.shown = folder / "shown"
        self.shown.mkdir()
        self.log = folder / "log"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:schemathesis",
            str(inner),
            *words,
        ]
        with self.log.open("wb") as sink:
            self.process = subprocess.Popen(
                [*command, f"--basetemp={folder / 'tmp'}"],
                cwd=TESTS.parent,
                env=os.environ | {"SHOWN": str(self.shown)},
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                preexec_fn=hears_ctrl_c,
            )

    def started(self, number: int) -> Processes:
        """What the `number`-th test that got so far (from 0) has started, and the pytest that ran it."""
        file = self.shown / f"{number}.json"
        wait(lambda: file.exists() or self.process.poll() is not None, "processes", self.log)
        assert file.exists(), self.log.read_text()
        processes = {name: psutil.Process(pid) for name, (pid, _) in json.loads(file.read_text()).items()}
        since = {name: begun for name, (_, begun) in json.loads(file.read_text()).items()}
        assert {name: process.create_time() for name, process in processes.items()} == since
        return processes


def all_end(processes: Processes) -> None:
    _, alive = psutil.wait_procs(list(processes.values()), timeout=180)
    assert alive == []


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path, whatever runs this: that of a socket far below it has 103 bytes at the most."""
    with tempfile.TemporaryDirectory(prefix="run-") as name:
        yield Path(name)


def test_a_killed_run_leaves_nothing(folder: Path) -> None:
    run = Run(folder, WITH_A_NODE)
    started = run.started(0)
    assert set(started) == {"chain", "program", "node", "daemon", "pytest"}
    started["node"].send_signal(signal.SIGSTOP)
    run.process.kill()
    run.process.wait(180)
    all_end(started)


@pytest.mark.slow
def test_neither_a_killed_worker_nor_an_interrupted_run_leaves_anything(folder: Path) -> None:
    """Of xdist: another worker follows the killed one; then Ctrl-C reaches all of the terminal's command."""
    run = Run(folder, WITH_A_CHAIN, "-n", "1")
    first = run.started(0)
    first["pytest"].kill()
    worker = first.pop("pytest")  # its parent never asks how it ended
    all_end(first)
    second = run.started(1)
    assert second["pytest"] != worker
    os.killpg(run.process.pid, signal.SIGINT)
    all_end(second)
    run.process.wait(180)


@pytest.mark.slow
def test_workers_end_with_a_killed_run(folder: Path) -> None:
    run = Run(folder, WITH_A_CHAIN, "-n", "1")
    started = run.started(0)
    run.process.kill()
    run.process.wait(180)
    all_end(started)
