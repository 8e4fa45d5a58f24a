"""A node that starts imports what it serves with, and nothing that a job computes with."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

STARTED = """
import json, sys
from pathlib import Path
import placet.node.__main__
from placet.chain import keystore
keystore._keyfile()  # each start opens three keys
status = Path("/proc/self/status")
kb = [int(l.split()[1]) for l in status.read_text().splitlines() if l.startswith("VmHWM")] if status.exists() else [0]
print(json.dumps({"modules": sorted(sys.modules), "mb": kb[0] / 1024}))
"""
LATE = {
    *("numpy", "pyarrow", "jax", "spu", "scipy", "sklearn", "torch", "flwr", "onnx", "pandas", "matplotlib"),
    *("phe", "gmpy2", "tenseal", "groth16py", "dcap_qvl", "pypdf", "duckdb", "hypothesis"),
    *("web3", "eth_account", "py_ecc.bls", "py_ecc.bls12_381", "py_ecc.optimized_bls12_381", "solcx", "aiohttp"),
    *("alembic", "jinja2", "httpx", "phonenumbers", "placet.cli.main", "placet.audit.verify"),
    *("placet.vault.tables", "placet.vault.rows", "placet.protocols.mpc", "placet.recipes.match"),
}
MB = 140
"""Of 105: what is imported, which is nearly all that an idle node has."""


@pytest.fixture(scope="module")
def started() -> dict[str, object]:
    done = subprocess.run([sys.executable, "-c", STARTED], capture_output=True, text=True, timeout=300, check=True)
    return dict(json.loads(done.stdout))


def test_a_node_starts_without_what_computes(started: dict[str, list[str]]) -> None:
    assert "placet.node.app" in started["modules"]
    assert LATE.intersection(started["modules"]) == set()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells a process's memory in /proc")
def test_an_idle_node_is_small(started: dict[str, float]) -> None:
    assert 20 < started["mb"] < MB
