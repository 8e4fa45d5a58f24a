"""Networks of several banks' rows by Flower's strategies, beside the same network of all rows; and Flower's own sums.

The engine's Python is that of `scripts/flower`, or what PLACET_NODE_FLOWER_PYTHON names.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from placet.catalogue.federated_network import SPEC, FederatedNetworkParameters
from placet.models import quality
from placet.models.bands import by_score
from placet.models.network import Whole, initial, largest_sum
from placet.models.pooled_checks import Seat
from placet.protocols.flower import process
from placet.protocols.flower.extra import FlowerEngine
from placet.protocols.flower.process import FlowerOutcome, Material
from placet.recipes.blocks.pooled_table import MemberTable, prepared_of
from placet.recipes.federated_network.training import Federated, reading, scores_of, trained

ROOT = Path(__file__).resolve().parents[2]
SECAGG = Path(__file__).resolve().parent / "_secagg.py"
SEED, SECONDS = b"a seed of nobody's", 3600
NETWORK: dict[str, Any] = {"hidden": [16], "rounds": 20, "epochs": 1, "batch": 128, "rate": 20}
STRATEGIES: tuple[dict[str, Any], ...] = (
    {"kind": "fedavg"},
    {"kind": "fedprox", "mu": 10},
    {"kind": "fedadam", "eta": 100},
)


def engine() -> FlowerEngine:
    named = os.environ.get("PLACET_NODE_FLOWER_PYTHON")
    return FlowerEngine.at(Path(named) if named else ROOT / ".tools" / "flower" / "bin" / "python")


def asked_of(
    columns: Sequence[tuple[str, int, int]], strategy: dict[str, Any], smallest: int
) -> FederatedNetworkParameters:
    features = [
        {"kind": "number", "column": name, "bounds": [low, high], "missing": "usual"} for name, low, high in columns
    ]
    about = {"label": "label", "features": features, "train": 70, "smallest_group": smallest}
    return SPEC.parse(about | NETWORK | {"strategy": strategy})


def together(
    asked: FederatedNetworkParameters, tables: Sequence[MemberTable], sums: Any, python: Path
) -> list[Federated | None]:
    """Each party with a process of its own; `sums.of(party)` adds up."""

    async def member(number: int, table: MemberTable, scratch: Path) -> Federated | None:
        add = sums.of(number)

        async def run(first: Whole, own: Material) -> FlowerOutcome:
            async def answer(_: list[bytes], words: Whole) -> Whole:
                return np.array(await add("training", words.tolist(), largest_sum(own.people)), np.int64)

            return await process.train(python, scratch, SECONDS, asked.training, first, own, answer)

        return await trained(asked, table, add, Seat(number, len(tables)), run, SEED, alone=True)

    async def run_all(scratch: Path) -> list[Federated | None]:
        return await asyncio.gather(*(member(n, table, scratch) for n, table in enumerate(tables)))

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(run_all(Path(folder)))


def secure_sums(words: int) -> dict[str, Any]:
    """A round of Flower's SecAgg+ and one of our own over one grid: processor time of all parties, and errors."""
    flower = engine()
    if flower.problem is not None:
        return _missing(flower)
    answer = subprocess.run([flower.python, SECAGG, str(words)], capture_output=True, check=True, timeout=SECONDS)
    figures: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return figures


def _missing(flower: FlowerEngine) -> dict[str, Any]:
    return {"skipped": f"{flower.problem}: scripts/flower makes an environment with Flower and PyTorch"}


def network(
    columns: Sequence[tuple[str, int, int]], tables: Sequence[MemberTable], sums: Callable[[int], Any], smallest: int
) -> dict[str, Any]:
    """AUC on all banks' rows that test: of each strategy, of the same network of all rows, of each bank's alone."""
    flower = engine()
    if flower.problem is not None:
        return _missing(flower)
    figures: dict[str, Any] = {}
    known = np.concatenate([one.labels[one.test] for one in tables])

    def area(asked: FederatedNetworkParameters, one: Federated, weights: Whole) -> float:
        parts = [reading(one.described, prepared_of(one.described.columns, table, table.test)) for table in tables]
        scores = scores_of(asked.hidden, weights, np.concatenate(parts))
        return round(float(quality.auc(by_score(scores.tolist(), known.tolist()))), 4)

    for strategy in STRATEGIES:
        asked, adding = asked_of(columns, strategy, smallest), sums(len(tables))
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        outcomes = together(asked, tables, adding, flower.python)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        first, *others = [one for one in outcomes if one is not None]
        if len(others) + 1 < len(tables) or any((one.weights != first.weights).any() for one in others):
            raise ArithmeticError("the banks came to different networks")
        kind = strategy["kind"]
        figures[f"auc_{kind}"] = area(asked, first, first.weights)
        figures[f"{kind}_wall_s"] = round(time.perf_counter() - began, 1)
        figures[f"{kind}_cpu_s_a_party"] = round(
            (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / len(tables), 1
        )
        figures["rounds"] = len(adding.bytes)
        figures["kb_a_party"] = round(sum(adding.bytes) / 1e3, 1)
        figures["memory_mb"] = after.ru_maxrss >> 10
        if kind == "fedavg":
            alone = [one.alone for one in outcomes if one is not None and one.alone is not None]
            figures["alone_auc"] = [area(asked, first, one) for one in alone]
            figures["auc_pooled"] = area(asked, first, _pooled(asked, first, tables, flower.python))
    return figures


def _pooled(asked: FederatedNetworkParameters, one: Federated, tables: Sequence[MemberTable], python: Path) -> Whole:
    """The same network, from the same weights, by PyTorch on all rows in one place."""
    prepared = np.concatenate(
        [reading(one.described, prepared_of(one.described.columns, table, table.train)) for table in tables]
    )
    labels = np.concatenate([table.labels[table.train] for table in tables])
    first = initial(one.described.reads, asked.hidden, SEED)
    own = Material(prepared, labels, len(labels), int.from_bytes(SEED[:8], "big") >> 1, alone=True)

    async def answer(_: list[bytes], words: Whole) -> Whole:
        return words

    async def run(scratch: Path) -> FlowerOutcome:
        return await process.train(python, scratch, SECONDS, asked.training, first, own, answer)

    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(run(Path(folder)))
    if outcome.alone is None:
        raise ArithmeticError("no network of all rows")
    return outcome.alone
