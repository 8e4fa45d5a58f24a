"""What a wheel of Placet takes along is small: what is large, and what a job alone needs, comes another way."""

from __future__ import annotations

import tomllib
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "backend" / "placet"
MOST = 2_750_000
"""Of the 3 MB that a wheel may have (`tests/sandbox/test_installed.py` builds it); it has 2.4."""


def packed_size(package: Path, patterns: list[str]) -> int:
    """Bytes of a package's modules and data, each by itself as a wheel packs it."""
    files = {file for pattern in ("**/*.py", *patterns) for file in package.glob(pattern) if file.is_file()}
    return sum(len(zlib.compress(file.read_bytes())) for file in files)


def test_a_wheel_would_be_small() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    size = packed_size(PACKAGE, tool["package-data"]["placet"])
    assert 1_000_000 < size < MOST


def test_what_is_large_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "pyodide").mkdir()
    (tmp_path / "pyodide" / "runtime.wasm").write_bytes(bytes(range(256)) * 16)
    (tmp_path / "module.py").write_text("pass\n")
    assert packed_size(tmp_path, ["pyodide/*"]) > packed_size(tmp_path, []) > 0
