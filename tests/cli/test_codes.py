"""Which access code `placet owner grant` sends: the one that is meant."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from placet.cli.main import app
from placet.cli.owner_grant import GrantOptions, _code
from placet.owner.keys import KeyKind

OPTIONS = GrantOptions(None, "C1", None, False, KeyKind.SECP256K1, "en", None, True, None)
GRANT = ("owner", "grant", "--wallet", "none", "--api", "http://127.0.0.1:9", "--offer", "0x" + "11" * 32)


def test_a_code_of_before_is_not_taken_for_the_one_that_a_wallet_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_CODE", "by letter")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: "by the wallet")
    assert _code(OPTIONS) == "by letter"
    assert _code(OPTIONS._replace(by_wallet=True)) == "by the wallet"


def test_a_wallets_code_is_typed(tmp_path: Path) -> None:
    """Nothing is asked of a wallet, or of anybody, where nobody could enter what it shows."""
    file = tmp_path / "code"
    file.write_text("a code\n")
    unattended = CliRunner().invoke(app, [*GRANT, "--by-wallet"], env={"PLACET_CODE": "by letter"})
    assert unattended.exit_code == 1
    assert "a terminal" in unattended.output
    twice = CliRunner().invoke(app, [*GRANT, "--by-wallet", "--code-file", str(file)])
    assert twice.exit_code == 2
    assert "leave --code-file out" in " ".join(twice.output.replace("│", " ").split())


def test_a_code_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "code"
    file.write_text(" a code \nmore\n")
    assert _code(OPTIONS._replace(code_file=file)) == "a code"
