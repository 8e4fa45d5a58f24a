"""Whether this host can run the simulated platform, and platforms to test with."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psutil
import pytest

from placet.protocols.enclave.platform import image
from placet.protocols.enclave.platform.simulated import SimulatedPlatform

PROGRAMS = Path(__file__).parent / "programs"


@cache
def missing() -> str | None:
    """Why not; None where it can."""
    for name, package in (("bwrap", "bubblewrap"), ("swtpm", "swtpm")):
        if shutil.which(name) is None:
            return f"no {name} here: apt-get install {package}, or scripts/test as root on Debian"
    bwrap, options = shutil.which("bwrap") or "", ["--unshare-user", "--unshare-net", "--disable-userns"]
    tried = subprocess.run(
        [bwrap, *options, "--ro-bind", "/", "/", "true"],
        capture_output=True,
        check=False,
    )
    return f"bubblewrap can't isolate here: {tried.stderr.decode().strip()[-120:]}" if tried.returncode else None


def need() -> None:
    reason = missing()
    if reason is not None:
        pytest.skip(reason)


def folders() -> list[Path]:
    """Where packages lie, and the tests' own programs."""
    return [PROGRAMS, *image._folders()]


@contextmanager
def platform(folder: Path, program: str = image.PROGRAM) -> Iterator[SimulatedPlatform]:
    """It lives in this thread, through as many event loops as tests need."""
    made = asyncio.run(SimulatedPlatform.opened(folder, program=program, folders=folders()))
    try:
        yield made
    finally:
        asyncio.run(made.close())


def started(name: str) -> list[psutil.Process]:
    """What this test run started under that name, and all below it; other tests' processes may be there too."""
    found = [one for one in psutil.Process().children(recursive=True) if one.name() == name]
    return list(dict.fromkeys(child for one in found for child in (one, *one.children(recursive=True))))
