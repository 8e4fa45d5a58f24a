"""Programs that score rows by a model that stays shares, and tell no more of a score than was agreed.

Of each kind of model there is one: `scorecard-score`, `linear-score` and `trees-score`. What they bring and what they
tell is alike. Owners bring what their columns come to, a block a column; the model is one array of whole numbers. All
is exact: a score is a sum of products of whole numbers, rounded once to the unit in which it is told; cut-offs are
compared inside. The last rows are no applicants but the model's probes (`models.probes`), whose numbers have to come
out as they were kept.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from placet.core.values import Value
from placet.models.binning import Codes
from placet.models.choices import MAX_BINS, MAX_TREES, MAX_WIDTH, Reasons
from placet.models.preparing import UNIT
from placet.models.probes import probe_cells
from placet.models.scorecard import Points
from placet.models.trees import UNIT_BITS, CompleteTree

MAX_EDGES = 63
MAX_COLUMNS = 512
COEFFICIENT_BITS = 11
"""Coefficients are kept in steps of 2 to the minus this."""
LINE_UNIT = 10_000
"""A predictor of 1, as a score."""
MARGIN_UNIT = 1_000
"""A margin of 1, as a score."""
Output = Literal["score", "band", "decision"]
Bins = Annotated[
    tuple[Annotated[int, Field(strict=True, ge=2, le=MAX_BINS)], ...], Field(min_length=1, max_length=MAX_COLUMNS)
]
"""Of each column in the model's order; it has two cells more, for other values and missing ones."""
Higher = Literal[0, 1]


def _none(value: object) -> bool:
    return not value


class ScoreProgram(Value):
    """`edges`, ascending: a score is in the band of as many as it reaches; a decision is yes from the one edge on, and
    a yes has no reasons."""

    program: str
    output: Output
    edges: Annotated[tuple[Points, ...], Field(max_length=MAX_EDGES)] = ()
    reasons: Annotated[Reasons | None, Field(exclude_if=_none)] = None
    unit: ClassVar[tuple[int, int]] = (1, 0)
    """A sum times the first number, over 2 to the second one, is a score."""
    higher: Higher = 1
    """The label for which a higher score speaks: 0 turns what the model says of label 1 round."""

    @model_validator(mode="after")
    def _cut(self) -> ScoreProgram:
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges ascend")
        wrong = {"score": bool(self.edges), "band": not self.edges, "decision": len(self.edges) != 1}
        if wrong[self.output]:
            raise ValueError("no edges for a score, one for a decision, one or more for bands")
        if self.reasons is not None and self.output == "band":
            raise ValueError("reasons go with a score or a decision")
        return self

    @property
    @abstractmethod
    def widths(self) -> tuple[int, ...]:
        """Numbers a row that each column is brought in."""

    @property
    @abstractmethod
    def numbers(self) -> int:
        """Of the model, the probes' apart."""

    @property
    def wide(self) -> int:
        """Numbers a row of all columns."""
        return sum(self.widths)

    @property
    def probes(self) -> int:
        """Rows behind the applicants'."""
        return max(self.widths)

    @property
    def examples(self) -> int:
        """Rows behind the probes, which say what each column can come to; none where the probes say it."""
        return 0

    @property
    def kept(self) -> tuple[int]:
        """The shape of what is kept of a model: its numbers, and behind them what each probe comes to."""
        return (self.numbers + self.probes,)

    @property
    def sign(self) -> int:
        return 1 if self.higher else -1

    @property
    def thresholds(self) -> tuple[int, ...]:
        """What a sum times the unit's first number is at least, to reach each edge."""
        bits = self.unit[1]
        return tuple((edge << bits) - self.half for edge in self.edges)

    @property
    def half(self) -> int:
        """For rounding to the nearest, upwards where two are."""
        return 1 << self.unit[1] >> 1

    def shape(self, rows: int) -> tuple[int, ...]:
        """Of the result: a number a row, and the reasons behind it: columns by their number from 1 on, 0 for none."""
        return (rows,) if self.reasons is None else (rows, 1 + self.reasons.most)

    def told(self, sums: Codes, own: Codes | None = None, best: Codes | None = None) -> Codes:
        """The result in the clear, of applicants' sums; with reasons also what each column adds to them (rows,
        columns), and at the most (columns,)."""
        scaled = self.sign * np.asarray(sums, dtype=np.int64) * self.unit[0]
        value = (scaled + self.half) >> self.unit[1]
        if self.output != "score":
            value = (scaled[:, None] >= np.array(self.thresholds)[None, :]).sum(axis=1)
        if self.reasons is None or own is None:
            return np.asarray(value, dtype=np.int64)
        lost = (0 if best is None else best) - self.sign * own
        if self.output == "decision":
            lost = lost * (1 - value)[:, None]
        codes = np.zeros((len(sums), self.reasons.most), dtype=np.int64)
        order = np.argsort(-lost, axis=1, kind="stable")[:, : self.reasons.most]
        codes[:, : order.shape[1]] = np.where(np.take_along_axis(lost, order, axis=1) > 0, order + 1, 0)
        return np.concatenate([value[:, None], codes], axis=1)


class WeightedScore(ScoreProgram):
    """A base, and a weight of each number that a column is brought in."""

    @property
    def numbers(self) -> int:
        return 1 + self.wide

    def reference(self, brought: Codes, model: Codes, examples: Codes | None = None) -> Codes:
        """The result in the clear: of (rows, all columns' numbers), the base with the weights behind it, and rows of
        what each column can come to, where the probes don't say it."""
        sums = model[0] + brought @ model[1:]
        if self.reasons is None:
            return self.told(sums)
        best = None
        if self.reasons.against == "best":
            best = (self.sign * self._by_column(self._extremes(examples), model)).max(axis=0)
        return self.told(sums, self._by_column(brought, model), best)

    def _extremes(self, examples: Codes | None) -> Codes:
        return probe_cells(self.widths) if examples is None else examples

    def _by_column(self, brought: Codes, model: Codes) -> Codes:
        ends = np.cumsum(self.widths)[:-1]
        each = [part.sum(axis=1) for part in np.split(brought * model[1:], ends, axis=1)]
        return np.stack(each, axis=1)


class ScorecardScore(WeightedScore):
    """Cells are 0 or 1, weights are points."""

    program: Literal["scorecard-score"] = "scorecard-score"
    bins: Bins

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Cells of each column."""
        return tuple(bins + 2 for bins in self.bins)


class LinearScore(WeightedScore):
    """Prepared numbers (`models.preparing`), of each column so many, and coefficients. `behind`: rows of what each
    column can come to, where reasons are held against the best."""

    program: Literal["linear-score"] = "linear-score"
    prepared: Annotated[
        tuple[Annotated[int, Field(strict=True, ge=1, le=MAX_WIDTH)], ...],
        Field(min_length=1, max_length=MAX_COLUMNS),
    ]
    behind: Annotated[int, Field(strict=True, ge=0, le=MAX_WIDTH, exclude_if=_none)] = 0
    unit: ClassVar[tuple[int, int]] = (LINE_UNIT, COEFFICIENT_BITS + UNIT.bit_length() - 1)

    @property
    def widths(self) -> tuple[int, ...]:
        return self.prepared

    @property
    def examples(self) -> int:
        return self.behind

    @model_validator(mode="after")
    def _extremes_are_there(self) -> LinearScore:
        best = self.reasons is not None and self.reasons.against == "best"
        if best is not (self.behind > 0) or sum(self.prepared) > MAX_WIDTH:
            raise ValueError("rows of what columns can come to, where reasons are held against the best")
        return self


class TreesScore(ScoreProgram, CompleteTree):
    """Cells are 0 or 1; of each tree a line of cells for each node, 1 where they go to `yes`, and a weight for each
    leaf. What a probe comes to is its margin and, for each node of all trees, its number, from 1 on, if it goes to
    `yes`: so each cell of each node is tried."""

    program: Literal["trees-score"] = "trees-score"
    bins: Bins
    trees: Annotated[int, Field(strict=True, ge=1, le=MAX_TREES)]
    unit: ClassVar[tuple[int, int]] = (MARGIN_UNIT, UNIT_BITS)

    @model_validator(mode="after")
    def _no_reasons(self) -> TreesScore:
        if self.reasons is not None:
            raise ValueError("no reasons: what a column adds to a sum of trees depends on the others")
        return self

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Cells of each column."""
        return tuple(bins + 2 for bins in self.bins)

    @property
    def numbers(self) -> int:
        """The base, cells of all nodes of all trees, weights of all leaves."""
        return 1 + self.trees * (self.nodes * self.wide + self.leaves)

    def reference(self, brought: Codes, model: Codes) -> Codes:
        """The result in the clear: of cells (rows, all columns' cells), and the model's numbers."""
        return self.told(self._walked(brought, model)[0])

    def kept_of(self, model: Codes) -> Codes:
        """What is kept of a model with such numbers, in the clear."""
        return np.concatenate([model, self._walked(probe_cells(self.widths), model)[1]])

    def _walked(self, brought: Codes, model: Codes) -> tuple[Codes, Codes]:
        """Each row's margin; and what a probe in its place comes to."""
        at = 1 + self.trees * self.nodes * self.wide
        yes, weights = model[1:at].reshape(self.trees, self.nodes, -1), model[at:].reshape(self.trees, -1)
        sides = np.einsum("rc,tnc->rtn", brought, yes)
        margins = np.full(len(brought), model[0], dtype=np.int64)
        for tree in range(self.trees):
            place = np.zeros(len(brought), dtype=np.int64)
            for _ in range(self.depth):
                place = 2 * place + 2 - sides[np.arange(len(brought)), tree, place]
            margins += weights[tree, place - self.nodes]
        return margins, margins + sides.reshape(len(brought), -1) @ np.arange(1, self.trees * self.nodes + 1)


def kept_numbers(widths: Sequence[int]) -> int:
    """How many numbers are kept of a base and weights, of columns that are brought in so many."""
    return 1 + sum(widths) + max(widths)


def kept_of(base: int, weights: Codes, widths: Sequence[int], unit: int = 1) -> Codes:
    """What is kept of them, in the clear; a cell that a probe is in counts `unit`."""
    return np.concatenate([[base], weights, base + unit * (probe_cells(widths) @ weights)])
