"""How good a model of all parties' rows is, by bands of its scores: of all parties together, and of the consumer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from placet.models import quality
from placet.models.bands import BandTable, merged
from placet.models.pooled import ENOUGH, halves, told_groups
from placet.models.pooled_checks import Seat, demand_counts, rest_of
from placet.recipes.blocks.judged import bands_of, gain_of, gains_row, metrics_of, own_metrics
from placet.recipes.blocks.pooled_sums import MOST_PEOPLE, Add, asked_all
from placet.recipes.blocks.pooled_table import Whole


async def judged(
    scores: Whole, labels: Whole, edges: tuple[int, ...], smallest: int, add: Add, seat: Seat
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None:
    """People by label in bands of the score, none too small; None where all together are too few."""
    lines = people_by_bands(scores, labels, edges)
    groups = halves(len(edges) + 1)
    gates = [int(all(sum(line[low:high]) >= smallest for line in lines)) for low, high in groups]
    enough = dict(zip(groups, await asked_all("parties with enough people in bands", gates, add, seat), strict=True))
    parts = told_groups(len(edges) + 1, lambda group: enough[group] >= ENOUGH)
    if not parts:
        return None
    places = [low for low, _ in parts] + [len(edges) + 1]
    own = [*merged(lines[0], places), *merged(lines[1], places)]
    sums = await add("people by bands", own, MOST_PEOPLE)
    demand_counts("people by bands", rest_of(sums, own), MOST_PEOPLE)
    return tuple(edges[low - 1] for low, _ in parts[1:]), tuple(sums[: len(parts)]), tuple(sums[len(parts) :])


def people_by_bands(scores: Whole, labels: Whole, edges: tuple[int, ...]) -> list[list[int]]:
    """A party's own positives and negatives in each band."""
    bands = np.searchsorted(np.array(edges, np.int64), scores, side="right")
    return [np.bincount(bands[labels == label], minlength=len(edges) + 1).tolist() for label in (1, 0)]


def lines_in(bands: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None) -> dict[str, list[int]] | None:
    """As plain JSON."""
    return None if bands is None else dict(zip(("edges", "positives", "negatives"), map(list, bands), strict=True))


def judging_of(lines: Mapping[str, Any] | None, own: Mapping[str, Any] | None, higher: int) -> dict[str, Any]:
    """{metrics, bands, gains, alone, own, gain} of `told_of`, by bands of all parties' rows that test and by the
    consumer's own ones."""
    table = None
    if lines is not None and lines["edges"]:
        table = BandTable(*(tuple(lines[name]) for name in ("edges", "positives", "negatives")))
    metrics = None
    if table is not None:
        metrics = metrics_of(table, quality.auc(table), quality.ks(table)[0])
        metrics["auc_by"] = f"{len(table.positives)} bands"
    by = {name: own_metrics(own and own[name]) for name in ("alone", "pooled")}
    return {
        "metrics": {"test": metrics},
        "bands": {"test": table and bands_of(table, higher)},
        "gains": {"test": table and [gains_row(row, higher) for row in quality.gains(table)]},
        "alone": {"test": by["alone"]},
        "own": {"test": by["pooled"]},
        "gain": _gain(own, by),
    }


def _gain(own: Mapping[str, Any] | None, by: Mapping[str, Any]) -> dict[str, Any] | None:
    """Of the consumer's own rows that test."""
    if own is None:
        return None
    table = BandTable(*(tuple(own["pooled"][name]) for name in ("edges", "positives", "negatives")))
    return gain_of({"area": quality.auc(table), "error": quality.auc_error(table)}, by["alone"])


def lines_of(table: BandTable) -> dict[str, Any]:
    """As plain JSON."""
    return {"edges": list(table.edges), "positives": list(table.positives), "negatives": list(table.negatives)}
