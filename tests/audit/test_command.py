"""`placet audit` over saved bundles: the exit code, and on whose word it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from simulator import World
from typer.testing import CliRunner

from placet.audit.outcome import Basis
from placet.cli.main import app

TRUST = ("--trust", "trust.json")
DEPLOYMENT = ("--deployment", "deployment.json")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An auditor's folder: a bundle and his own two files."""
    world = World()
    for name, document in (("bundle", world.bundle()), ("deployment", world.deployment), ("trust", world.trust)):
        (tmp_path / f"{name}.json").write_text(document.model_dump_json())
    monkeypatch.chdir(tmp_path)
    for variable in ("PLACET_CHAIN_URL", "PLACET_DEPLOYMENT", "PLACET_TRUST"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def audit(*options: str) -> tuple[int, dict[str, Any]]:
    answer = CliRunner().invoke(app, ["audit", "--bundle", "bundle.json", "--json", *options])
    return answer.exit_code, json.loads(answer.stdout)


def test_by_his_own_files_a_bundle_is_intact(folder: Path) -> None:
    code, report = audit(*DEPLOYMENT, *TRUST)
    assert (code, report["verdict"], report["basis"]) == (0, "intact", "own-files")


@pytest.mark.parametrize("own", [(), DEPLOYMENT, TRUST])
def test_by_the_bundles_own_word_nothing_is_intact(folder: Path, own: tuple[str, ...]) -> None:
    code, report = audit(*own, "--html", "report.html")
    assert (code, report["verdict"], report["basis"]) == (5, "incomplete", "bundle")
    assert Basis.BUNDLE.words in report["headline"]
    assert "the bundle&#x27;s own word" in (folder / "report.html").read_text()
    shown = CliRunner().invoke(app, ["audit", "--bundle", "bundle.json", *own])
    assert shown.exit_code == 5
    assert f"basis: {Basis.BUNDLE.words}" in shown.stdout.splitlines()


def test_a_tampered_bundle_stays_tampered_by_its_own_word(folder: Path) -> None:
    bundle = json.loads((folder / "bundle.json").read_text())
    bundle["evidence"][0]["evidence"]["evidence"]["steps"][0]["parameters"] = {"rows": "all"}
    (folder / "bundle.json").write_text(json.dumps(bundle))
    assert audit()[0] == audit(*DEPLOYMENT, *TRUST)[0] == 3
