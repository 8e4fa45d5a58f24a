"""`placet audit --page`: the auditor's page from his own machine, and nothing else."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import httpx
import pytest
from typer.testing import CliRunner

import placet.pages.verifier
from in_a_browser import installed
from placet.cli.main import app
from placet.pages.serving import explorer_digest


def test_it_takes_neither_job_nor_bundle() -> None:
    for more in (("0x" + "00" * 32,), ("--bundle", "x")):
        answer = CliRunner().invoke(app, ["audit", "--page", *more])
        assert answer.exit_code == 2, more


def test_without_the_verifier_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placet.pages.verifier, "verifier", lambda: None)
    answer = CliRunner().invoke(app, ["audit", "--page"])
    assert answer.exit_code == 1
    assert "scripts/web verifier" in str(answer.exception) + answer.output


@pytest.mark.slow
def test_it_serves_on_loopback_until_it_is_interrupted() -> None:
    installed()
    command = [sys.executable, "-m", "placet.cli", "audit", "--page"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = [process.stdout.readline() for _ in range(2)]
            address, digest = told[0].strip(), told[1].split()[-1]
            assert re.fullmatch(r"http://localhost:\d+/audit", address), told
            assert digest == explorer_digest()
            assert "sandbox" in httpx.get(address, timeout=60).headers["content-security-policy"]
            assert httpx.get(address.replace("/audit", "/owner"), timeout=60).status_code == 404
            assert httpx.get(address.replace("/audit", "/v1/trust"), timeout=60).status_code == 404
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
