"""The program `linear-train`: a linear model of prepared columns fitted, and judged on rows it has not seen, wholly on
shares; and what of the columns says beforehand whether it is worth it: how they correlate, and their VIF.

Columns come prepared by their owners (`models.preparing`), as whole numbers, so that sums of products are exact; the
fit itself is fixed point, and `models.regression` its reference. Rows stand at the same places at all parties: first
those that train, then those that validate, then those that test. What each party brings is `design`'s.

No number is told of fewer people than the smallest group: an indicator that so few have, or lack, is 0 for everybody
there, and so is a column of numbers which differ from their most frequent one in so few rows. Coefficients and
correlations are rounded to steps about as large as what one row of average values adds (`step_bits`), far below their
standard error, and sums of the label to the 4096th part of a row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, JsonValue, model_validator

from placet.core.errors import PlanError
from placet.models.choices import MAX_WIDTH
from placet.models.preparing import UNIT
from placet.models.regression import mean_of, regress
from placet.protocols.mpc.design import LABEL_UNIT, MAX_LABEL, DesignProgram, Whole
from placet.protocols.mpc.numbers import INT64, Integers, Magnitudes
from placet.protocols.mpc.program import Shape, Size
from placet.protocols.mpc.scorecard import BANDS, band_table
from placet.protocols.mpc.scoring import COEFFICIENT_BITS, kept_of

FEW_BANDS = 32
NORMAL = tuple(NormalDist().inv_cdf(place / BANDS) for place in range(1, BANDS))
SUMS = 4
"""Numbers of a part's sums: people, the label, what goes with it, and the loss."""
SUM_BITS = 12
VIF_UNIT, MAX_VIF, VIF_RIDGE = 10, 100, 0.001


class LinearTrain(DesignProgram):
    """`l2`, in thousandths, is the penalty on half a squared coefficient by a row's mean loss. `statistics`: none,
    besides the model, or instead of it."""

    program: Literal["linear-train"] = "linear-train"
    smallest: Annotated[int, Field(strict=True, ge=2, le=2**20)]
    steps: Annotated[int, Field(strict=True, ge=1, le=30)]
    l2: Annotated[int, Field(strict=True, ge=1, le=1_000)]
    keeps: Annotated[bool, Field(strict=True, exclude_if=lambda value: not value)] = False
    """Coefficients and what probes come to stay with who computes, as a second array (`kept`); neither they nor counts
    by prepared number are in the first one."""

    @model_validator(mode="after")
    def _narrow(self) -> LinearTrain:
        if self.wide > MAX_WIDTH:
            raise ValueError(f"at most {MAX_WIDTH} prepared numbers a row")
        if self.keeps and self.statistics != "none":
            raise ValueError("no statistics of a model that stays shared")
        return self

    @property
    def step_bits(self) -> int:
        """Coefficients and correlations are told in steps of 2 to the minus this: the smallest ones that are at least
        4 / rows that train, between 2^-11 and 1/16."""
        return min(COEFFICIENT_BITS, max(4, math.floor(math.log2(max(self.train, 1) / 4))))

    def kept(self, coefficients: Integers) -> Integers:
        """What stays of coefficients, intercept last, in the clear: of sums of prepared numbers, of which `UNIT` are 1,
        in steps of 2 to the minus `COEFFICIENT_BITS`."""
        fine = np.asarray(coefficients, dtype=np.int64) << (COEFFICIENT_BITS - self.step_bits)
        return kept_of(UNIT * int(fine[-1]), fine[:-1], self.widths, UNIT)

    @property
    def bands(self) -> int:
        """By which a logistic model's scores are counted: fewer where two compute, since comparisons are dear there."""
        return FEW_BANDS if self.providers == 1 else BANDS

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Of the normal distribution, between bands."""
        return NORMAL[BANDS // self.bands - 1 :: BANDS // self.bands]

    @property
    def judged(self) -> int:
        """Numbers by which a part of the split is judged."""
        return 0 if self.statistics == "only" else 2 * self.bands + 2 if self.family == "logistic" else SUMS

    def output_shape(self, size: Size) -> Shape:
        """[people, positives (0 of numbers), people of each prepared number] and, of a model, [coefficients, intercept,
        edges of bands if logistic, numbers of validation, of test], of statistics [correlations, row by row below the
        diagonal, VIF]."""
        wide = self.wide
        model = wide + 1 + (self.bands - 1) * (self.family == "logistic") + 2 * self.judged
        statistics = wide * (wide - 1) // 2 + wide
        return (2 + wide + (self.statistics != "only") * model + (self.statistics != "none") * statistics,)

    def magnitudes(self, parties: int, size: Size) -> Magnitudes:
        """Sums over rows of products of prepared numbers, of 18 fraction bits, with residuals of as many; a label that
        is a number is about 1 on average, whatever the largest is."""
        self.shapes(parties, size)
        if not 1 <= self.train <= size.rows or self.train + self.validation > size.rows:
            raise PlanError("rows to train on", expected=f"1 to {size.rows}", found=self.train)
        return Magnitudes(INT64, 4 * UNIT * size.rows << 36, max(size.rows * MAX_LABEL**2 * LABEL_UNIT, 2**31))

    def compute(self, brought: Sequence[Integers]) -> Integers:
        """What `models` gives in the clear."""
        whole = self.put_together(brought)
        result = np.zeros(self.output_shape(Size(len(whole.present))), dtype=object)
        train = np.flatnonzero(whole.present[: self.train])
        people, counts = len(train), whole.flags[train].sum(axis=0)
        mask = self._kept(counts, people)
        if not self._enough(whole, train):
            return result
        design = np.concatenate([whole.prepared * mask, np.full((len(whole.present), 1), UNIT)], axis=1)
        positives = int(whole.labels[train, 0].sum()) if self.family == "logistic" and self.labels else 0
        numbers = [people, positives, *(int(count) for count in counts * mask)]
        if self.statistics != "only":
            numbers += self._model(whole, train, design)
        if self.statistics != "none":
            numbers += self._statistics(design[train, :-1] / UNIT, mask)
        result[:] = numbers
        if self.keeps:
            result[2 : 3 + 2 * self.wide] = 0
        return result

    def _kept(self, counts: Integers, people: int) -> Integers:
        few = np.where(self.numbers, counts, np.minimum(counts, people - counts)) < self.smallest
        return (~few).astype(np.int64)

    def _enough(self, whole: Whole, train: Integers) -> bool:
        if len(train) < max(2 * self.smallest, self.wide + 1):
            return False
        if not self.labels:
            return True
        unusual = int(whole.labels[train, -1].sum())
        return unusual >= self.smallest and (self.family != "logistic" or len(train) - unusual >= self.smallest)

    def _model(self, whole: Whole, train: Integers, design: Integers) -> list[int]:
        labels = whole.labels[:, 0] / (1 if self.family == "logistic" else LABEL_UNIT)
        fitted = regress(design[train] / UNIT, labels[train], self.family, steps=self.steps, l2=self.l2 / 1000)
        coefficients = np.floor(fitted * 2**self.step_bits + 0.5).astype(np.int64)
        scores = design @ coefficients
        parts = [[place for place in part if whole.present[place]] for part in self.rows(Size(len(labels)))[1:]]
        numbers = [int(one) for one in coefficients]
        if self.family != "logistic":
            predictors = scores / (UNIT << self.step_bits)
            sums = [self.sums(whole.labels[part], predictors[part], self.sum_bits(size))
                    for part, size in zip(parts, self._sizes(len(labels)), strict=True)]  # fmt: skip
            return [*numbers, *sums[0], *sums[1]]
        middle, width = (
            (scores[train] / UNIT).mean(),
            max(float((scores[train] / UNIT).std()), 0.01 * 2**self.step_bits),
        )
        edges = [int(np.floor(middle + width * quantile + 0.5)) for quantile in self.quantiles]
        fine = [UNIT * edge for edge in edges]
        tables = [band_table(scores[part], whole.labels[part, 0], fine, self.smallest) for part in parts]
        return [*numbers, *edges, *tables[0], *tables[1]]

    def _sizes(self, rows: int) -> tuple[int, int]:
        return self.validation, rows - self.train - self.validation

    def sum_bits(self, rows: int) -> int:
        """A part's sums are told in units of 2 to this, so in no more than 2^-12 of a row."""
        return max(rows - 1, 1).bit_length() - SUM_BITS

    def sums(self, labels: Integers, predictors: npt.NDArray[np.float64], bits: int) -> list[int]:
        """[people, sum of labels, of what goes with them, of the loss]; zeros of too few."""
        if len(labels) < self.smallest or int(labels[:, 2].sum()) < self.smallest:
            return [0] * SUMS
        label, beside = labels[:, 0] / LABEL_UNIT, labels[:, 1] / LABEL_UNIT
        expected = mean_of(self.family, predictors)
        loss = (label - expected) ** 2
        if self.family == "poisson":
            loss = beside - label * np.log(expected) - label + expected
        return [len(labels), *(int(np.floor(float(one.sum()) * 2.0**-bits + 0.5)) for one in (label, beside, loss))]

    def _statistics(self, design: npt.NDArray[np.float64], mask: Integers) -> list[int]:
        centred = design - design.mean(axis=0)
        norms = np.sqrt(np.maximum((centred**2).mean(axis=0), 1e-5))
        wide = self.wide
        correlated = (centred / norms).T @ (centred / norms) / len(design)
        correlated = np.where(np.eye(wide, dtype=bool), 1.0, correlated)
        whole = np.floor(correlated * 2**self.step_bits + 0.5).astype(np.int64)
        inflated = np.diag(np.linalg.inv(correlated + VIF_RIDGE * np.eye(wide)))
        factors = np.floor(np.clip(inflated, 1, MAX_VIF) * VIF_UNIT + 0.5).astype(np.int64) * mask
        return [*(int(whole[i, j]) for i in range(wide) for j in range(i)), *(int(one) for one in factors)]

    def read(self, result: Integers) -> dict[str, JsonValue]:
        """Its numbers, as text."""
        return {"numbers": [str(int(number)) for number in result]}

    def opened(self, result: Integers) -> TrainedLine:
        """A result by its parts."""
        numbers = [int(number) for number in result]

        def take(count: int) -> list[int]:
            taken = numbers[:count]
            del numbers[:count]
            return taken

        wide, people, positives = self.wide, *take(2)
        counts = take(wide)
        model = self.statistics != "only"
        coefficients = take(wide + 1) if model else []
        edges = take(self.bands - 1) if model and self.family == "logistic" else []
        parts = [take(self.judged), take(self.judged)] if model else []
        correlations = take(wide * (wide - 1) // 2) if self.statistics != "none" else []
        return TrainedLine(people, positives, counts, coefficients, edges, parts, correlations, take(len(numbers)))


@dataclass(frozen=True)
class TrainedLine:
    """What comes out, by prepared number; all of it 0 where there are too few. `parts`: of validation and test, a
    table by bands of the predictor as a scorecard has it, or sums. `edges` and `coefficients`, intercept last, count
    2^-`step_bits`, as `correlations` do, row by row below the diagonal; `vif` counts tenths, 0 of what is not told."""

    people: int
    positives: int
    counts: list[int]
    coefficients: list[int]
    edges: list[int]
    parts: list[list[int]]
    correlations: list[int]
    vif: list[int]
