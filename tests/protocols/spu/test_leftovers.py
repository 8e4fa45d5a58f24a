"""Nothing of a task is left, whoever is killed: no process, no folder, no trace. Needs no SPU."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from placet.core.errors import ProtocolError
from placet.protocols.spu import choose, leftovers, process
from placet.protocols.spu.task import ReconstructTask

ENGINE = """
import subprocess, sys, threading
from pathlib import Path
from placet.protocols.spu.__main__ import _listened
child = subprocess.Popen(["sleep", "600"])
print(child.pid, flush=True)
_listened(Path.cwd(), None)
"""

KILLED = """
import os, subprocess
child = subprocess.Popen(["sleep", "600"], stdout=2)
open("child", "w").write(str(child.pid))
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "engine" / "spu-task"
    made.mkdir(parents=True)
    (made / "identifiers.csv").write_text("alice\n")
    return made


@pytest.fixture
def trace(folder: Path) -> Iterator[Path]:
    """What SPU leaves outside the folder, and says in its log."""
    file = Path(f"/tmp/psi_{secrets.token_hex(8)}.trace")
    file.touch()
    (folder / leftovers.LOG).write_text(f"[info] Trace has been written to {file}.\n")
    yield file
    file.unlink(missing_ok=True)


def gone(pid: int) -> bool:
    try:
        psutil.Process(pid).wait(60)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def test_an_engine_whose_node_was_killed_takes_all_of_its_task_along(folder: Path, trace: Path) -> None:
    backend = str(Path(leftovers.__file__).parents[3])
    with subprocess.Popen(
        [sys.executable, "-c", ENGINE],
        cwd=folder,
        env={"PATH": os.defpath, "PYTHONPATH": backend},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as engine:
        assert engine.stdin is not None and engine.stdout is not None
        child = int(engine.stdout.readline())
        assert psutil.pid_exists(child)
        engine.stdin.close()
        engine.wait(60)
        ended = gone(child)
        if not ended:
            psutil.Process(child).kill()
    assert ended
    assert not folder.exists()
    assert not trace.exists()


def test_what_a_killed_engine_started_ends_with_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = folder.parent / "engine.py"
    engine.write_text(f"#!{sys.executable}\n{KILLED}")
    engine.chmod(0o700)
    monkeypatch.setattr(process.sys, "executable", str(engine))
    with pytest.raises(ProtocolError) as crashed:
        asyncio.run(process._outcome(process.order_of(ReconstructTask(engine=choose(2)), 60), folder, None))
    assert crashed.value.code == "spu.crashed"
    assert gone(int((folder / "child").read_text()))


def test_a_folder_goes_though_somebody_dying_still_writes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really, calls = shutil.rmtree, []

    def rmtree(path: Path, ignore_errors: bool = False) -> None:
        calls.append(path)
        really(path, ignore_errors=ignore_errors)
        if len(calls) == 1:
            path.mkdir()
            (path / "sorted").write_text("alice\n")

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    leftovers.remove(folder)
    assert not folder.exists()
    assert calls == [folder, folder]


def test_a_folder_that_does_not_go_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rmtree(path: Path, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise OSError("it does not go")

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    with pytest.raises(OSError, match="does not go"):
        leftovers.remove(folder)


def test_a_node_clears_what_a_killed_one_left(folder: Path, trace: Path) -> None:
    other, kept = folder.with_name("spu-other"), folder.with_name("kept")
    for one in (other, kept, folder.with_name("flower-one")):
        one.mkdir()
    leftovers.clear(folder.parent)
    assert list(folder.parent.iterdir()) == [kept]
    assert not trace.exists()
