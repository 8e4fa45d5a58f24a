"""A short-lived home for a sandbox."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sandbox_home import inside


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a short path, since vaults listen on sockets below it; nothing runs in it afterwards."""
    path = Path(tempfile.mkdtemp(prefix="sb-", dir="/tmp"))
    yield path
    left = [process for process in psutil.process_iter() if inside(process, path)]
    for process in left:
        process.kill()
    shutil.rmtree(path, ignore_errors=True)
    assert left == []
