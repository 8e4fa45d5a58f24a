"""What tells one process from a later one with the same id, and how processes take turns at a folder."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def identity(pid: int) -> str | None:
    """When the process started, from /proc or ps: an id alone is reused. None if it is gone or a zombie."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = _stat(stat)
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in "ZX" else f"{_boot_id()} {fields[19]}"
    answer = subprocess.run(
        ["ps", "-o", "state=,lstart=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return None if state == "" or state.startswith("Z") else started.strip()


def progress(pid: int) -> tuple[int, bool] | None:
    """Processor time of a process so far, in the kernel's ticks, and whether any of its threads runs or waits for a
    core (proc_pid_stat(5)); None where that is not to be had."""
    try:
        whole = _stat(Path(f"/proc/{pid}/stat"))
        ready = any(_stat(thread / "stat")[0] == "R" for thread in Path(f"/proc/{pid}/task").iterdir())
        return int(whole[11]) + int(whole[12]), ready
    except OSError:
        return None


def _stat(file: Path) -> list[str]:
    """The fields after the name, which may hold anything."""
    return file.read_text().rpartition(")")[2].split()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The folder, made where it is missing, for this process alone."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
