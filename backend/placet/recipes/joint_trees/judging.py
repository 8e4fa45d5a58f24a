"""How good margins are on rows whose labels their holder knows, and what others' columns add to its own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from placet.models.quality import Z95
from placet.models.trees import Whole, probability

Floats = npt.NDArray[np.float64]


def metrics(labels: Whole, margins: Whole) -> dict[str, Any] | None:
    """{people, positives, auc, gini, ks, log_loss, brier, auc_error, auc_interval}, numbers but counts as text with six
    decimals; None for rows of which fewer than two have either label."""
    positives = int(labels.sum())
    if min(positives, len(labels) - positives) < 2:
        return None
    area, (high, low) = placements(labels, margins)
    error = math.sqrt(high.var(ddof=1) / len(high) + low.var(ddof=1) / len(low))
    order = np.argsort(margins, kind="stable")
    last = np.flatnonzero(np.diff(margins[order], append=margins.max() + 1))
    ones, zeros = np.cumsum(labels[order])[last], np.cumsum(1 - labels[order])[last]
    chance = np.clip(probability(margins), 1e-12, 1 - 1e-12)
    return {
        "people": len(labels),
        "positives": positives,
        "auc": _text(area),
        "gini": _text(2 * area - 1),
        "ks": _text(float(np.abs(ones / ones[-1] - zeros / zeros[-1]).max())),
        "log_loss": _text(-float(np.mean(np.where(labels == 1, np.log(chance), np.log(1 - chance))))),
        "brier": _text(float(np.mean((chance - labels) ** 2))),
        "auc_error": _text(error),
        "auc_interval": [_text(max(0.0, area - Z95 * error)), _text(min(1.0, area + Z95 * error))],
    }


def gain(labels: Whole, joint: Whole, alone: Whole) -> dict[str, str] | None:
    """{auc, low, high}: by how much the AUC of `joint` is larger, with 95 %: both are of the same rows (DeLong, DeLong,
    Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating characteristic curves",
    Biometrics 44(3), 1988). None for rows of which fewer than two have either label."""
    positives = int(labels.sum())
    if min(positives, len(labels) - positives) < 2:
        return None
    (first, ours), (second, own) = placements(labels, joint), placements(labels, alone)
    high, low = ours[0] - own[0], ours[1] - own[1]
    error = math.sqrt(high.var(ddof=1) / len(high) + low.var(ddof=1) / len(low))
    more = first - second
    return {"auc": _text(more), "low": _text(more - Z95 * error), "high": _text(more + Z95 * error)}


def placements(labels: Whole, margins: Whole) -> tuple[float, tuple[Floats, Floats]]:
    """The AUC, and of each positive the share of negatives below it, of each negative that of positives above it;
    equal margins count by half (Mann and Whitney, Annals of Mathematical Statistics 18(1), 1947)."""
    high, low = np.sort(margins[labels == 1]), np.sort(margins[labels == 0])
    below = (np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")) / (2 * len(low))
    of_positives = _by_row(margins[labels == 1], high, below)
    above = 1 - (np.searchsorted(high, low, "left") + np.searchsorted(high, low, "right")) / (2 * len(high))
    return float(below.mean()), (of_positives, _by_row(margins[labels == 0], low, above))


def _by_row(margins: Whole, ordered: Whole, values: Floats) -> Floats:
    """Values of ordered margins, in the rows' own order."""
    return np.asarray(values[np.searchsorted(ordered, margins)], dtype=np.float64)


def _text(value: float) -> str:
    return f"{value:.6f}"
