"""Workers that are forked from one process: each has what that one imported, and is otherwise a worker of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

WARM = Path(__file__).with_name("warm.py")
PLAIN = ("-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "no:hypothesispytest", "-p", "no:asyncio")
TESTS = """
import os, pathlib, signal, sys, time

HERE = pathlib.Path(__file__).parent
SHOWN = "import os, sys; print(os.getppid(), 'placet.node.app' in sys.modules, 'pytest' in sys.modules)"
with (HERE / "imported").open("a") as file:
    file.write(f"{os.getpid()}\\n")

def test_this_process_imported_nothing(tmp_path):
    assert os.getpid() != int((HERE / "imported").read_text())
    assert os.environ["ASKED"] == "by pytest" and pathlib.Path.cwd() == HERE
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert os.environ["PYTEST_XDIST_WORKER"] in ("gw0", "gw1", "gw2", "gw3")
    with (HERE / "ran").open("a") as file:
        file.write(f"{os.getpid()}\\n")

def test_programs_are_forked_from_what_imported_no_pytest():
    from placet.sandbox import forking, program

    (HERE / "shown.py").write_text(SHOWN)
    for _ in range(2):
        done = program.run([], HERE, {}, module=str(HERE / "shown.py"))
        parent, *imported = done.stdout.split()
        assert imported == ["True", "False"], done.stderr
    assert not hasattr(forking._servers[os.getpid()], "_process")
    os.kill(int(parent), signal.SIGKILL)
    for _ in range(2400):
        if not pathlib.Path("/proc", parent).exists():
            break
        time.sleep(0.05)
    again = program.run([], HERE, {}, module=str(HERE / "shown.py")).stdout.split()
    assert again[0] != parent and again[1:] == imported

def test_dies():
    try:
        (HERE / "died").mkdir()  # for one of the two workers, if both are here at once
    except FileExistsError:
        return
    os._exit(3)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    return tmp_path


@contextlib.contextmanager
def serving(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    own = os.environ | {"ASKED": "by the server"}
    own |= {"JE_ARROW_MALLOC_CONF": "background_thread:false", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(WARM), "serve", str(folder / "s"), *words, *PLAIN]
    process = subprocess.Popen(
        command, cwd=folder, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        end = time.monotonic() + 240
        while process.poll() is None and not (folder / "s").exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_workers_are_forked_and_one_that_died_is_replaced(folder: Path) -> None:
    for name in ("one", "two"):
        (folder / f"test_{name}.py").write_text(TESTS.replace('"imported"', f'"imported-{name}"'))
    python = f"'{sys.executable}' -IS '{WARM}' '{folder / 's'}'"
    with serving(folder, "--programs") as server:
        assert server.poll() is None, server.stdout and server.stdout.read()
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *PLAIN, "--tx", f"2*popen//python={python}", "--dist", "loadfile"],
            cwd=folder,
            env=os.environ | {"ASKED": "by pytest"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert "1 failed" in done.stdout and "6 items" in done.stdout, done.stdout + done.stderr
    assert "crashed while running" in done.stdout, done.stdout + done.stderr
    assert [len((folder / f"imported-{name}").read_text().split()) for name in ("one", "two")] == [1, 1]
    assert len(set((folder / "ran").read_text().split())) >= 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
            "another thread",
        ),
        ("import nothing_of_that_name", "nothing_of_that_name"),
    ],
    ids=["a thread", "an error"],
)
@pytest.mark.skipif(sys.platform != "linux", reason="only there are threads counted")
def test_nothing_is_forked_from_what_would_hang_or_is_incomplete(folder: Path, content: str, said: str) -> None:
    (folder / "test_it.py").write_text(f"{content}\n\ndef test_it(): pass\n")
    with serving(folder) as server:
        assert server.wait(60) == 1 and server.stdout is not None
        assert said in server.stdout.read()
