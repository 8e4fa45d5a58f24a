"""A pooled scorecard under a privacy budget: what a row changes and spends, and how near it is to that without."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.catalogue.pooled_model import SPEC
from placet.core.privacy import cost, cost_of
from placet.models import quality
from placet.models.bands import by_score
from placet.models.pooled_private import CARD_SHARES, amounts, counts, standard_of
from placet.models.preparing import UNIT
from placet.recipes.blocks.pooled_table import MemberTable
from placet.recipes.pooled_model.card_training import PooledCard, codes_of, counts_of, scores_of
from placet.recipes.pooled_model.report import card_outcome
from pooling import Adding, cards

EPSILON_1 = 17_465_000
PLAIN = {
    "label": "label",
    "features": [
        *({"kind": "bins", "column": f"x{n}", "edges": [-80, 0, 80]} for n in range(4)),
        {"kind": "category", "column": "branch", "values": ["city", "sea"]},
    ],
    "train": 70,
    "smallest_group": 10,
    "steps": 8,
    "scale": {"base_score": 600, "pdo": 20, "base_odds": 1, "higher": 0},
}


def banks(rows: int) -> list[MemberTable]:
    chance, tables = np.random.default_rng(6), []
    for number in range(3):
        values = chance.normal(20 * number, 100, (rows, 4))
        sea = chance.random(rows) < 0.3
        odds = values @ np.array([0.012, -0.01, 0.005, 0.0]) + 0.8 * sea - 0.5
        labels = (chance.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.int64)
        columns = [
            *(np.rint(column).astype(int).tolist() for column in values.T),
            ["sea" if s else "city" for s in sea],
        ]
        cut = rows * 7 // 10
        tables.append(MemberTable(tuple(columns), labels, np.arange(cut), np.arange(cut, rows)))
    return tables


def area(card: PooledCard, tables: list[MemberTable]) -> float:
    asked = SPEC.parse(PLAIN)
    scores = np.concatenate([scores_of(card.base, card.points, codes_of(asked, one, one.test)) for one in tables])
    labels = np.concatenate([one.labels[one.test] for one in tables])
    return float(quality.auc(by_score((-scores).tolist(), labels.tolist())))


def test_a_budget_costs_little_where_there_are_many_rows() -> None:
    tables = banks(6_000)
    noisy, adding = cards(SPEC.parse(PLAIN | {"budget": EPSILON_1}), tables, b"1")
    other, _ = cards(SPEC.parse(PLAIN | {"budget": EPSILON_1}), tables, b"2")
    plain, _ = cards(SPEC.parse(PLAIN), tables)
    assert noisy is not None and other is not None and plain is not None
    assert declared_whole(adding) and cost_of(adding.noises[0].releases) <= EPSILON_1
    assert noisy.points != other.points and noisy.positives is None
    assert abs(area(noisy, tables) - area(plain, tables)) < 0.01 and area(plain, tables) > 0.75
    for told, exact in zip(noisy.points, plain.points, strict=True):
        assert all(abs(a - b) < 8 for a, b in zip(told[:-1], exact[:-1], strict=True))
        assert told[-1] == exact[-1] == 0  # nobody's value is missing: no weight
    assert noisy.bands is not None
    assert [what for what, *_ in adding.heard] == [
        *("people by bins, with noise", "products, with noise"), *["gradients, with noise"] * 8,
        "people by bands, with noise",
    ]  # fmt: skip
    assert card_outcome(SPEC.parse(PLAIN), SPEC.parse(PLAIN).scale, noisy)["fitted"]["positives"] is None  # type: ignore[arg-type]


def declared_whole(adding: Adding) -> bool:
    """Whether each party drew all noise that the recipe declares."""
    return all(one.place == len(one.releases) for one in adding.noises.values())


def test_what_looks_too_few_ends_it_at_the_first_sum() -> None:
    card, adding = cards(SPEC.parse(PLAIN | {"budget": 10**9, "smallest_group": 500}), banks(100))
    assert card is None and len(adding.heard) == 1
    assert adding.noises[0].drawn[-1].release.what in SPEC.ends


@pytest.mark.parametrize("steps", [1, 7, 20])
@pytest.mark.parametrize("budget", [100_000, 17_000_001, 5 * 10**9])
def test_all_sums_of_a_row_that_trains_cost_no_more_than_the_budget(steps: int, budget: int) -> None:
    parts = amounts(budget, steps, CARD_SHARES)
    assert sum(parts.values()) + (steps - 1) * parts["gradients"] <= budget and sum(CARD_SHARES.values()) == 1000
    release = counts([np.zeros((2, 3), np.int64)] * 5, 100)
    assert cost(release.squared, release.variance(parts["counts"])) <= parts["counts"]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=9), st.data())
def test_one_row_changes_the_counts_by_one_in_each_column(
    rows: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))

    def released(rows: np.ndarray) -> list[int]:
        lines = [counts_of(rows[:, column], rows[:, 2], cells) for column, cells in ((0, 4), (1, 2))]
        release = counts(lines, 100)
        assert release.squared == 2
        return release.numbers

    whole = np.array(rows, np.int64)
    pairs = zip(released(whole), released(np.delete(whole, place, axis=0)), strict=True)
    assert sum((a - b) ** 2 for a, b in pairs) == 2


def test_a_column_of_a_few_values_is_standardised_by_how_many_have_each() -> None:
    values, people = [-1.0, 0.5, 2.0, 0.0], [10, 30, 5, 0]
    each = np.repeat(values, people)
    standard = standard_of(values, people)
    assert standard.mean == pytest.approx(each.mean()) and standard.spread == pytest.approx(each.std())
    prepared = standard.prepare(each) / UNIT
    assert abs(prepared.mean()) < 0.05 and abs(prepared.std() - 1) < 0.05
    assert standard_of([0.0, 0.0], [0, 0]).spread > 0
