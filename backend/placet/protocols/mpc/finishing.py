"""The program `trees-finish`: how well margins that stay shares tell labels, by bands of which none is too small; and
all trees together, for who gets them or for who keeps them.

Edges follow from the margins that trained, by their mean and standard deviation, so they come out beside the tables.
Scores are whole thousandths of log-odds. Which row's margin that is, and what the row's label is, stays shares.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from placet.core.errors import InputError
from placet.core.values import Value
from placet.models.choices import MAX_TREES
from placet.models.trees import Marks
from placet.protocols.mpc.growing import OpenedTree, TreeGrow
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.program import Shape
from placet.protocols.mpc.scorecard import BANDS, QUANTILES, TABLE, band_table
from placet.protocols.mpc.scoring import TreesScore

SCORE_UNIT = 1_000
"""A margin of 1, as a score."""
MIN_WIDTH = 0.01
"""Of the margins' standard deviation."""
LABELS, CUTS, NUMBERS, BASE = "labels", "cuts", "numbers", "base"
"""Inputs; of each tree `cuts-N` and `numbers-N`; of trees that are kept the margin before any (1,), in units."""


class TreesFinish(Value):
    """Of `trees` that grew by `grow`. What comes out: edges, a table of validation, one of test, and of each tree its
    words and its numbers; or, of trees that are kept, only tables, and then what stays with who computes (`kept`).
    Where only rows of all providers count, behind the tables how many of training there are and how many of these are
    positive: 0 and 0 of too few of either label."""

    program: Literal["trees-finish"] = "trees-finish"
    grow: TreeGrow
    trees: Annotated[int, Field(strict=True, ge=1, le=MAX_TREES)]

    @property
    def judged(self) -> int:
        """Numbers that say how good the margins are."""
        return BANDS - 1 + 2 * TABLE + (2 if self.grow.join == "all" else 0)

    @property
    def size(self) -> int:
        """Of what is opened."""
        words, numbers = self.grow.tree_shapes()
        return self.judged + (0 if self.grow.keeps else self.trees * (math.prod(words) + numbers[0]))

    @property
    def kept(self) -> Shape:
        """Of what stays: the model as it scores, and what probes come to."""
        bins = tuple(column.bins for column in self.grow.columns)
        return TreesScore(bins=bins, trees=self.trees, depth=self.grow.depth, output="score").kept

    def reference(self, margins: npt.NDArray[np.float64], labels: Integers, present: Marks) -> Integers:
        """In the clear; `present` are the rows that count."""
        train, smallest = self.grow.train, self.grow.smallest
        own = margins[:train][present[:train]]
        middle, width = own.mean(), max(float(own.std()), MIN_WIDTH)
        edges = [int(np.floor(SCORE_UNIT * (middle + width * quantile) + 0.5)) for quantile in QUANTILES]
        scores = np.floor(SCORE_UNIT * margins + 0.5).astype(np.int64)
        ends = (train, train + self.grow.validation, len(labels))
        parts = [np.arange(low, high)[present[low:high]] for low, high in itertools.pairwise(ends)]
        tables = [band_table(scores[part], labels[part], edges, smallest) for part in parts]
        people, positives = len(own), int(labels[:train][present[:train]].sum())
        fitted = [people, positives] if min(positives, people - positives) >= smallest else [0, 0]
        return np.array([*edges, *tables[0], *tables[1], *(fitted if self.grow.join == "all" else ())], dtype=object)

    def opened_trees(self, result: Integers) -> list[OpenedTree]:
        """None of trees that are kept."""
        words, numbers = self.grow.tree_shapes()
        size = math.prod(words)
        lines = result[self.judged :].reshape(-1, size + numbers[0])
        return [OpenedTree(line[:size].reshape(words), line[size:]) for line in lines]

    def opened(self, result: Integers, rows: int) -> JudgedMargins:
        """How good the margins are. InputError for numbers that no honest parties reach: a forged share gives random
        ones."""
        numbers = [int(number) for number in result[: self.judged]]
        edges, rest = numbers[: BANDS - 1], numbers[BANDS - 1 :]
        tables, fitted = (tuple(rest[:TABLE]), tuple(rest[TABLE : 2 * TABLE])), tuple(rest[2 * TABLE :])
        sizes, smallest = (self.grow.validation, rows - self.grow.train - self.grow.validation), self.grow.smallest
        fits = edges == sorted(edges)
        fits = fits and all(_reached(table, size, smallest) for table, size in zip(tables, sizes, strict=True))
        if fitted:
            people, positives = fitted
            fits = fits and (not any(fitted) or min(positives, people - positives) >= smallest)
            fits = fits and people <= self.grow.train
        if not fits:
            raise InputError("the shares are of no bands", expected="counts that rows can make")
        return JudgedMargins(tuple(edges), tables, fitted)


@dataclass(frozen=True)
class JudgedMargins:
    """Ascending edges; `TABLE` numbers of validation, and of test; where only rows of all providers count, how many
    trained and how many of these are positive, else nothing."""

    edges: tuple[int, ...]
    tables: tuple[tuple[int, ...], tuple[int, ...]]
    fitted: tuple[int, ...]


def _reached(table: Sequence[int], rows: int, smallest: int) -> bool:
    lines = [[count for count in line if count] for line in (table[:BANDS], table[BANDS : 2 * BANDS])]
    steps = [right - left for line in lines for left, right in zip([0, *line], line, strict=False)]
    pairs = 2 * lines[0][-1] * lines[1][-1] if all(lines) else 0
    fits = len(lines[0]) == len(lines[1]) and all(step >= smallest for step in steps)
    fits = fits and sum(line[-1] for line in lines if line) <= rows
    return fits and 0 <= table[-2] <= pairs and 0 <= 2 * table[-1] <= pairs
