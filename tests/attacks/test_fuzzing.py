"""Evidence, bundles and peers' messages are fuzzed for a minute each, guided by what the readers' code does."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from placet.core.hashing import canonical

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / ".tools" / "atheris"
SECONDS = 60
sys.path.insert(0, str(ROOT / "tests" / "audit"))


def evidence() -> list[bytes]:
    from simulator import Simulation

    simulation = Simulation()
    return [canonical(simulation.sign_evidence(simulation.evidence(party)).to_json()) for party in range(4)]


def bundle() -> list[bytes]:
    from simulator import Simulation

    return [Simulation().bundle().model_dump_json().encode()]


def peer() -> list[bytes]:
    """Questions as another node asks them, by their place in the harness; messages, frames and records."""
    vectors = json.loads((ROOT / "tests" / "vectors" / "jobs.json").read_text())
    frames = [bytes.fromhex(one["body"].removeprefix("0x")) for one in vectors["frames"]["questions"]]
    return [bytes([number]) + frame for number in range(9) for frame in frames]


@pytest.mark.parametrize("documents", [evidence, bundle, peer])
def test_nothing_that_strangers_send_is_a_mistake_of_the_reader(
    documents: Callable[[], list[bytes]], tmp_path: Path
) -> None:
    if not TOOL.is_dir() and importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not here: scripts/test --slow installs it")
    for number, document in enumerate(documents()):
        (tmp_path / f"{number:03}").write_bytes(document)
    command = [sys.executable, ROOT / "tests" / "fuzzer.py", documents.__name__, str(SECONDS), tmp_path]
    environment = os.environ | {"PYTHONPATH": str(TOOL)}
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS * 20, check=False
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    assert runs is not None and int(runs[1]) > 100, done.stderr[-2_000:]
