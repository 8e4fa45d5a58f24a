"""The recipe `value-of-data` by its parts: what it costs, what each side brings, what the circuit counts and hides,
what a report says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from columned import columned
from declaring import CUSTOMER, declaring
from placet.catalogue.declared import declared
from placet.catalogue.private_statistics import NOISY
from placet.catalogue.value_of_data import MAX_CELLS, SPEC, ValueOfDataParameters
from placet.core.errors import DataError, InputError, PlanError
from placet.core.hashing import canonical
from placet.core.privacy import cost
from placet.protocols.spu import circuit, tabulating
from placet.protocols.spu.tabulating import MatchedTable, matched_table
from placet.recipes.value_of_data.report import report_of
from placet.recipes.value_of_data.run import cells_of, classes_of, combine, program_of
from placet.vault.rows import Rows

BALANCE: dict[str, Any] = {"column": "balance", "edges": [0, 100]}
TOWN: dict[str, Any] = {"column": "town", "values": ["Köln", "Ulm"]}
PARAMETERS: dict[str, Any] = {
    **CUSTOMER,
    **{"label": "bad", "columns": [BALANCE, TOWN], "smallest_group": 10},
    **{"budget": 40_000_000, "protocol": "cheetah"},
}
SCORE: dict[str, Any] = {"column": "score", "edges": [500]}


def parameters(**changes: Any) -> ValueOfDataParameters:
    return SPEC.parse(PARAMETERS | changes)


def rows(**columns: list[Any]) -> Rows:
    return Rows(
        columned({"customer": [str(n) for n in range(len(next(iter(columns.values()))))], **columns}), "customer", b""
    )


def test_the_provider_spends_and_the_consumers_label_is_its_own() -> None:
    plan, terms = declaring("value-of-data", PARAMETERS | {"own": SCORE}, "spu", 2)
    job = declared(plan, terms)
    assert (job.use(0).spends, job.use(1).spends) == (40_000_000, 0)
    assert (job.use(0).columns, job.use(1).columns) == (("customer", "balance", "town"), ("customer", "bad", "score"))
    assert job.use(0).tells.output == job.use(1).tells.output == NOISY
    less = plan.inputs[0].model_copy(update={"budget": 39_999_999})
    cheaper = plan.model_copy(
        update={"parties": (plan.parties[0].model_copy(update={"inputs": (less,)}), plan.parties[1])}
    )
    with pytest.raises(PlanError) as caught:
        declared(cheaper, terms)
    assert caught.value.code == "plan.budget"


@pytest.mark.parametrize("columns", [1, 2, 7, 32])
@pytest.mark.parametrize("budget", [1, 3, 40_000_000, 10**9])
def test_either_partys_noise_alone_costs_what_the_plan_spends(columns: int, budget: int) -> None:
    """A row is in one cell of each column, under one class: as many counts change by one as there are columns."""
    many = [{"column": f"c{number}", "edges": [0]} for number in range(columns)]
    assert cost(columns, parameters(columns=many, budget=budget).variance) <= budget


@pytest.mark.parametrize(
    "changes",
    [
        {"budget": 0},
        {"budget": "5"},
        {"protocol": "aby3"},
        {"columns": []},
        {"columns": [BALANCE, BALANCE]},
        {"columns": [{"column": "customer", "edges": [5]}]},
        {"columns": [{"column": "balance"}]},
        {"columns": [{"column": "balance", "edges": [100, 0]}]},
        {"columns": [{"column": f"c{n}", "edges": list(range(60))} for n in range(9)]},
        {"columns": [{"column": f"c{n}", "edges": [0]} for n in range(33)]},
        {"own": {"column": "score", "values": ["high"]}},
        {"own": {"column": "bad", "edges": [1]}},
        {"own": {"column": "score", "edges": list(range(10))}},
        {"label": "customer"},
        {"smallest_group": 1},
        {"more": 1},
    ],
)
def test_plans_that_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        parameters(**changes)
    assert MAX_CELLS == 512


def test_each_row_is_in_one_cell_of_each_column_and_of_one_class() -> None:
    """By the plan's edges and values alone: the same row is in the same cell whatever rows are beside it."""
    asked = parameters(own=SCORE)
    theirs = rows(balance=[-1, 0, 99, 100, None], town=["Ulm", "Köln", "Bonn", "", None])
    cells = cells_of(asked, theirs)
    assert [np.flatnonzero(line).tolist() for line in cells] == [[0, 5], [1, 4], [1, 6], [2, 7], [3, 7]]
    for place in range(5):
        one = Rows(theirs.table.cut(place, place + 1), "customer", b"")
        assert cells_of(asked, one).tolist() == [cells[place].tolist()]
    ours = rows(bad=[1, 0, 1, 0, 1], score=[499, 499, 500, 501, None])
    assert classes_of(asked, ours).tolist() == [0, 1, 2, 3, 4]
    assert classes_of(parameters(), ours).tolist() == [0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("columns", "party"),
    [({"balance": ["5"], "town": ["Ulm"]}, cells_of), ({"bad": [2]}, classes_of), ({"bad": [None]}, classes_of)],
)
def test_columns_of_other_values_are_refused(columns: dict[str, Any], party: Any) -> None:
    with pytest.raises(DataError):
        party(parameters(), rows(**columns))


@given(st.integers(0, 2**32), st.integers(0, 29), st.booleans())
def test_one_row_moves_the_counts_by_no_more_than_its_noise_hides(seed: int, place: int, with_score: bool) -> None:
    """Of either side: the change of all counts together, squared and added up, is the number of columns at the most."""
    chance = np.random.default_rng(seed)
    asked = parameters(own=SCORE) if with_score else parameters()
    balance = [None if one > 190 else int(one) for one in chance.integers(-50, 200, 30)]
    theirs = rows(balance=balance, town=chance.choice(["Ulm", "Bonn", ""], 30).tolist())
    ours = rows(bad=chance.integers(0, 2, 30).tolist(), score=chance.integers(0, 999, 30).tolist())
    cells, classes = cells_of(asked, theirs), classes_of(asked, ours)

    def counts(stays: Any) -> Any:
        table = np.zeros((2 * asked.bands, asked.cells), np.int64)
        np.add.at(table, classes[stays], cells[stays])
        return table

    whole, less = counts(np.arange(30)), counts(np.delete(np.arange(30), place))
    assert ((whole - less) ** 2).sum() == len(asked.columns)


@pytest.mark.parametrize(("classes", "bits", "at_once"), [(2, 3, 1 << 17), (22, 14, 6)])
def test_the_circuit_counts_by_cell_and_class_and_hides_what_looks_small(
    classes: int, bits: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the clear. Noise comes before the smallest group is compared, so small counts are shown by chance and large
    ones hidden."""
    pytest.importorskip("jax", reason="placet[spu] is not installed here")
    import jax

    monkeypatch.setattr(tabulating, "MAX_AT_ONCE", at_once)
    chance, n, depth = np.random.default_rng(classes), 7, 3
    program = MatchedTable(smallest=2, classes=classes, bits=bits)
    cuckoo, simple = np.arange(n), np.stack([np.arange(n) + 100, np.arange(n), np.arange(n) - 100], axis=1)
    simple[5] += 1000
    cells, codes = chance.integers(0, 2, (n, 4)), chance.integers(0, classes, (n, depth))
    noise = [chance.integers(-2, 4, classes * 4) for _ in range(2)]
    arrays = {"cuckoo": cuckoo, "simple": simple, "classes": codes + 1, "cells": cells}
    with jax.experimental.enable_x64():
        (out,) = matched_table(program, arrays | {"noise-0": noise[0], "noise-1": noise[1]})
    expected = np.zeros((classes, 4), np.int64)
    np.add.at(expected, np.delete(codes[:, 1], 5), np.delete(cells, 5, axis=0))
    expected += (noise[0] + noise[1]).reshape(classes, 4)
    assert np.asarray(out).reshape(classes, 4).tolist() == np.where(expected < 2, 0, expected).tolist()


@pytest.mark.parametrize("brought", [[1, 1, 1], [1_000, 0, 0], [-5, 0, 0], [2, 1, 0], [1 << 40, 1, 1]])
def test_nobody_counts_more_than_once_whatever_the_consumer_brings(brought: list[int]) -> None:
    """It lists one person in all places of a bin, or under a class that is none: to lift him above the noise."""
    pytest.importorskip("jax", reason="placet[spu] is not installed here")
    import jax

    program, nothing = MatchedTable(smallest=1, classes=2, bits=20), np.zeros(4, np.int64)
    arrays = {"cuckoo": np.array([7]), "simple": np.array([[7, 7, 7]]), "classes": np.array([brought])}
    with jax.experimental.enable_x64():
        (out,) = matched_table(program, arrays | {"cells": np.array([[1, 0]]), "noise-0": nothing, "noise-1": nothing})
    assert np.asarray(out).sum() <= 1


def table_of(asked: ValueOfDataParameters, slope: float, people: int) -> Any:
    """Counts (classes, cells) without noise of people whose label follows the first column and the own score."""
    chance = np.random.default_rng(1)
    level = chance.integers(0, 3, people)
    band = chance.integers(0, asked.bands - 1, people) if asked.bands > 1 else np.zeros(people, np.int64)
    bad = chance.random(people) < 0.1 + slope * level + 0.2 * band
    town = chance.integers(0, 3, people)
    cells = np.zeros((people, asked.cells), np.int64)
    cells[np.arange(people), level] = cells[np.arange(people), 4 + town] = 1
    table = np.zeros((2 * asked.bands, asked.cells), np.int64)
    np.add.at(table, 2 * band + 1 - bad, cells)
    return table


def test_a_report_says_what_is_worth_something_and_what_looks_like_nothing() -> None:
    report = report_of(parameters(), table_of(parameters(), 0.15, 6_000))
    assert report["deviation"] == f"{np.sqrt(2 * parameters().variance):.2f}"
    assert (report["people"], report["too_few"]) == (6_000, False)
    balance, town = report["columns"]
    assert balance["beyond_chance"] and not town["beyond_chance"]
    assert float(balance["iv"]["low"]) > 0.1 > float(town["iv"]["value"]) and town["iv"]["low"] == "0.0000"
    assert float(balance["correlation"]["low"]) > 0.2 and "correlation" not in town and "added" not in town
    assert balance["counts"]["positives"][3] is None, "nobody's value is missing"
    assert [one["cells"] for one in balance["groups"]] == [[0], [1], [2]]
    assert canonical(report)


def test_a_report_says_what_a_column_adds_to_the_own_score() -> None:
    asked = parameters(own=SCORE)
    balance, town = report_of(asked, table_of(asked, 0.15, 9_000))["columns"]
    assert balance["added"]["beyond_chance"] and float(balance["added"]["gain"]["low"]) > 0.02
    assert not town["added"]["beyond_chance"] and town["added"]["gain"]["low"] == "0.0000"
    assert balance["added"]["own"] != "", "and how good the score is alone"


def kept(**changes: Any) -> bytes:
    return canonical({"share": b"own".hex(), "rows": [64, 64], "parameters": PARAMETERS | changes})


def test_where_too_few_matched_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    report = opened(np.zeros(2 * 8, np.int64), monkeypatch)
    assert report["too_few"] and not {"people", "positives"} & report.keys()
    for column in report["columns"]:
        assert column["counts"] == {"positives": [None] * 4, "negatives": [None] * 4}
        assert column.keys() == {"column", "counts"}


@pytest.mark.parametrize("counts", [[9] * 16, [-12] * 16, [10] * 15, [[10] * 8] * 2, [10.0] * 16, [1 << 40] * 16])
def test_shares_of_no_counts_are_refused(counts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError):
        opened(np.array(counts), monkeypatch)


def opened(result: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    async def reconstruct(*_: object, **__: object) -> Any:
        return result

    monkeypatch.setattr(circuit, "reconstruct", reconstruct)
    return dict(combine({0: b"theirs"}, kept(), Path())["report"])


def test_a_word_has_room_for_all_who_may_match() -> None:
    assert program_of(parameters(own=SCORE), (640, 64)) == MatchedTable(smallest=10, classes=6, bits=10)
