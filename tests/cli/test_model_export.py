"""`placet model export`: from a job's result to a file that another program reads, without node or chain."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from placet.cli.model_export import export, table
from placet.core.csv_file import plain_cell, read_rows
from placet.core.errors import InputError
from placet.core.model_table import document_of
from placet.core.values import parse, to_hex
from placet.models.linear import LinearModel
from placet.models.released import ReleasedTrees, released_of
from placet.models.scorecard import Scorecard
from placet.models.scorecard_export import names_of
from placet.models.trees import UNIT

RESULT = Path(__file__).resolve().parents[1] / "study" / "joint_scorecard_result.json"


def test_a_result_becomes_a_document_a_table_and_a_query(tmp_path: Path) -> None:
    report = json.loads(RESULT.read_text())["report"]
    card = parse(Scorecard, report["scorecard"])
    export(RESULT, tmp_path / "card.json", "")
    assert to_hex(parse(Scorecard, json.loads((tmp_path / "card.json").read_text())).commitment) == report["commitment"]
    export(RESULT, tmp_path / "card.csv", "")
    assert (tmp_path / "card.csv").read_text().startswith("party,column,kind,bin,above,up_to,category,points\n")
    export(tmp_path / "card.json", tmp_path / "card.sql", 'of "all"')
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in names_of(card))
    with sqlite3.connect(":memory:") as database:
        database.execute(f'CREATE TABLE "of ""all""" ({names})')
        database.execute('INSERT INTO "of ""all""" DEFAULT VALUES')
        ((*_, score),) = database.execute((tmp_path / "card.sql").read_text())
    missing = {(one.party, one.column): [None] for one in card.columns}
    assert [score] == card.scores(missing).tolist()


LINEAR = {
    "label": "defaulted",
    "family": "logistic",
    "centre": "0",
    "spread": "1",
    "intercept": "-0.5",
    "columns": [
        {
            **{"party": "consumer", "column": "age", "coefficients": ["0.25", "1"]},
            "prepared": {"kind": "number", "low": "18", "high": "90", "centre": "40", "spread": "12", "missing": "own"},
        }
    ],
}
TREES = {
    "parties": ["consumer"],
    "parts": [
        {
            "columns": [{"column": "age", "bins": {"kind": "number", "bins": 2, "edges": ["40"]}}],
            "cuts": [{"column": 0, "left": [0, 3]}],
        }
    ],
    "model": {
        **{"parties": 1, "base": 2**18},
        "trees": [
            [
                {"party": 0, "cut": 0, "yes": 1, "no": 2, "gain": 5, "rows": 20},
                {"weight": -(2**17), "rows": 10},
                {"weight": 2**18, "rows": 10},
            ]
        ],
    },
}
AGES = np.array([[30.0], [41.0], [np.nan], [85.0]])


def run(document: Path) -> list[np.ndarray[Any, Any]]:
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is a yardstick, no part of the product")
    session = runtime.InferenceSession(document.read_bytes(), providers=["CPUExecutionProvider"])
    return [one[:, 0] for one in session.run(None, {"consumer.age": AGES})]


def test_linear_models_and_trees_leave_as_documents_that_score_the_same(tmp_path: Path) -> None:
    for name, report in (("line", {"linear": LINEAR}), ("trees", TREES)):
        (tmp_path / f"{name}-result.json").write_text(json.dumps({"report": report}))
        export(tmp_path / f"{name}-result.json", tmp_path / f"{name}.json", "")
        for form in ("csv", "sql"):
            with pytest.raises(InputError, match="no such form of this model"):
                export(tmp_path / f"{name}.json", tmp_path / f"{name}.{form}", "applicants")
    with pytest.raises(InputError, match="no such form of this model"):
        export(RESULT, tmp_path / "card.onnx", "")
    trees = parse(ReleasedTrees, TREES)
    assert json.loads((tmp_path / "trees.json").read_text()) == trees.to_json()
    pytest.importorskip("onnx", reason="it comes with placet[export]")
    for name in ("line", "trees"):
        export(tmp_path / f"{name}.json", tmp_path / f"{name}.onnx", "")
    ages = [None if np.isnan(age) else float(age) for age in AGES[:, 0]]
    line = parse(LinearModel, LINEAR)
    predictor, expected = run(tmp_path / "line.onnx")
    values = {("consumer", "age"): ages}
    assert (predictor == line.predictors(values)).all() and np.allclose(expected, line.expected(values), atol=1e-7)
    odds, _ = run(tmp_path / "trees.onnx")
    codes = [[column.bins.codes(ages) for column in part.columns] for part in trees.parts]
    assert (odds * UNIT == trees.model.score(trees.parts, codes)).all() and len(set(odds.tolist())) == 2


def test_a_model_becomes_a_table_of_the_institutions_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Out of which comes the very document, and what a request says of it is printed."""
    for name, report in (("line", {"linear": LINEAR | {"family": "logistic"}}), ("trees", TREES)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"report": report}))
        table(tmp_path / f"{name}.json", tmp_path / f"{name}.csv")
        shown = json.loads(capsys.readouterr().out)
        header, *rows = (list(map(plain_cell, cells)) for _, cells in read_rows((tmp_path / f"{name}.csv").open("rb")))
        assert header == ["piece", "document"]
        model = released_of(json.loads(document_of(*zip(*rows, strict=True))))
        assert shown == {"commitment": to_hex(model.commitment), "columns": ["age"]}
    with pytest.raises(InputError) as caught:
        (tmp_path / "count.json").write_text(json.dumps({"report": {"linear": LINEAR | {"family": "poisson"}}}))
        table(tmp_path / "count.json", tmp_path / "count.csv")
    assert caught.value.code == "transfer.model" and not (tmp_path / "count.csv").exists()


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    document = json.loads(RESULT.read_text())
    del document["report"]["scorecard"]
    cases = {
        "shared.json": json.dumps(document),
        "none.json": "[]",
        "other.json": "{}",
        "text.json": "{",
        "deep.json": "[" * 100_000,
    }
    for name, text in cases.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError):
            export(tmp_path / name, tmp_path / "out.sql", "applicants")
    with pytest.raises(InputError, match="no such form"):
        export(RESULT, tmp_path / "card.xml", "applicants")
    assert {path.name for path in tmp_path.iterdir()} == {*cases}
