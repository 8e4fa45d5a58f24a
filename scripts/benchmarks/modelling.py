"""Joint models beside the same ones pooled and beside the label holder alone, on public data.

Each row of the table is a function of its own that measures one bar; a row whose data or libraries are not there says
why. scikit-learn and LightGBM are yardsticks and come with the extra `bench`.
"""

from __future__ import annotations

import importlib
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _clear import ClearColumn, ClearModel, in_clear
from _credit import Case, companies, marketing, uci
from _evaluation import measure as evaluation
from _gated import SOURCE as GATED_SOURCE
from _gated import measure as gated
from _joint import joint
from _linear import linear
from _session import measure as warm_score
from _shared_trees import shared_trees
from _spu import own_loopback
from _trees import encrypted, rows_of
from _trees import side_by_side as twin

from placet.core.errors import ConfigError
from placet.models import quality
from placet.models.boosting import Boosting

Figures = dict[str, object]
SMALLEST = 20
"""Rows in a tree's leaf, or more."""


class Skipped(Exception):  # noqa: N818 - no error: a row that can't be measured here
    """Why a row can't be measured on this machine."""


@dataclass(frozen=True)
class Row:
    """A line of the table: its name, its bar in words, and what measures it. The figures hold `met` where a bar can be
    judged by numbers alone, which do not depend on how busy the machine is."""

    name: str
    bar: str
    measure: Callable[[], Figures]


def main(*, json: bool) -> dict[str, object]:
    """Measure and print; see `scripts/bench`."""
    out = sys.stderr if json else sys.stdout
    table: dict[str, object] = {}
    own_loopback()
    for row in ROWS:
        began = time.perf_counter()
        try:
            figures = row.measure()
        except Skipped as reason:
            figures = {"skipped": str(reason)}
        figures |= {"bar": row.bar, "took_s": round(time.perf_counter() - began, 1)}
        table[row.name] = figures
        print(f"{row.name}: {', '.join(f'{name} {value}' for name, value in figures.items())}", file=out, flush=True)
    return table


# ------------------------------------------------------------------------------------------------ rows


def shares_against_clear(case: Callable[[], Case | None], file: str) -> Figures:
    """Wholly on shares against the same program in the clear."""
    run = joint(there(case(), file))
    auc, ks = run.shares.auc - run.clear.auc, run.shares.ks - run.clear.ks
    return {
        "auc_shares": round(run.shares.auc, 4),
        "auc_clear": round(run.clear.auc, 4),
        "ks_shares": round(run.shares.ks, 4),
        "ks_clear": round(run.clear.ks, 4),
        "wall_s": round(run.wall, 1),
        "processor_s": round(run.processor, 1),
        "traffic_mb": round(run.traffic_mb),
        "peak_mb": round(run.peak_mb),
        "met": abs(auc) <= 0.001 and abs(ks) <= 0.005 and run.peak_mb <= 1024,
    }


def linear_on_shares(case: Callable[[], Case | None], file: str, providers: int, steps: int) -> Figures:
    """A logistic regression wholly on shares against the same program in the clear, and scikit-learn where it is."""
    whole = there(case(), file)
    run = linear(whole, providers, steps)
    figures: Figures = {
        "auc_shares": round(run.auc, 4),
        "auc_clear": round(run.clear, 4),
        "wall_s": round(run.wall, 1),
        "processor_s": round(run.processor, 1),
        "traffic_mb": round(run.traffic_mb),
        "peak_mb": round(run.peak_mb),
    }
    try:
        figures["auc_sklearn"] = logistic(whole, whole.columns)
    except Skipped as reason:
        figures["sklearn_skipped"] = str(reason)
    yardstick_auc = figures.get("auc_sklearn", figures["auc_clear"])
    return figures | {"met": abs(run.auc - float(str(yardstick_auc))) <= 0.002}


def scorecard_against_raw() -> Figures:
    """On uci, of all columns: weights of evidence against the columns as they are."""
    case = there(uci(), "credit/uci_credit_card.csv")
    card, raw = scorecard(case, case.columns), logistic(case, case.columns)
    return {"scorecard_auc": card, "raw_auc": raw, "gain": round(card - raw, 4), "met": card - raw >= 0.045}


def marketing_pooled() -> Figures:
    """On bank-full over three institutions."""
    case = there(marketing(), "marketing/bank-full.csv")
    return side_by_side(case)


def companies_pooled() -> Figures:
    """On Polish companies over four institutions."""
    case = there(companies(), "corporate/polish_companies_5year.csv")
    return side_by_side(case)


def boosted() -> Figures:
    """20 trees with a provider that tells what it may, and if it told everything."""
    rows = rows_of(there(uci(bins=32), "credit/uci_credit_card.csv"), SMALLEST)
    open_nodes, blind, everything = (
        twin(rows, Boosting(20, 4, SMALLEST), **how) for how in ({}, {"blind": True}, {"hides": False})
    )
    figures = {"auc": open_nodes, "auc_blind": blind, "auc_everything_told": everything}
    return {**figures, "met": min(open_nodes, blind) >= 0.770}


def monotone() -> Figures:
    """The same trees, which rise with late payments and fall with limit and payments, and LightGBM so constrained."""
    case = there(uci(bins=32, ordered=True), "credit/uci_credit_card.csv")
    ours = twin(rows_of(case, SMALLEST), Boosting(20, 4, SMALLEST))
    figures: Figures = {"auc": ours}
    try:
        figures["lightgbm_auc"] = trees(case, case.columns, **CONSTRAINED)
    except Skipped as reason:
        figures["lightgbm_skipped"] = str(reason)
    return figures | {"met": ours >= float(str(figures.get("lightgbm_auc", 0.770))) - 0.005}


def tree_cost(engine: str, *, blind: bool = False) -> Figures:
    """Two trees by encrypted sums, both parties together."""
    rows = rows_of(there(uci(bins=32), "credit/uci_credit_card.csv"), SMALLEST)
    try:
        cost = encrypted(rows, Boosting(3, 4, SMALLEST), engine, blind=blind)
    except ConfigError as error:
        raise Skipped(f"{error.message}: {error.remedy}") from None
    figures = {"processor_s": cost.processor, "mb_to_provider": cost.to_host, "mb_back": cost.to_holder}
    return {name: round(value, 2) for name, value in figures.items()}


def trees_on_shares(*, ordered: bool = False) -> Figures:
    """On uci over three institutions, 16 bins, depth 4: the bar is what a tree costs all parties together."""
    run = shared_trees(there(uci(bins=16, ordered=ordered), "credit/uci_credit_card.csv"), trees=5, depth=4)
    return {
        "auc_shares": run.shares,
        "auc_clear": run.clear,
        "processor_s_a_tree": round(run.whole, 1),
        "wall_s_a_tree": round(run.seconds_a_tree, 1),
        "traffic_mb_a_tree": round(run.traffic_mb),
        "peak_mb": round(run.peak_mb),
        "met": run.whole <= 25 and abs(run.shares[-1] - run.clear[-1]) <= 0.001,
    }


def side_by_side(case: Case) -> Figures:
    """Of the scorecard: the label holder alone, all jointly, all pooled; of LightGBM, where it is there, alone and
    pooled."""
    run = joint(case)
    alone, pooled, together = scorecard(case, case.alone), scorecard(case, case.columns), round(run.shares.auc, 4)
    figures: Figures = {
        "alone_auc": alone,
        "joint_auc": together,
        "pooled_auc": pooled,
        "gain": round(together - alone, 4),
        "wall_s": round(run.wall, 1),
        "met": abs(together - pooled) <= 0.005,
    }
    try:
        figures |= {"trees_alone_auc": trees(case, case.alone), "trees_pooled_auc": trees(case, case.columns)}
    except Skipped as reason:
        figures["trees_skipped"] = str(reason)
    return figures


def gated_against_bare() -> Figures:
    """A job of the scorecard over 6,000 persons, against the program alone."""
    figures = gated()
    if figures is None:
        raise Skipped(f"shared/data/{GATED_SOURCE} is not on this machine")
    return figures


ROWS: Sequence[Row] = (
    Row(
        "scorecard on shares against in the clear, uci",
        "AUC within 0.001, KS within 0.005, 1 GB a party",
        lambda: shares_against_clear(uci, "credit/uci_credit_card.csv"),
    ),
    Row(
        "scorecard on shares against in the clear, bank",
        "AUC within 0.001, KS within 0.005, 1 GB a party",
        lambda: shares_against_clear(marketing, "marketing/bank-full.csv"),
    ),
    Row(
        "trees on shares, uci, 5 of depth 4, 16 bins, ABY3",
        "25 processor seconds a tree of all parties, all included; AUC within 0.001 of the same in the clear",
        trees_on_shares,
    ),
    Row(
        "the same, rising with late payments and falling with limit and payments",
        "25 processor seconds a tree of all parties, all included; AUC within 0.001 of the same in the clear",
        partial(trees_on_shares, ordered=True),
    ),
    Row("evaluation, 9,000 rows, 64 bands, ABY3", "AUC off by 0.0005, 2 s on idle cores", partial(evaluation, "aby3")),
    Row(
        "evaluation, 9,000 rows, 64 bands, Cheetah",
        "AUC off by 0.0005, 13 s on idle cores",
        partial(evaluation, "cheetah"),
    ),
    Row(
        "logistic regression, Cheetah, uci",
        "AUC within 0.002 of scikit-learn, 20 s on idle cores, 200 MB",
        lambda: linear_on_shares(uci, "credit/uci_credit_card.csv", 1, 3),
    ),
    Row(
        "logistic regression, ABY3, bank",
        "AUC within 0.002 of scikit-learn",
        lambda: linear_on_shares(marketing, "marketing/bank-full.csv", 2, 8),
    ),
    Row("one score over a warm link, ABY3", "p50 15 ms on idle cores", partial(warm_score, "aby3")),
    Row("one score over a warm link, Cheetah", "p50 50 ms on idle cores", partial(warm_score, "cheetah")),
    Row("gated and anchored against the same training bare", "processor at most 1.25 times", gated_against_bare),
    Row("scorecard against raw logistic regression, uci", "at least 0.045 AUC more", scorecard_against_raw),
    Row("trees, uci, 20 of depth 4, 32 bins", "AUC at least 0.770", boosted),
    Row("the same, rising and falling as LightGBM by constraints", "AUC within 0.005 of LightGBM's", monotone),
    Row("a tree on Paillier, uci", "15 processor seconds on idle cores", partial(tree_cost, "embedded")),
    Row("a tree on Okamoto-Uchiyama, uci", "5 processor seconds on idle cores", partial(tree_cost, "okamoto-uchiyama")),
    Row(
        "a tree on Okamoto-Uchiyama, uci, blind",
        "no more than on Paillier with open nodes",
        partial(tree_cost, "okamoto-uchiyama", blind=True),
    ),
    Row("marketing, three institutions, scorecard", "within 0.005 of the same pooled", marketing_pooled),
    Row("risk control, four institutions, scorecard", "within 0.005 of the same pooled", companies_pooled),
)


# ------------------------------------------------------------------------------------------------ models


def there(case: Case | None, file: str) -> Case:
    """Skipped where the data are not on this machine."""
    if case is None:
        raise Skipped(f"shared/data/{file} is not on this machine")
    return case


def scorecard(case: Case, columns: Sequence[ClearColumn]) -> float:
    """The AUC of a scorecard in the clear."""
    model = in_clear(columns, case.label, case.train, case.test, ClearModel(smallest=5))
    assert model is not None
    return round(float(quality.auc(model)), 4)


def logistic(case: Case, columns: Sequence[ClearColumn]) -> float:
    """The AUC of scikit-learn's logistic regression, not penalised, of standardised columns."""
    linear, preprocessing = yardstick("sklearn.linear_model"), yardstick("sklearn.preprocessing")
    matrix = np.nan_to_num(case.matrix(columns))
    scaler = preprocessing.StandardScaler().fit(matrix[case.train])
    model = linear.LogisticRegression(C=np.inf, max_iter=2000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(scaler.transform(matrix[case.train]), case.label[case.train])
    return auc(case, model.predict_proba(scaler.transform(matrix[case.test]))[:, 1])


CONSTRAINED = {
    "n_estimators": 20, "max_depth": 4, "num_leaves": 16, "learning_rate": 0.3, "max_bin": 32, "reg_lambda": 1.0,
    "min_child_samples": SMALLEST, "min_child_weight": 1.0, "monotone_constraints_method": "basic",
}  # fmt: skip
"""LightGBM's trees as ours are: so many, so deep, of so many bins."""


def trees(case: Case, columns: Sequence[ClearColumn], **settings: Any) -> float:
    """The AUC of LightGBM as it comes, or by `settings`, and then with the columns' constraints. No categories then."""
    matrix = case.matrix(columns)
    if settings:
        ways = {"rising": 1, "falling": -1, None: 0}
        settings["monotone_constraints"] = [ways[column.feature.monotone] for column in columns]
    model = yardstick("lightgbm").LGBMClassifier(random_state=0, verbose=-1, **settings)
    model.fit(matrix[case.train], case.label[case.train])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return auc(case, model.predict_proba(matrix[case.test])[:, 1])


def auc(case: Case, scores: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """By scikit-learn."""
    return round(float(yardstick("sklearn.metrics").roc_auc_score(case.label[case.test], scores)), 4)


def yardstick(module: str) -> Any:
    """Skipped where the library is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise Skipped(f"{module.partition('.')[0]} is not installed: pip install placet[bench]") from None
