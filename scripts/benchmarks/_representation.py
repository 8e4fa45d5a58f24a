"""A noisy representation of the columns that two institutions share, and what it brings where the columns differ.

The source has tens of thousands of labelled rows, the target some hundred of people who are not like them, and columns
that the source lacks. Half of the target's people test."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _credit import Case, marketing, uci

from placet.catalogue.shared_representation import SPEC, SharedRepresentationParameters
from placet.jobs.randomness import stream
from placet.models import quality
from placet.models.pooled_private import Release
from placet.recipes.shared_representation.source import Noisy, Representation, learned, with_noise
from placet.recipes.shared_representation.target import TargetTable, compared

EPSILON_1 = 17_465_000
SEEDS = 10
FEW = (100, 300, 1_000)
ENDS = (0.01, 0.99)
Whole = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Pair:
    """A public table as two institutions': the values by column, and whose which rows are. `own` the target's columns
    that the source lacks."""

    values: dict[str, list[Any]]
    numbers: frozenset[str]
    labels: Whole
    source: Whole
    target: Whole
    own: tuple[str, ...]

    def parameters(self, budget: int = EPSILON_1) -> SharedRepresentationParameters:
        """Bounds as an institution would say them: round about where most values are."""
        return SPEC.parse(
            {
                "source_labels": ["label"],
                "label": "label",
                "shared": [self._shared(name) for name in self.values if name not in self.own],
                "own": [
                    {"column": name, "kind": "number" if name in self.numbers else "category", "missing": "usual"}
                    for name in self.own
                ],
                "train": 50,
                "smallest_group": 5,
                "budget": budget,
            }
        )

    def _shared(self, name: str) -> dict[str, Any]:
        if name in self.numbers:
            low, high = np.quantile(np.array(self.values[name], np.int64), ENDS)
            return {"kind": "number", "column": name, "bounds": [int(low), int(high) + 1], "missing": "usual"}
        texts, counts = np.unique([str(value) for value in self.values[name]], return_counts=True)
        frequent = [str(text) for text in texts[np.argsort(-counts)] if (counts[texts == text] >= 100).all()]
        return {"kind": "category", "column": name, "values": frequent, "missing": "usual"}


def pair_of(case: Case, own: Sequence[str], target: Whole, texts: frozenset[str], left_out: str = "") -> Pair:
    """`texts` are columns of few whole numbers that count as categories."""
    columns = {one.feature.column: one for one in case.columns if one.feature.column != left_out}
    numbers = frozenset(name for name, one in columns.items() if one.feature.kind == "number" and name not in texts)
    values = {
        name: [int(value) for value in one.values] if one.feature.kind == "number" else list(one.values)
        for name, one in columns.items()
    }
    return Pair(values, numbers, case.label, np.flatnonzero(~target), np.flatnonzero(target), tuple(own))


def pairs() -> dict[str, Pair]:
    """Those whose data are on this machine."""
    cases: dict[str, Pair] = {}
    if (bank := marketing()) is not None:
        jobs = next(one.values for one in bank.columns if one.feature.column == "job")
        target = np.isin(np.array(jobs), ("student", "retired", "unemployed"))
        for name, own in (
            ("bank", ("day", "campaign", "pdays", "previous")),
            ("bank_poutcome_own", ("day", "campaign", "pdays", "previous", "poutcome")),
        ):
            cases[name] = pair_of(bank, own, target, frozenset(), left_out="job")
    if (credit := uci()) is not None:
        ages = next(one.values for one in credit.columns if one.feature.column == "age")
        names = [one.feature.column for one in credit.columns]
        own = [name for name in names if name.startswith("pay_amt")]
        texts = frozenset(name for name in names if name.startswith("pay_") and name not in own)
        texts |= {"sex", "education", "marriage"}
        cases["uci_under_26"] = pair_of(credit, own, np.array(ages, float) < 26, texts)
    return cases


def exact(release: Release, amount: int) -> list[int]:
    return list(release.numbers)


def represented(pair: Pair, noisy: Noisy) -> Representation:
    """By all rows of the source."""
    parameters = pair.parameters()
    values = [[pair.values[one.column][row] for row in pair.source.tolist()] for one in parameters.shared]
    representation = learned(parameters, values, [pair.labels[pair.source]], noisy)
    if representation is None:
        raise ArithmeticError("too few people")
    return representation


def areas(pair: Pair, few: int, seed: int, representation: Representation) -> tuple[dict[str, float], str]:
    """The AUC of each model, and which one was accepted."""
    order = np.random.default_rng(seed).permutation(pair.target)
    table = TargetTable(pair.values, pair.labels, order[:few], order[len(order) // 2 :])
    rows = compared(pair.parameters(), table, representation.heads)
    return {row.name: float(quality.auc(row.bands)) for row in rows}, [row.name for row in rows if row.accepted][-1]


def figures(pair: Pair) -> dict[str, Any]:
    """Means of `SEEDS` draws of the target's labels and of the noise."""
    table: dict[str, Any] = {"source_rows": len(pair.source), "target_test": len(pair.target) - len(pair.target) // 2}
    plain = represented(pair, exact)
    noisy = [represented(pair, with_noise(stream(bytes(32), seed.to_bytes(4, "big")))) for seed in range(SEEDS)]
    for few in FEW:
        with_it = [areas(pair, few, seed, one) for seed, one in enumerate(noisy)]
        without = [areas(pair, few, seed, plain) for seed in range(SEEDS)]
        names = list(with_it[0][0])
        table[f"{few}_labels"] = {
            **{f"{name}_auc": _mean([one[name] for one, _ in with_it]) for name in names},
            **{f"{name}_without_noise": _mean([one[name] for one, _ in without]) for name in names[1:]},
            "used_auc": _mean([one[accepted] for one, accepted in with_it]),
            "accepted": {name: sum(accepted == name for _, accepted in with_it) for name in names},
        }
    return table


def _mean(numbers: Sequence[float]) -> float:
    return round(float(np.mean(numbers)), 4)


def shared_representation() -> dict[str, Any]:
    """At epsilon 1 (at 10^-6), by pair."""
    cases = {name: figures(pair) for name, pair in pairs().items()}
    return cases or {"skipped": "no shared/data"}
