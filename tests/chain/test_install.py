"""`placet chain install`: the hashes of the lock file, the real archive, and archives that are somebody else's."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from placet.chain import anvil
from placet.chain.install import INTEGRITY, install
from placet.core.errors import ConfigError, InputError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return anvil.cached_anvil()


def packing(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let `npm` be a script; $5 is where the archive goes."""
    npm = folder / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f"#!/bin/sh\nset -e\n{script}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:/usr/bin:/bin")


def archive(folder: Path) -> Path:
    (folder / "anvil").write_text("#!/bin/sh\necho anvil\n")
    file = folder / "made.tgz"
    with tarfile.open(file, "w:gz") as sink:
        sink.add(folder / "anvil", "package/bin/anvil")
    return file


def test_hashes_and_version_are_those_of_the_lock_file() -> None:
    lock = json.loads((ROOT / "hardhat-free-local" / "package-lock.json").read_text())["packages"]
    for kind, digest in INTEGRITY.items():
        entry = lock[f"node_modules/@foundry-rs/anvil-{kind}"]
        assert (entry["version"], entry["integrity"]) == (anvil.ANVIL_VERSION, f"sha512-{digest}")
    assert set(INTEGRITY) == set(anvil._PLATFORMS.values())


def test_what_has_the_pinned_hash_is_installed_once(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = archive(tmp_path)
    packing(tmp_path, monkeypatch, f'echo "$2" >>{tmp_path}/asked; cp {file} "$4/x.tgz"')
    digest = base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()
    hashes = dict.fromkeys(INTEGRITY, digest)
    assert install(hashes) == install(hashes) == cache
    assert subprocess.run([cache], capture_output=True, text=True, check=True).stdout == "anvil\n"
    [asked] = (tmp_path / "asked").read_text().splitlines()
    assert asked == f"@foundry-rs/anvil-{anvil.machine()}@{anvil.ANVIL_VERSION}"


def test_another_archive_is_refused_and_nothing_is_written(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packing(tmp_path, monkeypatch, f'cp {archive(tmp_path)} "$4/x.tgz"')
    with pytest.raises(InputError) as refused:
        install()
    assert refused.value.code == "anvil.hash"
    assert not cache.parent.exists()


def test_npm_that_fails_is_told(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packing(tmp_path, monkeypatch, "echo no network >&2; exit 1")
    with pytest.raises(ConfigError) as refused:
        install()
    assert refused.value.found == "no network"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="npm is not on PATH"):
        install()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="no npm here")
def test_the_real_one_comes_from_npm_and_runs(cache: Path) -> None:
    assert install() == cache
    answer = subprocess.run([cache, "--version"], capture_output=True, text=True, check=True).stdout
    assert anvil.ANVIL_VERSION in answer
