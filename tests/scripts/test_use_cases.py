"""`scripts/marketing-score` and `scripts/risk-control`: how public files are divided, and their samples."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import marketing_score
import pytest
import risk_control
import use_case

from placet.cli import study_run

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as source:
        return list(csv.DictReader(source))


def test_marketing_is_divided_without_the_length_of_the_call(tmp_path: Path) -> None:
    values = {
        **{"poutcome": "unknown", "job": "services", "marital": "single", "education": "primary", "default": "no"},
        **{"housing": "yes", "loan": "no", "contact": "cellular", "day": "5", "month": "may", "campaign": "1"},
        **{"duration": "261", "pdays": "-1", "previous": "0", "age": "58", "balance": "2143"},
    }
    header = ",".join([*values, "y"])
    lines = [",".join([*values.values(), label]) for label in ("no", "yes")]
    (tmp_path / "bank-full.csv").write_text("\n".join((header, *lines)) + "\n")
    marketing_score.MARKETING.divide(tmp_path, tmp_path, None)
    bank, telecom, retailer = (rows(tmp_path / name) for name in ("bank.csv", "telecom.csv", "retailer.csv"))
    assert [row["subscribed"] for row in bank] == ["0", "1"]
    assert (
        [row["customer"] for row in bank]
        == [row["subscriber"] for row in telecom]
        == [row["member"] for row in retailer]
    )
    columns = {*bank[0], *telecom[0], *retailer[0]}
    assert "duration" not in columns and len(columns) == 15 + 4


def test_companies_have_sixteen_ratios_at_each_institution(tmp_path: Path) -> None:
    header = ",".join(["company", *(f"attr{n}" for n in range(1, 65)), "bankrupt"])
    line = ",".join(["PL1", *("" if n == 37 else f"{n}.5" for n in range(1, 65)), "1"])
    (tmp_path / "corporate").mkdir()
    (tmp_path / "corporate" / "polish_companies_5year.csv").write_text(f"{header}\n{line}\n")
    risk_control.COMPANIES.divide(tmp_path, tmp_path, None)
    [social] = rows(tmp_path / "social.csv")
    assert len(social) == 17 and social["attr37"] == "" and social["attr48"] == "48.5"
    [bank] = rows(tmp_path / "bank.csv")
    assert bank["bankrupt"] == "1" and "attr17" not in bank


def test_no_decision_stands_on_sex_or_marriage() -> None:
    columns = {column for table in risk_control.PERSONS.tables for column in table.columns}
    assert len(columns) == 22 and not columns & {"sex", "marriage"}


@pytest.mark.parametrize(
    "case", [marketing_score.MARKETING, risk_control.COMPANIES, risk_control.PERSONS], ids=lambda c: c.name
)
def test_a_sample_has_the_columns_that_the_data_are_divided_into(case: use_case.UseCase) -> None:
    folder = case.study.parent / case.name
    folder = folder if folder.is_dir() else case.study.parent
    for table in case.tables:
        assert list(rows(folder / table.file)[0]) == [table.identifier, *table.columns]


@pytest.mark.parametrize("script", [marketing_score, risk_control])
def test_check_starts_nothing(
    script: object, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(study_run, "founded", lambda *_, **__: pytest.fail("started"))
    assert script.main(["--sample", "--check", "--json"]) == 0  # type: ignore[attr-defined]
    said = capfd.readouterr()
    documents = [json.loads(line) for line in said.out.splitlines()]
    assert len(documents) == (1 if script is marketing_score else 2)
    assert all(one["label"]["positive"] > 30 for one in documents) and "may be used" in said.err


def test_a_folder_without_the_data_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert marketing_score.main(["--data", str(tmp_path), "--check"]) == 1
    assert "the data are not there" in capfd.readouterr().err


@pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not on this machine")
def test_the_public_files_can_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert risk_control.main(["--data", str(DATA / "corporate"), "--check", "--rows", "400", "--json"]) == 0
    said = capfd.readouterr()
    [document] = map(json.loads, said.out.splitlines())
    assert document["everywhere"] == 400 and "persons: left out" in said.err
    assert sum(column["missing"] for table in document["tables"] for column in table["columns"]) > 100


@pytest.mark.slow
@pytest.mark.parametrize("script", [marketing_score, risk_control])
def test_a_sample_runs_from_files_to_a_report(
    script: object, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["--sample", "--out", str(tmp_path / "out"), "--json"]) == 0  # type: ignore[attr-defined]
    for line in capfd.readouterr().out.splitlines():
        summary = json.loads(line)
        assert summary["verdict"] == "intact" and summary["report"]["too_few"] is False
    for report in (tmp_path / "out").rglob("report.html"):
        names = {path.name for path in report.parent.iterdir()}
        assert {"audit.html", "job.bundle", "model-card.json", "result.json", "scores.csv", "study.toml"} <= names
        assert {"scorecard.json", "scorecard.csv", "scorecard.sql"} <= names
        assert "What this does not prove" in report.read_text()
