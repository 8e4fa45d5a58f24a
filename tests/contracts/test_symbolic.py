"""How slots are packed, and what an opening and a withdrawal change of them, proven by halmos for all values."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
CHECKS = set(re.findall(r"function (check_\w+)", (ROOT / "contracts/test/symbolic/Slots.t.sol").read_text()))


def proven(root: Path, report: Path) -> dict[str, bool]:
    """By its name, whether each check holds for all values."""
    if not (ROOT / ".tools" / "halmos" / "bin" / "halmos").is_file():
        pytest.skip("halmos is not here: scripts/test --slow installs it")
    command = [root / "scripts" / "halmos", "--json-output", report]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1_200, check=False)
    assert report.is_file(), done.stdout[-2_000:] + done.stderr[-2_000:]
    results = [one for tests in json.loads(report.read_text())["test_results"].values() for one in tests]
    return {one["name"].partition("(")[0]: one["exitcode"] == 0 for one in results}


def test_every_rule_of_the_slots_holds_for_all_values(tmp_path: Path) -> None:
    assert proven(ROOT, tmp_path / "report.json") == dict.fromkeys(CHECKS, True)


def test_a_field_in_the_wrong_place_is_found(tmp_path: Path) -> None:
    """A proof that ends in the status, an epoch that shares a bit with the openings."""
    shutil.copytree(ROOT / "contracts", tmp_path / "contracts")
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "hardhat-free-local").mkdir()
    for name in ("foundry.toml", "solc-shim.js", "node_modules", "package.json", "package-lock.json"):
        (tmp_path / "hardhat-free-local" / name).symlink_to(ROOT / "hardhat-free-local" / name)
    (tmp_path / ".tools").symlink_to(ROOT / ".tools")
    source = tmp_path / "contracts" / "libraries" / "Slots.sol"
    text = source.read_text()
    wrong = text.replace("PROVEN_OFFSET = 8;", "PROVEN_OFFSET = 7;").replace("EPOCH_OFFSET = 64;", "EPOCH_OFFSET = 31;")
    source.write_text(wrong)
    found = proven(tmp_path, tmp_path / "report.json")
    assert set(found) == CHECKS
    broken = {"check_a_proof_sets_one_bit", "check_epoch_and_openings_move_apart"}
    assert broken <= {name for name, holds in found.items() if not holds}, found
