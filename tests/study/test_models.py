"""A model's report, card and scores, out of what a job of `joint-scorecard` over the marketing sample told its bank."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from placet.core.errors import ConfigError
from placet.study.document import Decision, read_study, study_of
from placet.study.judgement import judge
from placet.study.model_card import model_card
from placet.study.model_facts import ModelFacts
from placet.study.model_reading import model_facts, scorecard_of
from placet.study.outcome import StudyOutcome
from placet.study.report import html
from placet.study.scoring import decided, scored
from placet.study.tables import StudyData, read_tables
from placet.study.terms import terms_of
from study_outcome import outcome

SAMPLE = Path(__file__).resolve().parents[2] / "scripts" / "examples" / "marketing"
RESULT = Path(__file__).parent / "joint_scorecard_result.json"


@pytest.fixture(scope="module")
def data() -> StudyData:
    return read_tables(terms_of(read_study(SAMPLE / "study.toml")), SAMPLE)


@pytest.fixture(scope="module")
def run() -> StudyOutcome:
    names = ("Telecom", "Retailer", "City Bank")
    parties = [
        {"name": name, "role": "consumer" if name == "City Bank" else "provider", "reward": "0", "paid": "0"}
        for name in names
    ]
    return replace(
        outcome(), result=json.loads(RESULT.read_text()), audit=outcome().audit | {"parties": parties}, engine="spu"
    )


def facts(data: StudyData, run: StudyOutcome) -> ModelFacts:
    model = model_facts(data, run)
    assert model is not None and model.joint is not None and model.joint.curves is not None
    return model


def test_the_sample_is_judged_as_a_model(data: StudyData) -> None:
    judgement = judge(data)
    assert judgement.label is not None and (judgement.label.rows, judgement.label.positive) == (400, 98)
    assert judgement.everywhere == 400 and judgement.warnings == ()
    assert data.terms.parameters.to_json()["protocol"] == "aby3"
    assert [len(part.columns) for part in data.terms.parts.values()] == [7, 4, 5]


def test_figures_are_those_that_the_job_told(data: StudyData, run: StudyOutcome) -> None:
    model, report = facts(data, run), run.report
    assert model.joint is not None and model.joint.curves is not None and model.gain is not None
    assert model.joint.auc.value == float(report["metrics"]["test"]["auc"])
    assert model.gain.value == pytest.approx(float(report["gain"]["auc"]))
    test = report["metrics"]["test"]
    assert model.joint.curves.table.people == test["people"]
    assert model.joint.curves.table.all_positives == test["positives"]
    assert model.joint.curves.gains()[-1] == model.joint.curves.roc()[-1] == (1.0, 1.0)
    assert [part for part, *_ in model.rows] == ["train", "test"]
    assert {column.party for column in model.columns} == {"Telecom", "Retailer", "City Bank"}


def test_a_score_that_speaks_for_label_0_is_turned_round(data: StudyData, run: StudyOutcome) -> None:
    report: dict[str, Any] = json.loads(RESULT.read_text())["report"]
    report["scorecard"]["scale"]["higher"] = 0
    turned = facts(data, replace(run, result={"report": report}))
    straight = facts(data, run)
    assert turned.joint is not None and turned.joint.curves is not None and straight.joint is not None
    assert straight.joint.curves is not None and turned.joint.curves.turned
    assert turned.joint.curves.table.positives == straight.joint.curves.table.positives[::-1]
    assert turned.joint.curves.lowest < turned.joint.curves.highest < 0


def test_scores_are_the_sum_of_the_points(data: StudyData, run: StudyOutcome) -> None:
    card = scorecard_of(run)
    assert card is not None
    header, *lines = csv.reader(scored(data, card).decode().splitlines())
    assert header == ["customer", "score", "probability", "decision", "reason_1", "reason_2", "reason_3"]
    assert len(lines) == 400 and [int(line[1]) for line in lines] == sorted(
        (int(line[1]) for line in lines), reverse=True
    )
    cells = {
        key: {c: dict(zip(t.identifiers, v, strict=True)) for c, v in t.cells.items()} for key, t in data.tables.items()
    }
    keys = {part.role.name: key for key, part in data.terms.parts.items()}
    for line in lines[::40]:
        values = {(one.party, one.column): [cells[keys[one.party]][one.column][line[0]]] for one in card.columns}
        assert int(card.scores(values)[0]) == int(line[1])
        probability = card.scale.probability(int(line[1]))
        assert line[3] == (
            "call" if probability >= 0.2 else "do not call" if probability <= 0.1 else "if there is time"
        )
    assert {line[3] for line in lines} == {"call", "do not call", "if there is time"}
    labels = dict(zip(data.consumer.identifiers, data.consumer.cells["subscribed"], strict=True))
    halves = [np.mean([int(labels[line[0]] or 0) for line in half]) for half in (lines[:200], lines[200:])]
    assert halves[0] > 2 * halves[1]
    assert any("Telecom" in line[4] for line in lines) and any("Retailer" in line[4] for line in lines)


def test_a_decision_has_ranges_that_do_not_meet(document: dict[str, Any]) -> None:
    rule = Decision(yes=(0, 0.1), no=(0.3, 1))
    assert [decided(rule, p) for p in (0.0, 0.1, 0.2, 0.3, 1.0)] == ["yes", "yes", "by hand", "no", "no"]
    for wrong in (
        {"yes": [0, 0.3], "no": [0.3, 1]},
        {"yes": [0.2, 0.1], "no": [0.3, 1]},
        {"yes": [0, 2], "no": [0.3, 1]},
    ):
        with pytest.raises(ConfigError):
            study_of(document | {"decision": wrong})


def test_the_card_says_whose_consents_and_what_it_is_not(data: StudyData, run: StudyOutcome) -> None:
    card = model_card(data, run, facts(data, run))
    assert [one["consents"] for one in card["data"]] == [400, 400, 400]
    assert card["commitment"] == run.report["commitment"] and card["metrics"]["gain_auc"]["low"] is not None
    assert any("rehearsal" in line for line in card["limits"]) and card["withdrawn_since"] == 0
    json.dumps(card)


def test_too_few_rows_make_no_model(data: StudyData, run: StudyOutcome) -> None:
    report = {
        "too_few": True,
        "smallest_group": 5,
        "rows": {"train": 3, "validation": 0, "test": 1},
        "provider_rows": [4, 4],
    }
    bare = replace(run, result={"rows": [], "report": report})
    model = model_facts(data, bare)
    assert model is not None and model.joint is None and scorecard_of(bare) is None
    assert "Nothing was told of the model" in html(data, judge(data), bare, model)


def test_trees_are_told_without_curves(data: StudyData, run: StudyOutcome) -> None:
    report: dict[str, Any] = json.loads(RESULT.read_text())["report"]
    for name in ("bands", "gains", "scorecard"):
        del report[name]
    gains = [("first-provider", "poutcome", 300), ("consumer", "balance", 100)]
    report["importance"] = [{"party": party, "column": column, "gain": gain} for party, column, gain in gains]
    trees = replace(run, result={"rows": [], "report": report})
    model = model_facts(data, trees)
    assert model is not None and scorecard_of(trees) is None
    text = html(data, judge(data), trees, model)
    assert "there are no curves" in text and "75.0%" in text and "<b>Gains" not in text


def test_the_report_has_all_charts(data: StudyData, run: StudyOutcome) -> None:
    text = html(data, judge(data), run, facts(data, run))
    for title in ("Gains", "ROC", "Calibration", "Scores of both groups", "AUC above chance"):
        assert f"<b>{title}" in text
    assert "poutcome" in text and "Term deposits: whom to call" in text
