"""The consumer's report of an evaluation: all figures that follow from its band table, as JSON.

Shares, rates and figures are decimal strings with six digits after the point; edges and thresholds are the plan's own.
`chart` holds the points that curves go through, so that a page draws them without computing.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from placet.catalogue.model_evaluation import ModelEvaluationParameters
from placet.models import quality
from placet.models.bands import BandTable, band_of, merged, stability
from placet.models.quality import decimal
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.programs import Bands


def report_of(
    program: Bands, parameters: ModelEvaluationParameters, table: BandTable, result: Integers
) -> dict[str, Any]:
    """{people, positives, rate, metrics, bands, gains, thresholds, chart} of `table`, and with groups {groups,
    fairness}. `result` is the program's, of which `table` is the whole."""
    thresholds = parameters.thresholds or ()
    report: dict[str, Any] = {
        "people": table.people,
        "positives": table.all_positives,
        "rate": decimal(Fraction(table.all_positives, table.people)),
        "metrics": metrics_of(program, parameters, table, program.doubled_ranks(result)),
        "bands": bands_of(table, parameters.scale),
        "gains": gains_of(table),
        "thresholds": [threshold_of(table, threshold) for threshold in thresholds],
        "chart": chart_of(table, parameters.scale),
    }
    if parameters.groups is not None:
        tables = program.group_tables(result)
        report["groups"] = [
            group_of(name, one, thresholds) for name, one in zip(parameters.groups, tables, strict=True)
        ]
        report["fairness"] = fairness_of([one for one in tables if one is not None], thresholds)
    return report


def metrics_of(
    program: Bands, parameters: ModelEvaluationParameters, table: BandTable, doubled_ranks: int | None
) -> dict[str, Any]:
    """{auc, auc_by, gini, ks, ks_at} and, where there are enough, {auc_error, auc_interval}; with `scale` {brier,
    hosmer_lemeshow}; with a reference {stability}."""
    area, by = quality.auc(table), f"{len(table.positives)} bands"
    if doubled_ranks is not None:
        area, by = quality.auc_by_ranks(doubled_ranks, table.all_positives, table.all_negatives), "ranks"
    distance, at = quality.ks(table)
    metrics: dict[str, Any] = {
        "auc": decimal(area),
        "auc_by": by,
        "gini": decimal(2 * area - 1),
        "ks": decimal(distance),
        "ks_at": None if at is None else str(at),
    }
    if (error := quality.auc_error(table)) is not None:
        metrics["auc_error"] = f"{error:.6f}"
        metrics["auc_interval"] = [f"{end:.6f}" for end in quality.interval(area, error)]
    if parameters.scale is not None and probable(table, parameters.scale):
        metrics["brier"] = decimal(quality.brier(table, parameters.scale))
        fit = quality.hosmer_lemeshow(table, parameters.scale)
        metrics["hosmer_lemeshow"] = fit and {"statistic": decimal(fit[0]), "freedom": fit[1], "p": f"{fit[2]:.6f}"}
    if parameters.reference is not None:
        places = (0, *(band_of(program.edges, edge) for edge in table.edges), program.bands)
        before = merged(parameters.reference, places)
        metrics["stability"] = f"{stability(before, table.counts):.6f}" if any(before) else None
    return metrics


def probable(table: BandTable, scale: int) -> bool:
    """Are all bands' mean scores probabilities? Calibration and Brier score are left out where one is not."""
    return table.sums is not None and all(
        0 <= total <= count * scale for total, count in zip(table.sums, table.counts, strict=True)
    )


def bands_of(table: BandTable, scale: int | None) -> list[dict[str, Any]]:
    """From the lowest band on: {from, to, people, positives, rate}, with `scale` the mean score as {predicted}."""
    ends = (None, *map(str, table.edges), None)
    rows = [
        {"from": low, "to": high, "people": p + n, "positives": p, "rate": decimal(Fraction(p, p + n))}
        for (low, high), p, n in zip(itertools.pairwise(ends), table.positives, table.negatives, strict=True)
    ]
    if scale is None or table.sums is None:
        return rows
    means = [Fraction(total, count * scale) for total, count in zip(table.sums, table.counts, strict=True)]
    return [row | {"predicted": decimal(mean)} for row, mean in zip(rows, means, strict=True)]


def gains_of(table: BandTable) -> list[dict[str, Any]]:
    """From the highest band on, all that it and those above reach: {from, people, positives, people_share,
    positives_share, lift}, and the band's own {rate}."""
    return [{"from": None if row.edge is None else str(row.edge)} | row.figures() for row in quality.gains(table)]


def threshold_of(table: BandTable, threshold: int) -> dict[str, Any]:
    """{threshold, too_few} and, unless too few are on a side of it, the confusion matrix and {recall, fallout,
    precision, selected}."""
    if threshold not in table.edges:
        return {"threshold": str(threshold), "too_few": True}
    at = quality.confusion(table, threshold)
    shares = {"recall": at.recall, "fallout": at.fallout, "precision": at.precision, "selected": at.selected}
    return {
        "threshold": str(threshold),
        "too_few": False,
        "true_positives": at.true_positives,
        "false_positives": at.false_positives,
        "false_negatives": at.false_negatives,
        "true_negatives": at.true_negatives,
        **{name: None if share is None else decimal(share) for name, share in shares.items()},
    }


def group_of(name: str, table: BandTable | None, thresholds: Sequence[int]) -> dict[str, Any]:
    """{group, too_few} and, unless too few are in it, {people, positives, rate, auc, auc_by, auc_interval, ks,
    thresholds}. The AUC is by the bands between thresholds that are told of groups: None where there is only one."""
    if table is None:
        return {"group": name, "too_few": True}
    return {
        "group": name,
        "too_few": False,
        "people": table.people,
        "positives": table.all_positives,
        "rate": decimal(Fraction(table.all_positives, table.people)),
        **group_metrics_of(table),
        "thresholds": [threshold_of(table, threshold) for threshold in thresholds],
    }


def group_metrics_of(table: BandTable) -> dict[str, Any]:
    """{auc, auc_by, auc_interval, ks} of a group."""
    if not table.edges:
        return dict.fromkeys(("auc", "auc_by", "auc_interval", "ks"))
    area, error = quality.auc(table), quality.auc_error(table)
    return {
        "auc": decimal(area),
        "auc_by": f"{len(table.positives)} bands",
        "auc_interval": None if error is None else [f"{end:.6f}" for end in quality.interval(area, error)],
        "ks": decimal(quality.ks(table)[0]),
    }


def fairness_of(tables: Sequence[BandTable], thresholds: Sequence[int]) -> list[dict[str, Any]]:
    """At each threshold that is told of all groups, {threshold, parity, opportunity}: the largest difference between
    two groups of the share that is selected, and of the share of positives that is."""
    common = [threshold for threshold in thresholds if tables and all(threshold in one.edges for one in tables)]
    differences = [quality.fairness(tables, threshold) for threshold in common]
    return [
        {
            "threshold": str(one.threshold),
            "parity": decimal(one.parity),
            "opportunity": decimal(one.opportunity),
        }
        for one in differences
        if one is not None
    ]


def chart_of(table: BandTable, scale: int | None) -> dict[str, Any]:
    """Points [x, y] from 0 to 1: `roc` (fallout, recall), `gains` (share of people, share of positives), and with
    `scale` `calibration` (predicted, observed)."""
    rows = quality.gains(table)
    chart: dict[str, Any] = {
        "roc": [
            ["0.000000", "0.000000"],
            *(
                [
                    decimal(Fraction(row.reached_negatives, table.all_negatives)),
                    decimal(row.positives_share),
                ]
                for row in rows
            ),
        ],
        "gains": [
            ["0.000000", "0.000000"],
            *([decimal(row.people_share), decimal(row.positives_share)] for row in rows),
        ],
    }
    if scale is not None:
        chart["calibration"] = [[row["predicted"], row["rate"]] for row in bands_of(table, scale)]
    return chart
