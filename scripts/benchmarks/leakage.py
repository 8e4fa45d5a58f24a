"""Whether somebody was among those that a model was trained on, guessed from the released model.

The loss threshold attack (Yeom, Giacomelli, Fredrikson, Jha, "Privacy risk in machine learning: analyzing the
connection to overfitting", IEEE CSF 2018): who knows a person's columns and label takes the person for a member if the
model fits them well. Attacks are judged as Carlini et al., "Membership inference attacks from first principles", IEEE
S&P 2022, ask: also by how many members are found where one stranger in a hundred is accused.

Models as the recipes release them in clear (`model: consumer`): scorecard and trees over all parties' columns, fitted
by the same code in one process. The last row is a model that no default makes: it shows what the attack can find.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _clear import SCALE, ClearModel, fitted
from _credit import Case, marketing, uci

from placet.models import binning, quality
from placet.models.bands import by_score
from placet.models.boosting import Boosting, Own
from placet.models.boosting_twin import PlainHost, train
from placet.models.cuts import CodedColumn
from placet.models.trees import probability

Reals = np.ndarray[Any, np.dtype[np.float64]]
Rows = np.ndarray[Any, np.dtype[np.int64]]
Model = Callable[[Case, Rows, Rows], Reals]
"""Trained on the first rows, the probability of label 1 of these and then of the second ones."""
UNIT = 10_000
ACCUSED = 0.01
SMALLEST = 5
TREE_BINS = 32
DEFAULT = Boosting(trees=20, depth=4, smallest=SMALLEST)
OVERFITTED = Boosting(trees=100, depth=6, smallest=1, rate=100)


@dataclass(frozen=True)
class Row:
    """A line of the table: a model of a case, on so many rows of training (None: all)."""

    name: str
    case: Callable[[], Case | None]
    file: str
    model: Model
    rows: int | None = None


def scorecard(case: Case, members: Rows, strangers: Rows) -> Reals:
    """As `joint-scorecard` makes it."""
    card, table = fitted(case.columns, case.label, members.tolist(), ClearModel(smallest=SMALLEST))
    assert card is not None
    scores = card.scores(table[np.concatenate([members, strangers])])
    return np.asarray(1 / (1 + np.exp((SCALE.offset - scores) / SCALE.factor)))


def boosted(boosting: Boosting) -> Model:
    """As `joint-trees` makes them, the label holder's columns first."""

    def model(case: Case, members: Rows, strangers: Rows) -> Reals:
        rows = np.concatenate([members, strangers])
        parties = []
        for columns in case.parties.values():
            coded = []
            for column in columns:
                kind = column.feature.kind
                known = [column.values[row] for row in members]
                bins = binning.fit(known, kind, TREE_BINS, least=boosting.smallest)
                codes = bins.codes([column.values[row] for row in rows])
                coded.append(CodedColumn(codes, bins.cells, kind == "number"))
            parties.append(tuple(coded))
        own, hosts = Own(parties[0]), [PlainHost(columns, range) for columns in parties[1:]]
        return probability(train(own, hosts, case.label[members], len(rows), boosting)[1])

    return model


def attacked(case: Case, model: Model, rows: int | None) -> dict[str, object]:
    """How well the attack tells rows of training from rows of test, and how well the model does its work on either."""
    members = case.train if rows is None else np.random.default_rng(0).permutation(case.train)[:rows]
    chances = model(case, members, case.test)
    labels = case.label[np.concatenate([members, case.test])]
    inside = np.arange(len(labels)) < len(members)
    fit = np.rint(UNIT * np.where(labels == 1, chances, 1 - chances)).astype(np.int64)
    table = by_score(fit.tolist(), inside.astype(np.int64).tolist())
    area, error = quality.auc(table), quality.auc_error(table)
    assert error is not None
    taught, asked = (
        quality.auc(by_score(np.rint(UNIT * chances[part]).astype(np.int64).tolist(), labels[part].tolist()))
        for part in (inside, ~inside)
    )
    low, high = quality.interval(area, error)
    return {
        "members": len(members),
        "strangers": len(case.test),
        "attack_auc": round(float(area), 4),
        "interval": [round(low, 4), round(high, 4)],
        "advantage": round(float(quality.ks(table)[0]), 4),
        "members_found": round(_found(fit, inside), 4),
        "train_auc": round(float(taught), 4),
        "test_auc": round(float(asked), 4),
    }


def _found(fit: Rows, inside: np.ndarray[Any, np.dtype[np.bool_]]) -> float:
    """The share of members above what at most `ACCUSED` of strangers are above."""
    threshold = np.sort(fit[~inside])[::-1][int(ACCUSED * (~inside).sum())]
    return float((fit[inside] > threshold).mean())


UCI, BANK = (uci, "credit/uci_credit_card.csv"), (marketing, "marketing/bank-full.csv")
ROWS = (
    Row("scorecard, uci", *UCI, scorecard),
    Row("scorecard, bank", *BANK, scorecard),
    Row("trees, uci", *UCI, boosted(DEFAULT)),
    Row("trees, bank", *BANK, boosted(DEFAULT)),
    Row("scorecard of 1,000 people, uci", *UCI, scorecard, 1000),
    Row("scorecard of 1,000 people, bank", *BANK, scorecard, 1000),
    Row("trees of 1,000 people, uci", *UCI, boosted(DEFAULT), 1000),
    Row("trees of 1,000 people, bank", *BANK, boosted(DEFAULT), 1000),
    Row("overfitted trees of 1,000 people, uci", *UCI, boosted(OVERFITTED), 1000),
)


def main(*, json: bool) -> dict[str, object]:
    """Measure and print; see `scripts/bench`."""
    out = sys.stderr if json else sys.stdout
    table: dict[str, object] = {}
    for row in ROWS:
        case = row.case()
        absent: dict[str, object] = {"skipped": f"shared/data/{row.file} is not on this machine"}
        figures = absent if case is None else attacked(case, row.model, row.rows)
        table[row.name] = figures
        print(f"{row.name}: {', '.join(f'{name} {value}' for name, value in figures.items())}", file=out, flush=True)
    return table
