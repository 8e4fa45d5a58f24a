"""Real borrowers: a bank learns what a bureau's columns are worth against its defaults, between real processes, audited
*intact*; beside the same in the clear."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from placet.catalogue.value_of_data import SPEC, ValueOfDataParameters
from placet.models.worth import worth_of
from placet.study.document import read_study
from placet.study.judgement import judge
from placet.study.requests import offer_words
from placet.study.tables import read_tables
from placet.study.terms import terms_of

SAMPLE = Path(__file__).resolve().parents[3] / "scripts" / "examples" / "risk-control" / "worth.toml"
FILE = Path(__file__).resolve().parents[4] / "shared" / "data" / "credit" / "uci_credit_card.csv"
PEOPLE, BUDGET = 3_000, 200_000_000
LABEL = "default.payment.next.month"
COLUMNS = {"PAY_0": [0, 1, 2], "LIMIT_BAL": [50_000, 150_000, 300_000], "AGE": [30, 45]}
SCORE = {"column": "PAY_AMT1", "edges": [500, 5_000]}
SMALLEST = 5
REACH = 7.5
"""No noise goes beyond so many of its standard deviations: sums of discrete Gaussians are sub-Gaussian, so that one of
the 29 below does so with a probability below 29 · 2 · exp(-7.5² / 2) < 4e-11."""


@pytest.mark.slow
@pytest.mark.skipif(not FILE.exists(), reason=f"the public data are not at {FILE}")
def test_a_bank_learns_what_a_bureau_is_worth(tmp_path: Path) -> None:
    pytest.importorskip("spu", reason="placet[spu] is not installed here")
    with FILE.open(encoding="utf-8") as lines:
        people = list(csv.DictReader(lines))[:PEOPLE]
    overlap = people[400:-300]
    study(tmp_path, people)
    report = told(tmp_path / "study.toml", tmp_path / "out")
    deviation = float(report["deviation"])
    by_column = [exact_counts(overlap, name, edges) for name, edges in COLUMNS.items()]
    off = farthest(np.concatenate([exact.ravel() for exact in by_column]), deviation) / len(COLUMNS)
    assert abs(report["people"] - len(overlap)) < off < len(overlap) / 5 and not report["too_few"]
    assert report["people"] == round(sum(count or 0 for one in report["columns"] for count in flat(one)) / len(COLUMNS))
    for judged, exact in zip(report["columns"], by_column, strict=True):
        shown = np.array([[count or 0 for count in judged["counts"][line]] for line in ("positives", "negatives")])
        assert (np.abs(shown - exact.sum(axis=0)) < farthest(exact, deviation)).all(), judged["column"]
        clear = worth_of(exact.sum(axis=0), 0.0, SMALLEST, ordered=True)
        assert clear is not None and judged["iv"]["low"] <= f"{clear.iv.high:.4f}"
    status, *_ = report["columns"]
    assert status["beyond_chance"] and float(status["iv"]["low"]) > 0.3
    assert status["added"]["beyond_chance"] and float(status["added"]["gain"]["low"]) > 0.03
    page = (tmp_path / "out" / "report.html").read_text()
    assert "What the columns are worth" in page and "worth something" in page


def test_the_sample_is_a_study_whose_offers_have_the_budget_that_its_job_spends() -> None:
    terms = terms_of(read_study(SAMPLE))
    assert isinstance(terms.parameters, ValueOfDataParameters)
    words = {key: offer_words(terms, part) for key, part in terms.parts.items()}
    assert words["provider1"][words["provider1"].index("--budget") + 1] == str(terms.parameters.budget)
    assert "--budget" not in words["consumer"] and "--own" in words["consumer"]
    assert judge(read_tables(terms, SAMPLE.parent)).somewhere == 300


@pytest.mark.slow
def test_the_sample_is_worth_something(tmp_path: Path) -> None:
    pytest.importorskip("spu", reason="placet[spu] is not installed here")
    report = told(SAMPLE, tmp_path / "out")
    assert all(one["column"].startswith("pay_") for one in report["columns"])
    assert abs(report["people"] - 300) < 60


def told(study: Path, out: Path) -> dict[str, Any]:
    """The report of a study's run that was audited intact."""
    words = [sys.executable, "-m", "placet.cli", "study", "run", study, "--out", out, "--json"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert json.loads(ended.stdout)["verdict"] == "intact"
    return dict(json.loads((out / "result.json").read_text())["report"])


def exact_counts(people: list[dict[str, str]], name: str, edges: list[int]) -> Any:
    """By the score's band, label and group; nobody's value or score is missing."""
    score = SCORE["edges"]
    counts = np.zeros((len(score) + 2, 2, len(edges) + 2))
    for one in people:
        band, group = (
            np.searchsorted(at, float(one[of]), side="right") for at, of in ((score, "PAY_AMT1"), (edges, name))
        )
        counts[band, 1 - int(one[LABEL]), group] += 1
    return counts


def flat(column: dict[str, Any]) -> list[int | None]:
    return [*column["counts"]["positives"], *column["counts"]["negatives"]]


def farthest(exact: Any, deviation: float) -> Any:
    """How far noisy counts' sum over the first axis is from exact ones.

    A count that looks smaller than the smallest group is told as 0. Were it told as the smallest group, it would follow
    its noise monotonically and never faster, so that its distance from its mean is sub-Gaussian with at most twice the
    variance; that mean is at most the smallest group and a deviation off, and so is what is told, where a count's noise
    may make it look so small."""
    reach = REACH * np.sqrt(2) * deviation
    may_be_hidden = (exact < SMALLEST + reach).sum(axis=0)
    return reach * np.sqrt(len(exact)) + may_be_hidden * (SMALLEST + deviation)


def study(folder: Path, people: list[dict[str, str]]) -> None:
    """The bureau has all but the last, the bank all but the first."""
    for file, rows, columns in (
        ("bureau.csv", people[:-300], ["ID", *COLUMNS]),
        ("bank.csv", people[400:], ["ID", LABEL, "PAY_AMT1"]),
    ):
        with (folder / file).open("w", newline="", encoding="utf-8") as out:
            csv.writer(out).writerows([columns, *([row[column] for column in columns] for row in rows)])
    columns = [{"column": name.lower(), "edges": edges} for name, edges in COLUMNS.items()]
    own = SCORE | {"column": "pay_amt1"}
    (folder / "study.toml").write_text(f"""
title = "What is the bureau worth?"
recipe = "{SPEC.name}"
purpose = "CreditChecking"
namespace = "urn:example:person"
label = "bad"

[parameters]
budget = {BUDGET}
columns = {toml(columns)}
own = {toml(own)}

[offers]
smallest_group = {SMALLEST}

[[institutions]]
name = "Bureau"
file = "bureau.csv"
identifier = "ID"
[institutions.columns]
{chr(10).join(f'{name.lower()} = {{ type = "integer", source = "{name}" }}' for name in COLUMNS)}

[[institutions]]
name = "Bank"
role = "consumer"
file = "bank.csv"
identifier = "ID"
[institutions.columns]
bad = {{ type = "integer", source = "{LABEL}" }}
pay_amt1 = {{ type = "integer", source = "PAY_AMT1" }}
""")


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(one)}" for name, one in value.items()) + " }"
    return json.dumps(value) if not isinstance(value, list) else "[" + ", ".join(map(toml, value)) + "]"
