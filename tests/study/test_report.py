"""A study's report: all of it is there, none of it is code, and what is drawn stays on the paper."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from placet.models.bands import BandTable
from placet.models.contribution import Contribution
from placet.study.charts import HEIGHT, WIDTH, Series, curves
from placet.study.document import study_of
from placet.study.judgement import judge
from placet.study.model_facts import Curves, Figure, ModelColumn, ModelFacts, Quality, Share
from placet.study.outcome import StudyOutcome
from placet.study.report import html
from placet.study.tables import read_tables
from placet.study.terms import terms_of
from study_outcome import outcome

EVIL = '</td><script>alert(1)</script><img src=x onerror="alert(2)">\' onload=" {{ 7*7 }} \u202e'
LINE = '</td><script>alert(1)</script><img src=x onerror="alert(2)">\' {{ 7*7 }}'


def model() -> ModelFacts:
    edges = tuple(range(510, 600, 10))
    positives, negatives = tuple(range(2, 32, 3)), tuple(range(60, 10, -5))
    drawn = Curves(BandTable(edges, positives, negatives), 500, 600, tuple(0.03 + 0.07 * band for band in range(10)))
    joint, alone = Quality(Figure(0.8123, 0.79, 0.834), 0.45, drawn), Quality(Figure(0.7, 0.67, 0.73), 0.3)
    return ModelFacts(
        kind="scorecard",
        holder="Family Office, in clear",
        rows=(("train", 700, 100), ("test", 300, None)),
        joint=joint,
        alone=alone,
        gain=Figure(0.1123, 0.07, 0.15),
        columns=(ModelColumn("Bank North", "balance", 0.31, 44, fall=0.0417),),
        shares=(Share("Bank North", 0.09, 0.02), Share("Bank South", -0.01, None)),
        card=(("Base score", "600"),),
        commitment="0x" + "cd" * 32,
        scored=300,
    )


def page(document: dict[str, Any], folder: Path, told: StudyOutcome, card: ModelFacts | None = None) -> str:
    data = read_tables(terms_of(study_of(document)), folder)
    return html(data, judge(data), told, card)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    return tags


def test_a_committee_finds_what_it_asks_for(document: dict[str, Any], folder: Path) -> None:
    text = page(document, folder, outcome())
    words = " ".join(" ".join(parsed(text).text).split())
    for one in (
        *("What clients hold", "How much is it together?", "checking creditworthiness", "Bank North", "4 consents"),
        *("1,234,567 gas", "Intact: everything was agreed.", "What this does not prove", "Rewards were fixed"),
        *("placet audit --bundle job.bundle", "nothing to check", "1 of 1 passed"),
    ):
        assert one in words, one


def test_a_model_is_compared_with_what_there_was_without_it(document: dict[str, Any], folder: Path) -> None:
    text = page(document, folder, outcome(), model())
    words = " ".join(" ".join(parsed(text).text).split())
    for one in (
        "0.8123",
        "by at least 0.0700",
        "Gains",
        "Calibration",
        "ROC",
        "+0.0900 (left out: +0.0200)",
        "0.0417",
        "0.310",
    ):
        assert one in words, one
    assert text.count("<svg") == 7


def test_what_columns_are_worth_is_said_in_words_that_claim_no_more(document: dict[str, Any], folder: Path) -> None:
    figure = {"value": "0.3919", "low": "0.1120", "high": "0.8400"}
    added = {"own": figure, "gain": figure, "beyond_chance": False}
    judged = {"iv": figure, "auc": figure, "ks": figure}
    columns = [
        {"column": "few"},
        {"column": "weak", **judged, "iv": figure | {"value": "0.0100"}, "beyond_chance": False},
        {"column": EVIL, **judged, "beyond_chance": True, "added": added},
    ]
    report = {"people": 5_000, "positives": 900, "deviation": "8.00", "columns": columns}
    del document["institutions"][1]
    document |= {"recipe": "value-of-data", "label": "bad"}
    document["parameters"] = {"budget": 5, "columns": [{"column": "balance", "edges": [0]}]}
    document["institutions"][1]["columns"] = {"bad": "integer"}
    (folder / "customers.csv").write_text("ID,bad\na,0\nb,1\nc,0\n")
    text = page(document, folder, replace(outcome(), result={"rows": [], "report": report}))
    parts = " ".join(" ".join(parsed(text).text).split())
    order = [parts.index(one) for one in ("worth something", "cannot be told from nothing", "too few people to say")]
    assert order == sorted(order) and "script" not in parsed(text).tags
    for one in ("0.392 (0.112 to 0.840)", "+0.392 (0.112 to 0.840) (cannot be told from nothing)", "5,000 people"):
        assert one in parts, one
    assert "1 of 3 columns tell more than noise" in parts and "rows of the result" not in parts
    assert "column balance, edges 0" in parts


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (Figure(0.01, -0.01, 0.03), "can't be told from noise"),
        (Figure(-0.02, -0.03, -0.01), "ranks worse"),
        (None, "No model of the consumer's own"),
    ],
)
def test_nobody_is_told_to_pay_for_noise(gain: Figure | None, words: str) -> None:
    assert words in replace(model(), gain=gain).worth


def test_a_verdict_that_is_not_intact_comes_first(document: dict[str, Any], folder: Path) -> None:
    told = outcome()
    problem = {"expected": "signed", "found": "nothing"}
    audit = told.audit | {
        "verdict": "tampered",
        "results": [{**told.audit["results"][0], "status": "failed", "problems": [problem]}],
    }
    text = page(document, folder, replace(told, audit=audit))
    assert text.index("should be relied on") < text.index("What was asked")
    assert "<td>signed</td><td>nothing</td>" in text


def test_nothing_that_others_wrote_is_code(document: dict[str, Any], folder: Path) -> None:
    document["title"] = document["question"] = LINE
    for institution in document["institutions"]:
        institution["name"] += LINE
    told, card = outcome(), model()
    audit = copy.deepcopy(dict(told.audit)) | {"headline": EVIL, "notes": [EVIL]}
    problem = {"expected": EVIL, "found": EVIL}
    audit["results"] = [audit["results"][0] | {"title": EVIL, "group": EVIL, "status": "failed", "problems": [problem]}]
    for party in audit["parties"]:
        party["name"] = party["name"] + EVIL
    column, share = replace(card.columns[0], name=EVIL, party=EVIL), replace(card.shares[0], party=EVIL)
    card = replace(
        card,
        kind=EVIL,
        holder=EVIL,
        columns=(column,),
        shares=(share,),
        card=((EVIL, EVIL),),
        commitment=EVIL,
        rows=((EVIL, 1, 1),),
    )
    clean, dirty = (
        parsed(page(document, folder, outcome(), model())),
        parsed(page(document, folder, replace(told, audit=audit), card)),
    )
    assert "script" not in dirty.tags and "img" not in dirty.tags
    assert not [name for name, _ in dirty.attributes if name.startswith("on") or name in ("href", "src")]
    assert set(dirty.tags) <= {*clean.tags, "ul", "li"}
    assert all("{{ 7*7 }}" in text for text in dirty.text if "alert(2)" in text), "nothing was worked out"
    assert "\u202e" not in page(document, folder, replace(told, audit=audit), card)
    assert sum(EVIL[:20] in text for text in dirty.text) > 8


def test_the_page_loads_nothing(document: dict[str, Any], folder: Path) -> None:
    text = page(document, folder, outcome(), model())
    assert "default-src 'none'" in text and "<script" not in text
    assert not re.search(r"url\(|@import|https?://(?!w3id\.org)", text)


def test_lines_stay_on_the_paper() -> None:
    chart = curves("t", "n", "x", "y", [Series("s", ((-1.0, 5.0), (0.5, 0.5), (9.0, -3.0)), "joint", dots=True)])
    for x, y in chart.lines[0].dots:
        assert 0 <= x <= WIDTH and 0 <= y <= HEIGHT


def test_a_pot_is_explained(document: dict[str, Any], folder: Path) -> None:
    table = Contribution.of("auc", {frozenset(): 500_000, frozenset({0}): 700_000})
    told = replace(outcome(), pot=5000, contribution=table)
    assert "A pot of 5,000 is divided by contribution" in page(document, folder, told)
