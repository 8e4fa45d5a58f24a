"""Boosted trees of several banks' rows by secure sums: are they those of all rows in one place, what do they cost, and
how well do they judge beside LightGBM on all rows."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from placet.catalogue.pooled_model import PooledModelParameters, PooledTrees
from placet.models import quality
from placet.models.bands import BandTable, by_score
from placet.models.boosting import Own
from placet.models.boosting_twin import train as side_by_side
from placet.models.cuts import CodedColumn
from placet.models.pooled_checks import Seat
from placet.models.pooled_trees_twin import train
from placet.models.trees import Whole
from placet.recipes.blocks.pooled_table import MemberTable
from placet.recipes.pooled_model.tree_training import (
    TrainedTrees,
    boosting_of,
    cells_of,
    cut_by,
    flags_of,
    scores_of,
    trained,
)

COUNT = 20


def measured(asked: PooledModelParameters, tables: Sequence[MemberTable], sums: Any) -> dict[str, Any]:
    """Of one job of these parties. `sums`: as `_masked_sums.Sums`."""
    trees = asked.trees
    if trees is None:
        raise ValueError("no trees")
    began = time.process_time()
    pooled, heard = _trained(asked, trees, tables, sums)
    processor = time.process_time() - began
    if pooled is None:
        raise ArithmeticError("too few people")
    known = [one.columns(one.train) for one in tables]
    labels = np.concatenate([one.labels[one.train] for one in tables])
    cells = np.concatenate([cells_of(pooled.part, own) for own in known])
    flags = [sum(each) for each in zip(*(flags_of(asked, own) for own in known), strict=True)]
    _, columns = cut_by(asked, flags, len(tables))
    owners = np.repeat(np.arange(len(tables)), [len(one.train) for one in tables])
    whole, cuts, margins = train(columns, cells, labels, owners, boosting_of(asked, trees), pooled.model.base)
    plain = [tuple(node.model_copy(update={"rows": 0}) for node in tree) for tree in pooled.model.trees]
    ours = pooled.model.score([pooled.part], [[*cells.T]])
    grown = [size for what, size in zip(heard, sums.bytes, strict=True) if "in nodes" in what]
    tested = np.concatenate([one.labels[one.test] for one in tables])
    judged = [one.columns(one.test) for one in tables]
    scores = np.concatenate([scores_of(pooled.model, pooled.part, own) for own in judged])
    if pooled.bands is None:
        raise ArithmeticError("too few people test")
    test_cells = np.concatenate([cells_of(pooled.part, own) for own in judged])
    return {
        "trees": len(whole),
        "identical": plain == list(whole) and cuts == pooled.part.cuts and bool((ours == margins).all()),
        "auc": _area(scores, tested),
        "auc_by_bands": round(float(quality.auc(BandTable(*pooled.bands))), 4),
        "auc_nothing_hidden": _area(_nothing_hidden(asked, trees, pooled, cells, test_cells, labels), tested),
        "auc_lightgbm": _lightgbm(asked, trees, tables),
        "sums": dict(Counter("in nodes" if "in nodes" in what else "others" for what in heard)),
        "kb_a_tree": round(sum(grown) / 1e3 / len(whole), 1),
        "kb_a_party": round(sum(sums.bytes) / 1e3, 1),
        "cpu_s_a_party": round(processor / len(tables), 2),
        "crypto_cpu_s": round(sums.processor, 2),
        "people": pooled.people,
    }


def _trained(
    asked: PooledModelParameters, trees: PooledTrees, tables: Sequence[MemberTable], sums: Any
) -> tuple[TrainedTrees | None, list[str]]:
    """What all parties come to, and what was summed."""
    heard: list[str] = []

    def listening(add: Callable[..., Any]) -> Any:
        async def listened(what: str, numbers: list[int], most: int) -> list[int]:
            heard.append(what)
            totals: list[int] = await add(what, numbers, most)
            return totals

        return listened

    async def run() -> list[TrainedTrees | None]:
        adds = [listening(sums.of(0)), *(sums.of(number) for number in range(1, len(tables)))]
        return await asyncio.gather(
            *(
                trained(asked, trees, one, add, Seat(number, len(tables)))
                for number, (one, add) in enumerate(zip(tables, adds, strict=True))
            )
        )

    outcomes = asyncio.run(run())
    if any(one != outcomes[0] for one in outcomes):
        raise ArithmeticError("the parties came to different trees")
    return outcomes[0], heard


def _nothing_hidden(
    asked: PooledModelParameters, trees: PooledTrees, pooled: TrainedTrees, cells: Whole, tested: Whole, labels: Whole
) -> Whole:
    """Margins of the rows that test, by trees of all rows in one place over the same bins, with all sums told."""
    codes = np.concatenate([cells, tested])
    columns = tuple(
        CodedColumn(codes[:, n], one.bins.cells, one.bins.kind == "number") for n, one in enumerate(pooled.part.columns)
    )
    _, margins = side_by_side(Own(columns), (), labels, len(codes), boosting_of(asked, trees))
    return margins[len(cells) :]


def _lightgbm(asked: PooledModelParameters, trees: PooledTrees, tables: Sequence[MemberTable]) -> float | str:
    try:
        from lightgbm import LGBMClassifier
    except ImportError:
        return "LightGBM is not installed: pip install placet[bench]"
    parts: dict[str, tuple[Any, Any]] = {}
    for part in ("train", "test"):
        rows = [np.array(one.columns(getattr(one, part)), dtype=np.float64).T for one in tables]
        parts[part] = np.concatenate(rows), np.concatenate([one.labels[getattr(one, part)] for one in tables])
    model = LGBMClassifier(
        n_estimators=trees.count, learning_rate=trees.rate / 100, max_depth=trees.depth, num_leaves=2**trees.depth,
        min_child_samples=asked.smallest_group, min_child_weight=1, reg_lambda=1, n_jobs=1, verbose=-1,
    ).fit(*parts["train"])  # fmt: skip
    test, labels = parts["test"]
    return _area(np.rint(1e6 * model.predict(test, raw_score=True)).astype(np.int64), labels)


def _area(scores: Whole, labels: Whole) -> float:
    return round(float(quality.auc(by_score(scores.tolist(), labels.tolist()))), 4)
