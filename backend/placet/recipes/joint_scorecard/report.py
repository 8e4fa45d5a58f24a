"""What the consumer is told of a scorecard: the card itself, how good it is, and what the others' columns add."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from placet.catalogue.joint_scorecard import JointScorecardParameters
from placet.core.errors import InputError
from placet.core.values import to_hex
from placet.models.binning import CategoryBins, NumberBins
from placet.models.contribution import METRIC_UNIT, RULES, Contribution, Division, Table, divide
from placet.models.permuting import AREA_UNIT
from placet.models.quality import decimal
from placet.models.scorecard import Scorecard
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.scorecard import BANDS, IV_UNIT, ScorecardTrain, TrainedCard
from placet.recipes.blocks.judged import gain_of, judged_of, own_metrics
from placet.recipes.blocks.split import RowParts

PARTS = ("validation", "test")


def opened_report(
    parameters: JointScorecardParameters,
    columns: Sequence[tuple[str, str, NumberBins | CategoryBins]],
    program: ScorecardTrain,
    result: Integers,
    sizes: RowParts,
    own: Mapping[str, Any] | None,
    names: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    """The report but for what was known before; {} where too few have either label. `columns`: party, name and bins of
    each of the program's, none of a model that stays shared; `names`: party and name of each. InputError for what no
    honest parties reach."""
    card = program.opened(result)
    if not any(int(number) for number in result):
        return {}
    demand_reached(program, card, sizes)
    judged = {name: judged_of(card.tables[place], card.edges, program.scale.higher) for place, name in enumerate(PARTS)}
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
    lost = lost_of(names, card, program.scale.higher)
    if program.keeps:
        return report | ({"importance": lost} if lost else {})
    scorecard = scorecard_of(parameters, columns, card)
    return report | {
        "scorecard": scorecard.to_json(),
        "importance": importance_of(scorecard, lost),
        "commitment": to_hex(scorecard.commitment),
    }


def demand_reached(program: ScorecardTrain, card: TrainedCard, sizes: RowParts) -> None:
    """InputError for numbers that no honest parties reach: a share that was forged gives random ones."""
    negatives = card.people - card.positives
    fits = min(card.positives, negatives) >= program.smallest and card.people <= sizes.train
    fits = fits and (program.join == "all" or card.people == sizes.train)
    fits = fits and card.edges == sorted(card.edges)
    fits = fits and all(0 <= value <= 20 * IV_UNIT for value in card.iv)
    fits = fits and all(0 <= area <= AREA_UNIT for area in card.permuted)
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


def lost_of(names: Sequence[tuple[str, str]], card: TrainedCard, higher: int) -> list[dict[str, Any]]:
    """By how much the AUC falls when a column's values stand in other rows, the most first: {party, column,
    permutation}, which is None where too few are judged; empty without permutations. `higher`: for which label high
    scores speak."""
    if not card.permuted:
        return []
    whole, *each = card.permuted
    falls = [f"{(2 * higher - 1) * (whole - one) / AREA_UNIT:.4f}" if whole else None for one in each]
    rows = [
        {"party": party, "column": column, "permutation": fall}
        for (party, column), fall in zip(names, falls, strict=True)
    ]
    return sorted(rows, key=lambda row: -float(str(row["permutation"] or 0)))


def importance_of(card: Scorecard, lost: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Columns by information value, the largest first: {party, column, iv, points}, `points` between best and worst
    cell, and with permutations {permutation} as `lost_of` has it."""
    falls = {(row["party"], row["column"]): {"permutation": row["permutation"]} for row in lost}
    rows = [
        {"party": one.party, "column": one.column, "iv": one.iv, "points": max(one.points) - min(one.points)}
        | falls.get((one.party, one.column), {})
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
