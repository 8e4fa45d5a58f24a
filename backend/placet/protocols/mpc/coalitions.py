"""Coalitions of owners: of whom a payout rule needs a metric, and that metric in the clear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from placet.models.contribution import METRIC_UNIT, PayoutRule, coalitions_of

KNOWS_NOTHING = METRIC_UNIT // 2
"""The AUC of the coalition of nobody."""
Reals = npt.NDArray[np.float64]


def measured(rule: PayoutRule, players: Iterable[int]) -> tuple[frozenset[int], ...]:
    """The coalitions of somebody that a rule needs, in the order of their results."""
    return tuple(one for one in coalitions_of(rule, players) if one)


def table_of(rule: PayoutRule, players: Sequence[int], metrics: Iterable[int]) -> dict[frozenset[int], int]:
    """Each coalition's metric, of nobody too where the rule needs it."""
    empty = {one: KNOWS_NOTHING for one in coalitions_of(rule, players) if not one}
    return empty | dict(zip(measured(rule, players), metrics, strict=True))


def auc(scores: Reals, labels: Reals) -> float:
    """How often a positive scores higher than a negative, equal ones counting half. Each is there."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    positives, negatives = labels.sum(), (1 - labels).sum()
    return float((ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))
