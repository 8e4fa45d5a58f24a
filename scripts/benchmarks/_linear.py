"""The program of `joint-linear` bare (`_spu`), of all parties' columns or of two, and the same columns for others."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from _clear import ClearColumn
from _credit import Case
from _spu import bare

from placet.models.preparing import PreparedCategory, PreparedNumber, fit_category, fit_number
from placet.protocols.mpc.design import DesignColumn
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.program import Size
from placet.protocols.mpc.regression import LinearTrain

SMALLEST = 5


@dataclass(frozen=True)
class LinearRun:
    """AUC on shares and in the clear; wall and processor seconds of all parties together, megabytes over loopback, the
    largest process."""

    auc: float
    clear: float
    wall: float
    processor: float
    traffic_mb: float
    peak_mb: float


def prepared(column: ClearColumn) -> PreparedNumber | PreparedCategory:
    """As `joint-linear` prepares it, what is missing as the usual value."""
    if column.feature.kind == "number":
        return fit_number(column.values, "usual", clip=None, least=SMALLEST)
    return fit_category(column.values, "usual", levels=column.feature.bins, least=SMALLEST)


def linear(case: Case, providers: int, steps: int) -> LinearRun:
    """A logistic regression; with fewer `providers` than there are, the first one has the others' columns too."""
    holder, *others = case.parties.values()
    others = [
        [column for own in others[: len(others) - providers + 1] for column in own],
        *others[len(others) - providers + 1 :],
    ]
    rows = np.concatenate([case.train, case.test])
    columns, own = [], []
    for owner, party in enumerate([*others, holder]):
        parts = []
        for column in party:
            made = prepared(column)
            levels = made.levels if isinstance(made, PreparedCategory) else 2
            columns.append(DesignColumn(owner=owner, kind=made.kind, levels=levels, missing="usual"))
            parts.append(made.prepare(column.values)[rows])
        own.append(np.concatenate(parts, axis=1))
    program = LinearTrain(
        family="logistic",
        providers=providers,
        columns=tuple(columns),
        train=len(case.train),
        validation=0,
        join="any",
        smallest=SMALLEST,
        steps=steps,
        l2=1,
        statistics="none",
    )
    there = np.ones(len(rows), np.bool_)
    brought = [program.whole(owner, numbers, there) for owner, numbers in enumerate(own[:-1])]
    brought.append(program.whole(providers, own[-1], there, case.label[rows].astype(float)))
    size = Size(len(rows))
    run = bare(program, brought, size)
    return LinearRun(
        _area(program, run.result), _area(program, program.compute(brought)),
        run.wall, run.processor, run.traffic_mb, run.peak_mb,
    )  # fmt: skip


def _area(program: LinearTrain, result: Integers) -> float:
    table: Any = program.opened(result).parts[1]
    whole = max(table[: program.bands]) * max(table[program.bands : -2])
    return float(Fraction(table[-2], 2 * whole))
