"""Gradient boosting on whole numbers: how trees grow, whoever holds the columns.

`grow` is one tree as a dialogue. It yields what it needs to know of other parties' columns, `SumsRequest` for a
level's nodes and `SidesRequest` for the cuts it chose, and goes on with the answers; what the label's holder has itself
it works out itself. `placet.protocols.boost` answers by encrypted sums, its plaintext twin `boosting_twin` by columns
that lie side by side. The sums are integers, so both make the same trees.

The loss is the logistic one. A row with margin F has gradient p - y and curvature p(1 - p), p = 1/(1 + e^-F), rounded
to 2^-18; a leaf weighs -rate · G/(H + 1). Chances and gains are floating-point, by operations that all machines round
alike.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from placet.core.errors import DataError, ProtocolError
from placet.models.cuts import (
    LAMBDA,
    Bounds,
    Choice,
    CodedColumn,
    CutCandidates,
    CutShape,
    Shuffle,
    best,
    candidates,
    cell_sums,
    sides_of,
)
from placet.models.trees import (
    MAX_WEIGHT,
    UNIT,
    Marks,
    Tree,
    TreeCut,
    TreeFork,
    TreeLeaf,
    TreeNode,
    Whole,
)

MAX_GRADIENT, MAX_CURVATURE = UNIT, UNIT // 4
MAX_MARGIN = 40 * UNIT
"""Beyond it a chance is 0 or 1 in units."""


@dataclass(frozen=True)
class Boosting:
    """`rate` in percent; `smallest`: rows of training in a leaf, or more."""

    trees: int
    depth: int
    smallest: int
    rate: int = 30


@dataclass(frozen=True)
class Gradients:
    """Of the rows of training: `gradient` within ±2^18, `curvature` within 0 and 2^16."""

    gradient: Whole
    curvature: Whole


@dataclass(frozen=True)
class SumsRequest:
    """Sums by place of each of `nodes`, which are rows in ascending order, of training or not. `parents`: by the level
    above, of each of its nodes the rows that went to `yes`, None for a leaf."""

    level: int
    nodes: tuple[Whole, ...]
    parents: tuple[Whole | None, ...]


@dataclass(frozen=True)
class HostCut:
    """A host's candidate that is cut at; `node` by its number in the level."""

    host: int
    node: int
    choice: Choice


@dataclass(frozen=True)
class SidesRequest:
    """On which side of each cut the node's rows are."""

    level: int
    cuts: tuple[HostCut, ...]


SumsAnswer: TypeAlias = Sequence[Sequence[Whole]]
"""By node and host: (places, 3) of rows, gradients and curvatures."""
SidesAnswer: TypeAlias = Sequence[tuple[int, Marks]]
"""Of each cut its number among the host's, and for the node's rows whether they go to `yes`."""
Dialogue: TypeAlias = Generator[SumsRequest | SidesRequest, "SumsAnswer | SidesAnswer", Tree]


@dataclass
class Own:
    """The label's holder's columns, and the cuts that the trees make in them."""

    columns: tuple[CodedColumn, ...]
    cuts: list[TreeCut] = field(default_factory=list)
    numbers: dict[TreeCut, int] = field(default_factory=dict)

    def sides(self, number: int) -> Marks:
        """Of each row whether it goes to `yes`."""
        return sides_of(self.columns, self.cuts[number])

    def number(self, cut: TreeCut) -> int:
        """Of a cut, which is added if it is new."""
        if cut not in self.numbers:
            self.numbers[cut] = len(self.cuts)
            self.cuts.append(cut)
        return self.numbers[cut]


@dataclass(frozen=True)
class Limits:
    """Between which all leaves below a node weigh, in units."""

    low: int = -MAX_WEIGHT
    high: int = MAX_WEIGHT

    def bounds(self, rate: int) -> Bounds:
        """The same before the rate is applied; none where nothing limits them."""
        low, high = (100 * one / (rate * UNIT) for one in (self.low, self.high))
        return Bounds(-math.inf if self.low == -MAX_WEIGHT else low, math.inf if self.high == MAX_WEIGHT else high)

    def below(self, slope: int, left: int, right: int) -> tuple[Limits, Limits]:
        """Of both sides of a cut whose right side is to weigh no less (1) or no more (-1), by what they would weigh."""
        middle = (left + right) // 2
        if slope > 0:
            return Limits(self.low, middle), Limits(middle, self.high)
        return (Limits(middle, self.high), Limits(self.low, middle)) if slope < 0 else (self, self)


@dataclass
class _Open:
    """A node that may become a fork: its rows, where it stands in the tree, and what limits what it weighs."""

    rows: Whole
    place: int
    limits: Limits = Limits()


@dataclass(frozen=True)
class _Pick:
    """The best cut of a node."""

    party: int
    gain: float
    choice: Choice


def gradients(margins: Whole, labels: Whole) -> Gradients:
    """Of rows with these margins and labels, 0 or 1: the same ones on every machine."""
    odds = decays(np.minimum(np.abs(margins), MAX_MARGIN) / UNIT)
    chance = np.where(margins >= 0, 1.0, odds) / (1 + odds)
    gradient = np.rint((chance - labels) * UNIT).astype(np.int64)
    return Gradients(gradient, np.rint(chance * (1 - chance) * UNIT).astype(np.int64))


def decays(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """e^-x of numbers from 0 to 40, to 12 digits, by +, - and × alone, which all machines round alike: Taylor's series
    of x / 2048, squared eleven times."""
    small = numbers / 2048
    value = np.ones_like(small)
    for term in range(7, 0, -1):
        value = 1 - small / term * value
    for _ in range(11):
        value = value * value
    return value


def base_of(labels: Whole) -> int:
    """The log-odds of the label in training. DataError where all rows have the same."""
    positive = int(labels.sum())
    if not 0 < positive < len(labels):
        raise DataError("a model needs rows with the label and rows without", found=f"{positive} of {len(labels)}")
    return round(float(np.log(positive / (len(labels) - positive))) * UNIT)


def leaf_weight(sums: Whole, rate: int, limits: Limits = Limits()) -> int:
    """-rate · G/(H + 1), to the nearest unit within limits."""
    numerator, denominator = -rate * int(sums[1]) * UNIT, 100 * (int(sums[2]) + LAMBDA)
    weight = (2 * numerator + denominator) // (2 * denominator)
    return max(limits.low, min(limits.high, weight))


def grow(
    own: Own, slopes: Gradients, rows: int, boosting: Boosting, shapes: Sequence[CutShape], identity: Shuffle = range
) -> Dialogue:
    """One tree over `rows` rows, the first of which are those of training, with hosts of such `shapes`. Cuts with equal
    gains: the label's holder's own first, then by host and place."""
    train = len(slopes.gradient)
    mine = candidates(own.columns, train, identity)
    tree: list[TreeNode | None] = [None]
    level = [_Open(np.arange(rows), 0)]
    parents: tuple[Whole | None, ...] = ()
    for depth in range(boosting.depth):
        sums: SumsAnswer = [()] * len(level)
        if shapes:
            sums = cast(SumsAnswer, (yield SumsRequest(depth, tuple(node.rows for node in level), parents)))
        picks = [_pick(mine, slopes, node, boosting, shapes, one) for node, one in zip(level, sums, strict=True)]
        sides: Iterator[tuple[int, Marks]] = iter(())
        if shapes:
            cuts = [HostCut(pick.party - 1, n, pick.choice) for n, pick in enumerate(picks) if pick and pick.party]
            sides = iter(cast(SidesAnswer, (yield SidesRequest(depth, tuple(cuts)))))
        below: list[_Open] = []
        ways: list[Whole | None] = []
        for node, pick, hosts in zip(level, picks, sums, strict=True):
            if pick is None:
                tree[node.place] = _leaf(slopes, node, boosting)
                ways.append(None)
                continue
            if pick.party:
                number, yes = next(sides)
                claim = _claim(shapes[pick.party - 1], hosts[pick.party - 1], pick.choice)
                _demand_true(claim, total(slopes, node.rows[yes]))
            else:
                cut = mine.cut(pick.choice)
                number, yes = own.number(cut), sides_of(own.columns, cut)[node.rows]
            fork = TreeFork(
                party=pick.party,
                cut=number,
                yes=len(tree),
                no=len(tree) + 1,
                gain=round(pick.gain),
                rows=int(total(slopes, node.rows)[0]),
            )
            tree[node.place] = fork
            tree += [None, None]
            slope = 0 if pick.choice.cells else int((mine.shape, *shapes)[pick.party].slopes[pick.choice.place])
            weights = [leaf_weight(total(slopes, node.rows[one]), boosting.rate, node.limits) for one in (yes, ~yes)]
            left, right = node.limits.below(slope, *weights)
            below += [_Open(node.rows[yes], fork.yes, left), _Open(node.rows[~yes], fork.no, right)]
            ways.append(node.rows[yes])
        level, parents = below, tuple(ways)
        if not level:
            break
    for node in level:
        tree[node.place] = _leaf(slopes, node, boosting)
    return tuple(node for node in tree if node is not None)


def advance(dialogue: Dialogue, answer: SumsAnswer | SidesAnswer | None) -> SumsRequest | SidesRequest | Tree:
    """The next request, or the tree. The first answer is None."""
    try:
        return dialogue.send(answer)  # type: ignore[arg-type]
    except StopIteration as end:
        tree: Tree = end.value
        return tree


def total(slopes: Gradients, rows: Whole) -> Whole:
    """Rows of training, gradients and curvatures of a node's rows."""
    learned = rows[: np.searchsorted(rows, len(slopes.gradient))]
    return np.array([len(learned), slopes.gradient[learned].sum(), slopes.curvature[learned].sum()], dtype=np.int64)


def _leaf(slopes: Gradients, node: _Open, boosting: Boosting) -> TreeLeaf:
    whole = total(slopes, node.rows)
    return TreeLeaf(weight=leaf_weight(whole, boosting.rate, node.limits), rows=int(whole[0]))


def _claim(shape: CutShape, sums: Whole, choice: Choice) -> Whole:
    """A host's sums of the rows on the left of a choice."""
    if not choice.cells:
        return np.asarray(sums[choice.place])
    start = shape.cuts + sum(shape.categories[: choice.place])
    return np.asarray(sums[[start + cell for cell in choice.cells]].sum(axis=0))


def _demand_true(claim: Whole, real: Whole) -> None:
    """ProtocolError `boost.sums` where a host's sums are not those of the rows that it says are on the left."""
    if not np.array_equal(claim, real):
        raise ProtocolError(
            "a host's sums are of other rows than those that it says are on the cut's left",
            expected="the same rows",
            found="others",
            code="boost.sums",
        )


def _pick(
    mine: CutCandidates,
    slopes: Gradients,
    node: _Open,
    boosting: Boosting,
    shapes: Sequence[CutShape],
    hosts: Sequence[Whole],
) -> _Pick | None:
    learned = node.rows[: np.searchsorted(node.rows, len(slopes.gradient))]
    whole, bounds = total(slopes, node.rows), node.limits.bounds(boosting.rate)
    own = mine.places(cell_sums(mine.columns, learned, (slopes.gradient, slopes.curvature)))
    top: _Pick | None = None
    for party, (shape, sums) in enumerate(zip((mine.shape, *shapes), (own, *hosts), strict=True)):
        candidate = best(shape, sums, whole, boosting.smallest, bounds)
        if candidate is not None and (top is None or candidate.gain > top.gain):
            top = _Pick(party, candidate.gain, candidate.choice)
    return top
