"""A pooled model under a privacy budget: what a row changes, what is spent, and how near it is to the model without."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from declaring import declaring
from placet.catalogue.declared import declared
from placet.catalogue.pooled_model import SPEC
from placet.core.errors import PlanError, StateError
from placet.core.privacy import cost, cost_of
from placet.models import pooled_private
from placet.models.pooled_private import Release, amounts, gradient, moments, people_of, positions, products, shrunken
from placet.models.preparing import LIMIT, UNIT
from placet.recipes.blocks.pooled_table import MemberTable
from placet.recipes.pooled_model.run import POOLED_MODEL, run
from pooling import Adding, together

MOST = 1_000
PLAIN: dict[str, Any] = {
    "label": "label",
    "features": [
        {"kind": "number", "column": f"x{n}", "bounds": [-300, 300], "missing": "usual"} for n in range(4)
    ],
    "train": 70,
    "smallest_group": 10,
    "steps": 8,
}  # fmt: skip


def banks(rows: int) -> list[MemberTable]:
    chance = np.random.default_rng(5)
    tables = []
    for number in range(3):
        values = chance.normal(30 * number, 100, (rows, 4))
        odds = values @ np.array([0.01, -0.01, 0.005, 0.0])
        labels = (chance.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.int64)
        train = rows * 7 // 10
        columns = tuple(np.rint(column).astype(int).tolist() for column in values.T)
        tables.append(MemberTable(columns, labels, np.arange(train), np.arange(train, rows)))
    return tables


def test_a_budget_costs_little_where_there_are_many_rows() -> None:
    """Epsilon 1 (at 10⁻⁶) at each of three banks, each of which hides its own rows alone."""
    tables, budget = banks(6_000), 17_000_000
    noisy, adding = together(SPEC.parse(PLAIN | {"budget": budget}), tables, b"1")
    other, _ = together(SPEC.parse(PLAIN | {"budget": budget}), tables, b"2")
    plain, _ = together(SPEC.parse(PLAIN), tables)
    assert noisy is not None and other is not None and plain is not None
    assert declared_whole(adding) and cost_of(adding.noises[0].releases) <= budget
    assert noisy.coefficients != other.coefficients and noisy.positives is None
    scored = [np.array(one.coefficients) for one in (noisy, plain)]
    values = np.concatenate([np.array(one.columns(one.test)).T for one in tables])
    labels = np.concatenate([one.labels[one.test] for one in tables])
    areas = []
    for model, weights in zip((noisy, plain), scored, strict=True):
        prepared = np.concatenate([c.prepare(v.tolist()) for c, v in zip(model.columns, values.T, strict=True)], axis=1)
        ranks = np.argsort(np.argsort(prepared @ weights[:-1])) + 1
        positives = labels.sum()
        area = (ranks[labels == 1].sum() - positives * (positives + 1) / 2) / positives / (len(labels) - positives)
        areas.append(area)
    assert abs(areas[0] - areas[1]) < 0.01 and areas[1] > 0.75
    assert noisy.bands is not None and abs(sum(map(sum, noisy.bands[1:])) - len(labels)) < 500
    assert [what for what, *_ in adding.heard] == [
        *("people, with noise", "positions, with noise", "squares of positions, with noise", "products, with noise"),
        *["gradients, with noise"] * 8,
        "people by bands, with noise",
    ]


def declared_whole(adding: Adding) -> bool:
    """Whether each party drew all noise that the recipe declares."""
    return all(one.place == len(one.releases) for one in adding.noises.values())


def test_what_looks_too_few_ends_it_at_the_first_sum() -> None:
    pooled, adding = together(SPEC.parse(PLAIN | {"budget": 10**9, "smallest_group": 500}), banks(100))
    assert pooled is None and len(adding.heard) == 1
    assert adding.noises[0].drawn[-1].release.what in SPEC.ends


@pytest.mark.parametrize("steps", [1, 7, 20])
@pytest.mark.parametrize("budget", [100_000, 17_000_001, 5 * 10**9])
def test_all_sums_of_a_row_that_trains_cost_no_more_than_the_budget(steps: int, budget: int) -> None:
    parts = amounts(budget, steps)
    assert sum(parts.values()) + (steps - 1) * parts["gradients"] <= budget
    for amount in (*parts.values(), budget):
        release = Release([0], 9 * 2**34, MOST)
        assert cost(release.squared, release.variance(amount)) <= amount
        assert release.most_with_noise(amount, 8) < 2**62


ROW = st.lists(st.integers(-LIMIT * UNIT, LIMIT * UNIT), min_size=5, max_size=5)


@given(st.lists(ROW, min_size=1, max_size=6), st.lists(st.integers(0, 1), min_size=6, max_size=6), st.data())
def test_one_row_changes_a_release_by_no_more_than_its_noise_is_for(
    rows: list[list[int]], marks: list[int], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    coefficients = data.draw(st.lists(st.floats(-9, 9), min_size=6, max_size=6))
    prepared, labels = np.array(rows, np.int64), np.array(marks[: len(rows)], np.int64)
    less, fewer = np.delete(prepared, place, axis=0), np.delete(labels, place)
    numbers = positions(prepared[:, 0].astype(float), -50, 70)
    pairs = [
        (people_of(len(rows), MOST), people_of(len(less), MOST)),
        *zip(moments([numbers, numbers], MOST), moments([np.delete(numbers, place)] * 2, MOST), strict=True),
        (products(shrunken(prepared), MOST), products(shrunken(less), MOST)),
        (
            gradient(shrunken(prepared), labels, coefficients, MOST),
            gradient(shrunken(less), fewer, coefficients, MOST),
        ),
    ]
    for whole, without in pairs:
        changes = [a - b for a, b in zip(whole.numbers, without.numbers, strict=True)]
        assert sum(change**2 for change in changes) <= whole.squared == without.squared
        assert all(abs(number) <= whole.most for number in whole.numbers)


def test_a_plan_spends_at_every_party_and_names_the_offers_bounds() -> None:
    plan, terms = declaring("pooled-model", SPEC.parse(PLAIN | {"budget": 17_000_000}).to_json(), "embedded", 3)
    job = declared(plan, terms)
    assert [one.budget for one in plan.inputs] == [17_000_000] * 3
    assert job.use(2).bounds[0] == ("x0", (-300, 300)) and job.use(0).spends == 17_000_000
    plan, terms = declaring("pooled-model", SPEC.parse(PLAIN).to_json(), "embedded", 3)
    assert declared(plan, terms).use(0).bounds == ()
    with pytest.raises(PlanError):
        SPEC.parse(PLAIN | {"budget": 99_999})
    assert sum(pooled_private.SHARES.values()) == 1000


@pytest.mark.parametrize(("budget", "same", "reached"), [(10**8, True, 3), (None, False, 3), (10**8, False, 3)])
def test_what_an_earlier_attempt_opened_is_not_opened_over_other_rows_or_noise(
    budget: int | None, same: bool, reached: int
) -> None:
    job = trying(budget, same, reached)
    with pytest.raises(StateError) as caught:
        asyncio.run(run(job))
    assert caught.value.code == "sums.opened" and POOLED_MODEL.final(caught.value.code)


@pytest.mark.parametrize(("budget", "same", "reached"), [(None, True, 3), (10**8, False, 1), (None, False, 1)])
def test_an_attempt_that_opened_nothing_is_done_again(budget: int | None, same: bool, reached: int) -> None:
    with pytest.raises(LookupError):
        asyncio.run(run(trying(budget, same, reached)))


def trying(budget: int | None, same: bool, reached: int) -> Any:
    """A party's third attempt; its second one recorded so many steps, over the `same` rows. Opens no rows."""

    async def steps(job: bytes, attempt: int) -> list[Any]:
        return [
            SimpleNamespace(name=name) for name in ("open-rows", "split", "sum-0")[: reached if attempt == 2 else 0]
        ]

    async def attempts(job: bytes) -> list[Any]:
        return [SimpleNamespace(attempt=number, roots=(b"all" if same else b"more",)) for number in (1, 2)] + [
            SimpleNamespace(attempt=3, roots=(b"all",))
        ]

    async def opened(alias: str) -> Any:
        raise LookupError(alias)

    parameters = SPEC.parse(PLAIN if budget is None else PLAIN | {"budget": budget})
    return SimpleNamespace(
        parameters=lambda kind: parameters, attempt=3, roots=(b"all",), open=opened,
        record=SimpleNamespace(job=bytes(32)),
        store=SimpleNamespace(threaded=SimpleNamespace(steps=steps, attempts=attempts)),
    )  # fmt: skip
