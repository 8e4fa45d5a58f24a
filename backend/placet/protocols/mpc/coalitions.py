"""The program `coalitions`: how good a linear model of the label is with the columns of some of the owners alone.

For each coalition that a payout rule needs, a least-squares model is fitted on the rows that train, and its AUC taken
on the rows that don't. All of them follow from one matrix of the columns' products (columns by columns), so that a
coalition costs no pass over the rows that train. Nothing comes out but one AUC a coalition.

Rows stand at the same places at all owners: first those that train, then those that judge. Unlike the programs of
`programs` it computes with real numbers, in fixed point: its reference is exact, and results are within `TOLERANCE`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, JsonValue, model_validator

from placet.core.errors import DataError, PlanError
from placet.models.contribution import MAX_SHAPLEY, METRIC_UNIT, Contribution, PayoutRule, coalitions_of
from placet.protocols.mpc.numbers import INT64, Integers, Magnitudes
from placet.protocols.mpc.program import Declared, Shape, Size, wrong_number

MAX_OWNERS = 3
"""Who brings columns computes, too."""
STEP = 256
"""A prepared value of 1 in what is brought: whole numbers, none beyond ±`CLIP`."""
CLIP = 4
RIDGE = 0.01
"""Added to the diagonal of the matrix, by which owners with the same columns don't make it singular."""
TOLERANCE = 5_000
"""Of an AUC, in millionths."""
KNOWS_NOTHING = METRIC_UNIT // 2
"""The AUC of the coalition of nobody."""
_SPREAD = 0.03
"""Directions in which an owner's columns vary by less, against the widest, are left out: they are noise."""
Reals = npt.NDArray[np.float64]


class Coalitions(Declared):
    """`columns`: how many each owner brings; the last owner has the label, and maybe none. The first `train` rows
    train. Where fewer than `smallest` positives or negatives judge, all results are zero."""

    program: Literal["coalitions"] = "coalitions"
    rule: PayoutRule
    columns: Annotated[
        tuple[Annotated[int, Field(strict=True, ge=0, le=64)], ...], Field(min_length=2, max_length=MAX_OWNERS)
    ]
    train: Annotated[int, Field(strict=True, ge=2, le=2**20)]
    smallest: Annotated[int, Field(strict=True, ge=2, le=2**20)]

    @model_validator(mode="after")
    def _brought(self) -> Coalitions:
        if not all(self.columns[:-1]):
            raise ValueError("each owner but the label's holder brings columns")
        if self.rule == "shapley" and len(self.players) > MAX_SHAPLEY:
            raise ValueError(f"shapley takes {MAX_SHAPLEY} owners at the most")
        return self

    @property
    def players(self) -> tuple[int, ...]:
        """The owners that bring columns."""
        return tuple(owner for owner, columns in enumerate(self.columns) if columns)

    @property
    def coalitions(self) -> tuple[frozenset[int], ...]:
        """Those of the results, in their order: of somebody."""
        return measured(self.rule, self.players)

    @property
    def masks(self) -> npt.NDArray[np.int64]:
        """(coalitions, columns): 1 where a column's owner is of the coalition."""
        owners = np.repeat(np.arange(len(self.columns)), self.columns)
        return np.array([[int(owner in one) for owner in owners] for one in self.coalitions])

    def bring(self, values: Reals, labels: Sequence[int] | None = None) -> Integers:
        """An owner's columns (rows, columns), none missing, as it brings them: centred, uncorrelated and of one width
        on the rows that train, cut at ±4. The label's holder gives its `labels`, too. DataError for what is no
        number."""
        if not np.isfinite(values).all():
            raise DataError("a value is missing or not a number", expected="numbers, filled in before")
        codes = np.rint(STEP * np.clip(_whitened(values, self.train), -CLIP, CLIP)).astype(np.int64)
        return codes if labels is None else np.column_stack([codes, np.asarray(labels, dtype=np.int64)])

    def roles(self, parties: int) -> tuple[str, ...]:
        if parties != len(self.columns):
            raise wrong_number(self, f"{len(self.columns)} that bring columns or the label", parties)
        return (*("columns",) * (parties - 1), "label")

    def shapes(self, parties: int, size: Size) -> tuple[Shape, ...]:
        self.roles(parties)
        return (*((size.rows, columns) for columns in self.columns[:-1]), (size.rows, self.columns[-1] + 1))

    def output_shape(self, size: Size) -> Shape:
        """An AUC a coalition, in millionths."""
        return (len(self.coalitions),)

    def magnitudes(self, parties: int, size: Size) -> Magnitudes:
        """In units of 2^-18, squares of 2^-36: sums over rows of squares within ±4."""
        self.roles(parties)
        if self.train >= size.rows:
            raise PlanError("rows to train on and rows to judge", expected=f"fewer than {size.rows}", found=self.train)
        return Magnitudes(INT64, CLIP**2 * size.rows << 36, max(size.rows, 2**31))

    def inspect(self, role: str, size: Size, array: Integers) -> None:
        values = array[:, :-1] if role == "label" else array
        if (np.abs(values) > STEP * CLIP).any():
            raise DataError("a value out of bounds", expected=f"within ±{STEP * CLIP}, as `bring` prepares it")
        if role == "label" and not np.isin(array[:, -1], (0, 1)).all():
            raise DataError("a label is neither 0 nor 1", expected="0 or 1 in the last column")

    def compute(self, brought: Sequence[Integers]) -> Integers:
        *columns, last = [np.asarray(array, dtype=np.float64) for array in brought]
        values, labels = np.hstack([*columns, last[:, :-1]]) / STEP, last[:, -1]
        train, judge = slice(None, self.train), labels[self.train :]
        if min(judge.sum(), (1 - judge).sum()) < self.smallest:
            return np.zeros(len(self.coalitions), dtype=object)
        gram = values[train].T @ values[train] / self.train + RIDGE * np.eye(values.shape[1])
        target = values[train].T @ (labels[train] - labels[train].mean()) / self.train
        metrics = []
        for mask in self.masks.astype(bool):
            weights = np.linalg.solve(gram[np.ix_(mask, mask)], target[mask])
            metrics.append(round(METRIC_UNIT * auc(values[self.train :, mask] @ weights, judge)))
        return np.array(metrics, dtype=object)

    def read(self, result: Integers) -> dict[str, JsonValue]:
        """As `contribution/1` records it; the coalition of nobody is there where the rule needs it."""
        return dict(Contribution.of("auc", dict(self.table(result))).to_json())

    def table(self, result: Integers) -> list[tuple[frozenset[int], int]]:
        """What `models.contribution` divides a pot by."""
        return [*table_of(self.rule, self.players, map(int, result)).items()]


def measured(rule: PayoutRule, players: Iterable[int]) -> tuple[frozenset[int], ...]:
    """The coalitions of somebody that a rule needs, in the order of their results."""
    return tuple(one for one in coalitions_of(rule, players) if one)


def table_of(rule: PayoutRule, players: Sequence[int], metrics: Iterable[int]) -> dict[frozenset[int], int]:
    """Each coalition's metric, of nobody too where the rule needs it."""
    empty = {one: KNOWS_NOTHING for one in coalitions_of(rule, players) if not one}
    return empty | dict(zip(measured(rule, players), metrics, strict=True))


def auc(scores: Reals, labels: Reals) -> float:
    """How often a positive scores higher than a negative, equal ones counting half. Each is there."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    positives, negatives = labels.sum(), (1 - labels).sum()
    return float((ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _whitened(values: Reals, train: int) -> Reals:
    """The same columns turned and scaled so that on the first `train` rows their mean is 0 and their products 1 and 0;
    the last ones are zeros where columns follow from others."""
    centred = values - values[:train].mean(axis=0)
    width = centred[:train].std(axis=0)
    centred = centred / np.where(width > 0, width, 1)
    _, spread, directions = np.linalg.svd(centred[:train] / np.sqrt(train), full_matrices=False)
    wide = spread > max(_SPREAD * spread.max(initial=0), 1e-9)
    turned: Reals = np.zeros(values.shape)
    turned[:, : wide.sum()] = centred @ (directions[wide].T / spread[wide])
    return turned
