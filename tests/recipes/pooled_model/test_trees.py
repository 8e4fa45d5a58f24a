"""Pooled boosted trees: the parties' trees are those of all rows in one place, whoever has which of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from placet.catalogue.pooled_model import SPEC, PooledModelParameters
from placet.core.errors import PlanError
from placet.core.hashing import canonical
from placet.models.pooled_checks import Seat
from placet.models.pooled_trees_twin import train
from placet.models.released import ReleasedTrees, onnx_of, released_in
from placet.models.trees import UNIT, TreeFork, TreeLeaf, Whole
from placet.recipes.blocks.pooled_table import MemberTable
from placet.recipes.pooled_model.alone import alone_trees
from placet.recipes.pooled_model.report import tree_outcome
from placet.recipes.pooled_model.run import combine
from placet.recipes.pooled_model.tree_training import (
    TrainedTrees,
    boosting_of,
    cells_of,
    cut_by,
    flags_of,
    scores_of,
    trained,
)
from pooling import Adding

PLAIN: dict[str, Any] = {
    "label": "label",
    "features": [
        {"kind": "number", "column": "income", "bounds": [0, 10_000], "monotone": "falling"},
        {"kind": "category", "column": "branch", "values": ["city", "sea", "moon"]},
        {"kind": "bins", "column": "age", "edges": [30, 45, 60]},
    ],
    "train": 60,
    "smallest_group": 5,
    "trees": {"count": 4, "depth": 3},
}
ASKED = SPEC.parse(PLAIN)


def people(seed: int, count: int) -> tuple[tuple[list[Any], ...], Whole]:
    """Columns, in which some values lack and some branches are rare, and labels."""
    chance = np.random.default_rng(seed)
    income, age = np.rint(np.exp(chance.normal(7.3, 0.8, count))), chance.integers(18, 90, count)
    branch = chance.choice(["city", "sea", "moon", "attic", ""], count, p=[0.5, 0.3, 0.15, 0.02, 0.03])
    odds = 0.5 - income / 2_000 + 1.2 * (branch == "sea") + (age > 45) * (income < 2_000)
    labels = (chance.random(count) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    lacking = chance.random(count) < 0.1
    incomes = [None if lack else int(one) for one, lack in zip(income, lacking, strict=True)]
    return (incomes, branch.tolist(), age.tolist()), labels


def split(columns: tuple[list[Any], ...], labels: Whole, owners: Whole) -> list[MemberTable]:
    tables = []
    for owner in np.unique(owners):
        rows = np.flatnonzero(owners == owner)
        cut = len(rows) * 6 // 10
        own = tuple([column[row] for row in rows] for column in columns)
        tables.append(MemberTable(own, labels[rows], np.arange(cut), np.arange(cut, len(rows))))
    return tables


def together(asked: PooledModelParameters, tables: list[MemberTable]) -> tuple[TrainedTrees | None, Adding]:
    adding, trees = Adding(len(tables)), asked.trees
    assert trees is not None

    async def run() -> list[TrainedTrees | None]:
        members = (trained(asked, trees, one, adding.of(n), Seat(n, len(tables))) for n, one in enumerate(tables))
        return await asyncio.gather(*members)

    outcomes = asyncio.run(run())
    assert all(one == outcomes[0] for one in outcomes)
    return outcomes[0], adding


@pytest.fixture(scope="module")
def three() -> list[MemberTable]:
    columns, labels = people(1, 1_500)
    return split(columns, labels, np.random.default_rng(2).choice(3, len(labels), p=[0.6, 0.25, 0.15]))


@pytest.mark.parametrize("parties", [3, 5])
def test_the_trees_are_those_of_all_rows_in_one_place(parties: int) -> None:
    columns, labels = people(parties, 900)
    tables = split(columns, labels, np.random.default_rng(7).integers(0, parties, len(labels)))
    pooled, _ = together(ASKED, tables)
    assert pooled is not None and ASKED.trees is not None
    known = [one.columns(one.train) for one in tables]
    flags = [sum(each) for each in zip(*(flags_of(ASKED, own) for own in known), strict=True)]
    part, described = cut_by(ASKED, flags, parties)
    assert part.columns == pooled.part.columns
    cells, owners = (
        np.concatenate([cells_of(pooled.part, own) for own in known]),
        np.repeat(np.arange(parties), [len(one.train) for one in tables]),
    )
    trains = np.concatenate([one.labels[one.train] for one in tables])
    trees, cuts, margins = train(
        described, cells, trains, owners, boosting_of(ASKED, ASKED.trees), pooled.model.base
    )  # fmt: skip
    assert [[node.model_copy(update={"rows": 0}) for node in tree] for tree in pooled.model.trees] == [
        *map(list, trees)
    ]
    assert cuts == pooled.part.cuts and {cut.column for cut in cuts} == {0, 1, 2}
    assert (pooled.model.score([pooled.part], [[*cells.T]]) == margins).all()
    assert (pooled.people, pooled.positives) == (len(trains), trains.sum())


def test_each_leaf_has_the_smallest_group_at_two_parties_and_says_how_many_are_in_it(three: list[MemberTable]) -> None:
    pooled, adding = together(ASKED, three)
    assert pooled is not None
    cells = [cells_of(pooled.part, one.columns(one.train)) for one in three]
    for tree in pooled.model.trees:
        at = {0: [np.ones(len(one), np.bool_) for one in cells]}
        for place, node in enumerate(tree):
            rows = at.pop(place)
            assert node.rows == sum(int(one.sum()) for one in rows)
            assert sum(int(one.sum()) >= 5 for one in rows) >= 2
            if isinstance(node, TreeFork):
                cut = pooled.part.cuts[node.cut]
                yes = [cut.sides(one[:, cut.column]) for one in cells]
                at[node.yes] = [a & b for a, b in zip(rows, yes, strict=True)]
                at[node.no] = [a & ~b for a, b in zip(rows, yes, strict=True)]
    said = [what for what, *_ in adding.heard]
    assert said[:5] == ["parties with enough people", "people", "gradients and curvatures in nodes",
                        "parties with enough people in nodes", "gradients and curvatures in nodes"]  # fmt: skip
    assert said[-3:] == ["people by leaves, and scores", "parties with enough people in bands", "people by bands"]
    assert len(said) <= 5 + 4 * (2 * 3 - 1)


def test_a_report_has_trees_that_leave_as_onnx_and_what_pooling_adds(three: list[MemberTable]) -> None:
    pooled, _ = together(ASKED, three)
    assert pooled is not None and ASKED.trees is not None
    outcome = tree_outcome(pooled)
    part = canonical(outcome)
    own = alone_trees(ASKED, ASKED.trees, three[2], pooled)
    state = {"parameters": ASKED.to_json(), "outcome": outcome, "alone": own}
    report = combine({0: part, 1: part}, canonical(state), Path())["report"]
    assert report["steps"] == 4 and report["fitted"] == {"people": pooled.people, "positives": pooled.positives}
    assert float(report["metrics"]["test"]["auc"]) > 0.65 and report["gain"] is not None
    assert {row["column"] for row in report["importance"]} == {"income", "branch", "age"}
    assert [row["gain"] for row in report["importance"]] == sorted(
        (row["gain"] for row in report["importance"]), reverse=True
    )
    one_band = outcome | {"bands": {"edges": [], "positives": [40], "negatives": [60]}}
    alike = combine({0: canonical(one_band)}, canonical(state | {"outcome": one_band}), Path())["report"]
    assert alike["metrics"]["test"] is None and alike["model"] == report["model"]
    released = released_in(report)
    assert isinstance(released, ReleasedTrees) and released.parties == ("consumer",)
    pytest.importorskip("onnx", reason="no onnx here: pip install 'placet[export]'")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is a yardstick, no part of the product")
    session = runtime.InferenceSession(onnx_of(released), providers=["CPUExecutionProvider"])
    income, branch, age = three[0].columns(three[0].test)
    (odds,) = session.run(["log_odds"], {
        "consumer.income": np.array([np.nan if one is None else one for one in income], float)[:, None],
        "consumer.branch": np.array(branch, dtype=object)[:, None],
        "consumer.age": np.array(age, float)[:, None],
    })  # fmt: skip
    margins = np.rint(odds[:, 0].astype(np.float64) * UNIT).astype(np.int64)
    assert (margins * 10_000 // UNIT == scores_of(pooled.model, pooled.part, three[0].columns(three[0].test))).all()


def test_margins_fall_with_a_column_that_is_to(three: list[MemberTable]) -> None:
    pooled, _ = together(ASKED, three)
    assert pooled is not None
    incomes = [*range(0, 12_000, 50)]
    scores = scores_of(pooled.model, pooled.part, [incomes, ["city"] * len(incomes), [40] * len(incomes)])
    assert (np.diff(scores) <= 0).all() and scores[0] > scores[-1]


def test_too_few_of_a_label_tell_nothing_and_too_few_in_columns_grow_no_tree() -> None:
    columns, labels = people(5, 30)
    few, adding = together(ASKED, split(columns, labels, np.arange(30) % 3))
    assert few is None and len(adding.heard) == 1 and tree_outcome(few) == {"too_few": True}
    columns, labels = people(6, 300)
    same = ([7] * 300, ["city"] * 300, [20] * 300)
    flat, adding = together(ASKED, split(same, labels, np.arange(300) % 3))
    assert flat is not None and flat.model.trees == () and flat.part.cuts == ()
    assert all(isinstance(node, TreeLeaf) for tree in flat.model.trees for node in tree)


@pytest.mark.parametrize(
    "changes",
    [
        {"budget": 10**9},
        {"scale": {"base_score": 600, "pdo": 20, "base_odds": 1, "higher": 0}},
        {"trees": {"count": 0}},
        {"trees": {"depth": 7}},
        {"trees": {"rate": 101}},
        {"trees": None},
        {"features": [{"kind": "category", "column": "b", "values": ["x", "y"], "monotone": "rising"}]},
        {"features": [{"kind": "number", "column": f"c{n}", "bounds": [0, 1], "missing": "usual"} for n in range(65)]},
    ],
)  # fmt: skip
def test_parameters_that_are_no_trees(changes: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        SPEC.parse({name: value for name, value in (PLAIN | changes).items() if value is not None})
