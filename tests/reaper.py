"""Ends what a test run leaves behind, however it ends: a process of its own that outlives pytest by a moment.

`guard` gives this pytest process a mark that its children inherit with their environment, and starts the reaper with a
pipe. Once the pipe closes, because pytest ended or was killed, the reaper kills (SIGKILL, which also reaches what is
stopped) whatever carries the mark: daemons too, which no parent waits for. Each worker of xdist has a mark of its own.
What is started with an empty environment (engines of SPU, enclaves) watches its parent itself.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time

MARK = "TEST_PROCESSES_OF"
PATIENCE = 30.0


def guard() -> subprocess.Popen[bytes]:
    """Start the reaper of this process. Its stdin stays open until this process ends."""
    os.environ[MARK] = mark = secrets.token_hex(16)
    command = [sys.executable, __file__, mark]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env={}, start_new_session=True)


def reap(mark: str) -> None:
    """Kill all processes with that mark, also those that they start meanwhile."""
    import psutil  # late: while tests run, the reaper is small

    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        marked = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                    marked.append(process)
        if not marked:
            return
        for process in marked:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(marked, timeout=1)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    reap(sys.argv[1])
