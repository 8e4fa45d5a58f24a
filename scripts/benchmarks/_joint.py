"""The program of `joint-scorecard` bare (`_spu`), and the same program in the clear."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from _clear import SCALE
from _credit import Case
from _spu import bare, share_out

from placet.models import binning
from placet.protocols.mpc.cells import CardColumn
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.program import Size
from placet.protocols.mpc.scorecard import ScorecardTrain

SMALLEST = 5


@dataclass(frozen=True)
class Judged:
    """On the test rows, by the program's bands."""

    auc: float
    ks: float


@dataclass(frozen=True)
class JointRun:
    """The program on shares and in the clear; wall and processor seconds of all parties together, megabytes over
    loopback (nothing else should use it), and the largest process."""

    shares: Judged
    clear: Judged
    wall: float
    processor: float
    traffic_mb: float
    peak_mb: float


_RUNS: dict[str, JointRun] = {}


def joint(case: Case) -> JointRun:
    """The label holder is the consumer, the other parties providers in their order. Of one case, once."""
    if case.name not in _RUNS:
        _RUNS[case.name] = _run(case)
    return _RUNS[case.name]


def _run(case: Case) -> JointRun:
    program, arrays, size = _brought(case)
    run = bare(program, arrays, size)
    clear = program.compute(arrays)
    return JointRun(
        _judged(program, run.result), _judged(program, clear), run.wall, run.processor, run.traffic_mb, run.peak_mb
    )


def _brought(case: Case) -> tuple[ScorecardTrain, list[Integers], Size]:
    """The program, and what each computing party brings: rows that train, then those that test."""
    holder, *others = case.parties.values()
    parties = [*others, holder]
    rows = np.concatenate([case.train, case.test])
    columns, codes = [], []
    for owner, own in enumerate(parties):
        cells = []
        for column in own:
            feature = column.feature
            columns.append(CardColumn(owner=owner, kind=feature.kind, bins=feature.bins, monotone=feature.monotone))
            bins = binning.fit(column.values, feature.kind, feature.bins, least=SMALLEST)
            cells.append(bins.codes(column.values)[rows])
        codes.append(np.stack(cells, axis=1))
    program = ScorecardTrain(
        providers=len(others),
        columns=tuple(columns),
        train=len(case.train),
        validation=0,
        join="any",
        smallest=SMALLEST,
        scale=SCALE,
        steps=6,
        l2=1,
    )
    present = np.ones(len(rows), np.bool_)
    brought = [program.bring(owner, cells, present) for owner, cells in enumerate(codes)]
    share_out(brought)
    consumer = np.concatenate([brought[-1], case.label[rows][:, None]], axis=1)
    return program, [*brought[:-1][:2], consumer], Size(len(rows))


def _judged(program: ScorecardTrain, result: Any) -> Judged:
    """By the pairs and the distance of the test rows."""
    pairs, distance = program.opened(result).tables[1][-2:]
    table = program.opened(result).tables[1][:-2]
    positives, negatives = (max(table[start : start + len(table) // 2]) for start in (0, len(table) // 2))
    whole = positives * negatives
    return Judged(float(Fraction(pairs, 2 * whole)), float(Fraction(distance, whole)))
