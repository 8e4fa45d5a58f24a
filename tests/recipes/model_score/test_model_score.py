"""The recipe `model-score` by its parts: its parameters, what each side brings, what it tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from declaring import CUSTOMER, declaring, vectors
from placet.catalogue.declared import declared
from placet.catalogue.model_score import SPEC
from placet.catalogue.modelling import Feature
from placet.core.errors import InputError, PlanError
from placet.core.hashing import canonical
from placet.core.lawful import ModelRef
from placet.core.offers import Subjects
from placet.models.binning import CategoryBins, NumberBins
from placet.protocols.mpc.scoring import ScorecardScore
from placet.recipes.blocks.kept_scorecard import KeptColumn, KeptScorecard
from placet.recipes.model_score import run as model_score
from placet.recipes.model_score.run import MODEL_SCORE, combine, program_of

CASES = vectors("model-score")
SCORE, BAND, DECISION = (case["parameters"] for case in CASES)
BALANCE = NumberBins(bins=2, edges=("100",))
SECTOR = CategoryBins(bins=2, categories=("shop", "farm"))
FEATURES = (
    Feature(column="balance", kind="number", bins=2),
    Feature(column="sector", kind="category", bins=2),
)
COLUMNS = (KeptColumn(column="balance", bins=BALANCE), KeptColumn(column="sector", bins=SECTOR))


@pytest.mark.parametrize(
    "changes",
    [
        {"output": "score", "edges": [1]},
        {"output": "band", "edges": None},
        {"output": "band", "edges": []},
        {"output": "band", "edges": [5, 5]},
        {"output": "band", "edges": [6, 5]},
        {"output": "decision", "edges": [5, 6]},
        {"output": "decision", "edges": None},
        {"output": "total"},
        {"model": {"job": "0x00"}},
    ],
)
def test_parameters_that_are_none(changes: dict[str, Any]) -> None:
    asked = {name: value for name, value in (SCORE | changes).items() if value is not None}
    with pytest.raises(PlanError) as caught:
        SPEC.parse(asked)
    assert caught.value.code == "plan.parameters"


@pytest.mark.parametrize("case", CASES)
def test_every_party_brings_its_rows_and_its_part(case: dict[str, Any]) -> None:
    plan, terms = declaring("model-score", case["parameters"], "spu", case["parties"])
    job = declared(plan, terms)
    MODEL_SCORE.demand(job)
    uses = [job.use(number) for number in range(len(plan.inputs))]
    assert [use.subjects for use in uses] == [Subjects.PERSONS, Subjects.MODEL] * case["parties"]
    asked = case["parameters"]["model"]
    which = ModelRef(*(bytes.fromhex(asked[name][2:]) for name in ("job", "commitment")))  # type: ignore[arg-type]
    assert [use.model for use in uses] == [None, which] * case["parties"]


def test_the_program_has_columns_in_the_order_of_training() -> None:
    plan, terms = declaring("model-score", SCORE, "spu", 2)
    program = program_of(declared(plan, terms), SPEC.parse(SCORE))
    assert program.bins == tuple(
        one["bins"] for role in ("first-provider", "consumer") for one in SCORE["features"][role]
    )
    assert program.cells == sum(bins + 2 for bins in program.bins)


def test_where_bands_begin_is_held_against_the_offers_gap() -> None:
    bands = SPEC.parse(SCORE | {"output": "band", "edges": [560, 600]})
    assert (SPEC.tells(bands).edges, SPEC.tells(SPEC.parse(SCORE | {"output": "score"})).edges) == ((560, 600), ())


def test_a_row_that_is_not_there_is_missing_in_all_columns() -> None:
    kept = KeptScorecard(columns=COLUMNS, points=None)
    values = {"balance": [50, None, 101], "sector": ["farm", None, "bank"]}
    cells = kept.cells(FEATURES, values, 3)
    assert cells.tolist() == [[1, 0, 0, 0, 0, 1, 0, 0], [0, 0, 0, 1, 0, 0, 0, 1], [0, 1, 0, 0, 0, 0, 1, 0]]
    assert kept.cells(FEATURES, {"balance": [], "sector": []}, 0).shape == (0, 8)


@pytest.mark.parametrize(
    "features",
    [
        FEATURES[:1],
        (FEATURES[0], Feature(column="branch", kind="category", bins=2)),
        (FEATURES[0], Feature(column="sector", kind="category", bins=3)),
        (Feature(column="balance", kind="category", bins=2), FEATURES[1]),
        FEATURES[::-1],
    ],
)
def test_another_cut_than_the_models_is_refused(features: tuple[Feature, ...]) -> None:
    """Training and use can't part ways: bins come with the model, and the plan says the same."""
    kept = KeptScorecard(columns=COLUMNS, points=None)
    with pytest.raises(InputError) as caught:
        kept.cells(features, {"balance": [1], "sector": ["shop"], "branch": ["x"]}, 1)
    assert caught.value.code == "model.columns"
    assert MODEL_SCORE.final("model.columns") and MODEL_SCORE.final("model.parts")


def test_scores_bands_and_decisions_in_the_clear() -> None:
    cells = np.eye(4, dtype=np.int64)
    points = np.array([600, -50, 0, 20, 70])
    programs = {
        output: ScorecardScore(bins=(2,), output=output, edges=edges)
        for output, edges in (("score", ()), ("band", (560, 600, 640)), ("decision", (600,)))
    }
    results = {name: program.reference(cells, points).tolist() for name, program in programs.items()}
    assert results == {"score": [550, 600, 620, 670], "band": [0, 2, 2, 3], "decision": [0, 1, 1, 1]}


def opened(monkeypatch: pytest.MonkeyPatch, parameters: dict[str, Any], result: Any, who: list[str]) -> dict[str, Any]:
    async def reconstruct(shares: list[bytes], *_: Any, **__: Any) -> Any:
        assert shares == [b"first", b"own"]
        return np.asarray(result)

    monkeypatch.setattr(model_score.spu, "reconstruct", reconstruct)
    private = {"share": b"own".hex(), "applicants": who, "parameters": parameters}
    return combine({0: b"first"}, canonical(private), Path())


def test_what_the_consumer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    two = {name: value for name, value in SCORE.items() if name not in ("output", "edges")}
    cases: list[tuple[dict[str, Any], list[int], list[str]]] = [
        ({"output": "score"}, [612, 590], ["612", "590"]),
        ({"output": "band", "edges": [560, 600]}, [2, 0], ["2", "0"]),
        ({"output": "decision", "edges": [600]}, [1, 0], ["yes", "no"]),
    ]
    for asked, result, words in cases:
        told = opened(monkeypatch, two | asked, result, ["b", "a"])
        assert told["rows"] == [
            {"customer": "a", asked["output"]: words[1]},
            {"customer": "b", asked["output"]: words[0]},
        ]
        assert told["report"] == {"output": asked["output"], "edges": asked.get("edges", [])}
        assert json.loads(json.dumps(told)) == told
    assert combine({0: b""}, canonical({"share": "", "applicants": [], "parameters": SCORE}), Path())["rows"] == []


@pytest.mark.parametrize("result", [[2, 0], [-1, 0], [1], [1.0, 0.0]])
def test_what_no_honest_parties_reach_is_refused(monkeypatch: pytest.MonkeyPatch, result: list[Any]) -> None:
    two = {name: value for name, value in SCORE.items() if name != "output"}
    with pytest.raises(InputError):
        opened(monkeypatch, two | {"output": "decision", "edges": [600]}, result, ["a", "b"])


def test_the_identifier_is_no_column_of_a_model() -> None:
    feature = {"column": CUSTOMER["identifier"], "kind": "category", "bins": 2}
    with pytest.raises(PlanError):
        SPEC.parse(SCORE | {"features": {"first-provider": [feature]}})
