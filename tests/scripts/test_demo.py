"""`scripts/demo` as a program would run it: its one line, its report, and attacks that count only as what they are."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from demo_attacks import ATTACKS, GOT_THROUGH, Scene, met

from placet.core.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def test_the_demo_completes_and_refuses_six_attacks(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "examples" / "demo.py"), "--json", "--report", str(report)],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": "/tmp"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert list(summary) == ["job", "verdict", "customers", "consenting", "attacks_refused", "seconds"]
    assert re.fullmatch(r"0x[0-9a-f]{64}", summary["job"])
    assert (summary["verdict"], summary["attacks_refused"]) == ("intact", 6)
    assert 0 < summary["consenting"] < summary["customers"] == 40
    assert list(summary["seconds"]) == ["all", "start", "consents", "job", "audit", "attacks"]
    assert all(seconds > 0 for seconds in summary["seconds"].values())
    page = report.read_text()
    assert summary["job"] in page and "Intact: " in page
    assert not re.search(r"https?://", re.sub(r'xmlns="[^"]*"', "", page))


@pytest.mark.parametrize("error", [ConnectionRefusedError(), TimeoutError(), ConfigError("x"), RuntimeError("x")])
def test_a_process_that_does_not_answer_is_no_refusal(error: Exception) -> None:
    def broken(_: Scene) -> str:
        raise error

    nowhere: Scene = object()  # type: ignore[assignment]
    assert met(broken, nowhere) not in {refusal for _, refusal in ATTACKS.values()}
    assert GOT_THROUGH not in {refusal for _, refusal in ATTACKS.values()}
    assert len(ATTACKS) == 6
