"""A pooled scorecard: the weights of all rows together, by counts that two parties have enough people in."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from placet.catalogue.pooled_model import SPEC
from placet.core.errors import PlanError
from placet.core.hashing import canonical
from placet.models.choices import Scale
from placet.models.scorecard import Scorecard
from placet.models.scorecard_fit import FitColumn, fit
from placet.recipes.blocks.pooled_table import MemberTable
from placet.recipes.pooled_model.alone import alone_card
from placet.recipes.pooled_model.card_training import PooledCard, bins_of, codes_of, scores_of
from placet.recipes.pooled_model.report import card_outcome
from placet.recipes.pooled_model.run import combine
from pooling import Adding, cards

SCALE = Scale(base_score=600, pdo=20, base_odds=1, higher=0)
PLAIN: dict[str, Any] = {
    "label": "label",
    "features": [
        {"kind": "bins", "column": "income", "edges": [1_000, 2_000, 3_000]},
        {"kind": "category", "column": "branch", "values": ["city", "sea"]},
    ],
    "train": 60,
    "smallest_group": 5,
    "steps": 12,
    "scale": SCALE.to_json(),
}
ASKED = SPEC.parse(PLAIN)


def bank(seed: int, rows: int, missing: float = 0.1) -> MemberTable:
    chance = np.random.default_rng(seed)
    income, sea = chance.integers(0, 4_000, rows), chance.random(rows) < 0.3 + 0.1 * seed
    labels = (chance.random(rows) < 1 / (1 + np.exp(income / 1_500 - 1 - sea))).astype(np.int64)
    lacks = chance.random(rows) < missing
    incomes = [None if lack else int(one) for one, lack in zip(income, lacks, strict=True)]
    cut = rows * 6 // 10
    branches = ["sea" if one else "city" for one in sea]
    return MemberTable((incomes, branches), labels, np.arange(cut), np.arange(cut, rows))


def together(tables: list[MemberTable]) -> tuple[PooledCard | None, Adding]:
    return cards(ASKED, tables)


def test_the_card_is_that_of_all_rows_in_one_place() -> None:
    tables = [bank(seed, 900) for seed in range(3)]
    card, adding = together(tables)
    assert card is not None and card.bands is not None
    codes = np.concatenate([codes_of(ASKED, one, one.train) for one in tables])
    labels = np.concatenate([one.labels[one.train] for one in tables])
    columns = [FitColumn(bins_of(one).cells) for one in ASKED.features]
    whole = fit(codes, labels, columns, scale=SCALE, smallest=5, steps=400, l2=0.001)
    assert whole is not None and (whole.people, whole.positives) == (card.people, card.positives)
    assert abs(whole.base - card.base) <= 1
    for place, points in enumerate(card.points):  # but for cells that nobody is in
        for cell in set(codes[:, place].tolist()):
            assert abs(points[cell] - whole.points[place][cell]) <= 1
        assert abs(card.iv[place] - whole.iv[place]) < 1e-3
    assert [what for what, *_ in adding.heard[:3]] == [
        "parties with enough people", "people, and people by bins", "gradients and curvatures"]  # fmt: skip


def test_bins_that_too_few_are_in_stand_together_and_few_missing_values_have_no_weight() -> None:
    tables = [bank(seed, 80, missing=0.02) for seed in range(3)]
    card, adding = together(tables)
    assert card is not None
    income, _ = card.points
    assert income[-1] == 0 and len(set(income[:4])) < 4
    words = [np.array(adding.brought[1][party][2:]).reshape(-1, 2) for party in range(3)]
    assert (sum((one >= 5).all(axis=1).astype(int) for one in words) >= 2).all()
    for one, table in zip(words, tables, strict=True):  # nobody is left over, whose label a difference would tell
        assert one.sum() == 2 * len(table.train) and one[:, 0].sum() == 2 * table.labels[table.train].sum()


def test_a_report_has_the_card_and_scores_as_it_was_trained() -> None:
    tables = [bank(seed, 900) for seed in range(3)]
    card, _ = together(tables)
    assert card is not None
    outcome = card_outcome(ASKED, SCALE, card)
    part = canonical(outcome)
    own = alone_card(ASKED, SCALE, tables[2], card)
    state = {"parameters": ASKED.to_json(), "outcome": outcome, "alone": own}
    report = combine({0: part, 1: part}, canonical(state), Path())["report"]
    assert float(report["metrics"]["test"]["auc"]) > 0.6 and report["gain"] is not None
    scorecard = Scorecard.model_validate(report["scorecard"])
    keyed = {("consumer", one.column): tables[0].values[n] for n, one in enumerate(ASKED.features)}
    everybody = np.arange(len(tables[0].labels))
    assert (scorecard.scores(keyed) == scores_of(card.base, card.points, codes_of(ASKED, tables[0], everybody))).all()
    bands = report["bands"]["test"]
    assert float(bands[0]["rate"]) > float(bands[-1]["rate"])  # a high score speaks for label 0
    tested = np.concatenate([one.labels[one.test] for one in tables])
    assert sum(one["people"] for one in bands) == len(tested)


@pytest.mark.parametrize(
    "changes",
    [
        {"scale": None},
        {"features": [{"kind": "number", "column": "a", "bounds": [0, 1]}]},
        {"features": [{"kind": "bins", "column": "a", "edges": [2, 2]}]},
        {"budget": 10**9, "leave_one_out": "each"},
    ],
)
def test_parameters_that_are_no_scorecards(changes: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        SPEC.parse({name: value for name, value in (PLAIN | changes).items() if value is not None})


def test_too_few_of_a_label_tell_nothing() -> None:
    card, adding = together([bank(seed, 12) for seed in range(3)])
    assert card is None and len(adding.heard) == 1
    assert card_outcome(ASKED, SCALE, card) == {"too_few": True}


def test_a_bank_with_flipped_labels_is_named_in_a_scorecard_too() -> None:
    tables = [bank(seed, 900) for seed in range(5)]
    honest, _ = cards(ASKED, tables, apart=True)
    tables[3] = dataclasses.replace(tables[3], labels=1 - tables[3].labels)
    flipped, _ = cards(ASKED, tables, apart=True)
    assert honest is not None and honest.left_out is not None and honest.left_out.harms is None
    assert flipped is not None and flipped.left_out is not None and flipped.left_out.harms == 3
    told = card_outcome(ASKED, SCALE, flipped)["left_out"]
    assert told["harms"] == "party-3" and [one["people"] for one in told["parties"]] == [540] * 5
