"""What the consumer's own columns do alone: the yardstick for what the others' add, in the clear at the consumer."""

from __future__ import annotations

from typing import Any

import numpy as np

from placet.models.bands import BandTable, by_score
from placet.models.scorecard_fit import FitColumn, fit
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.program import Size
from placet.protocols.mpc.scorecard import ScorecardTrain


def alone(program: ScorecardTrain, codes: Integers, labels: Integers) -> dict[str, Any] | None:
    """Tables of validation and test by the consumer's own scorecard: {edges, positives, negatives} of label 1, every
    score a band of its own, None for a part without both labels. None where it has no columns, or too few of a label.
    `codes` (rows, own columns) and `labels` stand in the job's order."""
    columns = [FitColumn(column.cells, column.monotone) for column in program.of(program.providers)]
    if not columns:
        return None
    train, *others = [np.array(part, dtype=np.int64) for part in program.rows(Size(len(labels)))]
    card = fit(
        codes[train],
        labels[train],
        columns,
        scale=program.scale,
        smallest=program.smallest,
        steps=program.steps,
        l2=program.l2 / 1000,
    )
    if card is None:
        return None
    risk = 1 if program.scale.higher else -1
    tables = [table_of(risk * card.scores(codes[part]), labels[part]) for part in others]
    return {
        name: table and {"edges": table.edges, "positives": table.positives, "negatives": table.negatives}
        for name, table in zip(("validation", "test"), tables, strict=True)
    }


def table_of(scores: Integers, labels: Integers) -> BandTable | None:
    """None without both labels."""
    return None if len(set(labels.tolist())) < 2 else by_score(scores.tolist(), labels.tolist())
