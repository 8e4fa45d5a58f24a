"""The recipe `joint-trees` by its parts: which plans it runs, what each side reads, how it judges, what it tells."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from columned import columned
from declaring import CUSTOMER, declaring
from placet.catalogue.declared import declared
from placet.catalogue.joint_trees import SPEC, JointTreesParameters
from placet.catalogue.modelling import Feature
from placet.core.errors import DataError, InputError, PlanError
from placet.core.hashing import canonical, document_bytes
from placet.core.trail import Artefact
from placet.core.values import to_hex
from placet.jobs.party_run import PartyRun
from placet.models.binning import CategoryBins, NumberBins
from placet.models.boosting import Own
from placet.models.boosting_twin import PlainHost, train
from placet.models.cuts import sides_of
from placet.models.trees import UNIT, TreeColumn, TreeModel, TreePart
from placet.recipes.blocks.features import cells_of, labels_of
from placet.recipes.blocks.split import RowParts
from placet.recipes.joint_trees import run
from placet.recipes.joint_trees.binned import BinnedColumns, boosting_of, demand_both, worth
from placet.recipes.joint_trees.judging import gain, metrics, placements
from placet.recipes.joint_trees.permuted import JudgedSides
from placet.recipes.joint_trees.run import JOINT_TREES, combine
from placet.vault.rows import Rows

FEATURES = {"first-provider": [{"column": "income"}], "consumer": [{"column": "age"}]}
TREES: dict[str, Any] = SPEC.parse(
    {
        **CUSTOMER,
        "label": "defaulted",
        "features": FEATURES,
        "split": {"train": 70, "validation": 0},
        "smallest_group": 2,
        "trees": 3,
        "depth": 2,
    }
).to_json()


def check(parameters: dict[str, Any], parties: int = 2, engine: str = "embedded") -> None:
    """What every party demands before it signs."""
    JOINT_TREES.demand(declared(*declaring("joint-trees", parameters, engine, parties)))


def test_plans_that_fit() -> None:
    check(TREES)
    more = {f"{name}-provider": [{"column": name, "kind": "number", "bins": 10}] for name in ("second", "third")}
    check(TREES | {"features": TREES["features"] | more}, 4)


@pytest.mark.parametrize(
    ("changes", "parties", "code", "words"),
    [
        ({"features": {"first-provider": FEATURES["first-provider"]}}, 2, "plan.parameters", "do not go together"),
        ({"features": {"consumer": FEATURES["consumer"]}}, 2, "plan.features", "each provider brings columns"),
        ({"features": FEATURES | {"second-provider": [{"column": "tax"}]}}, 2, "plan.features", "nobody else"),
        ({}, 3, "plan.features", "each provider brings columns"),
        (
            {"features": FEATURES | {"consumer": [{"column": "age", "kind": "category", "monotone": "rising"}]}},
            2,
            "plan.parameters",
            "features",
        ),
        ({"features": FEATURES | {"consumer": [{"column": "defaulted"}]}}, 2, "plan.parameters", "do not go together"),
        ({"trees": 101}, 2, "plan.parameters", "no such value of trees"),
        ({"depth": 7}, 2, "plan.parameters", "no such value of depth"),
        ({"rate": 0}, 2, "plan.parameters", "no such value of rate"),
        ({"smallest_group": 1}, 2, "plan.parameters", "no such value of smallest_group"),
        ({"model": "shared"}, 2, "plan.parameters", "stays shared grows on shares"),
        ({"protocol": "aby3"}, 2, "plan.engine", "by a protocol that the plan names"),
        ({"join": "all"}, 2, "plan.parameters", "would learn of each row who has it"),
        ({"permutations": 0}, 2, "plan.parameters", "no such value of permutations"),
    ],
)
def test_plans_that_are_refused(changes: dict[str, Any], parties: int, code: str, words: str) -> None:
    with pytest.raises(PlanError, match=words) as caught:
        parsed = {**TREES, **changes}
        if "features" in changes:  # in the form of the recipe
            parsed["features"] = {
                role: [{"kind": "number", "bins": 10} | one for one in columns]
                for role, columns in changes["features"].items()
            }
        check(parsed, parties)
    assert caught.value.code == code


@pytest.mark.parametrize("engine", ["spu", "heu"])
def test_engines_that_it_does_not_run_on(engine: str) -> None:
    with pytest.raises(PlanError) as caught:
        check(TREES, engine=engine)
    assert caught.value.code == "plan.engine"


@pytest.mark.parametrize("engine", ["embedded", "okamoto-uchiyama"])
@pytest.mark.parametrize("nodes", ["open", "blind"])
def test_by_which_scheme_sums_are_encrypted_stands_in_plan_and_trail(engine: str, nodes: str) -> None:
    parameters = SPEC.parse(TREES | {"nodes": nodes})
    check(parameters.to_json(), engine=engine)
    job = cast(PartyRun, SimpleNamespace(terms=SimpleNamespace(engine=engine), parameters=lambda _: parameters))
    assert run.cipher_of(job).name == {"embedded": "paillier-2048"}.get(engine, "okamoto-uchiyama-2048")
    assert run.secureboost(job) == f"boost.{'blind' if nodes == 'blind' else 'secureboost'}-{run.cipher_of(job).name}/1"


def test_a_blind_plan_promises_no_smallest_group() -> None:
    """Providers can't count the rows of nodes that they don't know: who was told of a smallest group is not in it."""
    blind, opened = (SPEC.tells(SPEC.parse(TREES | {"nodes": nodes})) for nodes in ("blind", "open"))
    assert (blind.group, opened.group) == (1, 2)
    with pytest.raises(PlanError, match="no such value of nodes"):
        check(TREES | {"nodes": "yes"})


def test_without_paillier_nobody_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "placet.protocols.mpc.extra", raising=False)
    monkeypatch.setitem(sys.modules, "gmpy2", None)
    with pytest.raises(PlanError, match="never installed unasked") as caught:
        check(TREES)
    assert (caught.value.code, "placet[paillier]" in str(caught.value.remedy)) == ("plan.engine", True)


def test_each_reads_its_own_columns_and_owners_are_told_what_is_learned() -> None:
    parameters = SPEC.parse(TREES | {"split": {"column": "opened", "train_until": 5, "validation_until": 6}})
    assert SPEC.reads("first-provider", parameters) == ("customer", "income")
    assert SPEC.reads("consumer", parameters) == ("customer", "defaulted", "opened", "age")
    tells = SPEC.tells(parameters)
    assert (tells.output, tells.group, tells.within) == ("tree-model", 2, ("consumer",))
    assert "scores" in str(tells.disclosed)
    assert all(role.persons for role in SPEC.roles)


def table(**columns: list[Any]) -> Rows:
    names = [f"P{number}" for number in range(len(next(iter(columns.values()))))]
    return Rows(columned({"customer": names, **columns}), "customer", b"")


def test_bins_hold_no_fewer_rows_than_the_smallest_group() -> None:
    features = SPEC.parse(TREES).features["first-provider"]
    rows = table(income=[*range(10), None])
    (bins,), codes = cells_of(rows, features, 4)
    assert np.bincount(codes[:, 0], minlength=12).tolist()[:2] == [4, 6]
    assert codes[-1, 0] == bins.missing
    with pytest.raises(DataError, match="column income"):
        cells_of(table(income=["a"]), features, 1)


@pytest.mark.parametrize("labels", [[0, 2], [1, -1]])
def test_labels_are_zero_and_one(labels: list[Any]) -> None:
    with pytest.raises(DataError) as caught:
        labels_of(table(defaulted=labels), "defaulted")
    assert JOINT_TREES.final(caught.value.code) and JOINT_TREES.final("model.differs")


def test_too_few_of_a_label_end_the_job() -> None:
    demand_both(np.array([0, 0, 1, 1]), 2)
    with pytest.raises(DataError) as caught:
        demand_both(np.array([0, 0, 0, 1]), 2)
    assert JOINT_TREES.final(caught.value.code)
    parameters = SPEC.parse(TREES)
    assert worth(parameters, RowParts(4, 0, 1))
    assert not worth(parameters, RowParts(3, 0, 9))
    assert not worth(parameters, RowParts(9, 9, 0))


# Judging.


def test_metrics_are_those_of_all_pairs() -> None:
    chance = np.random.default_rng(11)
    labels, margins = chance.integers(0, 2, 60), chance.integers(-9, 9, 60) * UNIT // 4
    high, low = margins[labels == 1], margins[labels == 0]
    pairs = [(a > b) + (a == b) / 2 for a, b in itertools.product(high, low)]
    report = metrics(labels, margins)
    assert report is not None
    assert report["auc"] == f"{np.mean(pairs):.6f}"
    distances = [abs((high <= edge).mean() - (low <= edge).mean()) for edge in margins]
    assert report["ks"] == f"{max(distances):.6f}"
    assert (report["people"], report["positives"]) == (60, int(labels.sum()))
    area, (above, below) = placements(labels, margins)
    assert area == pytest.approx(above.mean()) == pytest.approx(below.mean())


def test_what_others_columns_add() -> None:
    chance = np.random.default_rng(12)
    labels = chance.integers(0, 2, 400)
    good, bad = labels * 2 * UNIT + chance.integers(0, 4 * UNIT, 400), chance.integers(0, UNIT, 400)
    more = gain(labels, good, bad)
    assert more is not None
    assert float(more["low"]) > 0.1
    assert gain(labels, good, good) == {"auc": "0.000000", "low": "0.000000", "high": "0.000000"}
    assert metrics(np.array([0, 0, 1]), np.array([1, 2, 3])) is gain(np.array([1, 1]), good[:2], bad[:2]) is None


# What comes out.


def features_table(features: tuple[Feature, ...], column: TreeColumn, codes: Any) -> BinnedColumns:
    return BinnedColumns(features, (column,), codes, Artefact(name="bins", commitment=bytes(32)))


def grown(
    parameters: JointTreesParameters, labels: Any, age: list[int], income: list[int]
) -> tuple[Own, PlainHost, list[tuple[TreeColumn, ...]], TreeModel, Any]:
    """Trees over the consumer's age and the provider's income, whose first rows train; and both sides' columns."""
    tables = []
    for role, values in (("consumer", {"age": age}), ("first-provider", {"income": income})):
        features = parameters.features[role]  # type: ignore[index]
        (bins,), codes = cells_of(table(**values), features, 2)
        tables.append(features_table(features, TreeColumn(column=features[0].column, bins=bins), codes))
    own, host = Own(tables[0].placed(range(len(age)))), PlainHost(tables[1].placed(range(len(age))), range)
    model, margins = train(own, [host], labels, len(age), boosting_of(parameters))
    return own, host, [one.columns for one in tables], model, margins


def kept_of(parameters: dict[str, Any], parts: RowParts, model: TreeModel, part: TreePart) -> dict[str, Any]:
    """What the consumer keeps until the release."""
    return {
        "parameters": parameters,
        "parties": ["consumer", "first-provider"],
        "providers": [0],
        "rows": parts.to_json(),
        "provider_rows": [80],
        "smallest_group": 2,
        "model": model.to_json(),
        "part": part.to_json(),
        "metrics": {},
        "alone": {},
        "gain": None,
    }


def test_the_consumer_puts_the_model_together() -> None:
    chance = np.random.default_rng(13)
    income, age = chance.integers(0, 100, 80).tolist(), chance.integers(20, 80, 80).tolist()
    labels = np.array([int(a + b < 90) for a, b in zip(income, age, strict=True)])
    own, host, columns, model, margins = grown(SPEC.parse(TREES), labels[:60], age, income)
    kept = kept_of(TREES, RowParts(60, 0, 20), model, TreePart(columns=columns[0], cuts=tuple(own.cuts)))
    part = TreePart(columns=columns[1], cuts=tuple(host.cuts))
    report = combine({0: document_bytes(part)}, canonical(kept), Path())["report"]
    assert {one["column"] for one in report["importance"]} == {"age", "income"}
    assert report["commitment"] == to_hex(model.commitment)
    parts = [TreePart.model_validate(one) for one in report["parts"]]
    codes = [[parts[0].columns[0].bins.codes(age)], [parts[1].columns[0].bins.codes(income)]]
    assert np.array_equal(TreeModel.model_validate(report["model"]).score(parts, codes), margins)
    (column,) = part.columns
    for named in (
        column.model_copy(update={"column": "wealth"}),
        TreeColumn(column="income", bins=CategoryBins(bins=10, categories=())),
    ):
        with pytest.raises(InputError, match="not those planned"):
            combine({0: document_bytes(TreePart(columns=(named,), cuts=part.cuts))}, canonical(kept), Path())
    for other in (TreePart(columns=part.columns), TreePart(columns=())):
        with pytest.raises(InputError):
            combine({0: document_bytes(other)}, canonical(kept), Path())
    with pytest.raises(InputError):
        combine({0: b"[]"}, canonical(kept), Path())


def test_a_column_is_worth_what_the_trees_lose_without_it() -> None:
    """Its values stand in other rows, on the rows that test where none validate; a model that goes against the plan's
    order of a column is none."""
    chance = np.random.default_rng(13)
    income, noise = chance.integers(0, 100, 80).tolist(), chance.integers(20, 80, 80).tolist()
    labels = np.array([int(one < 45) for one in income])
    parameters, parts = SPEC.parse(TREES | {"permutations": 4}), RowParts(50, 0, 30)
    own, host, columns, model, _ = grown(parameters, labels[:50], noise, income)
    sides = [sides_of(host.columns, cut)[50:] for cut in host.cuts]
    kept = kept_of(parameters.to_json(), parts, model, TreePart(columns=columns[0], cuts=tuple(own.cuts)))
    kept["sides"] = JudgedSides.of(labels, own, [sides], parts).to_json()
    part = {0: document_bytes(TreePart(columns=columns[1], cuts=tuple(host.cuts)))}
    worth = {
        one["column"]: float(one["permutation"])
        for one in combine(part, canonical(kept), Path())["report"]["importance"]
    }
    assert worth["income"] > 0.25 and abs(worth["age"]) < 0.1
    few = kept | {"sides": JudgedSides.of(np.zeros(80, np.int64), own, [sides], parts).to_json()}
    assert {one["permutation"] for one in combine(part, canonical(few), Path())["report"]["importance"]} == {None}
    rising = kept["parameters"]["features"]["first-provider"][0] | {"monotone": "rising"}
    against = kept | {
        "parameters": parameters.to_json()
        | {"features": parameters.to_json()["features"] | {"first-provider": [rising]}}
    }
    with pytest.raises(InputError) as caught:
        combine(part, canonical(against), Path())
    assert caught.value.code == "model.monotone"


def test_of_too_few_rows_nothing_comes_out() -> None:
    kept = {"smallest_group": 9, "rows": {"train": 3, "validation": 0, "test": 2}, "provider_rows": [5], "model": None}
    report = combine({}, canonical(kept), Path())["report"]
    assert report == {"too_few": True, "smallest_group": 9, "rows": kept["rows"], "provider_rows": [5]}


def test_rows_that_a_provider_lacks_are_missing() -> None:
    bins = NumberBins(bins=3, edges=("1", "2"))
    features = SPEC.parse(TREES).features["consumer"]
    placed = features_table(features, TreeColumn(column="age", bins=bins), np.array([[0], [2]])).placed([1, None, 0])
    assert placed[0].codes.tolist() == [2, bins.missing, 0]
