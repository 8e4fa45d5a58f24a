"""The program `scorecard-score`: rows scored by points that stay shares, and no more told of a score than was agreed.

Exact: cells are 0 or 1, points are whole numbers, and so is their sum; cut-offs are compared inside.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from placet.core.values import Value
from placet.models.binning import MAX_BINS, Codes
from placet.models.scorecard import Points

MAX_EDGES = 63
MAX_COLUMNS = 512
Output = Literal["score", "band", "decision"]


class ScorecardScore(Value):
    """`bins` has one number a column, in the order of the points: each has so many bins, and two cells more for other
    values and missing ones. `edges`, ascending: a score is in the band of as many as it reaches; a decision is yes from
    the one edge on."""

    program: Literal["scorecard-score"] = "scorecard-score"
    bins: Annotated[
        tuple[Annotated[int, Field(strict=True, ge=2, le=MAX_BINS)], ...], Field(min_length=1, max_length=MAX_COLUMNS)
    ]
    output: Output
    edges: Annotated[tuple[Points, ...], Field(max_length=MAX_EDGES)] = ()

    @model_validator(mode="after")
    def _cut(self) -> ScorecardScore:
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges ascend")
        wrong = {"score": bool(self.edges), "band": not self.edges, "decision": len(self.edges) != 1}
        if wrong[self.output]:
            raise ValueError("no edges for a score, one for a decision, one or more for bands")
        return self

    @property
    def cells(self) -> int:
        """Of all columns."""
        return sum(bins + 2 for bins in self.bins)

    def reference(self, cells: Codes, points: Codes) -> Codes:
        """The result in the clear: of 0 and 1 (rows, cells), and the base with each cell's points behind it."""
        score = points[0] + cells @ points[1:]
        if self.output == "score":
            return np.asarray(score, dtype=np.int64)
        return np.asarray((score[:, None] >= np.array(self.edges)[None, :]).sum(axis=1), dtype=np.int64)
