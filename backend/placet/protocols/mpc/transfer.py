"""The program `transfer-judge`: a source's model adapted to a target's rows, and all of them judged, on shares.

The source brings weights, the target all else: its rows as the model reads them, the same rotated for MAP
(`models.transfer.basis_of`), labels of those that train, and what a model of its own says of those that validate. Rows
that train come first, then positive ones that validate, then negative ones: how many there are of each is public, so
that labels which validate need no share. What comes out are sums over rows, rounded: means, spreads of differences, and
how often one row scores above another.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from placet.core.errors import InputError
from placet.core.values import Value
from placet.models.source import TreesShape
from placet.models.transfer import (
    ALONE,
    AREA_GAINS,
    GAINS,
    MAP,
    RECALIBRATED,
    SOURCE,
    Judged,
    Recalibration,
    WithError,
)
from placet.protocols.mpc.numbers import Integers

MAX_TRAIN, MAX_VALIDATION, MAX_PAIRS = 4_096, 4_096, 250_000
MAX_DESIGN = 512
"""Numbers of a row."""
FINE_BITS = 16
"""Log odds and rotated rows are brought in steps of 2 to the minus this."""
SCORE_BITS = 16
"""A sum of weights times numbers of a row is log odds in steps of 2 to the minus this."""
LOSS_BITS, SQUARE_BITS, FIT_BITS = 14, 14, 10
AREA_BITS, SPREAD_BITS = 14, 24
"""Of what is told: means of losses and of their squares, recalibration, AUC and its variance."""
MOST = 2**28
"""No figure is larger, as shares see to it: else a target that brings larger numbers than its rows make would read many
rows' scores out of one sum."""
ENLARGED = 3
"""Bits by which differences of losses are enlarged before they are squared."""
LOST = (SOURCE, RECALIBRATED, MAP, ALONE)
RANKED = (SOURCE, MAP, ALONE)
Count = Annotated[int, Field(strict=True, ge=2)]


def _none(value: object) -> bool:
    return value is None


class TransferJudge(Value):
    """`width` numbers of a row (of `trees` cells, 0 or 1) and `rank` directions of MAP; `train` rows, then `positives`
    and `negatives` that validate. The result is one line of whole numbers: see `opened`."""

    program: Literal["transfer-judge"] = "transfer-judge"
    width: Annotated[int, Field(strict=True, ge=1, le=MAX_DESIGN)]
    rank: Annotated[int, Field(strict=True, ge=1, le=MAX_DESIGN + 1)]
    train: Annotated[Count, Field(le=MAX_TRAIN)]
    positives: Annotated[Count, Field(le=MAX_VALIDATION)]
    negatives: Annotated[Count, Field(le=MAX_VALIDATION)]
    steps: Annotated[int, Field(strict=True, ge=1, le=60)]
    trees: Annotated[TreesShape | None, Field(exclude_if=_none)] = None

    @property
    def weights(self) -> int:
        """Numbers of the source's model."""
        return 1 + self.width if self.trees is None else self.trees.numbers(self.width)

    @property
    def validation(self) -> int:
        return self.positives + self.negatives

    @property
    def rows(self) -> int:
        return self.train + self.validation

    @property
    def spare(self) -> int:
        """A mean over rows that validate is told as one over 2 to this many: a constant 1/n has too few bits."""
        return (self.validation - 1).bit_length()

    @property
    def sum_shift(self) -> int:
        """Bits that are cut off a doubled count of pairs."""
        return max(0, _floor_bits(2 * self.positives * self.negatives) - AREA_BITS)

    @property
    def spread_shifts(self) -> tuple[int, int]:
        """The same of n times a sum of squares less the square of the sum, over positives and over negatives."""
        return tuple(  # type: ignore[return-value]
            max(0, _floor_bits(4 * other * other * own * own * (own - 1)) - SPREAD_BITS)
            for own, other in ((self.positives, self.negatives), (self.negatives, self.positives))
        )

    @property
    def outputs(self) -> int:
        return 2 + 2 * len(LOST) + 2 * len(GAINS) + len(RANKED) + 2 * (len(RANKED) + len(AREA_GAINS))

    def opened(self, result: Integers) -> tuple[Recalibration, Judged]:
        """What the line says: intercept and slope; of each model, and of each gain, the mean loss and the mean of its
        square; how many pairs each ranks right; and of these, and their gains, the spread over positives and over
        negatives. InputError for numbers that no rows make."""
        self._demand_reached(result)
        numbers = iter([int(one) for one in result])
        recalibration = Recalibration(*(next(numbers) / 2**FIT_BITS for _ in range(2)))
        loss = {name: self._mean(numbers, 0) for name in LOST}
        gains = {pair: self._mean(numbers, ENLARGED) for pair in GAINS}
        values = {name: self._area(next(numbers)) for name in RANKED}
        errors = [self._spread(next(numbers), next(numbers)) for _ in range(len(RANKED) + len(AREA_GAINS))]
        area = {name: WithError(values[name], error) for name, error in zip(RANKED, errors, strict=False)}
        turned = recalibration.slope <= 0
        area[RECALIBRATED] = WithError(1 - values[SOURCE] if turned else values[SOURCE], errors[0])
        area_gains = {
            (own, other): WithError(values[own] - values[other], error)
            for (own, other), error in zip(AREA_GAINS, errors[len(RANKED) :], strict=True)
        }
        return recalibration, Judged(loss, area, gains, area_gains)

    def _mean(self, numbers: Iterator[int], enlarged: int) -> WithError:
        factor = 2**self.spare / self.validation
        mean = next(numbers) * factor / 2**LOSS_BITS / 2**enlarged
        square = next(numbers) * factor / 2**SQUARE_BITS / 4**enlarged
        return WithError(mean, math.sqrt(max(square - mean * mean, 0.0) / self.validation))

    def _area(self, number: int) -> float:
        return number * 2.0**self.sum_shift / (2 * self.positives * self.negatives)

    def _spread(self, own: int, others: int) -> float:
        sides = (self.positives, self.negatives), (self.negatives, self.positives)
        variance = 0.0
        for number, shift, (of, against) in zip((own, others), self.spread_shifts, sides, strict=True):
            variance += number * 2.0**shift / (4 * against**2 * of**2 * (of - 1))
        return math.sqrt(max(variance, 0.0))

    def _demand_reached(self, result: Integers) -> None:
        """A share that was forged gives random numbers."""
        fits = result.shape == (self.outputs,) and bool((np.abs(result.astype(object)) < MOST).all())
        if fits:
            pairs = 2 * self.positives * self.negatives >> self.sum_shift
            first = 2 + 2 * len(LOST) + 2 * len(GAINS)
            fits = all(0 <= int(one) <= pairs for one in result[first : first + len(RANKED)])
            fits = fits and all(int(one) >= -1 for one in result[2 : 2 + 2 * len(LOST)])
        if not fits:
            raise InputError(
                "the shares are of no judged models", expected=f"{self.outputs} numbers that rows can make"
            )


def fine(values: Any) -> Integers:
    """As whole numbers of 2 to the minus `FINE_BITS`."""
    return np.asarray(np.rint(np.asarray(values) * 2**FINE_BITS), dtype=np.int64)


def _floor_bits(number: int) -> int:
    return number.bit_length() - 1
