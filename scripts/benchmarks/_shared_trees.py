"""Boosted trees wholly on shares, bare: three processes over loopback, without consents, chain or trail; and the same
trees in the clear."""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _credit import Case
from _spu import SECONDS, networks, share_out, traffic

from placet.models import binning, quality
from placet.models.bands import by_score
from placet.models.boosting import base_of
from placet.models.trees import TreeModel, TreePart, Whole
from placet.protocols.mpc.cells import CardColumn
from placet.protocols.mpc.growing import STATE, OpenedTree, TreeGrow, trees_of
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.program import Size
from placet.protocols.spu import Network, Repeated, Secret, compute, evaluate

SMALLEST, RATE = 20, 30


@dataclass(frozen=True)
class SharedTrees:
    """AUC of the rows of test after each tree, on shares and in the clear. Processor seconds and megabytes are of all
    parties and a tree: all that was started, and what each tree after the first took; `peak_mb` of the largest
    process."""

    shares: list[float]
    clear: list[float]
    whole: float
    seconds_a_tree: float
    traffic_mb: float
    peak_mb: float


@dataclass(frozen=True)
class _Laid:
    """What computes: the program, each party's array, labels, and all cells in the clear (rows, columns)."""

    program: TreeGrow
    arrays: list[Integers]
    labels: Whole
    codes: Whole


def shared_trees(case: Case, trees: int, depth: int) -> SharedTrees:
    """One run. The label holder is the consumer, the other parties providers in their order."""
    laid = _laid(case, depth)
    used, sent = _children(), traffic()
    opened, moments = asyncio.run(_grown(laid, trees))
    whole, megabytes = (_children() - used) / trees, (traffic() - sent) / trees / 1e6
    between = np.diff(moments)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    model, cuts = trees_of(laid.program, opened, base_of(laid.labels[: laid.program.train]))
    parts = [TreePart.model_construct(columns=(), cuts=own) for own in cuts]
    twin = [laid.program.in_clear(laid.codes, laid.labels, number)[1] for number in range(1, trees + 1)]
    return SharedTrees(
        [_auc(laid, _margins(laid, model, parts, number)) for number in range(1, trees + 1)],
        [_auc(laid, margins) for margins in twin],
        whole,
        float(np.median(between)) if len(between) else 0.0,
        megabytes,
        peak,
    )


def _laid(case: Case, depth: int) -> _Laid:
    holder, *others = case.parties.values()
    rows = np.concatenate([np.random.default_rng(0).permutation(part) for part in (case.train, case.test)])
    columns, codes = [], []
    for owner, own in enumerate([*others, holder]):
        for column in own:
            feature = column.feature
            columns.append(CardColumn(owner=owner, kind=feature.kind, bins=feature.bins, monotone=feature.monotone))
            bins = binning.fit(column.values, feature.kind, feature.bins, least=SMALLEST)
            codes.append(bins.codes(column.values)[rows])
    program = TreeGrow(
        providers=len(others),
        columns=tuple(columns),
        train=len(case.train),
        validation=0,
        join="any",
        smallest=SMALLEST,
        depth=depth,
        rate=RATE,
    )
    table, labels, present = np.stack(codes, axis=1), case.label[rows], np.ones(len(rows), np.bool_)
    places = np.cumsum([0, *(len(program.of(owner)) for owner in range(program.providers + 1))])
    brought = [
        program.bring(owner, table[:, places[owner] : places[owner + 1]], present)
        for owner in range(program.providers + 1)
    ]
    share_out(brought)
    consumer = np.concatenate([brought[-1], labels[:, None]], axis=1)
    return _Laid(program, [*brought[:-1][:2], consumer], labels, table)


async def _grown(laid: _Laid, trees: int) -> tuple[list[OpenedTree], list[float]]:
    program, size = laid.program, Size(len(laid.labels))
    engine = evaluate.engine_of(program, 3, 3, size)
    told: list[list[tuple[bytes, ...]]] = [[], [], []]
    moments: list[float] = []
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
        scratch = Path(folder)

        async def party(network: Network) -> None:
            rank = network.me
            inputs = [Secret(f"cells-{n}", n, "int64", shape) for n, shape in enumerate(program.shapes(3, size))]
            inputs.append(Secret(STATE, 2, "float32", (2, size.rows)))
            own: dict[str, Any] = {f"cells-{rank}": laid.arrays[rank]}
            if rank == 2:
                own[STATE] = program.first_state(laid.labels)

            async def each(shares: tuple[bytes, ...]) -> None:
                told[rank].append(shares[1:])
                if rank == 0:
                    moments.append(time.perf_counter())

            repeated = Repeated(trees, STATE, 3, each)
            await compute(
                network,
                engine,
                program.program,
                program,
                inputs,
                own,
                scratch=scratch,
                seconds=SECONDS,
                repeated=repeated,
            )

        await asyncio.gather(*map(party, networks(3)))
        opened = [
            OpenedTree(
                *[
                    await evaluate.combine_array(
                        shape, engine, [told[rank][tree][place] for rank in range(3)], scratch=scratch, seconds=SECONDS
                    )
                    for place, shape in enumerate(program.tree_shapes())
                ]
            )
            for tree in range(trees)
        ]
    return opened, moments


def _margins(laid: _Laid, model: TreeModel, parts: list[TreePart], trees: int) -> Whole:
    """Of the first so many trees; party 0 is the consumer, whose columns come last."""
    program = laid.program
    owners = [program.providers, *range(program.providers)]
    codes = [
        [laid.codes[:, place] for place, column in enumerate(program.columns) if column.owner == owner]
        for owner in owners
    ]
    return model.model_copy(update={"trees": model.trees[:trees]}).score(parts, codes)


def _auc(laid: _Laid, margins: Whole) -> float:
    tested = slice(laid.program.train, None)
    return round(float(quality.auc(by_score(margins[tested].tolist(), laid.labels[tested].tolist()))), 4)


def _children() -> float:
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
