"""`placet sandbox` as its users start it, and what lives below a folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

PLACET = (sys.executable, "-m", "placet.cli", "sandbox")


def inside(process: psutil.Process, path: Path) -> bool:
    try:
        return Path(process.cwd()).is_relative_to(path)
    except (psutil.Error, OSError):
        return False


def living(path: Path) -> list[list[str]]:
    """The command lines of all processes below a folder."""
    lines = []
    for process in psutil.process_iter():
        if inside(process, path) and process.pid != os.getpid():
            try:
                lines.append(process.cmdline())
            except psutil.Error:
                continue
    return lines


def sandbox(home: Path, *words: str, code: int = 0) -> Any:
    """`placet sandbox WORDS… --json` to its end; its answer."""
    answer = subprocess.run(
        [*PLACET, *words, "--json"], cwd=home, capture_output=True, text=True, timeout=600, check=False
    )
    assert answer.returncode == code, answer.stdout + answer.stderr
    return json.loads(answer.stdout) if answer.stdout else answer.stderr


def until(ready: Callable[[], object], process: subprocess.Popen[str], seconds: float = 300) -> None:
    """Wait for something while a process lives."""
    end = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None and time.monotonic() < end, "it never came to that"
        time.sleep(0.05)
