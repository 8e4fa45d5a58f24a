"""One of five like banks flips labels, or hides a backdoor: whom leaving one out names, and what really happens."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from _credit import Case

from placet.catalogue.pooled_model import PooledModelParameters
from placet.models import quality
from placet.models.bands import by_score
from placet.models.preparing import UNIT
from placet.recipes.blocks.pooled_table import MemberTable, prepared_of
from placet.recipes.pooled_model.training import Pooled

BANKS, BAD = 5, 2
TRIGGER = ("marriage", 0)
"""A column and a value that is rare in it: 54 of 30,000 have it."""
SHARES = {"flipped_all": 1.0, "flipped_30": 0.3, "flipped_10": 0.1}
POISONED = {"backdoor_1": 0.01, "backdoor_10": 0.1}
Fitted = Callable[[PooledModelParameters, Sequence[MemberTable]], Pooled]


def one_bad_party(case: Case, asked: PooledModelParameters, fitted: Fitted) -> dict[str, Any]:
    """By what the bad bank does: who is named, the pull of each, what the others' loss would fall by as told, and as it
    falls on their rows that test where the bank is really left out. `asked` reads all columns of numbers."""
    names = [feature.column for feature in asked.features]
    columns = {one.feature.column: [int(value) for value in one.values] for one in case.columns}
    chance = np.random.default_rng(3)
    places, trains = chance.integers(0, BANKS, len(case.label)), set(case.train.tolist())

    def tables(label: Any, values: dict[str, list[int]]) -> list[MemberTable]:
        banks = []
        for bank in range(BANKS):
            rows = np.flatnonzero(places == bank).tolist()
            own = np.array([row in trains for row in rows])
            cells = tuple([values[name][row] for row in rows] for name in names)
            banks.append(MemberTable(cells, label[rows], np.flatnonzero(own), np.flatnonzero(~own)))
        return banks

    honest = tables(case.label, columns)
    bad = np.array([row in trains for row in range(len(places))]) & (places == BAD)
    cases = {"honest": honest}
    for name, share in SHARES.items():
        flipped = np.where(bad & (chance.random(len(places)) < share), 1 - case.label, case.label)
        cases[name] = tables(flipped, columns)
    column, value = TRIGGER
    for name, share in POISONED.items():
        marked = bad & (chance.random(len(places)) < share)
        planted = [value if marked[row] else cell for row, cell in enumerate(columns[column])]
        cases[name] = tables(np.where(marked, 1, case.label), columns | {column: planted})
    return {name: _told(asked, banks, honest, names.index(column), fitted) for name, banks in cases.items()}


def _told(
    asked: PooledModelParameters, banks: list[MemberTable], honest: list[MemberTable], column: int, fitted: Fitted
) -> dict[str, Any]:
    model = fitted(asked, banks)
    others = [bank for place, bank in enumerate(banks) if place != BAD]
    without = fitted(asked, others)
    if model.left_out is None:
        raise ArithmeticError("no party was left out")
    tested = [bank for place, bank in enumerate(honest) if place != BAD]
    loss, area, rise = zip(*(_quality(one, tested, column) for one in (model, without)), strict=True)
    return {
        "named": model.left_out.harms,
        "pulls": [round(one.pull, 1) for one in model.left_out.parties],
        "harm_told": round(model.left_out.parties[BAD].harm, 4),
        "harm_true": round(loss[0] - loss[1], 4),
        "auc": round(area[0], 4),
        "auc_without": round(area[1], 4),
        "trigger_log_odds": [round(one, 2) for one in rise],
    }


def _quality(model: Pooled, tables: Sequence[MemberTable], column: int) -> tuple[float, float, float]:
    """The mean loss and the AUC of the tables' rows that test, and by how much the trigger raises their log odds."""
    weights = np.array(model.coefficients)
    label = np.concatenate([one.labels[one.test] for one in tables])

    def odds(tables: Sequence[MemberTable]) -> Any:
        return np.concatenate([prepared_of(model.columns, one, one.test) for one in tables]) / UNIT @ weights[:-1]

    plain = odds(tables)
    scores = plain + weights[-1]
    planted = [
        dataclasses.replace(
            one,
            values=tuple(
                [TRIGGER[1]] * len(one.labels) if place == column else cells for place, cells in enumerate(one.values)
            ),
        )
        for one in tables
    ]
    loss = float((np.logaddexp(0, scores) - label * scores).mean())
    area = float(quality.auc(by_score(np.rint(1e4 * scores).astype(np.int64).tolist(), label.tolist())))
    return loss, area, float((odds(planted) - plain).mean())
