"""What trees may cut at: a party's candidates in an order of its own, and the best of them by sums over rows.

Whoever chooses sees *places*: first the candidate cuts of all columns of numbers, then for each column of categories
its cells, all in an order that the column's owner shuffles for each tree. For a cut he sees the sum of rows, gradients
and curvatures on its left side; for a cell the sum in it. A cut of numbers is "up to a bin", and once more with what is
missing if some rows lack the value. Cells of a category are put in the order of G/H, and the best prefix is taken:
since the gain is convex in both sums, that is the best of all sets of cells (as in Fisher, "On grouping for maximum
homogeneity", JASA 53, 1958), unless a side of it were too small.

The gain of a cut is that of Chen and Guestrin, "XGBoost: a scalable tree boosting system", KDD 2016, with λ = 1.

In a column that is to rise or fall no cut is taken whose sides weigh the other way round, and what is below a cut that
is taken weighs no more, or no less, than the mean of both (`Bounds`): the basic method of LightGBM's
`monotone_constraints`. What is missing has no order: it stands on either side of a cut, and beside all that is there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from placet.core.errors import ProtocolError
from placet.models.scorecard_fit import Monotone
from placet.models.trees import UNIT, Marks, TreeCut, Whole

LAMBDA = UNIT
MIN_CURVATURE = UNIT
"""Of each side of a cut: the sum of its rows' second derivatives is 1 or more."""
Shuffle = Callable[[int], Sequence[int]]
"""A permutation of so many."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CodedColumn:
    """A column as the cells of its values, for all rows; the last of `cells` is what is missing (`binning`).
    `monotone`: margins rise, or fall, with its values; only of one that is ordered."""

    codes: Whole
    cells: int
    ordered: bool
    monotone: Monotone | None = None


@dataclass(frozen=True, order=True)
class Choice:
    """A place among a party's candidates: a cut (`cells` is empty), or a category and the places of cells in it."""

    place: int
    cells: tuple[int, ...] = ()


@dataclass(frozen=True)
class CutShape:
    """What is told of a party's candidates: how many cuts, and how many cells each category has. Of the cuts the last
    ones are in columns that are to fall, and those before them in columns that are to rise."""

    cuts: int
    categories: tuple[int, ...]
    rising: int = 0
    falling: int = 0

    @property
    def slopes(self) -> Whole:
        """Of each cut 1 where its right side is to weigh no less than its left one, -1 where no more, else 0."""
        slopes = np.zeros(self.cuts, np.int64)
        slopes[self.cuts - self.falling - self.rising :] = 1
        slopes[self.cuts - self.falling :] = -1
        return slopes

    @property
    def places(self) -> int:
        return self.cuts + sum(self.categories)


@dataclass(frozen=True)
class _Prefix:
    column: int
    last: int
    """Cells 0 to this one are on the left."""
    missing: bool
    monotone: Monotone | None = None


@dataclass(frozen=True)
class CutCandidates:
    """A party's cuts and categories in one tree's order. Categories: the column, and its cells in this tree's order."""

    columns: tuple[CodedColumn, ...]
    cuts: tuple[_Prefix, ...]
    categories: tuple[tuple[int, tuple[int, ...]], ...]

    @property
    def shape(self) -> CutShape:
        ways = [cut.monotone for cut in self.cuts]
        sizes = tuple(len(cells) for _, cells in self.categories)
        return CutShape(len(ways), sizes, ways.count("rising"), ways.count("falling"))

    def places(self, cells: Sequence[Whole]) -> Whole:
        """Sums by place, from sums by column and cell: of each column an array (cells, k). CutShape (places, k)."""
        prefixes = [np.cumsum(column, axis=0) for column in cells]
        rows = [prefixes[cut.column][cut.last] + (cells[cut.column][-1] if cut.missing else 0) for cut in self.cuts]
        rows += [cells[column][cell] for column, order in self.categories for cell in order]
        width = cells[0].shape[1] if cells else 3
        return np.array(rows, dtype=np.int64).reshape(len(rows), width)

    def cut(self, choice: Choice) -> TreeCut:
        """What stands at a place. ProtocolError `boost.choice` where there is no such place."""
        if not choice.cells and 0 <= choice.place < len(self.cuts):
            prefix = self.cuts[choice.place]
            missing = (self.columns[prefix.column].cells - 1,) if prefix.missing else ()
            return TreeCut(column=prefix.column, left=(*range(prefix.last + 1), *missing))
        if choice.cells and 0 <= choice.place < len(self.categories):
            column, order = self.categories[choice.place]
            distinct = set(choice.cells)
            if len(distinct) == len(choice.cells) < len(order) and 0 <= min(distinct) <= max(distinct) < len(order):
                return TreeCut(column=column, left=tuple(sorted(order[cell] for cell in distinct)))
        raise ProtocolError(
            "a cut that is none of the candidates",
            expected=f"one of {len(self.cuts)} cuts and {len(self.categories)} categories",
            found=f"place {choice.place}, {len(choice.cells)} cells",
            code="boost.choice",
        )


def candidates(columns: Sequence[CodedColumn], train: int, shuffle: Shuffle) -> CutCandidates:
    """All of a party's candidates, by the cells that the first `train` rows, which are those of training, are in."""
    cuts, categories = [], []
    for number, column in enumerate(columns):
        counts = np.bincount(column.codes[:train], minlength=column.cells)
        if column.ordered:
            used = np.flatnonzero(counts[:-2])
            for last in map(int, used[:-1]):
                cuts.append(_Prefix(number, last, False, column.monotone))
                if counts[-1]:
                    cuts.append(_Prefix(number, last, True, column.monotone))
            if counts[-1] and len(used):  # what is there, and what is missing
                cuts.append(_Prefix(number, column.cells - 3, False))
        else:
            cells = tuple(map(int, np.flatnonzero(counts)))
            if len(cells) > 1:
                categories.append((number, tuple(cells[place] for place in shuffle(len(cells)))))
    groups = [[cut for cut in cuts if cut.monotone == way] for way in (None, "rising", "falling")]
    return CutCandidates(
        tuple(columns),
        tuple(group[place] for group in groups if group for place in shuffle(len(group))),
        tuple(categories[place] for place in shuffle(len(categories))),
    )


def cell_sums(columns: Sequence[CodedColumn], rows: Whole, values: Sequence[Whole]) -> list[Whole]:
    """Of each column the number of `rows` and the sum of each of `values` by cell: (cells, 1 + values). Sums stay below
    2^53."""
    sums = []
    for column in columns:
        codes = column.codes[rows]
        counts = [np.bincount(codes, minlength=column.cells)]
        counts += [np.bincount(codes, weights=value[rows], minlength=column.cells) for value in values]
        sums.append(np.stack(counts, axis=1).astype(np.int64))
    return sums


@dataclass(frozen=True)
class Bounds:
    """Between which all leaves below a node weigh, before the rate is applied."""

    low: float = -math.inf
    high: float = math.inf


FREE = Bounds()


@dataclass(frozen=True)
class Best:
    """The best of a party's candidates at a node, and its gain in units."""

    gain: float
    choice: Choice


def best(shape: CutShape, sums: Whole, total: Whole, smallest: int, bounds: Bounds = FREE) -> Best | None:
    """By sums (places, 3) of rows, gradients and curvatures, and the node's own; None where no cut gains anything with
    `smallest` rows or more on either side, and weights within `bounds` that stand as the cut's column is to go."""
    top = _of_cuts(sums[: shape.cuts], total, smallest, bounds, shape.slopes)
    start = shape.cuts
    for number, size in enumerate(shape.categories):
        cells = sums[start : start + size]
        start += size
        present = np.flatnonzero(cells[:, 0])
        weights = cells[present, 1] / np.maximum(cells[present, 2], 1)
        order = present[np.argsort(weights, kind="stable")]
        prefix = _of_cuts(np.cumsum(cells[order], axis=0), total, smallest, bounds, np.zeros(len(order), np.int64))
        if prefix is not None and (top is None or prefix.gain > top.gain):
            left = tuple(sorted(int(cell) for cell in order[: prefix.choice.place + 1]))
            top = Best(prefix.gain, Choice(number, left))
    return top


def _of_cuts(left: Whole, total: Whole, smallest: int, bounds: Bounds, slopes: Whole) -> Best | None:
    if not len(left):
        return None
    right = total - left
    fits = (left[:, 0] >= smallest) & (right[:, 0] >= smallest)
    fits &= (left[:, 2] >= MIN_CURVATURE) & (right[:, 2] >= MIN_CURVATURE)
    fits &= slopes * (_weight(right, bounds) - _weight(left, bounds)) >= 0
    gains = np.where(fits, _score(left, bounds) + _score(right, bounds) - _score(total[None], bounds), 0.0)
    place = int(gains.argmax())
    return Best(float(gains[place]), Choice(place)) if gains[place] >= 1 else None


def _weight(sums: Whole, bounds: Bounds) -> Floats:
    """That lessens the loss most."""
    return np.asarray(np.clip(-sums[:, 1] / (sums[:, 2] + LAMBDA), bounds.low, bounds.high))


def _score(sums: Whole, bounds: Bounds) -> Floats:
    """By how much leaves of such sums lessen the loss, in units: most where they need not keep to bounds."""
    gradient, curvature = sums[:, 1].astype(np.float64), sums[:, 2].astype(np.float64) + LAMBDA
    away = _weight(sums, bounds) + gradient / curvature
    return np.asarray(gradient * gradient / curvature - curvature * away * away)


def sides_of(columns: Sequence[CodedColumn], cut: TreeCut) -> Marks:
    """Of each row whether it goes to `yes`."""
    return cut.sides(columns[cut.column].codes)
