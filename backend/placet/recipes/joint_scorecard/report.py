"""What the consumer is told of a scorecard: the card itself, how good it is, and what the others' columns add.

Of the two labels 1 is what is looked for. Tables count by how much a score speaks for it, so that the first of a gains
table are who a bank looks at first: the lowest scores where high ones speak for 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from placet.catalogue.joint_scorecard import JointScorecardParameters
from placet.core.errors import InputError
from placet.core.values import to_hex
from placet.models import quality
from placet.models.bands import BandTable
from placet.models.binning import CategoryBins, NumberBins
from placet.models.contribution import METRIC_UNIT, RULES, Contribution, Division, Table, divide
from placet.models.quality import Z95, decimal
from placet.models.scorecard import Scorecard
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.scorecard import BANDS, IV_UNIT, ScorecardTrain, TrainedCard
from placet.recipes.blocks.split import RowParts

PARTS = ("validation", "test")


def opened_report(
    parameters: JointScorecardParameters,
    columns: Sequence[tuple[str, str, NumberBins | CategoryBins]],
    program: ScorecardTrain,
    result: Integers,
    sizes: RowParts,
    own: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The report but for what was known before; {} where too few have either label. `columns`: party, name and bins of
    each of the program's. InputError for what no honest parties reach."""
    card = program.opened(result)
    if not any(int(number) for number in result):
        return {}
    demand_reached(program, card, sizes)
    judged = {name: judged_of(program, card, place) for place, name in enumerate(PARTS)}
    alone = None if own is None else {name: own_metrics(own[name]) for name in PARTS}
    report = {
        "too_few": False,
        "fitted": {"people": card.people, "positives": card.positives},
        "metrics": {name: one and one["metrics"] for name, one in judged.items()},
        "bands": {name: one and one["bands"] for name, one in judged.items()},
        "gains": {name: one and one["gains"] for name, one in judged.items()},
        "alone": alone,
        "gain": gain_of(judged["test"], alone and alone["test"]),
    }
    if program.keeps:
        return report
    scorecard = scorecard_of(parameters, columns, card)
    return report | {
        "scorecard": scorecard.to_json(),
        "importance": importance_of(scorecard),
        "commitment": to_hex(scorecard.commitment),
    }


def demand_reached(program: ScorecardTrain, card: TrainedCard, sizes: RowParts) -> None:
    """InputError for numbers that no honest parties reach: a share that was forged gives random ones."""
    negatives = card.people - card.positives
    fits = min(card.positives, negatives) >= program.smallest and card.people <= sizes.train
    fits = fits and (program.join == "all" or card.people == sizes.train)
    fits = fits and card.edges == sorted(card.edges)
    fits = fits and all(0 <= value <= 20 * IV_UNIT for value in card.iv)
    most = 8 * max(1.0, abs(program.scale.factor)) * 20
    fits = fits and all(abs(points) <= most for column in card.points for points in column)
    for table, rows in zip(card.tables, (sizes.validation, sizes.test), strict=True):
        lines = [[count for count in line if count] for line in (table[:BANDS], table[BANDS : 2 * BANDS])]
        fits = fits and len(lines[0]) == len(lines[1])
        fits = fits and all(
            right - left >= program.smallest for line in lines for left, right in itertools.pairwise([0, *line])
        )
        fits = fits and sum(line[-1] for line in lines if line) <= rows
        pairs = 2 * math.prod(line[-1] for line in lines) if all(lines) else 0
        fits = fits and 0 <= table[-2] <= pairs and 0 <= 2 * table[-1] <= pairs
    if not fits:
        raise InputError("the shares are of no scorecard", expected="counts and points that rows can make")


def scorecard_of(
    parameters: JointScorecardParameters,
    columns: Sequence[tuple[str, str, NumberBins | CategoryBins]],
    card: TrainedCard,
) -> Scorecard:
    """The card with each party's bins."""
    return Scorecard.model_validate(
        {
            "label": parameters.label,
            "scale": parameters.scale,
            "base": card.base,
            "columns": [
                {"party": party, "column": name, "bins": bins, "points": points, "iv": f"{iv / IV_UNIT:.4f}"}
                for (party, name, bins), points, iv in zip(columns, card.points, card.iv, strict=True)
            ],
        }
    )


def table_of(program: ScorecardTrain, card: TrainedCard, place: int) -> BandTable | None:
    """Rows by band, none too small, in the order of how much they speak for label 1. None where all are too few."""
    table = card.tables[place]
    bands = [band for band in range(BANDS) if table[band]]
    if not bands:
        return None
    lines = [
        tuple(high - low for low, high in itertools.pairwise([0, *(table[start + band] for band in bands)]))
        for start in (0, BANDS)
    ]
    edges = tuple(card.edges[band] for band in bands[:-1])
    if program.scale.higher:
        return BandTable(edges, *lines)
    return BandTable(tuple(1 - edge for edge in reversed(edges)), *(line[::-1] for line in lines))


def judged_of(program: ScorecardTrain, card: TrainedCard, place: int) -> dict[str, Any] | None:
    """{metrics, bands, gains, area, error} of a part; None where too few have either label in it."""
    table = table_of(program, card, place)
    if table is None:
        return None
    pairs, distance = card.tables[place][-2:]
    whole = table.all_positives * table.all_negatives
    area = Fraction(pairs, 2 * whole)
    area = area if program.scale.higher else 1 - area
    metrics = metrics_of(table, area, Fraction(distance, whole))
    higher = program.scale.higher
    return {
        "metrics": metrics | {"auc_by": f"{BANDS} bands"},
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


def importance_of(card: Scorecard) -> list[dict[str, Any]]:
    """Columns by information value, the largest first: {party, column, iv, points}, `points` between best and worst
    cell."""
    rows = [
        {"party": one.party, "column": one.column, "iv": one.iv, "points": max(one.points) - min(one.points)}
        for one in card.columns
    ]
    return sorted(rows, key=lambda row: -float(str(row["iv"])))


def contribution_of(table: Table, division: Division | None, pot: int, roles: Sequence[str]) -> dict[str, Any]:
    """What each party's columns add, as all parties recorded it, and how the pot is divided by it (`combine`)."""
    if division is None:
        return {}
    contribution = Contribution.of("auc", table)
    values = RULES[division.rule](table)
    told = dict(contribution.to_json()) | {
        "values": [{"party": roles[party], "value": decimal(value / METRIC_UNIT)} for party, value in values.items()]
    }
    return told | ({"payouts": [str(one) for one in divide(pot, division, contribution, len(roles))]} if pot else {})


def gain_of(joint: Mapping[str, Any] | None, alone: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """{auc, low, high} of test: joint less alone, with 95 %. Both errors add up as if the two were independent, which
    two scores of the same people are not: the interval is rather too wide."""
    if joint is None or alone is None or joint["error"] is None or "auc_error" not in alone:
        return None
    gain = float(joint["area"]) - float(alone["auc"])
    error = Z95 * math.hypot(joint["error"], float(alone["auc_error"]))
    return {"auc": f"{gain:.6f}", "low": f"{gain - error:.6f}", "high": f"{gain + error:.6f}"}


def _text(edge: int | None) -> str | None:
    return None if edge is None else str(edge)


def _mirrored(edge: int | None) -> str | None:
    return None if edge is None else str(1 - edge)
