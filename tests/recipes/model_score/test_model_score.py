"""The recipe `model-score` by its parts: its parameters, what each side brings, what it tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from declaring import CUSTOMER, declaring, vectors
from placet.catalogue.declared import declared
from placet.catalogue.model_score import SPEC, cost
from placet.catalogue.modelling import Feature, LinearFeature
from placet.core.errors import InputError, PlanError
from placet.core.hashing import canonical
from placet.core.lawful import ModelRef
from placet.core.offers import Scope, Subjects, output_words
from placet.models.binning import CategoryBins, NumberBins
from placet.models.choices import Reasons
from placet.models.preparing import PreparedCategory, PreparedNumber
from placet.models.probes import probe_cells
from placet.protocols.mpc.scoring import LinearScore, ScorecardScore, TreesScore
from placet.recipes.blocks.kept_cells import KeptCells, KeptColumn
from placet.recipes.blocks.kept_line import KeptLabel, KeptLine, KeptPrepared, examples_of
from placet.recipes.model_score import result as result_of
from placet.recipes.model_score.result import combine, engine_of
from placet.recipes.model_score.run import MODEL_SCORE, program_of, secrets_of, sharing_of

CASES = vectors("model-score")
SCORE, BAND, DECISION, EXPLAINED, OF_FOUR, WARM, LINEAR, TREES = (case["parameters"] for case in CASES)
PURPOSE = "https://w3id.org/dpv#CreditChecking"
ROLES = ["first-provider", "consumer"]
FIRST = {"first-provider": [{"column": "balance", "kind": "number", "bins": 4}]}
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
        {"output": "band", "edges": [5], "reasons": {"most": 1}},
        {"output": "score", "reasons": {"most": 5}},
        {"output": "score", "reasons": {"most": 0}},
        {"output": "score", "reasons": {"most": 2, "against": "worst"}},
        {"model": {"job": "0x00"}},
        {"session": {"seconds": 59, "scores": 1}},
        {"session": {"seconds": 86_401, "scores": 1}},
        {"session": {"seconds": 60, "scores": 0}},
        {"session": {"seconds": 60}},
        {"higher": "negative"},
        {"trees": 3, "depth": 2, "higher": 0},
        {"features": {"consumer": [{"column": f"c{n}", "kind": "category", "levels": 60} for n in range(5)]}},
        {"trees": 3},
        {"depth": 3},
        {"trees": 3, "depth": 2, "reasons": {"most": 1}},
        {"trees": 101, "depth": 2},
        {"features": {"consumer": [{"column": "age", "levels": 3, "missing": "own"}], **FIRST}},
        {"features": {"consumer": [{"column": "age", "levels": 3, "bins": 3}]}},
        {"features": {"consumer": [{"column": "age", "levels": 3, "missing": "own"}]}, "trees": 3, "depth": 2},
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
    assert program.wide == sum(bins + 2 for bins in program.bins)


def test_each_kind_has_its_program() -> None:
    """The kind follows from the columns and from whether there are trees."""
    programs = []
    for asked in (LINEAR, TREES):
        plan, terms = declaring("model-score", asked, "spu", 3)
        programs.append(program_of(declared(plan, terms), SPEC.parse(asked)))
    line, trees = programs
    assert isinstance(line, LinearScore) and isinstance(trees, TreesScore)
    assert (line.widths, line.behind, line.higher) == ((2, 4, 2), 6, 0)
    assert line.thresholds == ((-12500 << 16) - (1 << 15),)
    assert (trees.widths, trees.trees, trees.depth, trees.higher) == ((18, 7), 20, 4, 1)
    assert trees.kept == (1 + 20 * (15 * 25 + 16) + 18,)
    plan, terms = declaring("model-score", LINEAR, "spu", 3)
    assert [one.shape[0] for one in secrets_of(terms.roles, SPEC.parse(LINEAR), line, 5)] == [15] * 3 + [13]


def test_trees_are_kept_by_three_and_more() -> None:
    features = {role: [{"column": "age", "kind": "number", "bins": 3}] for role in ROLES}
    plan, terms = declaring("model-score", TREES | {"protocol": "cheetah", "features": features}, "spu", 2)
    with pytest.raises(PlanError, match="two parties keep no trees"):
        declared(plan, terms)


def test_where_bands_begin_is_held_against_the_offers_gap() -> None:
    bands = SPEC.parse(SCORE | {"output": "band", "edges": [560, 600]})
    assert (SPEC.tells(bands).edges, SPEC.tells(SPEC.parse(SCORE | {"output": "score"})).edges) == ((560, 600), ())


@pytest.mark.parametrize(
    ("changes", "output"),
    [
        ({"output": "score", "reasons": {"most": 2}}, "explained-score"),
        ({"output": "decision", "edges": [600], "reasons": {"most": 2}}, "explained-decision"),
        ({"output": "decision", "edges": [600]}, "decision"),
    ],
)
def test_reasons_are_an_output_of_their_own(changes: dict[str, Any], output: str) -> None:
    """Whose offer allows a score has not allowed what it is made of."""
    assert SPEC.tells(SPEC.parse({**SCORE, **changes})).output == output
    scope = Scope(
        **{"title": "Rows", "provider": bytes(20), "purpose": PURPOSE, "columns": ("balance",), "output": output},
        **{"recipes": ("model-score",), "parties": (bytes(20),), "personal": False, "salt": bytes(32)},
    )
    assert ("which of the person's data" in output_words(scope)) == output.startswith("explained")


def test_who_does_not_compute_brings_two_parts() -> None:
    """In the order of the points: providers, of whom the third shares its columns out, then the consumer."""
    plan, terms = declaring("model-score", OF_FOUR, "spu", 4)
    parameters = SPEC.parse(OF_FOUR)
    program = program_of(declared(plan, terms), parameters)
    rows = 5 + program.probes
    assert sharing_of(terms.roles, parameters) == {2: 12}
    assert [(one.name, one.owner, one.shape) for one in secrets_of(terms.roles, parameters, program, 5)] == [
        ("columns-0", 0, (rows, 12)),
        ("columns-1", 1, (rows, 12)),
        ("parts-first", 0, (rows, 12)),
        ("parts-second", 1, (rows, 12)),
        ("columns-3", 2, (rows, 12)),
        ("model", None, (1 + 48 + 12,)),
    ]
    assert engine_of(terms.roles).protocol == "aby3" and engine_of(ROLES).protocol == "cheetah"


PROGRAM = ScorecardScore(bins=(2, 2), output="score")
KEPT = KeptCells(columns=COLUMNS, numbers=None)


def test_a_row_that_is_not_there_is_missing_in_all_columns() -> None:
    """The probes follow it: cells that no value falls into too, such as `other` of a number."""
    values = {"balance": [50, None, 101], "sector": ["farm", None, "bank"]}
    cells = KEPT.brought(values, PROGRAM, 0, 3)
    assert cells[:3].tolist() == [[1, 0, 0, 0, 0, 1, 0, 0], [0, 0, 0, 1, 0, 0, 0, 1], [0, 1, 0, 0, 0, 0, 1, 0]]
    assert (cells[3:] == probe_cells([4, 4])).all()
    assert KEPT.brought({"balance": [], "sector": []}, PROGRAM, 0, 0).shape == (4, 8)
    nothing = KeptCells(columns=(), numbers=None)
    assert nothing.brought({}, PROGRAM, 2, 3).shape == (7, 0)


@pytest.mark.parametrize(
    ("balance", "sector", "columns"),
    [
        ([None] * 10, ["shop"] * 10, ["balance"]),
        ([None] * 9 + [5], ["SHOP"] * 9 + [None], ["sector"]),
        ([None] * 9, ["SHOP"] * 9, []),
        ([], [], []),
    ],
)
def test_a_column_that_tells_nothing_of_anybody_is_named(
    balance: list[Any], sector: list[Any], columns: list[str]
) -> None:
    assert KEPT.unseen({"balance": balance, "sector": sector}) == columns


@pytest.mark.parametrize("kind", [NumberBins, CategoryBins])
def test_values_that_are_cut_otherwise_than_in_training_score_nobody(
    kind: type[NumberBins | CategoryBins], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another release that put a value at an edge, or an unknown one, into another bin."""
    cut = kind.codes
    monkeypatch.setattr(kind, "codes", lambda self, values: np.minimum(cut(self, values) + 1, self.missing))
    with pytest.raises(InputError) as caught:
        KEPT.brought({"balance": [1], "sector": ["shop"]}, PROGRAM, 0, 1)
    assert caught.value.code == "model.skew" and MODEL_SCORE.final("model.skew")
    assert ("balance" if kind is NumberBins else "sector") in caught.value.message


@pytest.mark.parametrize(("decimals", "refused"), [({}, False), ({"sector": 2}, False), ({"balance": 2}, True)])
def test_amounts_in_another_unit_than_in_training_score_nobody(decimals: dict[str, int], refused: bool) -> None:
    try:
        KEPT.demand_columns(FEATURES, decimals)
    except InputError as error:
        assert refused and error.code == "model.skew" and "balance" in error.message
    else:
        assert not refused


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
    with pytest.raises(InputError) as caught:
        KEPT.demand_columns(features, {})
    assert caught.value.code == "model.columns"
    assert MODEL_SCORE.final("model.columns") and MODEL_SCORE.final("model.parts")


INCOME = PreparedNumber(low="-50", high="150", centre="50", spread="100", missing="own")
BRANCH = PreparedCategory(levels=3, categories=("shop", "farm"), missing="usual")
LINE_FEATURES = (
    LinearFeature(column="income"),
    LinearFeature(column="branch", kind="category", levels=3, missing="usual"),
)
LINE = KeptLine(
    columns=(KeptPrepared.of("income", INCOME, {"income": 2}), KeptPrepared.of("branch", BRANCH, {})),
    label=None,
    numbers=None,
)


def test_what_a_linear_model_reads_is_prepared_as_in_training() -> None:
    """The probes follow the rows, with one prepared number each of a column, and then what columns can come to."""
    program = LinearScore(prepared=(2, 3), behind=5, output="score", reasons=Reasons(most=1))
    values = {"income": [50, None, 1000], "branch": ["farm", None, "bank"]}
    lines = LINE.brought(values, program, 0, 3).tolist()
    assert lines[:3] == [[0, 0, 32, 0, 0], [0, 32, 0, 0, 0], [32, 0, 0, 0, 32]]
    assert lines[3:6] == (32 * probe_cells([2, 3])).tolist()
    assert lines[6:] == [[-32, 0, 0, 0, 0], [32, 0, 32, 0, 0], [0, 0, 0, 0, 32], [0, 32, 0, 0, 0], [-32, 0, 0, 0, 0]]
    assert examples_of(LINE_FEATURES) == 5
    assert KeptLine(columns=(), label=None, numbers=None).brought({}, program, 2, 3).shape == (11, 0)
    assert LINE.unseen({"income": [None] * 10, "branch": ["SHOP"] * 10}) == ["income", "branch"]
    assert LINE.unseen({"income": [None] * 9 + [1], "branch": ["SHOP"] * 9 + ["shop"]}) == []
    assert KeptLine.model_validate(LINE.to_json()) == LINE


@pytest.mark.parametrize(
    ("features", "decimals", "code"),
    [
        (LINE_FEATURES, {"income": 2}, None),
        (LINE_FEATURES, {"income": 2, "branch": 1}, None),
        (LINE_FEATURES, {}, "model.skew"),
        (LINE_FEATURES[:1], {"income": 2}, "model.columns"),
        (LINE_FEATURES[::-1], {"income": 2}, "model.columns"),
        ((LINE_FEATURES[0], LinearFeature(column="branch", kind="category", levels=4)), {"income": 2}, "model.columns"),
        ((LinearFeature(column="income", missing="usual"), LINE_FEATURES[1]), {"income": 2}, "model.columns"),
    ],
)
def test_another_preparation_than_the_models_is_refused(
    features: tuple[LinearFeature, ...], decimals: dict[str, int], code: str | None
) -> None:
    try:
        LINE.demand_columns(features, decimals)
    except InputError as error:
        assert error.code == code
    else:
        assert code is None


@pytest.mark.parametrize(("kind", "column"), [(PreparedNumber, "income"), (PreparedCategory, "branch")])
def test_values_that_are_prepared_otherwise_than_in_training_score_nobody(
    kind: type[PreparedNumber | PreparedCategory], column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = kind.prepare
    monkeypatch.setattr(kind, "prepare", lambda self, values: -prepare(self, values))
    with pytest.raises(InputError, match=column) as caught:
        LINE.brought({"income": [1], "branch": ["shop"]}, LinearScore(prepared=(2, 3), output="score"), 0, 1)
    assert caught.value.code == "model.skew"


@pytest.mark.parametrize(
    ("family", "higher", "score", "expected"),
    [
        ("logistic", "positive", 10_000, "0.731059"),
        ("logistic", "negative", 10_000, "0.268941"),
        ("linear", "positive", -5_000, "900"),
        ("poisson", "positive", 0, "1200"),
    ],
)
def test_a_predictor_is_told_with_what_it_says_of_the_label(
    monkeypatch: pytest.MonkeyPatch, family: Any, higher: str, score: int, expected: str
) -> None:
    label = KeptLabel(family=family, centre="0" if family == "logistic" else "1000", spread="1")
    if family != "logistic":
        label = label.model_copy(update={"spread": "200"})
    asked = {**LINEAR, "output": "score", "higher": higher}
    parameters = {name: value for name, value in asked.items() if name not in ("edges", "reasons")}
    (row,) = opened(monkeypatch, parameters, [score], ["a"], label)["rows"]
    assert row == {"customer": "a", "score": str(score), "expected": expected}
    decided = {**parameters, "output": "decision", "edges": [0]}
    assert opened(monkeypatch, decided, [1], ["a"], label)["rows"] == [{"customer": "a", "decision": "yes"}]


def test_scores_bands_and_decisions_in_the_clear() -> None:
    cells = np.eye(4, dtype=np.int64)
    points = np.array([600, -50, 0, 20, 70])
    programs = {
        output: ScorecardScore(bins=(2,), output=output, edges=edges)
        for output, edges in (("score", ()), ("band", (560, 600, 640)), ("decision", (600,)))
    }
    results = {name: program.reference(cells, points).tolist() for name, program in programs.items()}
    assert results == {"score": [550, 600, 620, 670], "band": [0, 2, 2, 3], "decision": [0, 1, 1, 1]}


def opened(
    monkeypatch: pytest.MonkeyPatch,
    parameters: dict[str, Any],
    result: Any,
    who: list[str],
    label: KeptLabel | None = None,
) -> dict[str, Any]:
    async def reconstruct(shares: list[bytes], *_: Any, **__: Any) -> Any:
        assert shares == [b"first", b"own"]
        return np.asarray(result)

    monkeypatch.setattr(result_of.spu, "reconstruct", reconstruct)
    private = {"share": b"own".hex(), "applicants": who, "roles": ROLES, "parameters": parameters}
    private["label"] = label and label.to_json()
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
    nobody = {"share": "", "applicants": [], "roles": ROLES, "parameters": SCORE}
    assert combine({0: b""}, canonical(nobody), Path())["rows"] == []


def test_the_consumer_is_told_reasons_by_their_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = SCORE | {"reasons": {"most": 2, "against": "best"}}
    outcome = opened(monkeypatch, asked, [[590, 3, 1], [650, 0, 0]], ["a", "b"])
    assert outcome["rows"] == [
        {"customer": "a", "score": "590", "reason_1": "income (consumer)", "reason_2": "balance (first-provider)"},
        {"customer": "b", "score": "650", "reason_1": "", "reason_2": ""},
    ]
    assert outcome["report"]["reasons"] == {"most": 2, "against": "best"}


@pytest.mark.parametrize(
    "result",
    [
        [[0, 1, 1], [1, 0, 0]],
        [[0, 0, 1], [1, 0, 0]],
        [[0, 4, 0], [1, 0, 0]],
        [[0, -1, 0], [1, 0, 0]],
        [[0, 1, 2], [1, 1, 0]],
        [[0, 1], [1, 0]],
        [0, 1],
    ],
)
def test_reasons_that_no_honest_parties_reach_are_refused(monkeypatch: pytest.MonkeyPatch, result: list[Any]) -> None:
    asked = SCORE | {"output": "decision", "edges": [600], "reasons": {"most": 2}}
    opened(monkeypatch, asked, [[0, 1, 2], [1, 0, 0]], ["a", "b"])
    with pytest.raises(InputError):
        opened(monkeypatch, asked, result, ["a", "b"])


@pytest.mark.parametrize("result", [[2, 0], [-1, 0], [1], [1.0, 0.0]])
def test_what_no_honest_parties_reach_is_refused(monkeypatch: pytest.MonkeyPatch, result: list[Any]) -> None:
    two = {name: value for name, value in SCORE.items() if name != "output"}
    with pytest.raises(InputError):
        opened(monkeypatch, two | {"output": "decision", "edges": [600]}, result, ["a", "b"])


def test_the_identifier_is_no_column_of_a_model() -> None:
    feature = {"column": CUSTOMER["identifier"], "kind": "category", "bins": 2}
    with pytest.raises(PlanError):
        SPEC.parse(SCORE | {"features": {"first-provider": [feature]}})


def test_what_it_takes_is_said_from_the_shapes() -> None:
    """About what was measured, each party's memory and all bytes, with 23 columns of 10 bins."""
    columns = [{"column": f"c{place}", "kind": "number", "bins": 10} for place in range(23)]
    asked = SCORE | {"features": {"first-provider": columns[:12], "consumer": columns[12:]}}
    reasons = {"reasons": {"most": 4}}
    needs = cost(SPEC.parse(asked | reasons), 3_000)
    assert 1_350 << 20 < needs.memory < 1_550 << 20 and 95_000_000 < needs.traffic < 125_000_000
    three = cost(SPEC.parse(asked | reasons | {"protocol": "aby3"}), 10_000)
    assert 550 << 20 < three.memory < 650 << 20 and 280_000_000 < three.traffic < 320_000_000
    plain = cost(SPEC.parse(asked | {"protocol": "aby3"}), 10_000)
    assert 85_000_000 < plain.traffic < 100_000_000 and plain.seconds < three.seconds
    wide = {role: [one | {"bins": 16} for one in own] for role, own in asked["features"].items()}
    trees = {"trees": 20, "depth": 4, "protocol": "aby3", "features": wide}
    grown = cost(SPEC.parse(asked | trees), 10_000)
    assert 650 << 20 < grown.memory < 900 << 20 and 250_000_000 < grown.traffic < 400_000_000
    edges = {"output": "band", "edges": [*range(63)]}
    assert cost(SPEC.parse(asked | edges), 1_000).traffic - cost(SPEC.parse(asked), 1_000).traffic > 100_000_000
