"""The program `scorecard-train`: a scorecard fitted, and judged on rows it has not seen, wholly on shares.

Unlike the programs of `programs` it computes with real numbers, in fixed point: points may be off by one from those of
`models.scorecard_fit`, which is its reference. What counts people is exact.

Rows stand at the same places at all parties: first those that train, then those that validate, then those that test.
Each party that computes brings one array of 64-bit integers, a row a line: the cells of its own columns as 0 and 1, the
consumer its label behind them. Cells that follow from others are not brought: a column's first bin is where no other
cell is, and numbers are never in `other`. The cells of a party that does not compute come as two random-looking parts
that add up to them modulo 2^64, of which the first two providers bring one each, behind their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Annotated, Any, Literal, cast

import numpy as np
import numpy.typing as npt
from pydantic import Field, JsonValue, model_validator

from placet.core.errors import DataError, PlanError
from placet.core.values import Value
from placet.models.binning import Bins, Codes, Kind, one_hot
from placet.models.contribution import PayoutRule
from placet.models.scorecard import Scale
from placet.models.scorecard_fit import FitColumn, Fitted, Monotone, fit
from placet.protocols.mpc.coalitions import measured
from placet.protocols.mpc.numbers import INT64, Integers, Magnitudes
from placet.protocols.mpc.program import Declared, Shape, Size, wrong_number

BANDS = 64
"""By which scores are counted on the rows that validate and test."""
MAX_OWNERS = 8
TABLE = 2 * BANDS + 2
"""Numbers of a table: running totals of positives and negatives, then twice the AUC's pairs, and the KS distance times
positives and negatives."""
_ALL, _POSITIVE = NormalDist(), NormalDist(1.5, 1.5)
"""Logits in their standard deviations: about how those of all people lie, and of those with label 1."""
IV_UNIT = 10_000
Row = Annotated[int, Field(strict=True, ge=0, le=2**20)]


class CardColumn(Value):
    """A column of `owner`, by its number: providers in the plan's order from 0 on, then the consumer."""

    owner: Annotated[int, Field(strict=True, ge=0, lt=MAX_OWNERS)]
    kind: Kind
    bins: Bins
    monotone: Monotone | None = None

    @property
    def cells(self) -> int:
        return self.bins + 2

    @property
    def sent(self) -> tuple[int, ...]:
        """The cells that are brought."""
        return tuple(cell for cell in range(1, self.cells) if cell != self.bins or self.kind == "category")


class ScorecardTrain(Declared):
    """`providers` and the consumer have columns, or the consumer none. `train` and `validation` are numbers of rows,
    the rest tests. `l2`, in thousandths, is the penalty on a squared coefficient by a row's mean loss. `join`: all rows
    count, or those that all providers have."""

    program: Literal["scorecard-train"] = "scorecard-train"
    providers: Annotated[int, Field(strict=True, ge=1, lt=MAX_OWNERS)]
    columns: Annotated[tuple[CardColumn, ...], Field(min_length=1, max_length=512)]
    train: Row
    validation: Row
    join: Literal["all", "any"]
    smallest: Annotated[int, Field(strict=True, ge=2, le=2**20)]
    scale: Scale
    steps: Annotated[int, Field(strict=True, ge=1, le=30)]
    l2: Annotated[int, Field(strict=True, ge=1, le=1_000)]
    keeps: Annotated[bool, Field(strict=True, exclude_if=lambda value: not value)] = False
    """Base, points and probes' scores stay with who computes, as a second array (`scoring.kept_of`); nothing of them is
    in the first one, nor the information values."""
    payout_rule: Annotated[PayoutRule | None, Field(exclude_if=lambda value: value is None)] = None
    """By which the last array has AUCs of coalitions (`card_coalitions`); without it there is none."""

    @model_validator(mode="after")
    def _in_order(self) -> ScorecardTrain:
        owners = [column.owner for column in self.columns]
        if owners != sorted(owners) or max(owners) > self.providers:
            raise ValueError("columns by their owners' order")
        if not set(owners) >= set(range(self.providers)):
            raise ValueError("columns of each provider")
        return self

    @property
    def cells(self) -> int:
        """Of all columns."""
        return sum(column.cells for column in self.columns)

    @property
    def starts(self) -> tuple[int, ...]:
        """Where each column's cells begin among all, and where they end."""
        return tuple(itertools.accumulate((column.cells for column in self.columns), initial=0))

    def of(self, owner: int) -> tuple[CardColumn, ...]:
        """One owner's columns."""
        return tuple(column for column in self.columns if column.owner == owner)

    def brought(self, owner: int) -> int:
        """How many cells of one owner are brought."""
        return sum(len(column.sent) for column in self.of(owner))

    def width(self, owner: int) -> int:
        """Numbers a row that one owner's columns are brought in; the last says whether the provider has the row, where
        only rows of all providers count."""
        return self.brought(owner) + int(self.join == "all" and owner < self.providers)

    def bring(self, owner: int, codes: Codes, present: npt.NDArray[np.bool_]) -> Integers:
        """What the cells of an owner's rows (rows, own columns) come to, as (rows, `width`). Where a row is not
        `present`, its values are missing, or it does not count at all."""
        lines = []
        for place, column in enumerate(self.of(owner)):
            cells = one_hot(np.where(present, codes[:, place], column.cells - 1), column.cells)
            lines.append(cells[:, list(column.sent)] * (1 if self.join == "any" else present[:, None]))
        if self.join == "all" and owner < self.providers:
            lines.append(present[:, None].astype(np.int64))
        return np.concatenate(lines, axis=1) if lines else np.zeros((len(codes), 0), np.int64)

    @property
    def players(self) -> tuple[int, ...]:
        """Owners that bring columns."""
        return tuple(owner for owner in range(self.providers + 1) if self.of(owner))

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Ascending, of scores in their standard deviations: between bands that hold about as many of all people, or of
        those with label 1."""
        ascending = [_quantile(place / BANDS) for place in range(1, BANDS)]
        return tuple(ascending if self.scale.higher else [-one for one in reversed(ascending)])

    @property
    def coalitions(self) -> tuple[frozenset[int], ...]:
        """Of owners, in the order of their AUCs; none without a rule."""
        return () if self.payout_rule is None else measured(self.payout_rule, self.players)

    @property
    def shared(self) -> tuple[int, ...]:
        """Owners that do not compute."""
        return tuple(range(2, self.providers))

    def rows(self, size: Size) -> tuple[range, range, range]:
        """The places of rows that train, validate and test."""
        second = self.train + self.validation
        return range(self.train), range(self.train, second), range(second, size.rows)

    def roles(self, parties: int) -> tuple[str, ...]:
        expected = min(self.providers, 2) + 1
        if parties != expected:
            raise wrong_number(self, f"{expected} that compute", parties)
        return (*("first-provider", "second-provider")[: expected - 1], "consumer")

    def shapes(self, parties: int, size: Size) -> tuple[Shape, ...]:
        behind = sum(self.width(owner) for owner in self.shared)
        providers = [(size.rows, self.width(owner) + behind) for owner in range(len(self.roles(parties)) - 1)]
        return (*providers, (size.rows, self.width(self.providers) + 1))

    def output_shape(self, size: Size) -> Shape:
        """[people, positives, base, points of each cell, IVs, edges of bands, a table of validation, one of test]."""
        return (3 + self.cells + len(self.columns) + BANDS - 1 + 2 * TABLE,)

    def magnitudes(self, parties: int, size: Size) -> Magnitudes:
        """In units of 2^-18, squares of 2^-36: sums over rows of squares within ±4."""
        self.shapes(parties, size)
        if not 1 <= self.train < size.rows or self.train + self.validation >= size.rows:
            raise PlanError(
                "rows to train on and rows to test on", expected=f"fewer than {size.rows}", found=self.train
            )
        return Magnitudes(INT64, 16 * size.rows << 36, max(size.rows, 2**31))

    def inspect(self, role: str, size: Size, array: Integers) -> None:
        """Own cells alone: what others sent is random."""
        owner = {"first-provider": 0, "second-provider": 1}.get(role, self.providers)
        own = array[:, : self.width(owner)]
        if not np.isin(own, (0, 1)).all() or (role == "consumer" and not np.isin(array[:, -1], (0, 1)).all()):
            raise DataError("a cell or label that is neither 0 nor 1", expected="0 or 1")
        at = 0
        there = own[:, -1] if self.join == "all" and owner < self.providers else np.ones(len(own), np.int64)
        for column in self.of(owner):
            if (own[:, at : at + len(column.sent)].sum(axis=1) > there).any():
                raise DataError("a row is in two cells of a column", expected="one, or none where it is not there")
            at += len(column.sent)

    def compute(self, brought: Sequence[Integers]) -> Integers:
        """What `models` gives in the clear, with rows by band as the protocol merges them."""
        return self._fitted(*self.put_together(brought))

    def put_together(self, brought: Sequence[Integers]) -> tuple[Codes, Integers, Integers]:
        """In the clear: cells (rows, columns), labels, and 1 for each row that counts."""
        *providers, consumer = [np.asarray(array).astype(object) for array in brought]
        blocks = [array[:, : self.width(owner)] for owner, array in enumerate(providers)]
        starts = [self.width(owner) for owner in range(len(providers))]
        for owner in self.shared:
            whole = sum(array[:, low : low + self.width(owner)] for array, low in zip(providers, starts, strict=True))
            blocks.append((np.asarray(whole) + 2**63) % 2**64 - 2**63)
            starts = [low + self.width(owner) for low in starts]
        blocks.append(consumer[:, :-1])
        labels = consumer[:, -1].astype(np.int64)
        codes: list[Any] = []
        present = np.ones(len(labels), np.int64)
        for owner, block in enumerate(np.asarray(block).astype(np.int64) for block in blocks):
            if self.join == "all" and owner < self.providers:
                present *= block[:, -1]
            at = 0
            for column in self.of(owner):
                sent = block[:, at : at + len(column.sent)]
                codes.append((sent * np.array(column.sent, dtype=np.int64)).sum(axis=1, keepdims=True))
                at += len(column.sent)
        return np.concatenate(codes, axis=1).astype(np.int64), labels, present

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
        tables = [counted(card.scores(table[part]), labels[part], edges, self.smallest) for part in others]
        result[:] = [*head, *tables[0], *tables[1]]
        return result

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
        return TrainedCard(people, positives, base, by_column, rest[:columns], edges, [tables[:TABLE], tables[TABLE:]])


def _quantile(share: float) -> float:
    """Where so much of `_ALL` and `_POSITIVE`, of either half, is below."""
    low, high = -10.0, 10.0
    for _ in range(60):
        between = (low + high) / 2
        below = (_ALL.cdf(between) + _POSITIVE.cdf(between)) / 2 < share
        low, high = (between, high) if below else (low, between)
    return low


@dataclass(frozen=True)
class TrainedCard:
    """What comes out, by column; all of it 0 where too few have either label. `tables` of validation and test."""

    people: int
    positives: int
    base: int
    points: list[list[int]]
    iv: list[int]
    edges: list[int]
    tables: list[list[int]]


def counted(scores: Integers, labels: Integers, edges: Sequence[int], smallest: int) -> list[int]:
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
