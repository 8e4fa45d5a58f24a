"""How good scores are that nobody has seen, from what a program counted of them by bands: metrics, bands, gains.

Of the two labels 1 is what is looked for. Tables count by how much a score speaks for it, so that the first of a gains
table are who a bank looks at first: the lowest scores where high ones speak for 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from placet.models import quality
from placet.models.bands import BandTable
from placet.models.linear import LinearModel
from placet.models.quality import Z95, decimal


def table_of(table: Sequence[int], edges: Sequence[int], higher: int) -> BandTable | None:
    """Rows by band, none too small, in the order of how much they speak for label 1, of a table as `band_table` makes
    it between these edges. `higher`: the label that high scores speak for. None where all bands are too few."""
    count = len(edges) + 1
    bands = [band for band in range(count) if table[band]]
    if not bands:
        return None
    lines = [
        tuple(high - low for low, high in itertools.pairwise([0, *(table[start + band] for band in bands)]))
        for start in (0, count)
    ]
    inner = tuple(edges[band] for band in bands[:-1])
    if higher:
        return BandTable(inner, *lines)
    return BandTable(tuple(1 - edge for edge in reversed(inner)), *(line[::-1] for line in lines))


def judged_of(numbers: Sequence[int], edges: Sequence[int], higher: int) -> dict[str, Any] | None:
    """{metrics, bands, gains, area, error} of a part's table; None where too few have either label in it."""
    table = table_of(numbers, edges, higher)
    if table is None:
        return None
    pairs, distance = numbers[-2:]
    whole = table.all_positives * table.all_negatives
    area = Fraction(pairs, 2 * whole)
    area = area if higher else 1 - area
    metrics = metrics_of(table, area, Fraction(distance, whole))
    return {
        "metrics": metrics | {"auc_by": f"{len(edges) + 1} bands"},
        "bands": bands_of(table, higher),
        "gains": [gains_row(row, higher) for row in quality.gains(table)],
        "area": area,
        "error": quality.auc_error(table),
    }


def metrics_of(table: BandTable, area: Fraction, distance: Fraction) -> dict[str, Any]:
    """{people, positives, auc, gini, ks} and, where there are enough, {auc_error, auc_interval}."""
    metrics: dict[str, Any] = {
        "people": table.people,
        "positives": table.all_positives,
        "auc": decimal(area),
        "gini": decimal(2 * area - 1),
        "ks": decimal(distance),
    }
    if (error := quality.auc_error(table)) is not None:
        metrics["auc_error"] = f"{error:.6f}"
        metrics["auc_interval"] = [f"{end:.6f}" for end in quality.interval(area, error)]
    return metrics


def own_metrics(own: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Of the consumer's own scorecard."""
    if own is None:
        return None
    table = BandTable(tuple(own["edges"]), tuple(own["positives"]), tuple(own["negatives"]))
    return metrics_of(table, quality.auc(table), quality.ks(table)[0])


def bands_of(table: BandTable, higher: int) -> list[dict[str, Any]]:
    """By ascending score: {from, to, people, positives, rate}; a score is in the band from `from` on and below `to`."""
    edges = [None, *table.edges, None]
    rows = [
        {"from": low, "to": high, "people": p + n, "positives": p, "rate": decimal(Fraction(p, p + n))}
        for (low, high), p, n in zip(itertools.pairwise(edges), table.positives, table.negatives, strict=True)
    ]
    if higher:
        return [row | {"from": _text(row["from"]), "to": _text(row["to"])} for row in rows]  # type: ignore[arg-type]
    turned = [row | {"from": _mirrored(row["to"]), "to": _mirrored(row["from"])} for row in rows]  # type: ignore[arg-type]
    return turned[::-1]


def gains_row(row: quality.GainsRow, higher: int) -> dict[str, Any]:
    """All down to an edge, most for label 1 first: `from` where high scores speak for it, or `below` it."""
    end = {"from": _text(row.edge)} if higher else {"below": _mirrored(row.edge)}
    return end | row.figures()


def gain_of(joint: Mapping[str, Any] | None, alone: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """{auc, low, high} of test: joint less alone, with 95 %. Both errors add up as if the two were independent, which
    two scores of the same people are not: the interval is rather too wide."""
    if joint is None or alone is None or joint["error"] is None or "auc_error" not in alone:
        return None
    gain = float(joint["area"]) - float(alone["auc"])
    error = Z95 * math.hypot(joint["error"], float(alone["auc_error"]))
    return {"auc": f"{gain:.6f}", "low": f"{gain - error:.6f}", "high": f"{gain + error:.6f}"}


def importance_of(model: LinearModel) -> list[dict[str, Any]]:
    """Columns by their largest coefficient, the largest first: {party, column, value, coefficient}."""
    rows = []
    for one in model.columns:
        place = max(range(len(one.coefficients)), key=lambda at, own=one.coefficients: abs(float(own[at])))  # type: ignore[misc]
        word = one.prepared.words()[place] or None
        rows.append({"party": one.party, "column": one.column, "value": word, "coefficient": one.coefficients[place]})
    return sorted(rows, key=lambda row: -abs(float(str(row["coefficient"]))))


def _text(edge: int | None) -> str | None:
    return None if edge is None else str(edge)


def _mirrored(edge: int | None) -> str | None:
    return None if edge is None else str(1 - edge)
