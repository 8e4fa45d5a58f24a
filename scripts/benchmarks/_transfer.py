"""A source's model on the few labels of a segment that differs: the same in the clear for ten seeds as `model-transfer`
computes on shares, beside scikit-learn on the target's rows alone; and one run on shares."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _clear import SCALE
from _credit import Case, marketing, uci
from _linear import prepared
from _spu import SECONDS, children, networks, traffic

from placet.models import quality
from placet.models.bands import by_score
from placet.models.binning import fit as fit_bins
from placet.models.boosting import Boosting, Own
from placet.models.boosting_twin import train
from placet.models.cuts import CodedColumn
from placet.models.linear import LinearModel
from placet.models.preparing import UNIT
from placet.models.regression import regress
from placet.models.released import ReleasedTrees
from placet.models.scorecard import Scorecard
from placet.models.scorecard_fit import FitColumn, fit
from placet.models.source import ModelShape, SourceModel, SourceWeights, halves_of
from placet.models.transfer import (
    ALONE,
    MAP,
    RECALIBRATED,
    SOURCE,
    STEPS,
    Judged,
    Recalibration,
    accepted,
    basis_of,
    judged_in_clear,
    map_fit,
    recalibrated,
    wins,
)
from placet.protocols import spu
from placet.protocols.mpc.transfer import SCORE_BITS, TransferJudge, fine
from placet.protocols.spu.transferring import BASIS, DESIGN, LABELS, OWN, PULL, WEIGHTS, WINS
from placet.recipes.model_transfer.run import secrets_of
from placet.recipes.model_transfer.target import ALONE_STEPS

SEEDS, FEW, MANY, TRAIN, STRENGTH, SMALLEST = 10, 100, 1_000, 0.6, 100, 20
SHARED = {"linear": MANY, "trees": FEW}
"""Labels of a run on shares, by kind of the source's model."""


@dataclass(frozen=True)
class Segment:
    """The target's rows: their numbers as the source's model reads them, its log odds, labels, and the columns as they
    are."""

    shape: ModelShape
    weights: SourceWeights
    design: Any
    labels: Any
    raw: Any

    @property
    def scores(self) -> Any:
        return self.weights.scores(self.design) / 2**SCORE_BITS


def segments() -> dict[str, tuple[Case, Any] | None]:
    """Who the target's customers are; all others are the source's."""
    bank, credit = marketing(), uci()
    return {
        "marketing": bank and (bank, np.isin(_values(bank, "job"), ["student", "retired", "unemployed"])),
        "uci": credit and (credit, _values(credit, "age").astype(np.float64) < 26),
    }


def _values(case: Case, column: str) -> Any:
    return np.array(next(one.values for one in case.columns if one.feature.column == column))


def scorecard(case: Case, rows: Any) -> Scorecard:
    """Of some rows, as `joint-scorecard` makes one."""
    columns = []
    for one in case.columns:
        bins = fit_bins([one.values[row] for row in rows], one.feature.kind, one.feature.bins, least=SMALLEST)
        columns.append((one.feature.column, bins, bins.codes(one.values)))
    codes = np.stack([one for *_, one in columns], axis=1)[rows]
    shapes = [FitColumn(bins.cells) for _, bins, _ in columns]
    card = fit(codes, case.label[rows], shapes, scale=SCALE, smallest=SMALLEST, steps=8, l2=0.001)
    if card is None:
        raise ArithmeticError("too few people")
    scored = [
        {"party": "consumer", "column": name, "bins": bins.to_json(), "points": points}
        for (name, bins, _), points in zip(columns, card.points, strict=True)
    ]
    return Scorecard.model_validate({"label": "label", "scale": SCALE, "base": card.base, "columns": scored})


def linear(case: Case, rows: Any) -> LinearModel:
    """Of some rows, as `joint-linear` makes one."""
    columns = [(one.feature.column, prepared(one), one.values) for one in case.columns]
    numbers = np.concatenate([column.prepare([values[row] for row in rows]) for _, column, values in columns], axis=1)
    design = np.concatenate([numbers / UNIT, np.ones((len(rows), 1))], axis=1)
    fitted = iter(regress(design, case.label[rows].astype(np.float64), "logistic", steps=30, l2=0.001))
    entries = [
        {
            **{"party": "consumer", "column": name, "prepared": column.to_json()},
            "coefficients": [f"{next(fitted):.6f}" for _ in range(column.width)],
        }
        for name, column, _ in columns
    ]
    fixed = {"label": "label", "family": "logistic", "centre": "0", "spread": "1"}
    return LinearModel.model_validate(fixed | {"intercept": f"{next(fitted):.6f}", "columns": entries})


def trees(case: Case, rows: Any) -> ReleasedTrees:
    """Of some rows, as `joint-trees` makes them of one party's columns: 20, of depth 4."""
    columns, coded = [], []
    for one in case.columns:
        bins = fit_bins([one.values[row] for row in rows], one.feature.kind, one.feature.bins, least=SMALLEST)
        columns.append({"column": one.feature.column, "bins": bins.to_json()})
        codes = bins.codes([one.values[row] for row in rows])
        coded.append(CodedColumn(codes, bins.cells, one.feature.kind == "number"))
    own = Own(tuple(coded))
    grown, _ = train(own, [], case.label[rows], len(rows), Boosting(trees=20, depth=4, smallest=SMALLEST))
    part = {"columns": columns, "cuts": [cut.to_json() for cut in own.cuts]}
    return ReleasedTrees.model_validate({"model": grown.to_json(), "parts": [part], "parties": ["consumer"]})


def segment(case: Case, target: Any, model: SourceModel) -> Segment:
    rows = np.flatnonzero(target)
    shape, weights = halves_of(model)
    columns = {one.feature.column: [one.values[row] for row in rows] for one in case.columns}
    raw = case.matrix(case.columns)[rows]
    return Segment(shape, weights, shape.design(columns), case.label[rows], np.nan_to_num(raw))


@dataclass(frozen=True)
class Labelled:
    """Rows of a segment in the program's order: those that train, positives and negatives that validate, and behind
    them those that only test here."""

    rows: Any
    train: int
    positives: int
    validation: int

    @classmethod
    def of(cls, labels: Any, count: int, seed: int) -> Labelled:
        order = np.random.default_rng(seed).permutation(len(labels))
        test, own = order[: len(order) // 2], order[len(order) // 2 :][:count]
        train, judged = own[: round(TRAIN * count)], own[round(TRAIN * count) :]
        judged = judged[np.argsort(-labels[judged], kind="stable")]
        return cls(np.concatenate([train, judged, test]), len(train), int(labels[judged].sum()), len(judged))

    @property
    def labelled(self) -> int:
        return self.train + self.validation


@dataclass(frozen=True)
class Adapted:
    """What the clear comes to; `log_odds` of all rows, by model."""

    line: Recalibration
    judged: Judged
    log_odds: dict[str, Any]
    basis: Any


def adapted(own: Segment, split: Labelled) -> Adapted:
    scores = own.scores[split.rows]
    labels = own.labels[split.rows][: split.train].astype(np.float64)
    basis = basis_of(own.design[split.rows] / UNIT, split.train, STRENGTH)
    line = recalibrated(scores[: split.train], labels, STEPS)
    log_odds = {
        SOURCE: scores,
        RECALIBRATED: line.of(scores),
        MAP: map_fit(basis, scores, labels, STEPS),
        ALONE: map_fit(basis, np.zeros(len(scores)), labels, ALONE_STEPS),
    }
    judged = judged_in_clear({n: one[split.train : split.labelled] for n, one in log_odds.items()}, split.positives)
    return Adapted(line, judged, log_odds, basis)


def area(scores: Any, labels: Any) -> float:
    return float(quality.auc(by_score(np.rint(1e6 * scores).astype(np.int64).tolist(), labels.tolist())))


def alone_by_others(own: Segment, split: Labelled) -> float | None:
    """scikit-learn on all the target's labels and its own columns, categories as indicators, standardised."""
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError:
        return None
    rows, labels = own.raw[split.rows], own.labels[split.rows]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5_000))
    pipeline.fit(rows[: split.labelled], labels[: split.labelled])
    return area(pipeline.decision_function(rows[split.labelled :]), labels[split.labelled :])


def in_clear(own: Segment, count: int) -> dict[str, Any]:
    """AUC on rows that are in nothing else, the mean of all seeds. Who is alone has all labels to learn from."""
    runs, taken = [], []
    for seed in range(SEEDS):
        split = Labelled.of(own.labels, count, seed)
        clear, tested = adapted(own, split), own.labels[split.rows][split.labelled :]
        best = accepted(clear.judged, clear.line.slope)
        test = {name: one[split.labelled :] for name, one in clear.log_odds.items()}
        basis = basis_of(own.design[split.rows] / UNIT, split.labelled, STRENGTH)
        labels = own.labels[split.rows][: split.labelled].astype(np.float64)
        alone = map_fit(basis, np.zeros(len(split.rows)), labels, ALONE_STEPS)[split.labelled :]
        areas = [area(one, tested) for one in (test[SOURCE], test[best], test[MAP], alone)]
        runs.append([*areas, alone_by_others(own, split) or np.nan])
        taken.append(best)
    source, best, mapped, prepared_alone, others = np.mean(runs, axis=0)
    worst = min(run[1] - run[0] for run in runs)
    rounded = {
        "auc_source": source,
        "auc_accepted": best,
        "auc_map": mapped,
        "auc_alone_sklearn": others,
        "auc_alone_prepared_as_source": prepared_alone,
        "over_alone_sklearn": best - others,
        "worst_below_source": worst,
    }
    return {name: round(float(one), 4) for name, one in rounded.items()} | {
        "accepted": {name: taken.count(name) for name in sorted(set(taken))}
    }


def on_shares(own: Segment, count: int) -> dict[str, Any]:
    """One run by Cheetah, seed 0, beside the clear."""
    split = Labelled.of(own.labels, count, 0)
    clear = adapted(own, split)
    used = slice(split.labelled)
    odds = fine(clear.log_odds[ALONE][split.train : split.labelled])
    program = TransferJudge(
        width=own.shape.width,
        rank=min(split.train, own.shape.width + 1),
        train=split.train,
        positives=split.positives,
        negatives=split.validation - split.positives,
        steps=STEPS,
        trees=own.shape.trees,
    )
    arrays = {
        WEIGHTS: own.weights.numbers,
        DESIGN: own.design[split.rows][used] // (1 if own.shape.trees is None else UNIT),
        BASIS: fine(clear.basis.rows[used]),
        PULL: fine(clear.basis.pull),
        LABELS: own.labels[split.rows][: split.train],
        OWN: odds,
        WINS: np.concatenate(wins(odds, split.positives)),
    }
    sent, processor, began = traffic(), children(), time.perf_counter()
    line, judged = program.opened(asyncio.run(_shared(program, arrays)))
    gains = [(judged.gains[pair], clear.judged.gains[pair]) for pair in judged.gains]
    return {
        "rows": program.rows,
        "numbers_of_a_row": program.width,
        "wall_s": round(time.perf_counter() - began, 1),
        "cpu_s": round(children() - processor, 1),
        "traffic_mb": round((traffic() - sent) / 1e6, 1),
        "auc_off": round(max(abs(one.value - clear.judged.area[n].value) for n, one in judged.area.items()), 5),
        "loss_off": round(max(abs(one.value - clear.judged.loss[n].value) for n, one in judged.loss.items()), 5),
        "gains_off": round(max(abs(one.value - other.value) for one, other in gains), 5),
        "same_decision": accepted(judged, line.slope) == accepted(clear.judged, clear.line.slope),
    }


async def _shared(program: TransferJudge, arrays: dict[str, Any]) -> Any:
    secrets, cheetah = secrets_of(program), spu.choose(2)
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
        scratch = Path(folder)
        shares = await asyncio.gather(
            *(
                spu.compute(
                    network,
                    cheetah,
                    program.program,
                    program,
                    secrets,
                    {one.name: arrays[one.name] for one in secrets if one.owner == network.me},
                    scratch=scratch,
                    seconds=SECONDS,
                )
                for network in networks(2)
            )
        )
        return await spu.reconstruct([one for (one,) in shares], cheetah, scratch=scratch, seconds=SECONDS)


def transfers() -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows by name, as they are measured: by data and kind of the source's model, with few labels and with more; and
    on shares."""
    kinds: Sequence[tuple[str, Callable[[Case, Any], Any]]] = (
        ("scorecard", scorecard),
        ("linear", linear),
        ("trees", trees),
    )
    for name, one in segments().items():
        if one is None:
            yield f"transfer_{name}", {"skipped": "no shared/data"}
            continue
        case, target = one
        for kind, model in kinds:
            own = segment(case, target, model(case, np.flatnonzero(~target)))
            for count in (FEW, MANY):
                yield f"transfer_{name}_{kind}_{count}", in_clear(own, count)
            if name == "marketing" and kind in SHARED:
                yield f"transfer_{kind}_on_shares", on_shares(own, SHARED[kind])
