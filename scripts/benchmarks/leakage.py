"""What a released model tells of the people that it was trained on, and whether noise hides what it promises.

First, of scorecards and trees over all parties' columns (`model: consumer`), fitted by the recipes' code in one
process, whether somebody was among their people, by loss alone; the last of these rows is a model that no default
makes, to show what the attack can find. Then, of what `pooled-model` and `shared-representation` hand out, membership
by loss and by shadow models, a hidden attribute, the one row that an adversary lacks who knows all others
(`_inference`); and a lower bound on what a canary shows of each mechanism's noise (`_audits`). The attacks are those of
`_attacks`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _attacks import Reals, attack
from _clear import SCALE, ClearModel, fitted
from _credit import Case, marketing, uci
from _inference import EPSILON_1, RECIPES, audits, borrowers, inferred, read_back

from placet.models import binning, quality
from placet.models.bands import by_score
from placet.models.boosting import Boosting, Own
from placet.models.boosting_twin import PlainHost, train
from placet.models.cuts import CodedColumn
from placet.models.trees import probability

Rows = np.ndarray[Any, np.dtype[np.int64]]
Model = Callable[[Case, Rows, Rows], Reals]
"""Trained on the first rows, the probability of label 1 of these and then of the second ones."""
UNIT = 10_000
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
    outcome = attack(np.where(labels == 1, chances, 1 - chances), inside)
    taught, asked = (
        quality.auc(by_score(np.rint(UNIT * chances[part]).astype(np.int64).tolist(), labels[part].tolist()))
        for part in (inside, ~inside)
    )
    return {
        "members": len(members),
        "strangers": len(case.test),
        **outcome.figures(),
        "train_auc": round(float(taught), 4),
        "test_auc": round(float(asked), 4),
    }


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


CROWDS = {"160 of uci": (160, 32), "8,000 of uci": (8_000, 16)}
"""How many people, of whom halves train, and how many models."""
KNOWN = ((150, 20), (1_000, 10), (10_000, 3))
"""How many train, and of how many of them a row is sought."""


def handed_out() -> Iterator[tuple[str, dict[str, Any]]]:
    """Of the recipes whose models all parties, or the consumer, have in clear."""
    people = borrowers()
    if people is None:
        yield "models handed out", {"skipped": f"shared/data/{UCI[1]} is not on this machine"}
        return
    for name, (recipe, binned) in RECIPES.items():
        for which, (count, models) in CROWDS.items():
            yield f"{name}, {which}", inferred(people.any(count), recipe, models, binned=binned)
    for rows, targets in KNOWN:
        for name, budget in (("", None), (", epsilon 1", EPSILON_1)):
            yield f"the last of {rows:,} rows{name}", read_back(people, rows, targets, budget=budget)


def main(*, json: bool) -> dict[str, object]:
    """Measure and print; see `scripts/bench`."""
    out = sys.stderr if json else sys.stdout
    table: dict[str, object] = {}

    def note(name: str, figures: dict[str, Any]) -> None:
        table[name] = figures
        print(f"{name}: {', '.join(f'{key} {value}' for key, value in figures.items())}", file=out, flush=True)

    for row in ROWS:
        case = row.case()
        absent = {"skipped": f"shared/data/{row.file} is not on this machine"}
        note(row.name, absent if case is None else attacked(case, row.model, row.rows))
    for name, figures in handed_out():
        note(name, figures)
    for name, figures in audits().items():
        note(f"canary, {name}", figures)
    return table
