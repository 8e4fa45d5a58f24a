"""A source's model in two halves: what a target has to know to prepare its rows, and the weights that it never sees.

A linear model and a scorecard are alike here: each column becomes numbers of a row (prepared ones, or a cell that is
1), and log odds are a sum of weights times numbers. Numbers count in thirty-seconds (`preparing.UNIT`) and weights in
2048ths, so a score is whole, exact, and log odds in steps of 2^-16. Of trees columns become cells, and what is hidden
is which node reads which cells, and what leaves weigh.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from placet.core.errors import InputError
from placet.core.values import Value
from placet.models.binning import ColumnBins, one_hot
from placet.models.choices import MAX_COLUMNS, MAX_TREES
from placet.models.linear import LinearModel
from placet.models.preparing import UNIT, PreparedColumn
from placet.models.released import ReleasedTrees
from placet.models.scorecard import Scorecard, Text
from placet.models.trees import UNIT_BITS, CompleteTree, Tree, TreeFork, TreeLeaf

Whole = npt.NDArray[np.int64]
SourceModel: TypeAlias = LinearModel | Scorecard | ReleasedTrees
WEIGHT_BITS = 11
STEEPEST = 64
"""Log odds that a model's weights can come to for a row: beyond that it is no model of people, and might overflow."""


class PreparedShape(Value):
    """How a column becomes numbers."""

    column: Text
    prepared: PreparedColumn

    @property
    def width(self) -> int:
        return self.prepared.width

    def numbers(self, values: Sequence[Any]) -> Whole:
        """(rows, width)."""
        return self.prepared.prepare(values)


class BinnedShape(Value):
    """Into which cells a column is cut."""

    column: Text
    bins: ColumnBins

    @property
    def width(self) -> int:
        return self.bins.cells

    def numbers(self, values: Sequence[Any]) -> Whole:
        """(rows, width), of which one is `UNIT`."""
        return UNIT * one_hot(self.bins.codes(values), self.bins.cells)


class TreesShape(CompleteTree):
    """How many trees there are, all as deep as the deepest."""

    trees: Annotated[int, Field(strict=True, ge=1, le=MAX_TREES)]

    def numbers(self, width: int) -> int:
        """The base, cells of all nodes that go to `yes`, weights of all leaves."""
        return 1 + self.trees * (self.nodes * width + self.leaves)


class ModelShape(Value):
    """What the target is told of the model: how columns are prepared, in the model's order, and of `trees` how many.
    Ends, means, spreads and frequent categories are of the source's people; nothing says what a number weighs."""

    columns: Annotated[tuple[PreparedShape | BinnedShape, ...], Field(min_length=1, max_length=MAX_COLUMNS)]
    trees: TreesShape | None = None

    @model_validator(mode="after")
    def _each_once(self) -> ModelShape:
        if len(set(self.names)) < len(self.columns):
            raise ValueError("each column once")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.column for one in self.columns)

    @property
    def width(self) -> int:
        return sum(one.width for one in self.columns)

    def design(self, values: Mapping[str, Sequence[Any]]) -> Whole:
        """(rows, width), in thirty-seconds. DataError for a value that a column can't have; InputError where one
        lacks."""
        if missing := [name for name in self.names if name not in values]:
            raise InputError("the model reads columns that are not there", expected=", ".join(missing)[:400])
        return np.concatenate([one.numbers(values[one.column]) for one in self.columns], axis=1)


@dataclass(frozen=True)
class SourceWeights:
    """`numbers`: the intercept in steps of a score, and the weights behind it (1 + width,); or as `TreesShape.numbers`
    says."""

    numbers: Whole
    trees: TreesShape | None = None

    def scores(self, design: Whole) -> Whole:
        """Of each row, in 2^-16 of log odds of label 1."""
        if self.trees is None:
            return np.asarray(self.numbers[0] + design @ self.numbers[1:], dtype=np.int64)
        at, total = 1 + self.trees.trees * self.trees.nodes * design.shape[1], np.full(len(design), self.numbers[0])
        yes = self.numbers[1:at].reshape(self.trees.trees, self.trees.nodes, -1)
        for cuts, leaves in zip(yes, self.numbers[at:].reshape(self.trees.trees, -1), strict=True):
            sides, place = design @ cuts.T // UNIT, np.zeros(len(design), np.int64)
            for _ in range(self.trees.depth):
                place = 2 * place + 2 - sides[np.arange(len(design)), place]
            total = total + leaves[place - self.trees.nodes]
        return np.asarray(total, dtype=np.int64)


def halves_of(model: SourceModel) -> tuple[ModelShape, SourceWeights]:
    """InputError for a model of numbers or counts, one whose columns bear one name at two parties, and one that is
    steeper than any of people."""
    if isinstance(model, ReleasedTrees):
        return _tree_halves(model)
    shape, base, weights = _card_halves(model) if isinstance(model, Scorecard) else _linear_halves(model)
    whole = np.rint(np.array([base * UNIT, *weights]) * 2**WEIGHT_BITS)
    reach, place = abs(base), 0
    for one in shape.columns:
        own = np.abs(np.array(weights[place : place + one.width]))
        reach += float(own.max() if isinstance(one, BinnedShape) else own.sum())
        place += one.width
    _demand_gentle(reach)
    return shape, SourceWeights(whole.astype(np.int64))


def _linear_halves(model: LinearModel) -> tuple[ModelShape, float, list[float]]:
    if model.family != "logistic":
        raise InputError(
            "the source's model is of no label that is 0 or 1",
            expected="logistic",
            found=model.family,
            code="transfer.model",
        )
    columns = [PreparedShape(column=one.column, prepared=one.prepared) for one in model.columns]
    weights = [float(coefficient) for one in model.columns for coefficient in one.coefficients]
    return _shape(columns), float(model.intercept), weights


def _card_halves(card: Scorecard) -> tuple[ModelShape, float, list[float]]:
    factor = card.scale.factor
    columns = [BinnedShape(column=one.column, bins=one.bins) for one in card.columns]
    weights = [points / factor for one in card.columns for points in one.points]
    return _shape(columns), (card.base - card.scale.offset) / factor, weights


def _demand_gentle(reach: float) -> None:
    if reach > STEEPEST:
        raise InputError(
            "the source's model is too steep",
            expected=f"log odds within ±{STEEPEST} for rows as they usually are",
            found=f"up to {reach:.0f}",
            code="transfer.model",
        )


def _shape(columns: Sequence[PreparedShape | BinnedShape]) -> ModelShape:
    names = [one.column for one in columns]
    if len(set(names)) < len(names) or len(names) > MAX_COLUMNS:
        raise InputError(
            "the source's model reads columns that a target can't bring",
            expected=f"at most {MAX_COLUMNS} columns, each of another name",
            found=len(names),
            code="transfer.model",
        )
    return ModelShape(columns=tuple(columns))


def _tree_halves(model: ReleasedTrees) -> tuple[ModelShape, SourceWeights]:
    """Trees that end early go on to leaves that weigh the same."""
    model.model.demand_parts(model.parts)
    columns = [BinnedShape(column=one.column, bins=one.bins) for part in model.parts for one in part.columns]
    depth = max((_depth(tree, 0) for tree in model.model.trees), default=0)
    if not depth:
        raise InputError("the source's model has no cut", expected="trees that cut", code="transfer.model")
    leaves_of = ([abs(node.weight) for node in tree if isinstance(node, TreeLeaf)] for tree in model.model.trees)
    _demand_gentle((abs(model.model.base) + sum(map(max, leaves_of))) / 2**UNIT_BITS)
    shape = TreesShape(trees=len(model.model.trees), depth=depth)
    whole = _shape(columns).model_copy(update={"trees": shape})
    starts = np.concatenate([[0], np.cumsum([one.width for one in columns])])
    firsts = np.concatenate([[0], np.cumsum([len(part.columns) for part in model.parts])])
    yes = np.zeros((shape.trees, shape.nodes, whole.width), np.int64)
    leaves = np.zeros((shape.trees, shape.leaves), np.int64)

    def grow(number: int, tree: Tree, node: int, place: int) -> None:
        """A tree's node to a place of the full tree, and all below it."""
        one = tree[node]
        if place >= shape.nodes:
            if isinstance(one, TreeLeaf):
                leaves[number, place - shape.nodes] = one.weight
            return
        below = (one.yes, one.no) if isinstance(one, TreeFork) else (node, node)
        if isinstance(one, TreeFork):
            cut = model.parts[one.party].cuts[one.cut]
            yes[number, place, starts[firsts[one.party] + cut.column] + np.array(cut.left)] = 1
        for side, child in enumerate(below, 1):
            grow(number, tree, child, 2 * place + side)

    for number, tree in enumerate(model.model.trees):
        grow(number, tree, 0, 0)
    steps = 2.0 ** (UNIT_BITS - WEIGHT_BITS - UNIT.bit_length() + 1)
    base, weights = round(model.model.base / steps), np.rint(leaves / steps).astype(np.int64)
    return whole, SourceWeights(np.concatenate([[base], yes.reshape(-1), weights.reshape(-1)]), shape)


def _depth(tree: Tree, node: int) -> int:
    one = tree[node]
    return 1 + max(_depth(tree, one.yes), _depth(tree, one.no)) if isinstance(one, TreeFork) else 0
