"""The program `scorecard-train`: a scorecard fitted, and judged on rows it has not seen, wholly on shares.

Unlike the programs of `programs` it computes with real numbers, in fixed point: points may be off by one from those of
`models.scorecard_fit`, which is its reference. What counts people is exact.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist, fmean
from typing import Annotated, Literal, cast

import numpy as np
from pydantic import Field, JsonValue

from placet.core.errors import PlanError
from placet.models.binning import Codes
from placet.models.choices import Permutations, Scale
from placet.models.contribution import PayoutRule
from placet.models.permuting import AREA_UNIT, TRIES, judged_rows, moved, turns
from placet.models.scorecard_fit import FitColumn, Fitted, fit
from placet.protocols.mpc.cells import CellsProgram
from placet.protocols.mpc.coalitions import auc, measured
from placet.protocols.mpc.numbers import INT64, Integers, Magnitudes
from placet.protocols.mpc.program import Shape, Size

BANDS = 64
"""By which scores are counted on the rows that validate and test."""
TABLE = 2 * BANDS + 2
"""Numbers of a table: running totals of positives and negatives, then twice the AUC's pairs, and the KS distance times
positives and negatives."""
_ALL, _POSITIVE = NormalDist(), NormalDist(1.5, 1.5)
"""Logits in their standard deviations: about how those of all people lie, and of those with label 1."""
IV_UNIT = 10_000


class ScorecardTrain(CellsProgram):
    """`l2`, in thousandths, is the penalty on a squared coefficient by a row's mean loss."""

    program: Literal["scorecard-train"] = "scorecard-train"
    smallest: Annotated[int, Field(strict=True, ge=2, le=2**20)]
    scale: Scale
    steps: Annotated[int, Field(strict=True, ge=1, le=30)]
    l2: Annotated[int, Field(strict=True, ge=1, le=1_000)]
    keeps: Annotated[bool, Field(strict=True, exclude_if=lambda value: not value)] = False
    """Base, points and probes' scores stay with who computes, as a second array (`scoring.kept_of`); nothing of them is
    in the first one, nor the information values."""
    payout_rule: Annotated[PayoutRule | None, Field(exclude_if=lambda value: value is None)] = None
    """By which the last array has AUCs of coalitions (`card_coalitions`); without it there is none."""
    permutations: Annotated[Permutations | None, Field(exclude_if=lambda value: value is None)] = None
    """How often each column's values are moved to other rows, to see what it is worth (`models.permuting`)."""

    @property
    def players(self) -> tuple[int, ...]:
        """Owners that bring columns."""
        return tuple(owner for owner in range(self.providers + 1) if self.of(owner))

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Ascending, of scores in their standard deviations: between bands that hold about as many of all people, or of
        those with label 1."""
        return QUANTILES if self.scale.higher else tuple(-one for one in reversed(QUANTILES))

    @property
    def coalitions(self) -> tuple[frozenset[int], ...]:
        """Of owners, in the order of their AUCs; none without a rule."""
        return () if self.payout_rule is None else measured(self.payout_rule, self.players)

    @property
    def judged(self) -> slice:
        """The rows on which permutations are judged."""
        return judged_rows(self.train, self.validation)

    def output_shape(self, size: Size) -> Shape:
        """[people, positives, base, points of each cell, IVs, edges of bands, a table of validation, one of test] and,
        with permutations, [the AUC, that of each column moved] in parts of `AREA_UNIT`."""
        permuted = 1 + len(self.columns) if self.permutations else 0
        return (3 + self.cells + len(self.columns) + BANDS - 1 + 2 * TABLE + permuted,)

    def magnitudes(self, parties: int, size: Size) -> Magnitudes:
        """In units of 2^-18, squares of 2^-36: sums over rows of squares within ±4."""
        self.shapes(parties, size)
        if not 1 <= self.train < size.rows or self.train + self.validation >= size.rows:
            raise PlanError(
                "rows to train on and rows to test on", expected=f"fewer than {size.rows}", found=self.train
            )
        return Magnitudes(INT64, 16 * size.rows << 36, max(size.rows, 2**31))

    def compute(self, brought: Sequence[Integers]) -> Integers:
        """What `models` gives in the clear, with rows by band as the protocol merges them."""
        return self._fitted(*self.put_together(brought))

    def _fitted(self, table: Codes, labels: Integers, present: Integers) -> Integers:
        rows = Size(len(labels))
        train, *others = [[place for place in part if present[place]] for part in self.rows(rows)]
        result = np.zeros(self.output_shape(rows), dtype=object)
        card = self.fitted(table[train], labels[train])
        if card is None:
            return result
        edges = self._edges(card, table[train])
        points = [number for column in card.points for number in column]
        head = [card.people, card.positives, card.base, *points, *(round(IV_UNIT * iv) for iv in card.iv), *edges]
        tables = [band_table(card.scores(table[part]), labels[part], edges, self.smallest) for part in others]
        permuted = self._permuted(card, table[self.judged], labels[self.judged], present[self.judged])
        result[:] = [*head, *tables[0], *tables[1], *permuted]
        return result

    def _permuted(self, card: Fitted, table: Codes, labels: Integers, present: Integers) -> list[int]:
        if not self.permutations:
            return []
        counts = present.astype(np.int64)
        lines = (labels * counts).sum(), ((1 - labels) * counts).sum()
        if min(lines) < self.smallest:
            return [0] * (1 + len(self.columns))
        own = np.stack([np.array(points)[table[:, place]] for place, points in enumerate(card.points)], axis=1)
        here, score = counts == 1, own.sum(axis=1)

        def area(scores: Codes) -> float:
            return auc(scores[here].astype(np.float64), labels[here].astype(np.float64))

        others = [moved(own, counts, steps) - own for steps in turns(len(labels), self.permutations, TRIES)]
        each = [fmean(area(score + one[:, place]) for one in others) for place in range(own.shape[1])]
        return [round(AREA_UNIT * one) for one in (area(score), *each)]

    def fitted(self, table: Codes, labels: Integers) -> Fitted | None:
        """The scorecard of these rows in the clear."""
        columns = [FitColumn(column.cells, column.monotone) for column in self.columns]
        return fit(
            table, labels, columns, scale=self.scale, smallest=self.smallest, steps=self.steps, l2=self.l2 / 1000
        )

    def _edges(self, card: Fitted, codes: Codes) -> list[int]:
        """Scores between bands, by mean and standard deviation of the train rows' logits."""
        logits = card.coefficients[-1] + sum(
            coefficient * woe[codes[:, place]]
            for place, (coefficient, woe) in enumerate(zip(card.coefficients, card.weights, strict=False))
        )
        middle = self.scale.offset + self.scale.factor * logits.mean()
        width = abs(self.scale.factor) * max(float(logits.std()), 0.01)
        return [int(np.floor(middle + width * quantile + 0.5)) for quantile in self.quantiles]

    def read(self, result: Integers) -> dict[str, JsonValue]:
        """`opened` as JSON."""
        return cast(dict[str, JsonValue], asdict(self.opened(result)))

    def opened(self, result: Integers) -> TrainedCard:
        """A result by its parts."""
        numbers = [int(number) for number in result]
        cells, columns = self.cells, len(self.columns)
        points, rest = numbers[3 : 3 + cells], numbers[3 + cells :]
        edges, tables = rest[columns : columns + BANDS - 1], rest[columns + BANDS - 1 :]
        by_column = [points[low:high] for low, high in itertools.pairwise(self.starts)]
        people, positives, base = numbers[:3]
        judged = [tables[:TABLE], tables[TABLE : 2 * TABLE]]
        return TrainedCard(people, positives, base, by_column, rest[:columns], edges, judged, tables[2 * TABLE :])


def _quantile(share: float) -> float:
    """Where so much of `_ALL` and `_POSITIVE`, of either half, is below."""
    low, high = -10.0, 10.0
    for _ in range(60):
        between = (low + high) / 2
        below = (_ALL.cdf(between) + _POSITIVE.cdf(between)) / 2 < share
        low, high = (between, high) if below else (low, between)
    return low


QUANTILES = tuple(_quantile(place / BANDS) for place in range(1, BANDS))
"""Ascending, of scores in their standard deviations, of which high ones speak for label 1: between bands that hold
about as many of all people, or of those with that label."""


def band_table(scores: Integers, labels: Integers, edges: Sequence[int], smallest: int) -> list[int]:
    """In the clear, scores and labels by bands between edges, as the `TABLE` numbers of `BANDS` are: running totals of
    positives and of negatives where bands stay apart, 0 elsewhere, pairs and distance; zeros of too few."""
    lines = [[int((scores[labels == label] < edge).sum()) for edge in edges] + [int((labels == label).sum())]
             for label in (1, 0)]  # fmt: skip
    positives, negatives = lines[0][-1], lines[1][-1]
    if min(positives, negatives) < smallest:
        return [0] * (2 * len(edges) + 4)
    kept, last = [], [0, 0]
    bands = len(edges) + 1
    for place in range(bands):
        here = [line[place] for line in lines]
        ahead = [line[-1] - line[place] for line in lines]
        stays = min(a - b for a, b in zip(here, last, strict=True)) >= smallest <= min(ahead)
        kept.append(int(stays or place == bands - 1))
        last = here if stays else last
    steps = [np.diff([0, *line]) for line in lines]
    pairs = int(sum(p * (2 * n - own) for p, n, own in zip(steps[0], lines[1], steps[1], strict=True)))
    distance = max(abs(p * negatives - n * positives) for p, n in zip(*lines, strict=True))
    return [*(count * k for line in lines for count, k in zip(line, kept, strict=True)), pairs, distance]


@dataclass(frozen=True)
class TrainedCard:
    """What comes out, by column; all of it 0 where too few have either label. `tables` of validation and test;
    `permuted`: the AUC and that of each column moved, 0 of too few; empty without permutations."""

    people: int
    positives: int
    base: int
    points: list[list[int]]
    iv: list[int]
    edges: list[int]
    tables: list[list[int]]
    permuted: list[int]
