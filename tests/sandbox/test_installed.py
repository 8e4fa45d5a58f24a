"""A sandbox from a wheel, in an environment and a folder of its own, without the repository."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from placet.chain.anvil import ANVIL_VERSION, find_anvil
from sandbox_home import living

ROOT = Path(__file__).resolve().parents[2]
MOST = 3_000_000
"""Bytes of Placet's wheel."""


@pytest.mark.slow
def test_an_installed_package_is_all_that_it_takes(home: Path, tmp_path: Path) -> None:
    wheels, cache = tmp_path / "wheels", tmp_path / "cache"
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", wheels, ROOT], check=True, timeout=300)
    assert all(wheel.stat().st_size <= MOST for wheel in wheels.glob("*.whl"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True, timeout=300)
    python = tmp_path / "venv" / "bin" / "python"
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout.strip())
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, *wheels.glob("*.whl")], check=True, timeout=300)
    # Its dependencies are this environment's, whose own Placet no .pth file of that folder brings along.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    anvil = cache / "placet" / f"anvil-{ANVIL_VERSION}" / "anvil"
    anvil.parent.mkdir(parents=True)
    anvil.symlink_to(find_anvil())
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_CACHE_HOME": str(cache), "LANG": "C.UTF-8"}

    def run(*words: str) -> str:
        answer = subprocess.run(words, cwd=home, env=env, capture_output=True, text=True, timeout=600, check=False)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    assert run(str(python), "-c", "import placet; print(placet.__file__)").startswith(str(packages))
    placet = str(python.with_name("placet"))
    told = run(placet, "sandbox", "up", "--institutions", "2", "--detach")
    assert str(ROOT) not in told and "placet-sandbox/trust.json" in told
    assert run(placet, "sandbox", "status")
    env["PLACET_PASSPHRASE_FILE"] = str(home / "placet-sandbox" / "passphrase")
    folder = "placet-sandbox"
    run(placet, "job", "start", "--config", f"{folder}/bank/node.toml", "--file", f"{folder}/request.json", "--watch")
    run(placet, "sandbox", "down")
    assert living(home) == []
    assert [file.name for file in home.iterdir()] == [folder]
