"""The recipe `joint-linear` by its parts: which plans it runs, what is prepared, and what it tells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from columned import columned
from declaring import CUSTOMER, declaring
from placet.catalogue.declared import declared
from placet.catalogue.joint_linear import SPEC, cost
from placet.catalogue.modelling import PROVIDERS, LinearFeature
from placet.core.errors import DataError, InputError, PlanError
from placet.core.hashing import canonical
from placet.core.values import parse, to_hex
from placet.models.linear import LinearModel
from placet.models.preparing import UNIT
from placet.protocols.mpc.regression import LinearTrain
from placet.recipes.blocks.prepared import ToldColumn, labels_by, prepare
from placet.recipes.blocks.split import RowParts
from placet.recipes.joint_linear.alone import alone
from placet.recipes.joint_linear.report import opened_report
from placet.recipes.joint_linear.run import JOINT_LINEAR, PreparedPart, demand_planned, part_of, program_of
from placet.vault.rows import Rows

NUMBER: dict[str, Any] = {"column": "income", "kind": "number", "levels": 10, "missing": "own"}
CATEGORY = NUMBER | {"column": "branch", "kind": "category", "levels": 3}
PLAIN: dict[str, Any] = {
    **CUSTOMER,
    "label": "label",
    "features": {"first-provider": [NUMBER, CATEGORY], "consumer": [NUMBER | {"column": "age", "missing": "usual"}]},
    "join": "any",
    "split": {"train": 60, "validation": 20},
    "smallest_group": 5,
    "protocol": "cheetah",
    "model": "consumer",
    "family": "logistic",
    "steps": 8,
    "l2": 1,
    "statistics": "also",
}
ROWS = 1500
PARTS = RowParts(900, 300, 300)


def check(parameters: dict[str, Any], parties: int) -> None:
    plan, terms = declaring("joint-linear", parameters, "spu", parties)
    JOINT_LINEAR.demand(declared(plan, terms))


def rows(**columns: list[Any]) -> Rows:
    count = len(next(iter(columns.values())))
    return Rows(columned({"customer": [f"p{n}" for n in range(count)], **columns}), "customer", b"")


@pytest.mark.parametrize("providers", [1, 2, 7])
def test_one_to_seven_providers(providers: int) -> None:
    features = {role: [NUMBER] for role in (*PROVIDERS[:providers], "consumer")}
    check(PLAIN | {"features": features, "protocol": "cheetah" if providers == 1 else "aby3"}, providers + 1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"protocol": "aby3"}, "spu.protocol"),
        ({"features": {"consumer": [NUMBER]}}, "plan.features"),
        ({"features": {"first-provider": [NUMBER | {"bins": 4}]}}, "plan.parameters"),
        ({"features": {"first-provider": [CATEGORY | {"clip": 1}]}}, "plan.parameters"),
        ({"features": {"first-provider": [NUMBER | {"clip": 26}]}}, "plan.parameters"),
        ({"features": {"first-provider": [NUMBER | {"column": "customer"}]}}, "plan.parameters"),
        ({"features": {"first-provider": [CATEGORY | {"column": f"c{n}", "levels": 60} for n in range(5)]}},
         "plan.parameters"),
        ({"family": "gamma"}, "plan.parameters"),
        ({"model": "shared"}, "plan.parameters"),
        ({"model": "nobody", "statistics": "none"}, "plan.parameters"),
        ({"payout_rule": "shapley"}, "plan.parameters"),
        ({"steps": 31}, "plan.parameters"),
    ],
)  # fmt: skip
def test_plans_that_are_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(PlanError) as caught:
        check(PLAIN | changes, 2)
    assert caught.value.code == code


def test_statistics_alone_read_no_label_and_are_no_model() -> None:
    model, statistics = SPEC.parse(PLAIN), SPEC.parse(PLAIN | {"statistics": "only"})
    assert SPEC.reads("consumer", model) == ("customer", "label", "age")
    assert SPEC.reads("consumer", statistics) == ("customer", "age")
    assert (SPEC.tells(model).output, SPEC.tells(statistics).output) == ("model", "aggregate")


def test_a_model_that_stays_shared_is_an_output_of_its_own() -> None:
    shared = SPEC.parse(PLAIN | {"model": "shared", "statistics": "none"})
    assert SPEC.tells(shared).output == "shared-model" and JOINT_LINEAR.final("model.differs")


def test_what_is_missing_is_told_and_dropped_nowhere() -> None:
    features = (LinearFeature(column="income"), LinearFeature(column="branch", kind="category", levels=2))
    columns, numbers = prepare(rows(income=[1.5, None, 3.0, 9.0], branch=["a", "", "b", "a"]), features, 1)
    assert [column.missing for column in columns] == [25, 25]
    assert numbers.shape == (4, 2 + 3) and numbers[1].tolist() == [0, UNIT, 0, 0, UNIT]
    with pytest.raises(DataError, match="the column income does not hold numbers") as caught:
        prepare(rows(income=["much"]), features[:1], 1)
    assert "much" not in str(caught.value)


@pytest.mark.parametrize(("lacking", "percent"), [(0, 0), (1, 0), (4, 0), (5, 10), (45, 90), (46, 100), (49, 100)])
def test_a_few_who_lack_a_value_or_have_one_are_not_told(lacking: int, percent: int) -> None:
    incomes = [None] * lacking + [float(n) for n in range(50 - lacking)]
    (column,), _ = prepare(rows(income=incomes), (LinearFeature(column="income"),), 5)
    assert column.missing == percent


@pytest.mark.parametrize(
    ("family", "labels"),
    [("logistic", [0, 1, 2]), ("linear", [1.0, None]), ("linear", ["a"]), ("linear", [7, 7]), ("poisson", [-1, 3])],
)
def test_labels_that_a_family_does_not_have(family: Any, labels: list[Any]) -> None:
    with pytest.raises(DataError) as caught:
        labels_by(rows(label=labels), "label", family)
    if family != "logistic":
        assert caught.value.code == "joint.label" and JOINT_LINEAR.final(caught.value.code)


# What the consumer is told.


def told(family: str, **changes: Any) -> tuple[dict[str, Any], dict[tuple[str, str], list[Any]], list[Any]]:
    """The report of a job in the clear, the columns' values and the labels, in the job's order."""
    luck = np.random.default_rng(4)
    income = [None if luck.random() < 0.05 else float(value) for value in luck.lognormal(8, 0.5, ROWS)]
    branch = [str(value) for value in luck.choice(["a", "b", "c"], ROWS)]
    age = [int(value) for value in luck.integers(18, 80, ROWS)]
    pull = np.array([(0 if i is None else (i - 3000) / 2000) + (b == "b") for i, b in zip(income, branch, strict=True)])
    pull = pull + (np.array(age) - 50) / 40
    values: Any = {
        "logistic": (luck.random(ROWS) < 1 / (1 + np.exp(1 - pull))).astype(int),
        "linear": np.round(1000 + 250 * (pull + luck.normal(size=ROWS)), 2),
        "poisson": luck.poisson(2 * np.exp(pull / 2)),
    }
    own = values[family].tolist()
    parameters = SPEC.parse(PLAIN | {"family": family, "steps": 20} | changes)
    provider = rows(income=income, branch=branch)
    consumer = rows(age=age, label=own)
    program = program_of(parameters, ("first-provider", "consumer"), PARTS)
    first, numbers = prepare(provider, parameters.features["first-provider"], 5)
    second, ages = prepare(consumer, parameters.features["consumer"], 5)
    labels = labels_by(consumer, "label", parameters.family)
    there = np.ones(ROWS, bool)
    result = program.reference([program.whole(0, numbers, there), program.whole(1, ages, there, labels.values)])
    names = [("first-provider", "income"), ("first-provider", "branch"), ("consumer", "age")]
    columns = [(*name, one) for name, one in zip(names, [*first, *second], strict=True)]
    yardstick = alone(program, ages, labels.values)
    report = opened_report(parameters, columns, program, result, PARTS, yardstick, (labels.centre, labels.spread))
    return report, dict(zip(names, (income, branch, age), strict=True)), own


def test_a_logistic_report_is_of_the_rows_that_test() -> None:
    report, values, labels = told("logistic")
    model = parse(LinearModel, report["linear"])
    assert report["commitment"] == to_hex(model.commitment)
    test = slice(1200, None)
    scores, ones = model.predictors(values)[test], np.array(labels)[test]
    higher = scores[ones == 1][:, None] - scores[ones == 0][None, :]
    exact = (higher > 0).mean() + (higher == 0).mean() / 2
    metrics = report["metrics"]["test"]
    assert abs(float(metrics["auc"]) - exact) < 0.01 and metrics["people"] == 300
    bands = report["bands"]["test"]
    assert sum(band["people"] for band in bands) == 300
    assert all(5 <= band["positives"] <= band["people"] - 5 for band in bands)
    assert float(bands[0]["rate"]) < float(bands[-1]["rate"])
    assert float(report["gain"]["auc"]) > 0 and report["alone"]["test"]
    assert report["fitted"] == {"people": 900, "positives": sum(labels[:900])}


@pytest.mark.parametrize(("family", "fit", "error"), [("linear", "r2", "rmse"), ("poisson", "d2", "deviance")])
def test_numbers_are_judged_as_they_are(family: str, fit: str, error: str) -> None:
    report, values, labels = told(family)
    model = parse(LinearModel, report["linear"])
    expected, truth = model.expected(values)[1200:], np.array(labels, dtype=float)[1200:]
    if family == "linear":
        loss, flat = ((truth - expected) ** 2).mean(), truth.var()
        own = loss**0.5
    else:

        def deviance(mean: Any) -> float:
            return float(2 * (truth * np.log(np.maximum(truth, 1e-9) / mean) - truth + mean).mean())

        own = loss = deviance(expected)
        flat = deviance(np.full(300, truth.mean()))
    metrics = report["metrics"]["test"]
    assert abs(float(metrics[fit]) - (1 - loss / flat)) < 0.004
    assert float(metrics[error]) == pytest.approx(own, rel=0.01)
    assert float(report["gain"][fit]) > 0.05 and "bands" not in report


def test_columns_are_told_with_what_they_became() -> None:
    report, values, _ = told("linear", statistics="only")
    assert "linear" not in report and "metrics" not in report
    names = [(one["column"], one["value"]) for one in report["columns"]]
    assert names[:2] == [("income", None), ("income", "missing")] and names[-1] == ("age", None)
    missing = sum(value is None for value in values["first-provider", "income"][:900])
    assert report["columns"][1]["people"] == missing and report["columns"][0]["people"] is None
    assert all(float(one["vif"]) >= 1 for one in report["columns"] if one["vif"])
    assert len(report["correlations"]) == 7 * 6 // 2 and max(abs(float(one)) for one in report["correlations"]) < 1


def test_of_a_model_that_stays_shared_is_told_how_good_it_is() -> None:
    shared, _, _ = told("logistic", model="shared", statistics="none")
    clear, _, _ = told("logistic", statistics="none")
    assert shared.keys() == {"too_few", "fitted", "metrics", "bands", "gains", "alone", "gain"}
    assert shared == {name: clear[name] for name in shared}


@pytest.mark.parametrize("place", [0, 3, 9, 12, -1])
@pytest.mark.parametrize("family", ["logistic", "poisson"])
def test_a_forged_share_makes_no_model(place: int, family: Any) -> None:
    """Words that are random, as a share that is none makes them."""
    parameters = SPEC.parse(PLAIN | {"family": family})
    program: LinearTrain = program_of(parameters, ("first-provider", "consumer"), PARTS)
    result = np.random.default_rng(abs(place)).integers(-(2**62), 2**62, program.output_shape(None)[0])  # type: ignore[arg-type]
    result[place] = -1
    with pytest.raises(InputError):
        opened_report(parameters, [], program, result, PARTS, None, ("0", "1"))


def test_too_few_tell_nothing() -> None:
    parameters = SPEC.parse(PLAIN)
    program = program_of(parameters, ("first-provider", "consumer"), PARTS)
    nothing = np.zeros(program.output_shape(None), object)  # type: ignore[arg-type]
    assert opened_report(parameters, [], program, nothing, PARTS, None, ("0", "1")) == {}


def test_columns_that_are_prepared_otherwise_than_planned_are_refused() -> None:
    features = (LinearFeature(column="income"), LinearFeature(column="branch", kind="category", levels=3))
    columns, _ = prepare(rows(income=[1.0, 2.0], branch=["a", "b"]), features, 1)
    demand_planned("first-provider", features, columns)
    part = PreparedPart(columns=tuple(columns), share=b"share")
    assert part_of(canonical(part.to_json())) == part
    others = [columns[:1], columns[::-1], [*columns, columns[0]]]
    wider, _ = prepare(rows(income=[1.0], branch=["a"]), (features[0], features[1].model_copy(update={"levels": 4})), 1)
    for wrong in [*others, wider]:
        with pytest.raises(InputError, match="otherwise than planned"):
            demand_planned("first-provider", features, wrong)
    assert isinstance(columns[0], ToldColumn)


def test_what_it_takes_is_said_from_the_shapes() -> None:
    columns = [{"column": f"c{place}", "missing": "usual"} for place in range(23)]
    features = {"first-provider": columns[:11], "consumer": columns[11:]}
    needs = cost(SPEC.parse(PLAIN | {"features": features, "steps": 4}), 30_000)
    assert 1800 << 20 < needs.memory < 3 << 30 and 180 << 20 < needs.traffic < 400 << 20
    assert "MB of memory a party" in needs.words()
