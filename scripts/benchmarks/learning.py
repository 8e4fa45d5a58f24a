"""Models of several banks' rows by secure sums, beside scikit-learn on all rows in one place; and what a sum costs.

Banks are made of public borrowers (`shared/data` beside the checkout): three like ones by chance, 60, 30 and 10 percent
of them, and three that differ, by credit limit. Everything runs in one process: bytes are counted, not sent.
"""

from __future__ import annotations

import asyncio
import functools
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _bad_party import one_bad_party
from _credit import Case, tumours, uci
from _exploring import exploration, worth_of_columns
from _federated import network, secure_sums
from _masked_sums import Sums, cost_of_a_sum
from _pooled_trees import COUNT, measured
from _representation import shared_representation
from _spu import own_loopback
from _transfer import transfers

from placet.catalogue.pooled_model import SPEC, PooledModelParameters
from placet.jobs.randomness import stream
from placet.models import quality
from placet.models.bands import by_score
from placet.models.choices import Scale
from placet.models.pooled_checks import Seat
from placet.models.preparing import UNIT
from placet.recipes.blocks.pooled_table import MemberTable, prepared_of
from placet.recipes.pooled_model import card_training, private_card, private_training
from placet.recipes.pooled_model.card_training import PooledCard, codes_of, scores_of
from placet.recipes.pooled_model.private_training import drawn_from
from placet.recipes.pooled_model.training import Pooled, trained

SHARES = (0.6, 0.3, 0.1)
LIMITS = (50_000, 200_000)
SMALLEST = 20
CARD_BINS, CARD_L2, CARD_STEPS = 5, 30, 4
EPSILON_1, LEAST_EPSILON_1 = 17_465_000, 24_355_000
"""Nano-rho: as notices convert it, and by the best conversion that rho allows."""
NOISY_STEPS, NOISY_RUNS, ENDS = 8, 30, (0.01, 0.99)
NETWORK_WORDS = (1_000, 100_000)
"""Of a small network, and of a larger one."""
JUDGING = 2
"""Sums that only judge the model."""


def banks(case: Case, how: str) -> list[np.ndarray[Any, np.dtype[np.int64]]]:
    """Which rows are whose."""
    if how == "like":
        places = np.random.default_rng(0).choice(len(SHARES), len(case.label), p=SHARES)
    else:
        limit = next(one for one in case.columns if one.feature.column == "limit_bal")
        places = np.searchsorted(LIMITS, np.array([float(v) for v in limit.values]), side="left")
    return [np.flatnonzero(places == number) for number in range(len(SHARES))]


def pooled(case: Case, how: str) -> dict[str, Any]:
    """The pooled model beside scikit-learn's of the same rows, and beside each bank's own."""
    columns = [(one.feature.column, [int(value) for value in one.values]) for one in case.columns]
    asked = asked_of([(name, min(own), max(own)) for name, own in columns])
    tables = tables_of(case, columns, how)
    began = time.perf_counter()
    model, sums = fitted_by(asked, tables, 0)
    if model is None:
        raise ArithmeticError("too few people")
    figures: dict[str, Any] = {
        "wall_s": round(time.perf_counter() - began, 1),
        "crypto_cpu_s": round(sums.processor, 3),
        "rounds": len(sums.bytes) - JUDGING,
        "kb_a_party": round(sum(sums.bytes[:-JUDGING]) / 1e3, 1),
        "kb_with_judging": round(sum(sums.bytes) / 1e3, 1),
        "people": model.people,
    }
    return figures | beside(model, tables, asked.l2 / 1000)


def with_noise(case: Case, budget: int) -> dict[str, Any]:
    """With a budget, over many runs, beside the same columns and bounds without noise."""
    columns = [(one.feature.column, np.array(one.values, dtype=np.int64)) for one in case.columns]
    bounds = [[int(np.quantile(own, share)) for share in ENDS] for _, own in columns]
    plain = asked_of([(name, *ends) for (name, _), ends in zip(columns, bounds, strict=True)])
    tables = tables_of(case, [(name, own.tolist()) for name, own in columns], "like")
    noisy = SPEC.parse(plain.to_json() | {"budget": budget, "steps": NOISY_STEPS})
    label = np.concatenate([one.labels[one.test] for one in tables])

    def area(model: Pooled | None) -> float:
        if model is None:
            raise ArithmeticError("too few people")
        prepared = np.concatenate([prepared_of(model.columns, one, one.test) for one in tables]) / UNIT
        scores = np.rint(1e4 * prepared @ np.array(model.coefficients[:-1])).astype(np.int64)
        return float(quality.auc(by_score(scores.tolist(), label.tolist())))

    runs = [area(fitted_by(noisy, tables, seed)[0]) for seed in range(NOISY_RUNS)]
    return loss_of(budget, runs, area(fitted_by(plain, tables, 0)[0]))


def bad_party(case: Case) -> dict[str, Any]:
    def fitted(asked: PooledModelParameters, tables: Sequence[MemberTable]) -> Pooled:
        model, _ = fitted_by(asked, tables, 0)
        if model is None:
            raise ArithmeticError("too few people")
        return model

    columns = [(one.feature.column, [int(value) for value in one.values]) for one in case.columns]
    asked = asked_of([(name, min(own), max(own)) for name, own in columns])
    return one_bad_party(case, asked.model_copy(update={"leave_one_out": "each"}), fitted)


def card_with_noise(case: Case) -> dict[str, Any]:
    """A scorecard of numbers at epsilon 1, beside the same bins without noise."""
    columns = {one.feature.column: np.array(one.values, dtype=np.int64) for one in case.columns}
    features = []
    for name, own in columns.items():
        edges = sorted({int(edge) for edge in np.quantile(own, np.arange(1, CARD_BINS) / CARD_BINS)} - {int(own.min())})
        features.append({"kind": "bins", "column": name, "edges": edges or [int(own.max())]})
    scale = Scale(base_score=600, pdo=20, base_odds=1, higher=1)
    shared = {"label": "label", "features": features, "train": 70, "smallest_group": SMALLEST, "scale": scale.to_json()}
    plain, noisy = SPEC.parse(shared), SPEC.parse(shared | {"budget": EPSILON_1, "steps": CARD_STEPS, "l2": CARD_L2})
    tables = tables_of(case, [(name, own.tolist()) for name, own in columns.items()], "like")
    label = np.concatenate([one.labels[one.test] for one in tables])
    codes = np.concatenate([codes_of(plain, one, one.test) for one in tables])

    def area(asked: PooledModelParameters, seed: int) -> float:
        sums = Sums(len(tables))

        async def member(number: int, table: MemberTable) -> PooledCard | None:
            if asked.budget is None:
                return await card_training.trained(asked, scale, table, sums.of(number), Seat(number, len(tables)))
            noise = drawn_from(stream(bytes([number]) * 32, seed.to_bytes(4, "big")))
            add, count = sums.of(number), len(tables)
            return await private_card.trained(asked, scale, table, add, noise, asked.budget, count)

        async def run() -> list[PooledCard | None]:
            return await asyncio.gather(*(member(number, table) for number, table in enumerate(tables)))

        card = asyncio.run(run())[0]
        if card is None:
            raise ArithmeticError("too few people")
        return float(quality.auc(by_score(scores_of(card.base, card.points, codes).tolist(), label.tolist())))

    return loss_of(EPSILON_1, [area(noisy, seed) for seed in range(NOISY_RUNS)], area(plain, 0))


def loss_of(budget: int, runs: Sequence[float], without: float) -> dict[str, Any]:
    return {
        "budget_nano_rho": budget,
        "runs": len(runs),
        "auc": round(float(np.mean(runs)), 4),
        "worst": round(min(runs), 4),
        "auc_without": round(without, 4),
        "loss": round(without - float(np.mean(runs)), 4),
        "largest_loss": round(without - min(runs), 4),
    }


def federated(case: Case, how: str) -> dict[str, Any]:
    """A small network by Flower's strategies, beside the same one trained on all rows in one place."""
    columns = [(one.feature.column, [int(value) for value in one.values]) for one in case.columns]
    ends = [(name, min(own), max(own)) for name, own in columns]
    return network(ends, tables_of(case, columns, how), Sums, SMALLEST)


def asked_of(columns: Sequence[tuple[str, int, int]]) -> PooledModelParameters:
    features = [
        {"kind": "number", "column": name, "bounds": [low, high], "missing": "usual"} for name, low, high in columns
    ]
    return SPEC.parse({"label": "label", "features": features, "train": 70, "smallest_group": SMALLEST})


def tables_of(case: Case, columns: Sequence[tuple[str, list[int]]], how: str) -> list[MemberTable]:
    trains, tables = set(case.train.tolist()), []
    for rows in banks(case, how):
        values = tuple([own[row] for row in rows] for _, own in columns)
        own = np.array([row in trains for row in rows])
        tables.append(MemberTable(values, case.label[rows], np.flatnonzero(own), np.flatnonzero(~own)))
    return tables


def fitted_by(asked: PooledModelParameters, tables: Sequence[MemberTable], seed: int) -> tuple[Pooled | None, Sums]:
    """The model that all parties come to; `seed`: of their noise, where there is a budget."""
    sums = Sums(len(tables))

    async def member(number: int, table: MemberTable) -> Pooled | None:
        add = sums.of(number)
        if asked.budget is None:
            return await trained(asked, table, add, Seat(number, len(tables)), sums if asked.leave_one_out else None)
        noise = drawn_from(stream(bytes([number]) * 32, seed.to_bytes(4, "big")))
        return await private_training.trained(asked, table, add, noise, asked.budget, len(tables))

    async def run() -> list[Pooled | None]:
        return await asyncio.gather(*(member(n, table) for n, table in enumerate(tables)))

    return asyncio.run(run())[0], sums


def beside(model: Pooled, tables: Sequence[MemberTable], l2: float) -> dict[str, Any]:
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import roc_auc_score
    except ImportError:
        return {"skipped": "scikit-learn is not installed: pip install placet[bench]"}
    parts = {
        part: [prepared_of(model.columns, one, getattr(one, part)) / UNIT for one in tables]
        for part in ("train", "test")
    }
    labels = {part: [one.labels[getattr(one, part)] for one in tables] for part in ("train", "test")}
    test, tested = np.concatenate(parts["test"]), np.concatenate(labels["test"])

    def fitted(design: Any, known: Any) -> Any:
        return LogisticRegression(C=1 / (len(known) * l2), tol=1e-9, max_iter=10_000).fit(design, known)

    def area(scores: Any, known: Any = tested) -> float:
        return round(float(roc_auc_score(known, scores)), 4)

    weights = np.array(model.coefficients)
    whole = fitted(np.concatenate(parts["train"]), np.concatenate(labels["train"]))
    alone = [fitted(*pair) for pair in zip(parts["train"], labels["train"], strict=True)]
    return {
        "auc": area(test @ weights[:-1]),
        "auc_sklearn": area(whole.decision_function(test)),
        "largest_difference": float(np.abs(np.append(whole.coef_[0], whole.intercept_) - weights).max()),
        "alone_auc": [area(one.decision_function(test)) for one in alone],
        "own_customers": [
            {"pooled": area(part @ weights[:-1], known), "alone": area(one.decision_function(part), known)}
            for one, part, known in zip(alone, parts["test"], labels["test"], strict=True)
        ],
    }


def trees(case: Case, how: str) -> dict[str, Any]:
    columns = [(one.feature.column, [int(value) for value in one.values]) for one in case.columns]
    tables = tables_of(case, columns, how)
    plain = asked_of([(name, min(own), max(own)) for name, own in columns])
    asked = SPEC.parse(plain.to_json() | {"trees": {"count": COUNT}})
    return measured(asked, tables, Sums(len(tables)))


def trees_of_tumours() -> dict[str, Any]:
    """FATE's two institutions; those whom it keeps to test are a third one's, of whom the others' shares train too."""
    tables = tumours()
    if tables is None:
        return {"skipped": "no shared/data"}
    names, chance = tables[0][0], np.random.default_rng(0)
    features = [
        {"kind": "number", "column": name, "missing": "usual",
         "bounds": [math.floor(min(rows[:, n + 1].min() for _, rows in tables)),
                    math.ceil(max(rows[:, n + 1].max() for _, rows in tables))]}
        for n, name in enumerate(names)
    ]  # fmt: skip
    plain = {"label": "y", "features": features, "train": 70, "smallest_group": 5}
    asked = SPEC.parse(plain | {"trees": {"count": COUNT}})
    members = []
    for _, rows in tables:
        order = chance.permutation(len(rows))
        cut = len(rows) * asked.train // 100
        columns = tuple(own.tolist() for own in rows[:, 1:].T)
        members.append(MemberTable(columns, rows[:, 0].astype(np.int64), order[:cut], order[cut:]))
    return measured(asked, members, Sums(len(members)))


def main(*, json: bool) -> dict[str, object]:
    out = sys.stderr if json else sys.stdout
    figures: dict[str, object] = {}
    own_loopback()
    for name, measure in rows_of(uci()).items():
        figures[name] = measure()
        print(name, figures[name], file=out, flush=True)
    for name, row in transfers():
        figures[name] = row
        print(name, row, file=out, flush=True)
    return figures


def rows_of(case: Case | None) -> dict[str, Callable[[], dict[str, Any]]]:
    """Each by its name, in the order in which they are measured."""

    def of(measure: Callable[..., dict[str, Any]], *more: Any) -> Callable[[], dict[str, Any]]:
        return lambda: {"skipped": "no shared/data"} if case is None else measure(case, *more)

    return {
        "secure_sum": cost_of_a_sum,
        **{f"secaggplus_{words}": functools.partial(secure_sums, words) for words in NETWORK_WORDS},
        "pooled_like": of(pooled, "like"),
        "pooled_different": of(pooled, "different"),
        "pooled_with_one_bad_party": of(bad_party),
        "pooled_with_noise": of(with_noise, EPSILON_1),
        "pooled_with_least_epsilon_1": of(with_noise, LEAST_EPSILON_1),
        "pooled_card_with_noise": of(card_with_noise),
        "trees_like": of(trees, "like"),
        "trees_different": of(trees, "different"),
        "trees_tumours": trees_of_tumours,
        "network_like": of(federated, "like"),
        "network_different": of(federated, "different"),
        "shared_representation": shared_representation,
        "exploration": of(exploration, EPSILON_1),
        "worth_of_columns": of(worth_of_columns, EPSILON_1),
    }
