"""The recipe `pooled-model` by its parts: parties that see nothing but totals come to the model of all rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from columned import columned
from declaring import declaring
from placet.catalogue.declared import declared
from placet.catalogue.pooled_model import SPEC, PooledModelParameters
from placet.core.errors import DataError, InputError, PlanError
from placet.core.hashing import canonical
from placet.models.pooled import BANDS, Design, Fit, halves, moments, solved, standardised_by, told_groups
from placet.models.preparing import UNIT
from placet.models.regression import regress
from placet.recipes.blocks.pooled_table import MemberTable, prepared_of, table_of
from placet.recipes.pooled_model.alone import alone
from placet.recipes.pooled_model.report import model_of, outcome_of
from placet.recipes.pooled_model.run import combine
from placet.vault.rows import Rows
from pooling import together

PLAIN: dict[str, Any] = {
    "label": "label",
    "features": [
        {"kind": "number", "column": "income", "bounds": [0, 10_000]},
        {"kind": "category", "column": "branch", "values": ["city", "sea", "moon"], "missing": "usual"},
        {"kind": "number", "column": "age", "bounds": [18, 100], "missing": "usual"},
    ],
    "train": 60,
    "smallest_group": 5,
    "steps": 12,
}


def parameters(**changes: Any) -> PooledModelParameters:
    return SPEC.parse(PLAIN | changes)


def bank(seed: int, count: int, *, moon: int = 0) -> Rows:
    """Customers whose incomes and branches differ by bank; `moon`: how many have a rare branch."""
    chance = np.random.default_rng(seed)
    income = np.clip(chance.normal(2_000 + 1_500 * seed, 1_500, count), -200, 12_000).astype(int)
    age = chance.integers(18, 90, count)
    sea = chance.random(count) < 0.2 + 0.2 * seed
    odds = 0.8 - income / 3_000 + 1.2 * sea + (age - 50) / 40
    label = (chance.random(count) < 1 / (1 + np.exp(-odds))).astype(int)
    branch = ["moon" if row < moon else ("sea" if sea[row] else "city") for row in range(count)]
    lacking = chance.random(count) < 0.1
    incomes = [None if lacking[row] else int(income[row]) for row in range(count)]
    table = columned({"income": incomes, "branch": branch, "age": age.tolist(), "label": label.tolist()})
    return Rows(table, "customer", b"")


def member(rows: Rows, asked: PooledModelParameters) -> MemberTable:
    order = np.random.default_rng(rows.count).permutation(rows.count).tolist()
    return table_of(rows, asked.label, asked.features, order, rows.count * asked.train // 100)


@pytest.fixture(scope="module")
def three() -> list[MemberTable]:
    return [member(bank(seed, 400 + 200 * seed, moon=2), parameters()) for seed in range(3)]


def test_the_model_is_that_of_all_rows_in_one_place(three: list[MemberTable]) -> None:
    pooled, adding = together(parameters(), three)
    assert pooled is not None
    design = np.concatenate([prepared_of(pooled.columns, one, one.train) for one in three])
    labels = np.concatenate([one.labels[one.train] for one in three])
    assert (pooled.people, pooled.positives) == (len(labels), labels.sum())
    used = np.array(pooled.open)
    whole = np.concatenate([design[:, used] / UNIT, np.ones((len(design), 1))], axis=1)
    fitted = regress(whole, labels.astype(float), "logistic", steps=500, l2=0.001)
    ours = np.array([*np.array(pooled.coefficients[:-1])[used], pooled.coefficients[-1]])
    assert np.abs(ours - fitted).max() < 2e-5
    values = [v for one in three for v in one.columns(one.train)[2]]
    age = pooled.columns[2]
    assert age.kind == "number" and abs(float(age.centre) - np.mean(values)) < 0.02 * np.std(values)
    assert [what for what, *_ in adding.heard[:4]] == [
        "parties with enough people", "people and columns",
        "parties with enough people in pairs", "gradients and curvatures"]  # fmt: skip


def test_what_too_few_have_is_not_opened(three: list[MemberTable]) -> None:
    """Two people a bank have the rare branch: nothing of them is in any sum."""
    pooled, adding = together(parameters(), three)
    assert pooled is not None and pooled.open == (True, True, True, False, False, True)
    assert pooled.counts[3] is None and pooled.coefficients[3] == 0.0
    (numbers,) = {tuple(one[2 + 3 + 1 : 2 + 3 + 1 + 3]) for one in [adding.brought[1][0]]}
    assert numbers[1:] == (0, 0) and numbers[0] > 0
    assert any("moon" in one.columns(one.train)[1] for one in three)


@pytest.mark.parametrize("large", [0, 1])
def test_fewer_than_two_parties_with_enough_people_tell_nothing(large: int) -> None:
    """With one alone that is large enough, whoever is that one would be left with the others' few people."""
    tables = [member(bank(n, 300 if n < large else 6), parameters()) for n in range(3)]
    pooled, adding = together(parameters(), tables)
    assert pooled is None
    assert [what for what, *_ in adding.heard] == ["parties with enough people"]


def test_bands_are_of_enough_people_at_two_parties_each(three: list[MemberTable]) -> None:
    pooled, adding = together(parameters(), three)
    assert pooled is not None and pooled.bands is not None
    edges, positives, negatives = pooled.bands
    assert len(positives) == len(negatives) == len(edges) + 1 > 2
    assert list(edges) == sorted(edges) and min(*positives, *negatives) >= 2 * 5
    tested = np.concatenate([one.labels[one.test] for one in three])
    assert (sum(positives), sum(negatives)) == (tested.sum(), len(tested) - tested.sum())
    lines = [adding.brought[-1][party] for party in range(3)]
    for band in range(len(positives)):
        enough = [min(line[band], line[len(positives) + band]) >= 5 for line in lines]
        assert sum(enough) >= 2


def test_a_report_has_the_model_and_what_pooling_adds_for_the_consumer(three: list[MemberTable]) -> None:
    asked = parameters()
    pooled, _ = together(asked, three)
    assert pooled is not None
    outcome = outcome_of(asked, pooled)
    state = {"parameters": asked.to_json(), "outcome": outcome, "alone": alone(asked, three[2], pooled)}
    part = canonical(outcome)
    report = combine({0: part, 1: part}, canonical(state), Path())["report"]
    assert report["fitted"] == {"people": pooled.people, "positives": pooled.positives}
    assert 0.6 < float(report["metrics"]["test"]["auc"]) < 0.95 and report["gains"]["test"]
    assert report["own"]["test"]["people"] == len(three[2].test) and report["gain"] is not None
    assert [one["people"] is None for one in report["columns"]] == [True, False, False, True, True, True]
    model = model_of(asked, pooled)
    keyed = {("consumer", f.column): three[0].values[n] for n, f in enumerate(asked.features)}
    prepared = prepared_of(pooled.columns, three[0], np.arange(len(three[0].labels)))
    expected = prepared / UNIT @ np.array(pooled.coefficients[:-1]) + pooled.coefficients[-1]
    assert np.abs(model.predictors(keyed) - expected).max() < 1e-9
    with pytest.raises(InputError):
        combine({0: part, 1: part.replace(b'"steps":', b'"steps":1')}, canonical(state), Path())
    few = {"parameters": asked.to_json(), "outcome": outcome_of(asked, None), "alone": None}
    told = combine({0: canonical(few["outcome"])}, canonical(few), Path())["report"]
    assert told == {"too_few": True, "smallest_group": 5}


@pytest.mark.parametrize(
    "changes",
    [
        {"features": []},
        {"features": [PLAIN["features"][0] | {"column": "label"}]},
        {"features": [PLAIN["features"][0]] * 2},
        {"features": [PLAIN["features"][0] | {"bounds": [5, 5]}]},
        {"features": [PLAIN["features"][1] | {"values": ["x"]}]},
        {"features": [PLAIN["features"][1] | {"values": ["x", "x"]}]},
        {"features": [PLAIN["features"][1] | {"column": f"c{n}", "values": [*map(str, range(50))]} for n in range(3)]},
        {"train": 96},
        {"smallest_group": 1},
        {"steps": 0},
        {"l2": 0},
        {"model": "shared"},
        {"leave_one_out": "all"},
        {"leave_one_out": "each", "trees": {}},
    ],
)  # fmt: skip
def test_parameters_that_are_none(changes: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        parameters(**changes)


def test_three_to_eight_parties_and_no_two() -> None:
    for count in (3, 8):
        plan, terms = declaring("pooled-model", parameters().to_json(), "embedded", count)
        assert declared(plan, terms).use(count - 1).tells.within == ("member", "consumer")
    for count in (2, 9):
        with pytest.raises(PlanError):
            SPEC.seats(count)


def test_labels_and_columns_that_are_none() -> None:
    rows = bank(0, 30)
    with pytest.raises(DataError) as caught:
        table_of(rows, "age", parameters(features=PLAIN["features"][:1]).features, range(30), 20)
    assert caught.value.code == "joint.label"
    asked = parameters(features=[{"kind": "number", "column": "branch", "bounds": [0, 1]}])
    with pytest.raises(DataError, match="branch"):
        together(asked, [member(rows, asked)] * 3)


# The parts.


def test_a_column_is_standardised_by_sums_alone() -> None:
    values = np.array([np.nan, 5.0, 30.0, 2_000.0, *np.linspace(0, 1_000, 96)])
    parts = [moments(one, 0, 1_000, apart=True) for one in (values[:40], values[40:])]
    column = standardised_by([sum(numbers) for numbers in zip(*parts, strict=True)], 0, 1_000, "usual")
    known = np.clip(values[1:], 0, 1_000)
    assert abs(float(column.centre) - known.mean()) < 0.02 * known.std()
    assert abs(float(column.spread) - known.std()) < 0.02 * known.std()
    constant = standardised_by(moments(np.full(9, 7.0), 0, 10, apart=True), 0, 10, "own")
    assert constant.low == constant.high


def test_systems_are_solved_as_numpy_does() -> None:
    chance = np.random.default_rng(3)
    for size in (1, 4, 30):
        root = chance.normal(size=(size + 3, size))
        matrix, right = root.T @ root, chance.normal(size=size)
        assert np.allclose(solved(matrix.tolist(), right.tolist()), np.linalg.solve(matrix, right), atol=1e-8)
    assert solved([[1.0, 1.0], [1.0, 1.0]], [2.0, 2.0]) == [2.0, 0.0]


def test_a_fit_stays_bounded_where_labels_are_told_apart_by_a_column() -> None:
    numbers = np.array([[UNIT]] * 50 + [[-UNIT]] * 50)
    design, fit = Design(numbers / UNIT, (numbers[:, 0] > 0).astype(np.int64)), Fit(1, 100, 50, 0.001)
    losses = []
    for _ in range(20):
        totals = design.sums(fit.coefficients, curvature=fit.wants_curvature)
        losses.append(totals[0])
        fit.step(totals)
    assert losses[-1] < losses[0] / 5 and 3 < fit.coefficients[0] < 20
    with pytest.raises(InputError):
        fit.step([0] * 3)


def test_groups_of_bands_are_halved_as_far_as_there_is_enough() -> None:
    groups = halves(BANDS)
    assert len(groups) == 2 * BANDS - 1 and groups[0] == (0, BANDS)
    assert told_groups(4, lambda group: True) == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert told_groups(4, lambda group: group[1] - group[0] > 1) == [(0, 2), (2, 4)]
    assert told_groups(4, lambda group: group[0] < 2) == [(0, 1), (1, 4)]
    assert told_groups(4, lambda group: group[1] == 4) == [(0, 4)]
    assert told_groups(8, lambda group: group[0] <= 4 < group[1] or group == (5, 6)) == [(0, 5), (5, 8)]
    assert told_groups(4, lambda group: False) == []
    assert set(told_groups(5, lambda group: True)) <= set(halves(5))
