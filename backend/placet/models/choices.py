"""What plans say of models: how large they may be, and what is chosen of how they are made.

Nothing is computed here: whoever reads a plan does not need numpy, nor does a node that starts.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from placet.core.values import Value

MAX_BINS = 64
MAX_CATEGORY = 4096
"""Characters of a category, as the vault takes texts."""
MAX_WIDTH = 256
"""Prepared numbers of a row, of all columns together."""
MAX_TREES, MAX_DEPTH = 100, 6
MAX_COLUMNS = 64
"""Of trees, and of a model that is brought to few labels."""
MAX_HIDDEN, MAX_UNITS = 3, 64
"""Layers of a network between the first and the last, and numbers of each."""
MAX_REASONS = 4
"""More than four don't help an applicant (Regulation B, official interpretation of § 1002.9(b)(2))."""
MAX_MEASURED = 256
"""Columns times permutations."""
PERMUTED_EDGES = 31
"""Between the bands by which scores are counted on shares."""

Bins = Annotated[int, Field(strict=True, ge=2, le=MAX_BINS)]
Levels = Annotated[int, Field(strict=True, ge=2, le=MAX_BINS)]
Permutations = Annotated[int, Field(strict=True, ge=1, le=10)]
"""How often each column's values are moved."""
Missing = Literal["own", "usual"]
"""What is missing has an indicator of its own beside the usual value, or is the usual value: a number's mean, the most
frequent category."""
Family = Literal["logistic", "linear", "poisson"]
Statistics = Literal["none", "also", "only"]
"""Whether correlations and VIF come with a model, instead of it, or not."""


class Scale(Value):
    """How log odds become points."""

    base_score: Annotated[int, Field(strict=True, ge=-10_000, le=10_000)]
    pdo: Annotated[int, Field(strict=True, ge=1, le=1_000)]
    base_odds: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
    higher: Literal[0, 1]

    @property
    def factor(self) -> float:
        """Points of one unit of the log odds of label 1."""
        return (1 if self.higher else -1) * self.pdo / math.log(2)

    @property
    def offset(self) -> float:
        """The score at even odds."""
        return self.base_score - self.pdo * math.log2(self.base_odds)

    def probability(self, score: int) -> float:
        """Of label 1, at a score."""
        return 1 / (1 + math.exp(-max(-700.0, min(700.0, (score - self.offset) / self.factor))))


class Reasons(Value):
    """Why one does not score more: the columns, `most` at the most, in which a row loses most points: to the column's
    best cell, or to 0, which is what a cell has that speaks for neither label."""

    most: Annotated[int, Field(strict=True, ge=1, le=MAX_REASONS)]
    against: Literal["best", "neutral"] = "best"


def shapes(width: int, hidden: Sequence[int]) -> list[tuple[int, int]]:
    """(outputs, inputs) of each layer of a network."""
    sizes = (width, *hidden, 1)
    return [(after, before) for before, after in itertools.pairwise(sizes)]


def count(width: int, hidden: Sequence[int]) -> int:
    """A network's weights and biases."""
    return sum(after * (before + 1) for after, before in shapes(width, hidden))
