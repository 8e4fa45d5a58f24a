"""The first thing that runs in the sandbox: limits that can't be raised again, a look around, then the program.

It runs as `/usr/boot.py PROGRAM`, before anything of ours can be imported: extension modules lie in `/usr/native`
under their full names, since none can be loaded from the archive that holds all other modules.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from types import ModuleType

LATE = ("resource",)
"""What is imported below, once extension modules can be found."""
MEMORY = 1 << 30
"""Bytes of address space. The files of the sandbox itself lie in memory too and are not counted."""
CPU_SECONDS = 600
ROOT = frozenset({"lib", "usr"})
NOBODY = 65534
UNISOLATED, BROKEN = 70, 71
"""Exit codes: not inside the sandbox; anything else."""


class Native:
    """Finds extension modules by their full names."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._names = frozenset(os.listdir(folder))  # noqa: PTH208 - pathlib is not loaded for one listing

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if f"{name}.so" not in self._names:
            return None
        file = f"{self._folder}/{name}.so"
        return spec_from_file_location(name, file, loader=ExtensionFileLoader(name, file))


def isolated() -> bool:
    """Nobody, alone in a process namespace, in a root that holds our files only and can't be written, without
    environment."""
    if {os.getuid(), os.geteuid(), os.getgid(), os.getegid()} != {NOBODY}:
        return False
    if os.getpid() != 2 or frozenset(os.listdir("/")) != ROOT or set(os.environ) - {"PWD", "LC_CTYPE"}:  # noqa: PTH208
        return False
    try:
        os.close(os.open("/probe", os.O_WRONLY | os.O_CREAT, 0o600))
    except OSError:
        return True
    return False


def limit() -> None:
    """Soft and hard alike: nobody in here can raise them again."""
    import resource

    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 1),  # 0 lets a core be piped to a handler of the host; at 1 the kernel makes none
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 16),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(what, (most, most))


def main(program: str) -> int:
    """The sandbox's exit code."""
    os.closerange(2, 256)
    if not isolated():
        return UNISOLATED
    try:
        sys.meta_path.append(Native("/usr/native"))
        limit()
        source, sink = os.fdopen(0, "rb"), os.fdopen(1, "wb")
        # What a library prints must not reach the host by the pipe of the frames.
        sys.stdin = sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = None  # type: ignore[misc]
        importlib.import_module(program).run(source, sink)
    except BaseException:
        return BROKEN
    return 0


if __name__ == "__main__":
    os._exit(main(sys.argv[1]))
