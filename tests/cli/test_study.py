"""`placet study …`: what it says, what it refuses, and that `check` and `plan` start nothing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from placet.cli import study_run
from placet.cli.main import app
from placet.core.trust import Institution, TrustList
from study_outcome import outcome

SAMPLE = Path(__file__).resolve().parents[2] / "scripts" / "examples" / "own-files"


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_run, "founded", lambda *_, **__: pytest.fail("started"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLE, tmp_path / "study"))


def placet(*words: object) -> tuple[int, str, str]:
    ran = CliRunner().invoke(app, ["study", *map(str, words)])
    return ran.exit_code, ran.stdout, ran.stderr


def test_check_says_what_comes_together_and_how_long_it_takes(folder: Path) -> None:
    code, out, err = placet("check", folder / "study.toml")
    assert code == 0 and "Bank North (provider): 4 rows, 3 may be used, 2 of these" in out and "estimate: " in out
    assert "can run" in err
    code, out, _ = placet("check", folder / "study.toml", "--json")
    document = json.loads(out)
    assert (code, document["tables"][0]["usable"], document["somewhere"]) == (0, 3, 4)


def test_check_refuses_what_a_run_would(folder: Path) -> None:
    (folder / "north.csv").write_text("client,balance\nC1,ten\n")
    (folder / "south.csv").unlink()
    code, _, err = placet("check", folder / "study.toml")
    assert code == 1 and "north.csv" in err and "south.csv" in err and "also:" in err
    (folder / "study.toml").write_text("title = 7\n")
    code, _, err = placet("check", folder / "study.toml")
    assert code == 1 and "says no study" in err and "docs/how-to/studies.md" in err


def test_files_may_lie_elsewhere(folder: Path, tmp_path: Path) -> None:
    study = Path(shutil.move(folder / "study.toml", tmp_path / "other.toml"))
    assert placet("check", study)[0] == 1
    assert placet("check", study, "--data", folder)[0] == 0


def test_a_run_is_not_begun_where_something_lies(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    code, _, err = placet("run", folder / "study.toml", "--out", tmp_path / "out")
    assert code == 1 and "there is something already" in err


def test_a_run_leaves_everything_in_its_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_run, "run", lambda *_, **__: outcome())
    code, out, _ = placet("run", folder / "study.toml", "--out", tmp_path / "out", "--json")
    assert code == 0 and json.loads(out)["verdict"] == "intact"
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"report.html", "result.csv", "result.json", "audit.html", "job.bundle", "summary.json"} <= names
    assert (tmp_path / "out" / "result.csv").read_text().splitlines()[1] == "b,no,-18.75"
    assert (tmp_path / "out" / "study.toml").read_bytes() == (folder / "study.toml").read_bytes()


def test_a_run_that_is_not_intact_has_no_result(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = replace(outcome(), audit=outcome().audit | {"verdict": "tampered"})
    monkeypatch.setattr(study_run, "run", lambda *_, **__: bad)
    code, _, _ = placet("run", folder / "study.toml", "--out", tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert code == 3 and "report.html" in names and not names & {"result.csv", "result.json", "scores.csv"}


def test_plan_makes_a_script_for_each_institution(folder: Path, tmp_path: Path) -> None:
    names = ("Bank North", "Bank South", "Fund House", "Family Office")
    entries = [
        Institution(
            address=bytes([n]) * 20,
            name=name,
            api="http://a",
            peer="https://a",
            certificate="-----BEGIN CERTIFICATE-----",
        )
        for n, name in enumerate(names, start=1)
    ]
    trust = tmp_path / "trust.json"
    trust.write_text(TrustList(institutions=tuple(entries)).model_dump_json())
    code, _, _ = placet("plan", folder / "study.toml", "--trust", trust, "--out", tmp_path / "plan")
    assert code == 0
    assert sorted(path.name for path in (tmp_path / "plan").iterdir()) == [
        *("consumer.sh", "provider1.sh", "provider2.sh", "provider3.sh")
    ]
    assert "0x" + "04" * 20 in (tmp_path / "plan" / "provider1.sh").read_text()
    trust.write_text(TrustList(institutions=tuple(entries[:2])).model_dump_json())
    code, _, err = placet("plan", folder / "study.toml", "--trust", trust, "--out", tmp_path / "other")
    assert code == 1 and "Fund House, Family Office" in err and not (tmp_path / "other").exists()
    assert placet("plan", folder / "study.toml", "--out", tmp_path / "other")[0] == 2
    audited = folder / "audited.toml"
    text = (folder / "study.toml").read_text()
    audited.write_text(text + '\n[offers]\nauditors = ["Court of Audit"]\n')
    listed = TrustList(institutions=tuple(entries))
    trust.write_text(listed.model_dump_json())
    code, _, err = placet("plan", audited, "--trust", trust, "--out", tmp_path / "other")
    assert code == 1 and "an auditor of the study is not in the trust list" in err and "Court of Audit" in err
    trust.write_text(
        listed.with_entry("auditors", {"address": "0x" + "09" * 20, "name": "Court of Audit"}).model_dump_json()
    )
    assert placet("plan", audited, "--trust", trust, "--out", tmp_path / "audited")[0] == 0
    assert "--auditors 'Court of Audit'" in (tmp_path / "audited" / "provider1.sh").read_text()
    assert "--auditors" not in (tmp_path / "audited" / "consumer.sh").read_text()
