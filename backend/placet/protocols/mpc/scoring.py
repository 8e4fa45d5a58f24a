"""The program `scorecard-score`: rows scored by points that stay shares, and no more told of a score than was agreed.

Exact: cells are 0 or 1, points are whole numbers, and so is their sum; cut-offs are compared inside. The last rows are
no applicants but the model's probes (`models.probes`), whose scores have to come out as they were kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from placet.core.values import Value
from placet.models.binning import MAX_BINS, Codes
from placet.models.probes import probe_cells
from placet.models.scorecard import Points, Reasons

MAX_EDGES = 63
MAX_COLUMNS = 512
Output = Literal["score", "band", "decision"]


def _none(value: object) -> bool:
    return not value


class ScorecardScore(Value):
    """`bins` has one number a column, in the order of the points: each has so many bins, and two cells more for other
    values and missing ones. `edges`, ascending: a score is in the band of as many as it reaches; a decision is yes from
    the one edge on, and a yes has no reasons."""

    program: Literal["scorecard-score"] = "scorecard-score"
    bins: Annotated[
        tuple[Annotated[int, Field(strict=True, ge=2, le=MAX_BINS)], ...], Field(min_length=1, max_length=MAX_COLUMNS)
    ]
    output: Output
    edges: Annotated[tuple[Points, ...], Field(max_length=MAX_EDGES)] = ()
    reasons: Annotated[Reasons | None, Field(exclude_if=_none)] = None

    @model_validator(mode="after")
    def _cut(self) -> ScorecardScore:
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges ascend")
        wrong = {"score": bool(self.edges), "band": not self.edges, "decision": len(self.edges) != 1}
        if wrong[self.output]:
            raise ValueError("no edges for a score, one for a decision, one or more for bands")
        if self.reasons is not None and self.output == "band":
            raise ValueError("reasons go with a score or a decision")
        return self

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Cells of each column."""
        return tuple(bins + 2 for bins in self.bins)

    @property
    def cells(self) -> int:
        """Of all columns."""
        return sum(self.widths)

    @property
    def probes(self) -> int:
        """Rows behind the applicants'."""
        return max(self.widths)

    @property
    def kept(self) -> tuple[int]:
        """The shape of what is kept of a model: its base, each cell's points, each probe's score."""
        return (kept_numbers(self.widths),)

    def shape(self, rows: int) -> tuple[int, ...]:
        """Of the result: a number a row, and the reasons behind it: columns by their number from 1 on, 0 for none."""
        return (rows,) if self.reasons is None else (rows, 1 + self.reasons.most)

    def reference(self, cells: Codes, points: Codes) -> Codes:
        """The result in the clear: of 0 and 1 (rows, cells), and the base with each cell's points behind it."""
        score = points[0] + cells @ points[1:]
        value = score
        if self.output != "score":
            value = (score[:, None] >= np.array(self.edges)[None, :]).sum(axis=1)
        if self.reasons is None:
            return np.asarray(value, dtype=np.int64)
        ends = np.cumsum(self.widths)[:-1]
        own = np.stack([part.sum(axis=1) for part in np.split(cells * points[1:], ends, axis=1)], axis=1)
        best = np.array([part.max() for part in np.split(points[1:], ends)])
        lost = (best if self.reasons.against == "best" else 0) - own
        if self.output == "decision":
            lost = lost * (1 - value)[:, None]
        codes = np.zeros((len(cells), self.reasons.most), dtype=np.int64)
        order = np.argsort(-lost, axis=1, kind="stable")[:, : self.reasons.most]
        codes[:, : order.shape[1]] = np.where(np.take_along_axis(lost, order, axis=1) > 0, order + 1, 0)
        return np.concatenate([value[:, None], codes], axis=1)


def kept_numbers(widths: Sequence[int]) -> int:
    """How many numbers are kept of a scorecard whose columns have so many cells."""
    return 1 + sum(widths) + max(widths)


def kept_of(base: int, points: Codes, widths: Sequence[int]) -> Codes:
    """What is kept, in the clear."""
    return np.concatenate([[base], points, base + probe_cells(widths) @ points])
