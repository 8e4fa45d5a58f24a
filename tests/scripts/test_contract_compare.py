"""`scripts/contract-compare` between real processes, and the companies' commands as the document shows them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from comparison_harness import AFTER, BEFORE
from placet.chain.client import Chain
from placet.core.consent import Status
from placet.core.trust import Deployment
from placet.core.values import from_hex
from placet.sandbox.companies import companies, enclave

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "examples" / "contract_compare.py"
CONTRACTS = ROOT.parent / "shared" / "data" / "contracts"
PAGE = (ROOT / "docs" / "how-to" / "compare-contracts.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a short path, since vaults listen on sockets below it; nothing runs or stays in it afterwards."""
    path = Path(tempfile.mkdtemp(prefix="cc-", dir="/tmp"))
    yield path
    left = [process.pid for process in psutil.process_iter() if _inside(process, path)]
    shutil.rmtree(path)
    assert left == []


def _inside(process: psutil.Process, path: Path) -> bool:
    try:
        return Path(process.cwd()).is_relative_to(path)
    except (psutil.Error, OSError):
        return False


@pytest.mark.slow  # by default company/test_comparison
def test_the_script_compares_two_real_versions(home: Path) -> None:
    """The document's command; two versions of a real agreement where they are here, else of a small one."""
    [line] = [line for line in BLOCKS[0].splitlines() if line.startswith("scripts/contract-compare ")]
    _, old, new, option, out = shlex.split(line)
    real = [CONTRACTS / "csa-2.0.md", CONTRACTS / "csa-2.1.md"]
    texts = [one.read_text() if one.is_file() else small for one, small in zip(real, (BEFORE, AFTER), strict=True)]
    for name, text in zip((old, new), texts, strict=True):
        (home / name).write_text(text)
    script = [
        sys.executable,
        str(SCRIPT),
        old,
        new,
        option,
        out,
        "--json",
    ]
    done = subprocess.run(script, cwd=home, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    statuses = re.findall(r"^\d\d:\d\d:\d\d UTC ([a-z-]+)", done.stderr, re.MULTILINE)
    assert {"agreed", "computing", "keys-given", "sealed", "completed"} <= set(statuses), done.stderr
    summary = json.loads(done.stdout)
    assert (summary["verdict"], summary["class"]) == ("intact", "simulated")
    assert sorted(file.name for file in (home / out).iterdir()) == ["audit.html", "comparison.html", "comparison.json"]
    assert json.loads((home / out / "comparison.json").read_text())["summary"] == summary["summary"]
    assert "simulated" in (home / out / "audit.html").read_text()
    again = subprocess.run(script, cwd=home, capture_output=True, text=True, timeout=60, check=False)
    assert again.returncode == 1
    assert "the result has no place" in again.stderr


@pytest.mark.slow  # by default company/test_comparison, and protocols/enclave/test_platform: a node that is killed
def test_the_companies_commands_also_after_a_kill(home: Path) -> None:
    """As documented, with the proposer's client killed in the middle and resumed; then a consent is withdrawn."""
    with companies(home) as made:
        shown = enclave(made)
        (home / "old.docx.md").write_text(BEFORE)
        (home / "new.docx.md").write_text(AFTER)
        block = BLOCKS[1].replace("old.docx", "old.docx.md").replace("new.docx", "new.docx.md")
        for name, key in (("alder", "before"), ("birch", "after"), ("service", "service")):
            block = block.replace(f"0x…{name}", made.members[key].address)
            block = block.replace(f"{name}/node.toml", f"{key}/node.toml")
        join, start = (shlex.split(line)[1:] for line in block.strip().splitlines())
        made.start("after", *join)
        made.start("before", *start, "--measurement", shown["policy"]["rules"][0]["measurements"][0])
        job = _said(home / "before.log", made.processes["before"], r"^job (0x[0-9a-f]{64})$")
        made.kill("before")
        told = made.run("compare", "resume", job, "--config", "before/node.toml", "--out", "alder-result", "--json")
        assert json.loads(told)["ended"] == "completed"
        assert made.processes.pop("after").wait(60) == 0
        for out in ("alder-result", "birch-result"):
            assert sorted(f.name for f in (home / out).iterdir()) == [
                "comparison.html",
                "comparison.json",
                "evidence.json",
            ]
            assert all(f.stat().st_mode & 0o077 == 0 for f in (home / out).iterdir())
        shown_by = {"before": "alder-result", "after": "birch-result"}
        evidence = [f"{made.members[key].address}={out}/evidence.json" for key, out in shown_by.items()]
        audit = made.audit(job, *(word for one in evidence for word in ("--evidence", one)))
        assert audit["verdict"] == "intact"
        words = [b"Supplier", b"45 days", b"old.docx", b"new.docx"]
        for file in (*(home / "service").rglob("*"), *(home / "service-vault").rglob("*"), *home.glob("service*.log")):
            content = file.read_bytes() if file.is_file() else b""
            assert not [word for word in words if word in content], file
        [record] = [json.loads(f.read_text()) for f in (home / "before/documents").glob("*.json")]
        made.run("compare", "withdraw", record["id"], "--config", "before/node.toml")
        deployment = Deployment.model_validate_json((home / "deployment.json").read_bytes())
        assert Chain(made.chain.url, deployment).consent(from_hex(record["id"])).status is Status.WITHDRAWN


def _said(log: Path, process: subprocess.Popen[bytes], pattern: str) -> str:
    end = time.monotonic() + 120
    while (found := re.search(pattern, log.read_text() if log.exists() else "", re.MULTILINE)) is None:
        assert process.poll() is None and time.monotonic() < end, log.read_text()
        time.sleep(0.05)
    return found[1]


@pytest.mark.slow  # by default sandbox/test_up_and_down: a start that is killed
def test_a_script_that_is_ended_leaves_nothing(home: Path) -> None:
    (home / "old.md").write_text(BEFORE)
    (home / "new.md").write_text(AFTER)
    script = [sys.executable, str(SCRIPT), "old.md", "new.md"]
    process = subprocess.Popen(script, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    assert any("starting the service" in line for line in process.stdout)
    begun = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=240)
    assert process.returncode in (1, 143)
    assert begun
    _, alive = psutil.wait_procs(begun, timeout=60)
    assert alive == []
    assert sorted(file.name for file in home.iterdir()) == ["new.md", "old.md"]
