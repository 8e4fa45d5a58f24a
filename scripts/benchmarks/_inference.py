"""What models that recipes hand out tell of those who trained them: on public data, small and large, with noise and
without."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from _attacks import (
    Attack,
    Reals,
    Whole,
    attack,
    fit_of,
    guessed,
    halves,
    likelihood_ratios,
    mu_at_least,
    mu_of,
    reconstructed,
    together,
)
from _attacks import epsilon_of_mu as epsilon
from _audits import followed, pooled, representation, statistics
from _credit import DATA, Case, uci
from _handed_out import People, Recipe, logistic, noisy_logistic, pooled_design, scorecard
from _handed_out import representation as represented

from placet.core.errors import InputError

EPSILON_1 = 17_465_000
BINS = 8
ENDS = (0.01, 0.99)
NEAR = 0.1
"""Of a column's spread, within which a number counts as read."""
RUNS, AUDITED = 2_000, 2 * 10**9


@dataclass(frozen=True)
class Crowd:
    """People as a logistic regression reads them, and as a scorecard does, in which numbers are cut into bins; and the
    column that one who knows all others guesses, with its values."""

    linear: People
    binned: People
    hidden: tuple[str, tuple[Any, ...]] | None = None

    def some(self, rows: Whole) -> Crowd:
        return Crowd(self.linear.some(rows), self.binned.some(rows), self.hidden)

    def any(self, rows: int) -> Crowd:
        """So many of them, by chance."""
        return self.some(np.random.default_rng(1).permutation(len(self.linear.labels))[:rows])


def crowd(columns: Mapping[str, Sequence[Any]], numbers: frozenset[str], labels: Whole) -> Crowd:
    """Bounds and edges at quantiles, categories that a hundredth of all have: as plans would say them."""
    linear, binned = list[dict[str, Any]](), list[dict[str, Any]]()
    for name, own in columns.items():
        if name in numbers:
            values = np.array(own, np.int64)
            low, high = (int(end) for end in np.quantile(values, ENDS))
            edges = sorted({int(edge) for edge in np.quantile(values, np.arange(1, BINS) / BINS)})
            linear.append({"kind": "number", "column": name, "bounds": [low, high + 1], "missing": "usual"})
            binned.append({"kind": "bins", "column": name, "edges": edges})
        else:
            texts, counts = np.unique([str(value) for value in own], return_counts=True)
            order = [place for place in np.argsort(-counts).tolist() if counts[place] >= len(own) / 100]
            frequent = [str(texts[place]) for place in order]
            for features in (linear, binned):
                features.append({"kind": "category", "column": name, "values": frequent, "missing": "usual"})
    values_of = list(columns.values())
    return Crowd(People(linear, values_of, labels), People(binned, values_of, labels))


def breast() -> Crowd | None:
    """569 samples of 30 columns of numbers (thousandths of a spread), which tell the label nearly without fail."""
    file = DATA / "fate" / "breast_hetero_guest.csv"
    if not file.is_file():
        return None
    tables = []
    for part in ("guest", "host"):
        with file.with_name(f"breast_hetero_{part}.csv").open(newline="", encoding="utf-8") as source:
            tables.append({row["id"]: row for row in csv.DictReader(source)})
    ids = sorted(tables[0])
    labels = np.array([int(tables[0][one]["y"]) for one in ids], np.int64)
    columns = {
        f"{part}_{name}": [round(1000 * float(table[one][name])) for one in ids]
        for part, table in zip(("guest", "host"), tables, strict=True)
        for name in table[ids[0]]
        if name not in ("id", "y")
    }
    return crowd(columns, frozenset(columns), labels)


def borrowers() -> Crowd | None:
    """30,000 borrowers of uci; repayment status, sex, education and marriage are categories, and sex is guessed."""
    case: Case | None = uci()
    if case is None:
        return None
    columns = {one.feature.column: [int(value) for value in one.values] for one in case.columns}
    texts = {name for name in columns if name.startswith("pay_") and not name.startswith("pay_amt")}
    texts |= {"sex", "education", "marriage"}
    whole = crowd(columns, frozenset(columns) - texts, case.label)
    return Crowd(whole.linear, whole.binned, ("sex", (1, 2)))


RECIPES: dict[str, tuple[Recipe, bool]] = {
    "pooled logistic": (logistic, False),
    "pooled logistic, epsilon 1": (noisy_logistic(EPSILON_1), False),
    "pooled scorecard": (scorecard, True),
    "representation without noise": (represented(None), False),
    "representation, epsilon 1": (represented(EPSILON_1), False),
}
"""Whether it is of bins, by name."""


def inferred(people: Crowd, recipe: Recipe, models: int, *, binned: bool) -> dict[str, Any]:
    """Membership by loss and by likelihood ratio, over models of halves of the people; and the hidden attribute of
    members and strangers, by what a model says at each of its values."""
    pool = people.binned if binned else people.linear
    marks, fits, right = halves(len(pool.labels), models, 0), list[Reals](), list[tuple[float, float]]()
    for number, inside in enumerate(marks):
        model = recipe(pool.some(np.flatnonzero(inside)), number.to_bytes(4, "big"))
        fits.append(fit_of(model(pool), pool.labels))
        if people.hidden is not None:
            name, values = people.hidden
            place = [one["column"] for one in pool.features].index(name)
            known = np.array(pool.values[place])
            table = np.stack([model(pool.with_value(place, value)) for value in values], axis=1)
            priors = np.array([(known == value).mean() for value in values])
            correct = np.array(values)[guessed(table, pool.labels, priors)] == known
            right.append((float(correct[inside].mean()), float(correct[~inside].mean())))
    by_loss = together([attack(one, inside) for one, inside in zip(fits, marks, strict=True)])
    ratios = zip(likelihood_ratios(fits, marks), marks, strict=True)
    by_ratio: Attack = together([attack(one, inside) for one, inside in ratios])
    figures: dict[str, Any] = {
        "members": len(pool.labels) // 2,
        "models": models,
        "loss": by_loss.figures(),
        "ratio": by_ratio.figures(),
    }
    if right:
        members, strangers = np.mean(right, axis=0)
        figures["attribute"] = {"members": round(float(members), 4), "strangers": round(float(strangers), 4)}
    return figures


def read_back(people: Crowd, rows: int, targets: int, *, budget: int | None) -> dict[str, Any]:
    """The one unknown row of those that trained a pooled logistic regression: how far each number is from the true one,
    beside guessing the mean (in spreads), and the share of numbers that are read."""
    members = people.any(rows).linear
    errors, guesses, near = list[float](), list[float](), list[float]()
    for target in range(targets):
        try:
            design, weights, penalty = pooled_design(members, budget, target.to_bytes(4, "big"))
        except InputError:
            continue
        row = reconstructed(np.delete(design, target, 0), np.delete(members.labels, target), weights, penalty)[:-1]
        truth = design[target, :-1]
        spreads = np.maximum(design[:, :-1].std(axis=0), 1e-3)
        away = np.abs(row - truth) / spreads
        errors.append(float(np.median(away)))
        guesses.append(float(np.median(np.abs(design[:, :-1].mean(axis=0) - truth) / spreads)))
        near.append(float((away < NEAR).mean()))
    return {
        "members": rows,
        "error": round(float(np.median(errors)), 4),
        "guessing": round(float(np.median(guesses)), 4),
        "numbers_read": round(float(np.mean(near)), 4),
    }


def audits(runs: int = RUNS) -> dict[str, dict[str, Any]]:
    """Of each mechanism what its budget says and what a canary shows at the least, with 99 % confidence."""
    mechanisms = {
        "private-statistics": statistics(AUDITED),
        "pooled-model": followed(pooled(AUDITED)),
        "shared-representation": followed(representation(AUDITED)),
    }
    table = {}
    for name, run in mechanisms.items():
        least = mu_at_least(run, runs)
        table[name] = {
            "budget_nano_rho": AUDITED,
            "mu": round(mu_of(AUDITED), 3),
            "mu_at_least": round(least, 3),
            "epsilon": epsilon(mu_of(AUDITED)),
            "epsilon_at_least": epsilon(least),
        }
    return table
