"""The program `tree-grow`: one boosted tree more, wholly on shares: its cuts, every row's way, gains and leaves.

Its reference is `models.boosting` over all columns side by side. The program computes with real numbers in fixed point,
so of two cuts that gain almost the same it may take the other one. Counts of rows are exact.

A tree has all nodes of its depth, level by level. Where no cut is good enough, or both sides would not be large enough,
all rows go to `yes`, and so again below: `trees_of` makes a leaf of such a node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, cast

import numpy as np
import numpy.typing as npt
from pydantic import Field, JsonValue

from placet.core.errors import InputError, PlanError
from placet.models.boosting import Boosting, Own, base_of
from placet.models.boosting_twin import train
from placet.models.cuts import CodedColumn
from placet.models.trees import UNIT, CompleteTree, Marks, Tree, TreeCut, TreeFork, TreeLeaf, TreeModel, TreeNode, Whole
from placet.protocols.mpc.cells import CellsProgram
from placet.protocols.mpc.numbers import INT64, Integers, Magnitudes
from placet.protocols.mpc.program import Shape, Size

STATE = "state"
"""What goes from tree to tree (2, rows), real numbers: each row's margin, and the odds against label 1 by it, which are
e^-margin within 1/`MAX_ODDS` and `MAX_ODDS`. Where only rows of all providers count there is a third line, 1 for each
that does."""
MAX_STEP = 8
"""A leaf weighs no more, nor less than as much below 0."""
MAX_ODDS = 2048
MIN_GAIN = 1 / 64
"""A cut gains more: what fixed point can tell from nothing."""
GAIN_UNIT = 64
SUMS_BITS = 9
WORD = 32
"""Cells of which one number that comes out tells, a bit each."""


class TreeGrow(CellsProgram, CompleteTree):
    """`rate` in percent; `smallest`: rows of training in a leaf, or more. What comes out: `STATE`; of each node but the
    leaves which cells of all columns go to `yes`, as words of `WORD` bits (nodes, words), or of a tree that is kept as
    0 and 1 (nodes, cells); and numbers: the gain of each such node in parts of `GAIN_UNIT`, of each leaf its rows, and
    of each its weight in units."""

    program: Literal["tree-grow"] = "tree-grow"
    smallest: Annotated[int, Field(strict=True, ge=2, le=2**20)]
    rate: Annotated[int, Field(strict=True, ge=1, le=100)]
    keeps: Annotated[bool, Field(strict=True, exclude_if=lambda value: not value)] = False

    @property
    def scale(self) -> int:
        """Sums of gradients are divided by it, so that their squares have room."""
        return 1 << max(0, self.train.bit_length() - SUMS_BITS)

    @property
    def apart(self) -> float:
        """By how much both sides of a cut differ, before the rate is applied, in a column that is to rise or fall."""
        return 4 / UNIT * max(1, 100 / self.rate)

    def output_shape(self, size: Size) -> Shape:
        return (2 if self.join == "any" else 3, size.rows)

    @property
    def words(self) -> int:
        """Of a node's cells."""
        return -(-self.cells // WORD)

    def tree_shapes(self) -> tuple[Shape, Shape]:
        """Of what is a tree's: cells that go to `yes`, and numbers."""
        return (self.nodes, self.cells if self.keeps else self.words), (self.nodes + 2 * self.leaves,)

    def magnitudes(self, parties: int, size: Size) -> Magnitudes:
        """In units of 2^-18: sums over rows of gradients within ±1; squares of those over `scale`."""
        self.shapes(parties, size)
        if not 1 <= self.train < size.rows or self.train + self.validation >= size.rows:
            raise PlanError(
                "rows to train on and rows to test on", expected=f"fewer than {size.rows}", found=self.train
            )
        return Magnitudes(INT64, 1 << 36 + 2 * SUMS_BITS, max(size.rows, 2**31))

    def compute(self, brought: Sequence[Integers]) -> Integers:
        """Margins of the first tree, in units, from columns in the clear."""
        codes, labels, _ = self.put_together(brought)
        return self.in_clear(codes, labels, 1)[1].astype(object)

    def in_clear(self, codes: Whole, labels: Whole, trees: int) -> tuple[TreeModel, Whole]:
        """The model of so many trees that grow in the clear, and all rows' margins."""
        columns = tuple(
            CodedColumn(codes[:, place], column.cells, column.kind == "number", column.monotone)
            for place, column in enumerate(self.columns)
        )
        return train(Own(columns), (), labels[: self.train], len(codes), self.boosting(trees))

    def boosting(self, trees: int) -> Boosting:
        """The same of so many trees, as who has all columns says it."""
        return Boosting(trees, self.depth, self.smallest, self.rate)

    def first_state(self, labels: Whole) -> npt.NDArray[np.float32]:
        """`STATE` before any tree."""
        margin = base_of(labels[: self.train]) / UNIT
        lines = [[margin], [np.exp(-margin)]] + ([[1.0]] if self.join == "all" else [])
        return np.array(lines, np.float32).repeat(len(labels), axis=1)

    def read(self, result: Integers) -> dict[str, JsonValue]:
        return {"margins": [str(int(value)) for value in result]}


@dataclass(frozen=True)
class OpenedTree:
    """A tree as it comes out: `words` (nodes, words) and `numbers` as `TreeGrow` says."""

    words: Integers
    numbers: Integers


@dataclass
class _Parts:
    """Each party's cuts, and their numbers."""

    cuts: list[list[TreeCut]]

    def number(self, party: int, cut: TreeCut) -> int:
        if cut not in self.cuts[party]:
            self.cuts[party].append(cut)
        return self.cuts[party].index(cut)


def trees_of(
    program: TreeGrow, opened: Sequence[OpenedTree], base: int
) -> tuple[TreeModel, tuple[tuple[TreeCut, ...], ...]]:
    """The model, and each party's cuts; party 0 is the consumer, then the providers in their order. InputError for what
    no honest parties reach: a share that was forged gives random numbers."""
    parts = _Parts([[] for _ in range(program.providers + 1)])
    trees = tuple(_tree(program, one, parts) for one in opened)
    model = TreeModel(parties=program.providers + 1, base=base, trees=trees)
    return model, tuple(map(tuple, parts.cuts))


def _tree(program: TreeGrow, opened: OpenedTree, parts: _Parts) -> Tree:
    nodes, leaves = program.nodes, program.leaves
    numbers = [int(number) for number in opened.numbers]
    gains, counts, weights = numbers[:nodes], [0] * nodes + numbers[nodes:-leaves], numbers[-leaves:]
    for place in reversed(range(nodes)):
        counts[place] = counts[2 * place + 1] + counts[2 * place + 2]
    cuts = [_cut(program, _cells(program, words)) for words in opened.words]
    tree: list[TreeNode] = []
    level, size = [0], 1
    while level:
        below: list[int] = []
        for node in level:
            place = node
            while place < nodes and cuts[place] is None:
                place = 2 * place + 1
            if place >= nodes:
                tree.append(_leaf(program, counts[place], weights[place - nodes]))
                continue
            party, cut = cast(tuple[int, TreeCut], cuts[place])
            gain, number = gains[place], parts.number(party, cut)
            if not 0 <= gain <= program.train * GAIN_UNIT:
                raise _no_tree()
            units = gain * UNIT // GAIN_UNIT
            tree.append(TreeFork(party=party, cut=number, yes=size, no=size + 1, gain=units, rows=counts[place]))
            size += 2
            below += [2 * place + 1, 2 * place + 2]
        level = below
    return tuple(tree)


def _leaf(program: TreeGrow, rows: int, weight: int) -> TreeLeaf:
    if abs(weight) > MAX_STEP * UNIT or not program.smallest <= rows <= program.train:
        raise _no_tree()
    return TreeLeaf(weight=weight, rows=rows)


def _cells(program: TreeGrow, words: Integers) -> Marks:
    """(cells,): which go to `yes`."""
    if any(not 0 <= int(word) < 2**WORD for word in words):
        raise _no_tree()
    bits = np.array([int(word) >> bit & 1 for word in words for bit in range(WORD)], np.bool_)
    if bits[program.cells :].any():
        raise _no_tree()
    return bits[: program.cells]


def _cut(program: TreeGrow, yes: Marks) -> tuple[int, TreeCut] | None:
    """The party and the cut of a node; None where all rows go to `yes`."""
    marked = [
        (number, column, np.flatnonzero(yes[low : low + column.cells]))
        for number, (low, column) in enumerate(zip(program.starts, program.columns, strict=False))
        if yes[low : low + column.cells].any()
    ]
    if len(marked) != 1:
        raise _no_tree()
    ((number, column, left),) = marked
    if number == 0 and len(left) == column.cells:
        return None
    party = 0 if column.owner == program.providers else column.owner + 1
    own = number - next(place for place, one in enumerate(program.columns) if one.owner == column.owner)
    return party, TreeCut(column=own, left=tuple(map(int, left)))


def _no_tree() -> InputError:
    return InputError("the shares are of no tree", expected="cuts of one column each, and numbers that rows can make")
