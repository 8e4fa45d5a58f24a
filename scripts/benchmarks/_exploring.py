"""What is told with noise before anybody is asked for consents to a model, beside the same in the clear."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from _credit import Case

from placet.catalogue import private_statistics, value_of_data
from placet.catalogue.value_of_data import LABELS, ValueOfDataParameters
from placet.core.column_table import ColumnTable, column
from placet.jobs.randomness import NoiseSource, stream
from placet.models.added_worth import added_worth_of
from placet.models.worth import Worth, worth_of
from placet.protocols.noise import discrete_gaussian
from placet.recipes.private_statistics.run import answers
from placet.recipes.value_of_data.run import cells_of, classes_of
from placet.vault.rows import Rows

SMALLEST, RUNS, GROUPS = 20, 5, 10
IDENTIFIED = {"identifier": "customer", "namespace": "urn:example:person"}
OWN = {"column": "limit_bal", "edges": [60_000, 150_000, 270_000]}
Counts = np.ndarray[Any, np.dtype[np.int64]]


def rows_of(case: Case, columns: list[str]) -> Rows:
    table = {one.feature.column: [int(value) for value in one.values] for one in case.columns}
    own = {name: table[name] for name in columns} | {"bad": case.label.tolist()}
    return Rows(ColumnTable({name: column("integer", values) for name, values in own.items()}), "customer", b"")


def worth_of_columns(case: Case, budget: int) -> dict[str, Any]:
    """Of the columns of all who are not the label's holder, in tenths, over all people; noise as both parties bring it.
    IV errors are of the clear figure, which chance alone corrects; `held`: intervals that hold it."""
    names = [one.feature.column for one in case.columns if one not in case.alone]
    rows = rows_of(case, [*names, OWN["column"]])
    axes = [{"column": name, "edges": _tenths(rows.columns[name])} for name in names]
    figures = {}
    for name, own in (("alone", None), ("beside_an_own_score", OWN)):
        given = IDENTIFIED | {"label": "bad", "columns": axes, "smallest_group": SMALLEST, "budget": budget}
        asked = value_of_data.SPEC.parse(given | {"protocol": "cheetah"} | ({} if own is None else {"own": own}))
        exact = np.zeros((LABELS * asked.bands, asked.cells), np.int64)
        np.add.at(exact, classes_of(asked, rows), cells_of(asked, rows))
        figures[name] = (asked, exact)
    asked, exact = figures["alone"]
    clear = judged(asked, exact, 0)
    told = [judged(asked, noisy(asked, exact, seed), 2 * asked.variance) for seed in range(RUNS)]
    pairs = [(one, other) for run in told for one, other in zip(run, clear, strict=True)]
    errors = [abs(one.iv.value - other.iv.value) for one, other in pairs]
    strong = [abs(one.iv.value / other.iv.value - 1) for one, other in pairs if other.iv.value >= 0.1]
    held = [one.iv.low <= other.iv.value <= one.iv.high for one, other in pairs]
    best = int(np.argmax([one.iv.value for one in clear]))
    return {
        "budget_nano_rho": budget,
        "people": rows.count,
        "columns": len(names),
        "deviation": round(float(np.sqrt(2 * asked.variance)), 1),
        "iv_error_mean": round(float(np.mean(errors)), 4),
        "iv_error_worst": round(max(errors), 4),
        "iv_error_of_strong_ones": round(float(np.mean(strong)), 4),
        "auc_error_worst": round(max(abs(one.auc.value - other.auc.value) for one, other in pairs), 4),
        "held": round(float(np.mean(held)), 3),
        "best": names[best],
        "best_iv_clear": round(clear[best].iv.value, 4),
        "best_iv_told": [round(run[best].iv.value, 4) for run in told],
        "gain_of_the_best": gains(*figures["beside_an_own_score"], best),
    }


def gains(asked: ValueOfDataParameters, exact: Counts, place: int) -> dict[str, Any]:
    """What the column adds to the AUC of an own score of four bands, in the clear and told."""
    start = sum(axis.size + 1 for axis in asked.columns[:place])
    own = slice(start, start + asked.columns[place].size + 1)

    def gain(counts: Counts, variance: int) -> float | None:
        by_band = counts.reshape(asked.bands, LABELS, -1)[:, :, own].swapaxes(0, 1)
        added = added_worth_of(by_band, variance, SMALLEST, ordered=True)
        return None if added is None else round(added.gain.value, 4)

    told = [gain(noisy(asked, exact, seed), 2 * asked.variance) for seed in range(RUNS)]
    return {"clear": gain(exact, 0), "told": told}


def judged(asked: ValueOfDataParameters, counts: Counts, variance: int) -> list[Worth]:
    starts = np.cumsum([0, *(axis.size + 1 for axis in asked.columns)])
    judgements = [
        worth_of(counts[:, low:high], variance, SMALLEST, ordered=True) for low, high in itertools.pairwise(starts)
    ]
    return [one for one in judgements if one is not None]


def noisy(asked: ValueOfDataParameters, exact: Counts, seed: int) -> Counts:
    counts = exact.copy()
    for party in range(2):
        entropy = stream(bytes([party + 1]) * 32, seed.to_bytes(4, "big"))
        counts += np.array([discrete_gaussian(asked.variance, entropy) for _ in range(counts.size)]).reshape(
            exact.shape
        )
    return np.where(counts < SMALLEST, 0, counts)


def exploration(case: Case, budget: int) -> dict[str, Any]:
    """By `private-statistics`, for that budget together: the mean of one column (a count and a sum), and the people of
    six groups with the means of three columns."""
    rows = rows_of(case, ["limit_bal", "age", "bill_amt1"])
    return {"budget_nano_rho": budget, "people": rows.count} | {
        "one_mean": _errors(rows, ["limit_bal"], (), budget),
        "six_groups_and_three_means": _errors(rows, ["limit_bal", "age", "bill_amt1"], (25, 30, 35, 40, 50), budget),
    }


def _errors(rows: Rows, columns: list[str], ages: tuple[int, ...], budget: int) -> dict[str, float]:
    """Relative errors over all runs, of sums against those of the same rows within the bounds and without any."""
    part = budget // (bool(ages) + 2 * len(columns))
    bounds = {name: _ends(rows.columns[name]) for name in columns}
    questions: list[dict[str, Any]] = [
        {"ask": "mean", "column": name, "bounds": bounds[name], "budget": 2 * part} for name in columns
    ]
    if ages:
        questions.append({"ask": "histogram", "axis": {"column": "age", "edges": ages}, "budget": part})
    asked = private_statistics.SPEC.parse({"questions": questions, "smallest_group": SMALLEST})
    groups = np.histogram(rows.columns["age"], [0, *ages, 999])[0]
    errors: dict[str, list[float]] = {"count": [], "group": [], "sum": [], "sum_of_unclipped": []}
    for seed in range(RUNS):
        told, _ = answers(asked, rows, NoiseSource(bytes(32), bytes(32), 1, seed.to_bytes(32, "big")))
        for name, (people, total) in zip(columns, told, strict=False):
            if people is None or total is None:
                raise ArithmeticError("too few people")
            own = np.array(rows.columns[name])
            errors["count"].append(abs(people / rows.count - 1))
            errors["sum"].append(abs(total / own.clip(*bounds[name]).sum() - 1))
            errors["sum_of_unclipped"].append(abs(total / own.sum() - 1))
        if ages:
            errors["group"] += [abs((one or 0) / other - 1) for one, other in zip(told[-1], groups, strict=True)]
    return {
        f"{name}_{how}": round(float(of(own)), 5)
        for name, own in errors.items()
        if own
        for how, of in (("mean", np.mean), ("worst", np.max))
    }


def _ends(values: list[int]) -> list[int]:
    low, high = np.quantile(values, [0.001, 0.999])
    return [int(low), int(high)]


def _tenths(values: list[int]) -> list[int]:
    cuts = np.quantile(values, np.linspace(0, 1, GROUPS + 1)[1:-1])
    return sorted({int(np.ceil(cut)) for cut in cuts if cut > min(values)})
