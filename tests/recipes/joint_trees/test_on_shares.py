"""`joint-trees` on the engine spu by its parts: which plans it runs, what it tells, what the consumer puts together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from declaring import CUSTOMER, declaring, vectors
from placet.catalogue.declared import declared
from placet.catalogue.joint_trees import SPEC, cost
from placet.core.errors import InputError, PlanError
from placet.core.hashing import canonical, document_bytes
from placet.core.purposes import Operation
from placet.models.binning import NumberBins
from placet.models.trees import TreeColumn, TreeModel, TreePart
from placet.protocols.mpc.finishing import TreesFinish
from placet.protocols.mpc.growing import TreeGrow
from placet.protocols.mpc.scorecard import BANDS, TABLE
from placet.protocols.spu import evaluate
from placet.recipes.blocks.split import RowParts
from placet.recipes.joint_trees.on_shares import SharedPart, computing, program_of
from placet.recipes.joint_trees.run import JOINT_TREES, combine

FEATURES = {
    role: [{"column": column, "kind": "number", "bins": 4}]
    for role, column in (("first-provider", "income"), ("second-provider", "tax"), ("consumer", "age"))
}
SHARED: dict[str, Any] = SPEC.parse(
    {
        **CUSTOMER,
        "label": "defaulted",
        "features": FEATURES,
        "split": {"train": 70, "validation": 0},
        "smallest_group": 5,
        "trees": 2,
        "depth": 1,
        "protocol": "aby3",
    }
).to_json()
ROLES = ["first-provider", "second-provider", "consumer"]
SIZES = RowParts(70, 0, 30)
PROGRAM: TreeGrow = program_of(SPEC.parse(SHARED), ROLES, SIZES)
BINS = NumberBins(bins=4, edges=("1", "2", "3"))


def check(changes: dict[str, Any], parties: int = 3, engine: str = "spu") -> None:
    """What every party demands before it signs."""
    JOINT_TREES.demand(declared(*declaring("joint-trees", SHARED | changes, engine, parties)))


def test_plans_that_fit() -> None:
    """More than three share out; the consumer needs no columns of its own; a model may stay shared."""
    check({})
    check({"model": "shared"})
    check({"features": FEATURES | {"third-provider": FEATURES["first-provider"]}}, 4)
    check({"features": {role: columns for role, columns in FEATURES.items() if role != "consumer"}})


@pytest.mark.parametrize(
    ("changes", "parties", "engine", "code"),
    [
        ({}, 3, "embedded", "plan.engine"),
        ({"protocol": "cheetah"}, 3, "spu", "spu.protocol"),
        ({"features": {k: FEATURES[k] for k in ("first-provider", "consumer")}}, 2, "spu", "spu.protocol"),
    ],
)
def test_two_parties_and_other_engines_are_refused(
    changes: dict[str, Any], parties: int, engine: str, code: str
) -> None:
    with pytest.raises(PlanError) as caught:
        check(changes, parties, engine)
    assert caught.value.code == code
    assert code != "spu.protocol" or "Paillier" in str(caught.value.remedy)


def test_trees_that_no_vault_keeps_are_refused_before_they_grow() -> None:
    wide = {role: [one | {"column": f"c{n}", "bins": 20} for n in range(8) for one in FEATURES[role]] for role in ROLES}
    check({"features": wide, "trees": 27, "depth": 4, "model": "shared"})
    with pytest.raises(PlanError) as caught:
        check({"features": wide, "trees": 30, "depth": 4, "model": "shared"})
    assert caught.value.code == "model.large"
    check({"features": wide, "trees": 30, "depth": 4})


def test_nothing_is_known_within_and_what_it_takes_is_said_beforehand() -> None:
    parameters = SPEC.parse(SHARED)
    assert (SPEC.tells(parameters).output, SPEC.tells(parameters).within) == ("model", ())
    assert SPEC.tells(SPEC.parse(SHARED | {"model": "shared"})).output == "shared-model"
    assert SPEC.operations_on("spu") == Operation.PSI | Operation.MPC | Operation.FL
    assert SPEC.operations_on("embedded") == Operation.PSI | Operation.FL | Operation.HE
    needs = cost(parameters, 30_000)
    assert needs is not None and needs.memory > 450 << 20
    assert cost(SPEC.parse({k: v for k, v in SHARED.items() if k != "protocol"}), 30_000) is None
    assert any(case["engine"] == "spu" for case in vectors("joint-trees"))


def test_who_computes_and_who_shares_out() -> None:
    roles = ["first-provider", "second-provider", "third-provider", "consumer"]
    assert computing(roles) == [0, 1, 3]
    features = FEATURES | {"third-provider": FEATURES["first-provider"]}
    assert program_of(SPEC.parse(SHARED | {"features": features}), roles, SIZES).shared == (2,)


def result(trees: int) -> np.ndarray:
    """Tables of nobody who validates and of 30 who test, then trees that cut each party's column in turn."""
    tables = np.zeros(2 * TABLE, object)
    test = tables[TABLE:]
    test[[BANDS // 2, BANDS - 1]] = 6, 15
    test[[BANDS + BANDS // 2, 2 * BANDS - 1]] = 9, 15
    test[2 * BANDS :] = 2 * 15 * 15 * 6 // 10, 15 * 3
    words, numbers = PROGRAM.tree_shapes()
    lines = []
    for tree in range(trees):
        cuts = np.zeros(words, object)
        cuts[0, 0] = 1 << 6 * tree
        lines += [cuts.reshape(-1), np.array([64 + tree, 30, 40, 1000, -1000], object)]
        assert len(lines[-1]) == numbers[0]
    edges = np.arange(-31, 32).astype(object)
    return np.concatenate([edges, tables, *lines])


def put_together(monkeypatch: pytest.MonkeyPatch, found: np.ndarray, **changes: Any) -> dict[str, Any]:
    async def opened(shape: tuple[int, ...], *_: Any, **__: Any) -> np.ndarray:
        assert found.shape == shape
        return found

    monkeypatch.setattr(evaluate, "combine_array", opened)
    column = {name: TreeColumn(column=name, bins=BINS) for name in ("income", "tax", "age")}
    parts = {
        party: document_bytes(SharedPart(columns=(column[name],), share=b"share"))
        for party, name in enumerate(("income", "tax"))
    }
    state = {
        "parameters": SHARED,
        "roles": ROLES,
        "rows": SIZES.to_json(),
        "provider_rows": [80, 90],
        "smallest_group": 5,
        "trained": True,
        "share": b"share".hex(),
        "base": -5000,
        "columns": [column["age"].to_json()],
        "alone": None,
    }
    report: dict[str, Any] = combine(parts, canonical(state | changes), Path())["report"]
    return report


def test_the_consumer_puts_the_model_together(monkeypatch: pytest.MonkeyPatch) -> None:
    report = put_together(monkeypatch, result(2))
    assert (report["too_few"], report["metrics"]["validation"]) == (False, None)
    assert report["metrics"]["test"]["auc"] == "0.600000"
    assert [band["people"] for band in report["bands"]["test"]] == [15, 15]
    assert report["parties"] == ["consumer", "first-provider", "second-provider"]
    assert {(one["party"], one["column"]) for one in report["importance"]} == {
        ("first-provider", "income"),
        ("second-provider", "tax"),
    }
    model, parts = TreeModel.model_validate(report["model"]), [TreePart.model_validate(one) for one in report["parts"]]
    codes = [[np.array([0, 3])], [np.array([0, 3])], [np.array([0, 3])]]
    assert model.score(parts, codes).tolist() == [-5000 + 2000, -5000 - 2000]


def test_of_a_model_that_stays_shared_only_figures_come_out(monkeypatch: pytest.MonkeyPatch) -> None:
    finish = TreesFinish(grow=PROGRAM.model_copy(update={"keeps": True}), trees=2)
    found = result(0)
    assert found.shape == (finish.size,)
    report = put_together(monkeypatch, found, parameters=SHARED | {"model": "shared"}, commitment="0x12")
    assert report["commitment"] == "0x12" and not {"model", "parts", "importance"} & set(report)


def test_forged_shares_make_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError):
        put_together(monkeypatch, result(2) + 12345)


def test_of_too_few_rows_nothing_comes_out() -> None:
    kept = {"smallest_group": 5, "rows": SIZES.to_json(), "provider_rows": [1, 2], "trained": False}
    assert combine({}, canonical(kept), Path())["report"]["too_few"]
