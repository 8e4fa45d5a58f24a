"""How good a scorecard is with the columns of some of the owners alone: the last array of `scorecard-train`.

For each coalition that the payout rule needs, one step from the card that knows nothing to a card of the coalition's
columns: their weights of evidence, weighed by the inverse of the part of Z'Z that is theirs. Its AUC is taken on the
rows that test. On shares that costs no pass over the rows that train. Fewer than `smallest` of either label that train,
or that test: all are 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from placet.core.errors import InputError
from placet.models.contribution import METRIC_UNIT
from placet.protocols.mpc.coalitions import KNOWS_NOTHING, auc, table_of
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.program import Size
from placet.protocols.mpc.scorecard import ScorecardTrain

TOLERANCE = 8_000
"""Of an AUC on shares against the one in the clear, in millionths: scores are counted by bands there."""


def areas(program: ScorecardTrain, brought: Sequence[Integers]) -> Integers:
    """The AUCs in the clear, in millionths, as Python integers (coalitions,)."""
    table, labels, present = program.put_together([np.asarray(array).astype(object) for array in brought])
    train, _, test = ([place for place in part if present[place]] for part in program.rows(Size(len(labels))))
    card, judge = program.fitted(table[train], labels[train]), labels[test]
    nothing = np.zeros(len(program.coalitions), dtype=object)
    if card is None or min(judge.sum(), (1 - judge).sum()) < program.smallest:
        return nothing
    design = np.stack([woe[table[:, place]] for place, woe in enumerate(card.weights)], axis=1)
    matrix = np.cov(design[train].T, bias=True).reshape(2 * design.shape[1:]) + 4 * program.l2 / 1000 * np.eye(
        design.shape[1]
    )
    pull = (design[train] - design[train].mean(axis=0)).T @ labels[train] / len(train)
    for place, coalition in enumerate(program.coalitions):
        own = [at for at, column in enumerate(program.columns) if column.owner in coalition]
        weights = np.linalg.solve(matrix[np.ix_(own, own)], pull[own])
        nothing[place] = round(METRIC_UNIT * auc(design[np.ix_(test, own)] @ weights, judge))
    return nothing


def contributions(program: ScorecardTrain, metrics: Sequence[int] | None) -> Mapping[frozenset[int], int]:
    """What `models.contribution` divides a pot by, of AUCs that were opened; of a coalition of owners nothing is known
    where there are none, or too few tested. InputError `contribution.share` for what is no AUC."""
    if program.payout_rule is None:
        return {}
    known = metrics if metrics is not None and any(metrics) else [KNOWS_NOTHING] * len(program.coalitions)
    if len(known) != len(program.coalitions) or not all(0 <= one <= METRIC_UNIT for one in known):
        raise InputError(
            "what was put together are no AUCs of coalitions",
            expected=f"{len(program.coalitions)} from 0 to {METRIC_UNIT}",
            found=len(known),
            code="contribution.share",
        )
    return table_of(program.payout_rule, program.players, known)
