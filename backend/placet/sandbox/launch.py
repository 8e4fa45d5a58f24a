"""`python -m placet.sandbox.launch RECORDS NAME COMMAND…`: becomes the command, after writing down who it is.

The record is made under a lock by the process itself, and not at all once the sandbox is closed: whoever closes it and
then reads the records has them all, whenever the starter was killed. It imports next to nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from pathlib import Path

from placet.chain.processes import identity

IS_CLOSED = 3
"""Exit code where the sandbox was closed meanwhile."""


def record(folder: Path, name: str) -> bool:
    """Write this process down as `name`. False, and nothing written, if the folder is closed."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "closed").exists():
            return False
        fresh = folder / f".{name}.new"
        fresh.write_text(json.dumps({"pid": os.getpid(), "identity": identity(os.getpid())}) + "\n")
        fresh.replace(folder / f"{name}.json")
        return True


def main(folder: str, name: str, *command: str) -> None:
    """Become the command."""
    if not record(Path(folder), name):
        sys.exit(IS_CLOSED)
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
