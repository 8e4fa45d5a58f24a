"""What a consumer is told of a provider's columns, from the noisy counts: figures with their intervals, as JSON.

Figures are decimal strings with four digits after the point, {value, low, high} with a 95 % interval.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from placet.catalogue.private_statistics import Axis
from placet.catalogue.value_of_data import LABELS, ValueOfDataParameters
from placet.models.added_worth import added_worth_of
from placet.models.worth import Worth, WorthFigure, worth_of


def report_of(parameters: ValueOfDataParameters, table: npt.NDArray[np.int64]) -> dict[str, Any]:
    """{too_few, smallest_group, deviation, columns} of counts (bands · 2, cells), where `deviation` is the noise's
    standard deviation on each, and unless too few matched {people, positives}. Of each column {column, counts:
    {positives, negatives} by cell, the last one of missing values, null where one is not told}, and {iv, auc, ks,
    beyond_chance, groups}, of numbers {correlation} too, unless all is one group; with an own score {added: {own, gain,
    beyond_chance}}, null where it can't be told."""
    variance = 2 * parameters.variance
    counts = table.reshape(parameters.bands, LABELS, parameters.cells)
    starts = np.cumsum([0, *(axis.size + 1 for axis in parameters.columns)]).tolist()
    own = [counts[:, :, low:high] for low, high in itertools.pairwise(starts)]
    sums = np.array([column.sum(axis=(0, 2)) for column in own]).mean(axis=0)
    people, positives = round(float(sums.sum())), round(float(sums[0]))
    report: dict[str, Any] = {
        "too_few": people < parameters.smallest_group,
        "smallest_group": parameters.smallest_group,
        "deviation": f"{math.sqrt(variance):.2f}",
    }
    if not report["too_few"]:
        report |= {"people": people, "positives": positives}
    judged = [
        column_of(parameters, axis, column, variance) for axis, column in zip(parameters.columns, own, strict=True)
    ]
    return report | {"columns": judged}


def column_of(
    parameters: ValueOfDataParameters, axis: Axis, counts: npt.NDArray[np.int64], variance: int
) -> dict[str, Any]:
    """Of counts (bands, 2, cells)."""
    ordered, smallest, bands = bool(axis.edges), parameters.smallest_group, parameters.bands
    over_bands = counts.sum(axis=0)
    entry: dict[str, Any] = {
        "column": axis.column,
        "counts": {
            name: [int(count) or None for count in line]
            for name, line in zip(("positives", "negatives"), over_bands, strict=True)
        },
    }
    worth = worth_of(over_bands, variance * bands, smallest, ordered=ordered)
    if worth is not None:
        entry |= figures_of(worth)
    if parameters.own is not None:
        added = added_worth_of(counts.swapaxes(0, 1), variance, smallest, ordered=ordered)
        entry["added"] = None
        if added is not None:
            entry["added"] = {
                "own": _figure(added.own),
                "gain": _figure(added.gain),
                "beyond_chance": added.beyond_chance,
            }
    return entry


def figures_of(worth: Worth) -> dict[str, Any]:
    figures = {
        "iv": _figure(worth.iv),
        "auc": _figure(worth.auc),
        "ks": _figure(worth.ks),
        "beyond_chance": worth.beyond_chance,
        "groups": [
            {"cells": list(one.cells), "positives": one.positives, "negatives": one.negatives, "woe": f"{one.woe:.4f}"}
            for one in worth.groups
        ],
    }
    return figures if worth.correlation is None else figures | {"correlation": _figure(worth.correlation)}


def _figure(figure: WorthFigure) -> dict[str, str]:
    return {name: f"{getattr(figure, name):.4f}" for name in ("value", "low", "high")}
