"""What the consumer's own columns do alone: the yardstick for what the others' add, in the clear at the consumer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from placet.models.bands import by_score
from placet.models.preparing import UNIT, Prepared
from placet.models.regression import mean_of, regress
from placet.protocols.mpc.program import Size
from placet.protocols.mpc.regression import LinearTrain

PARTS = ("validation", "test")


def alone(program: LinearTrain, prepared: Prepared, labels: npt.NDArray[np.float64]) -> dict[str, Any] | None:
    """By part of the split, of the consumer's own model of its rows in the job's order: {edges, positives, negatives}
    of label 1, every score a band of its own, or {people, variance, loss}; None for a part with too few. None where it
    has no columns, or trains no model."""
    if program.statistics == "only" or not program.of(program.providers):
        return None
    train, *others = [np.array(part, dtype=np.int64) for part in program.rows(Size(len(labels)))]
    if program.family == "logistic" and min(labels[train].sum(), (1 - labels[train]).sum()) < program.smallest:
        return None
    design = np.concatenate([prepared / UNIT, np.ones((len(prepared), 1))], axis=1)
    fitted = regress(design[train], labels[train], program.family, steps=program.steps, l2=program.l2 / 1000)
    predictors = design @ fitted
    judge = _bands if program.family == "logistic" else _sums
    return {name: judge(program, predictors[part], labels[part]) for name, part in zip(PARTS, others, strict=True)}


def _bands(program: LinearTrain, predictors: Any, labels: Any) -> dict[str, Any] | None:
    if len(set(labels.tolist())) < 2:
        return None
    scores = np.rint(predictors * 2**program.step_bits).astype(np.int64)
    table = by_score(scores.tolist(), labels.astype(np.int64).tolist())
    return {"edges": table.edges, "positives": table.positives, "negatives": table.negatives}


def _sums(program: LinearTrain, predictors: Any, labels: Any) -> dict[str, Any] | None:
    """Means by person, as `report` reads them of what comes out of the program."""
    if len(labels) < program.smallest:
        return None
    expected = mean_of(program.family, predictors)
    mean = float(labels.mean())
    if program.family == "linear":
        spread, loss = float(labels.var()), float(((labels - expected) ** 2).mean())
    else:
        beside = labels * np.log(np.maximum(labels, 1e-9))
        spread = float(beside.mean()) - mean * float(np.log(max(mean, 1e-9)))
        loss = float((beside - labels * np.log(expected) - labels + expected).mean())
    return {"people": len(labels), "mean": mean, "spread": spread, "loss": loss}
