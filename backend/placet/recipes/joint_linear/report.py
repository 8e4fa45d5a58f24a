"""What the consumer is told of a linear model: the model, how good it is, what the others' columns add, and how the
columns correlate."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from placet.catalogue.joint_linear import JointLinearParameters
from placet.core.errors import InputError
from placet.core.values import to_hex
from placet.models.linear import LinearModel
from placet.protocols.mpc.design import LABEL_UNIT, MAX_LABEL
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.regression import MAX_VIF, SUM_BITS, VIF_UNIT, LinearTrain, TrainedLine
from placet.recipes.blocks.judged import gain_of, importance_of, judged_of, own_metrics
from placet.recipes.blocks.prepared import ToldColumn
from placet.recipes.blocks.split import RowParts
from placet.recipes.joint_linear.alone import PARTS

SCORE_UNIT = 10_000
"""Of the log odds by which bands are told."""
MAX_COEFFICIENT = 64

Column = tuple[str, str, ToldColumn]


def opened_report(
    parameters: JointLinearParameters,
    columns: Sequence[Column],
    program: LinearTrain,
    result: Integers,
    sizes: RowParts,
    own: Mapping[str, Any] | None,
    label: tuple[str, str],
) -> dict[str, Any]:
    """The report but for what was known before; {} where there are too few. `columns`: party, name and preparation of
    each; `label`: the labels' centre and spread. InputError for what no honest parties reach.

    {fitted: {people, positives}, columns: [{party, column, value, people, missing, vif}], correlations} and of a model
    {linear, commitment, importance, metrics, alone, gain} and, of a logistic one, {bands, gains}, as a scorecard has
    them; scores there are log odds in ten-thousandths. `columns` has an entry for each number that a column becomes,
    `people` of those that train, None where too few have it or lack it, so that it is 0 for everybody; `correlations`
    is row by row below the diagonal, in their order. Metrics of numbers: {people, mean, rmse, r2}, of counts {people,
    mean, deviance, d2}, in the label's units; `gain` {r2} or {d2} of test.
    """
    line = program.opened(result)
    if not any(int(number) for number in result):
        return {}
    demand_reached(program, line, sizes)
    report: dict[str, Any] = {"too_few": False, "fitted": fitted_of(program, line)}
    judge = _logistic if program.family == "logistic" else _numbers
    if program.keeps:
        return report | judge(program, line, sizes, own, float(label[1]))
    report["columns"] = list(columns_of(program, columns, line))
    if program.statistics != "none":
        report["correlations"] = correlations_of(program, columns, line)
    if program.statistics == "only":
        return report
    model = model_of(parameters, columns, program, line, label)
    return (
        report
        | {"linear": model.to_json(), "commitment": to_hex(model.commitment), "importance": importance_of(model)}
        | judge(program, line, sizes, own, float(label[1]))
    )


def demand_reached(program: LinearTrain, line: TrainedLine, sizes: RowParts) -> None:
    """InputError for numbers that no honest parties reach: a share that was forged gives random ones."""
    unit = 2**program.step_bits
    fits = max(2 * program.smallest, program.wide + 1) <= line.people <= sizes.train
    fits = fits and (program.join == "all" or line.people == sizes.train)
    fits = fits and all(count == 0 or program.smallest <= count <= line.people for count in line.counts)
    fits = fits and all(abs(number) <= MAX_COEFFICIENT * unit for number in line.coefficients)
    fits = fits and all(abs(number) <= 1.1 * unit for number in line.correlations)
    fits = fits and all(number == 0 or VIF_UNIT <= number <= MAX_VIF * VIF_UNIT for number in line.vif)
    fits = fits and line.edges == sorted(line.edges)
    if program.family == "logistic" and program.labels:
        fits = fits and program.smallest <= line.positives <= line.people - program.smallest
    for part, rows in zip(line.parts, (sizes.validation, sizes.test), strict=False):
        fits = fits and (_table_fits if program.family == "logistic" else _sums_fit)(program, part, rows)
    if not fits:
        raise InputError("the shares are of no linear model", expected="numbers that rows can make")


def _table_fits(program: LinearTrain, part: Sequence[int], rows: int) -> bool:
    lines = [[count for count in one if count] for one in (part[: program.bands], part[program.bands : -2])]
    fits = len(lines[0]) == len(lines[1]) and sum(one[-1] for one in lines if one) <= rows
    steps = [right - left for one in lines for left, right in itertools.pairwise([0, *one])]
    pairs = 2 * math.prod(one[-1] for one in lines) if all(lines) else 0
    fits = fits and all(step >= program.smallest for step in steps)
    return fits and 0 <= part[-2] <= pairs and 0 <= 2 * part[-1] <= pairs


def _sums_fit(program: LinearTrain, part: Sequence[int], rows: int) -> bool:
    people, *sums = part
    most = rows * (2 * MAX_LABEL) ** 2 * 2.0 ** -program.sum_bits(max(rows, 1)) * LABEL_UNIT
    return (not any(part)) or (program.smallest <= people <= rows and all(abs(one) <= most for one in sums))


def fitted_of(program: LinearTrain, line: TrainedLine) -> dict[str, int]:
    """{people, positives}, the latter of a logistic model."""
    if program.family == "logistic" and program.labels:
        return {"people": line.people, "positives": line.positives}
    return {"people": line.people}


def used(columns: Sequence[Column]) -> list[bool]:
    """Of each number that a column becomes whether it stands for something: a category may have fewer levels."""
    return [bool(word) or one.prepared.kind == "number" for _, _, one in columns for word in one.prepared.words()]


def correlations_of(program: LinearTrain, columns: Sequence[Column], line: TrainedLine) -> list[str]:
    """Row by row below the diagonal, of what `columns_of` tells."""
    there = used(columns)
    numbers = iter(line.correlations)
    return [
        _text(number, program.step_bits)
        for row in range(program.wide)
        for column in range(row)
        for number in (next(numbers),)
        if there[row] and there[column]
    ]


def columns_of(program: LinearTrain, columns: Sequence[Column], line: TrainedLine) -> Any:
    """An entry for each number that a column becomes."""
    numbers, there = iter(program.numbers), iter(used(columns))
    counts, factors = iter(line.counts), iter(line.vif or [0] * program.wide)
    for party, name, one in columns:
        for word in one.prepared.words():
            number, count, factor = next(numbers), next(counts), next(factors)
            if not next(there):
                continue
            entry: dict[str, Any] = {"party": party, "column": name, "value": word or None, "missing": one.missing}
            entry["people"] = None if number or not count else count
            if program.statistics != "none":
                entry["vif"] = f"{factor / VIF_UNIT:.1f}" if factor else None
            yield entry


def model_of(
    parameters: JointLinearParameters,
    columns: Sequence[Column],
    program: LinearTrain,
    line: TrainedLine,
    label: tuple[str, str],
) -> LinearModel:
    """With each party's preparation."""
    numbers = iter(line.coefficients)
    entries = [
        {
            "party": party,
            "column": name,
            "prepared": one.prepared,
            "coefficients": [_text(next(numbers), program.step_bits) for _ in range(one.prepared.width)],
        }
        for party, name, one in columns
    ]
    return LinearModel.model_validate(
        {
            "label": parameters.label,
            "family": program.family,
            "centre": label[0],
            "spread": label[1],
            "intercept": _text(next(numbers), program.step_bits),
            "columns": entries,
        }
    )


def _logistic(
    program: LinearTrain, line: TrainedLine, sizes: RowParts, own: Mapping[str, Any] | None, spread: float
) -> dict[str, Any]:
    edges = [round(Fraction(SCORE_UNIT * edge, 2**program.step_bits)) for edge in line.edges]
    judged = {name: judged_of(line.parts[place], edges, 1) for place, name in enumerate(PARTS)}
    alone = None if own is None else {name: own_metrics(own[name]) for name in PARTS}
    return {
        **{key: {name: one and one[key] for name, one in judged.items()} for key in ("metrics", "bands", "gains")},
        "alone": alone,
        "gain": gain_of(judged["test"], alone and alone["test"]),
    }


def _numbers(
    program: LinearTrain, line: TrainedLine, sizes: RowParts, own: Mapping[str, Any] | None, spread: float
) -> dict[str, Any]:
    parts = {}
    for name, part, rows in zip(PARTS, line.parts, (sizes.validation, sizes.test), strict=True):
        parts[name] = _means(program, part, rows) if any(part) else None
    metrics = {name: one and _figures(program, one, spread) for name, one in parts.items()}
    alone = None if own is None else {name: own[name] and _figures(program, own[name], spread) for name in PARTS}
    fit = "r2" if program.family == "linear" else "d2"
    gain, joint, before = None, metrics["test"], alone and alone["test"]
    if joint and before and joint[fit] is not None and before[fit] is not None:
        gain = {fit: f"{float(joint[fit]) - float(before[fit]):.4f}"}
    return {"metrics": metrics, "alone": alone, "gain": gain}


def _means(program: LinearTrain, part: Sequence[int], rows: int) -> dict[str, Any]:
    """{people, mean, spread, loss} by person, in the labels' own scale."""
    people = part[0]
    mean, beside, loss = (one * 2.0 ** program.sum_bits(rows) / people for one in part[1:])
    flat = mean**2 if program.family == "linear" else mean * math.log(max(mean, 1e-9))
    return {"people": people, "mean": mean, "spread": beside - flat, "loss": loss}


def _figures(program: LinearTrain, means: Mapping[str, Any], spread: float) -> dict[str, Any]:
    """Metrics of means by person; the share of spread that is explained is None where there is none."""
    explained = None if means["spread"] <= 2.0**-SUM_BITS else f"{1 - means['loss'] / means['spread']:.4f}"
    loss = max(0.0, means["loss"])
    if program.family == "linear":
        return {"people": means["people"], "rmse": f"{spread * math.sqrt(loss):.6g}", "r2": explained}
    return {"people": means["people"], "deviance": f"{2 * spread * loss:.6g}", "d2": explained}


def _text(number: int, bits: int) -> str:
    """So many 2^-`bits`, exactly."""
    return f"{Decimal(number) / Decimal(2**bits):f}"
