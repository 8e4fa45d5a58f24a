"""What a task could leave behind: its folder, and what SPU writes outside of it."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from pathlib import Path

from placet.protocols.flower import task as flower
from placet.protocols.spu.task import FOLDER

LOG = "process.log"
"""What the engine's process and SPU say, in the task's folder."""
_TAIL = 1 << 20
_TRACE = re.compile(rb"Trace has been written to (/tmp/psi_[A-Za-z0-9_-]{1,40}\.trace)\.")
_PAUSE = 0.2


def remove_traces(folder: Path) -> None:
    """SPU's PSI leaves a trace (times, command line, kernel) in /tmp, wherever TMPDIR points, and says so last."""
    with contextlib.suppress(OSError), (folder / LOG).open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - _TAIL))
        for name in _TRACE.findall(file.read()):
            Path(name.decode()).unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """All of a task, once more where a process that was just killed still wrote. OSError if it does not go."""
    remove_traces(folder)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        time.sleep(_PAUSE)
        shutil.rmtree(folder)


def clear(scratch: Path) -> None:
    """All tasks of a node that was killed, of any engine; what does not go is left for the next time."""
    for left in (one for prefix in (FOLDER, flower.FOLDER) for one in scratch.glob(f"{prefix}*")):
        with contextlib.suppress(OSError):
            remove(left)
