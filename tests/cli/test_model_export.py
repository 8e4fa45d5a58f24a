"""`placet model export`: from a job's result to a file that another program reads, without node or chain."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from placet.cli.model_export import export
from placet.core.errors import InputError
from placet.core.values import parse, to_hex
from placet.models.scorecard import Scorecard
from placet.models.scorecard_export import names_of

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


def test_what_is_no_scorecard_is_refused(tmp_path: Path) -> None:
    document = json.loads(RESULT.read_text())
    del document["report"]["scorecard"]
    cases = {"shared.json": json.dumps(document), "none.json": "[]", "text.json": "{", "deep.json": "[" * 100_000}
    for name, text in cases.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError):
            export(tmp_path / name, tmp_path / "out.sql", "applicants")
    with pytest.raises(InputError, match="no such form"):
        export(RESULT, tmp_path / "card.xml", "applicants")
    assert {path.name for path in tmp_path.iterdir()} == {*cases}
