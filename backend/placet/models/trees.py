"""Boosted trees as data: a structure with whole numbers in its leaves, and of each party a part with its cuts.

A tree is a list of nodes, the root first, a node's children behind it. A fork names a party and the number of one of
its cuts, not what is cut: that stands in the party's own `TreePart`, which lists its columns as bins (`binning`) and of
each cut the cells that go to `yes`. So the structure can lie with one party and the parts with the others, and none
scores alone; whoever has the structure and all parts has the model in clear.

A row's margin is `base` and the weights of the leaves it comes to, added up: log-odds in units of 2^-18. All numbers
are integers, so a model scores the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from placet.core.errors import InputError
from placet.core.hashing import document_hash
from placet.core.values import Value
from placet.models.binning import ColumnBins
from placet.models.choices import MAX_BINS, MAX_COLUMNS, MAX_DEPTH, MAX_TREES

UNIT_BITS = 18
UNIT = 1 << UNIT_BITS
"""What gradients, weights and margins count."""
MAX_PARTIES = 8
MAX_CUTS = MAX_TREES * (2**MAX_DEPTH - 1)
MAX_WEIGHT = 64 * UNIT

Whole = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]
Cell = Annotated[int, Field(strict=True, ge=0, lt=MAX_BINS + 2)]
Weight = Annotated[int, Field(strict=True, ge=-MAX_WEIGHT, le=MAX_WEIGHT)]
Number = Annotated[int, Field(strict=True, ge=0, lt=2**53)]


class CompleteTree(Value):
    """A tree all of whose leaves are `depth` cuts away from its root, which stands at place 0; a node's children stand
    at twice its place and one or two more."""

    depth: Annotated[int, Field(strict=True, ge=1, le=MAX_DEPTH)]

    @property
    def nodes(self) -> int:
        """That are no leaves."""
        return (1 << self.depth) - 1

    @property
    def leaves(self) -> int:
        return 1 << self.depth


class TreeCut(Value):
    """The rows whose value of a column is in one of the cells `left` go to `yes`: of numbers those up to an edge, with
    or without what is missing, of categories any set."""

    column: Annotated[int, Field(strict=True, ge=0, lt=MAX_COLUMNS)]
    left: Annotated[tuple[Cell, ...], Field(min_length=1, max_length=MAX_BINS + 2)]

    @model_validator(mode="after")
    def _ascending(self) -> TreeCut:
        if any(low >= high for low, high in zip(self.left, self.left[1:], strict=False)):
            raise ValueError("ascending cells")
        return self

    def sides(self, codes: Whole) -> Marks:
        """Of each row whether it goes to `yes`, by the cells of the column's values."""
        marks = np.zeros(MAX_BINS + 2, np.bool_)
        marks[list(self.left)] = True
        return marks[codes]


class TreeColumn(Value):
    """A column that a party's cuts read, by its name and its bins."""

    column: Annotated[str, Field(min_length=1, max_length=64)]
    bins: ColumnBins


class TreePart(Value):
    """What one party knows of a model: its columns, and its cuts by their numbers."""

    type: Literal["placet.tree-part"] = "placet.tree-part"
    version: Literal[1] = 1
    columns: Annotated[tuple[TreeColumn, ...], Field(max_length=MAX_COLUMNS)]
    cuts: Annotated[tuple[TreeCut, ...], Field(max_length=MAX_CUTS)] = ()

    @model_validator(mode="after")
    def _own(self) -> TreePart:
        for cut in self.cuts:
            if cut.column >= len(self.columns) or cut.left[-1] >= self.columns[cut.column].bins.cells:
                raise ValueError("cuts of these columns")
            bins = self.columns[cut.column].bins
            upto = [cell for cell in cut.left if cell != bins.missing]
            if bins.kind == "number" and upto != [*range(max(1, len(upto)))]:
                raise ValueError("cuts of numbers at an edge")
        return self

    @property
    def commitment(self) -> bytes:
        """SHA-256 of the canonical JSON, 32 bytes."""
        return document_hash(self)


class TreeFork(Value):
    """A node with children. `gain`: by how much it lessened the loss in training, in units; `rows`: of training."""

    party: Annotated[int, Field(strict=True, ge=0, lt=MAX_PARTIES)]
    cut: Annotated[int, Field(strict=True, ge=0, lt=MAX_CUTS)]
    yes: Annotated[int, Field(strict=True, ge=1, lt=2 ** (MAX_DEPTH + 1))]
    no: Annotated[int, Field(strict=True, ge=1, lt=2 ** (MAX_DEPTH + 1))]
    gain: Number
    rows: Number


class TreeLeaf(Value):
    """A node without children, and what it adds to a margin."""

    weight: Weight
    rows: Number


TreeNode: TypeAlias = TreeFork | TreeLeaf
Tree = Annotated[tuple[TreeNode, ...], Field(min_length=1, max_length=2 ** (MAX_DEPTH + 1) - 1)]
Sides = Callable[[int, int], Marks]
"""Of a party's cut, by its number: of each row whether it goes to `yes`."""


class TreeModel(Value):
    """The structure. Party 0 is the label's holder."""

    type: Literal["placet.trees"] = "placet.trees"
    version: Literal[1] = 1
    parties: Annotated[int, Field(strict=True, ge=1, le=MAX_PARTIES)]
    base: Weight
    trees: Annotated[tuple[Tree, ...], Field(max_length=MAX_TREES)]

    @model_validator(mode="after")
    def _trees(self) -> TreeModel:
        for tree in self.trees:
            parents = [child for node in tree if isinstance(node, TreeFork) for child in (node.yes, node.no)]
            if sorted(parents) != list(range(1, len(tree))):
                raise ValueError("each node but the root is one fork's child")
            for place, node in enumerate(tree):
                if isinstance(node, TreeFork) and (min(node.yes, node.no) <= place or node.party >= self.parties):
                    raise ValueError("children behind their parents, and cuts of the model's parties")
        return self

    @property
    def commitment(self) -> bytes:
        """SHA-256 of the canonical JSON, 32 bytes."""
        return document_hash(self)

    def margins(self, rows: int, sides: Sides) -> Whole:
        """Each row's margin."""
        total = np.full(rows, self.base, np.int64)
        for tree in self.trees:
            total += tree_margins(tree, rows, sides)
        return total

    def score(self, parts: Sequence[TreePart], codes: Sequence[Sequence[Whole]]) -> Whole:
        """The same by all parts and the cells of each party's columns. InputError for parts of another model."""
        self.demand_parts(parts)
        rows = next((len(column) for columns in codes for column in columns), 0)

        def sides(party: int, number: int) -> Marks:
            cut = parts[party].cuts[number]
            return cut.sides(codes[party][cut.column])

        return self.margins(rows, sides)

    def demand_parts(self, parts: Sequence[TreePart]) -> None:
        """InputError unless each fork has its cut in one of these."""
        self.demand_cuts([len(part.cuts) for part in parts])

    def demand_cuts(self, counts: Sequence[int]) -> None:
        """InputError unless parties with so many cuts have each fork's."""
        forks = [node for tree in self.trees for node in tree if isinstance(node, TreeFork)]
        fits = len(counts) == self.parties and all(fork.cut < counts[fork.party] for fork in forks)
        if not fits:
            raise InputError(
                "these parts are not the model's",
                expected=f"{self.parties} parts, which have each fork's cut",
                found=f"{len(counts)} parts",
                code="model.parts",
            )

    def importance(self, parts: Sequence[TreePart]) -> tuple[tuple[int, str, int], ...]:
        """(party, column, gain of all its forks), the largest first; columns that no fork reads are not in it."""
        self.demand_parts(parts)
        gains: dict[tuple[int, str], int] = {}
        for tree in self.trees:
            for node in tree:
                if isinstance(node, TreeFork):
                    part = parts[node.party]
                    key = node.party, part.columns[part.cuts[node.cut].column].column
                    gains[key] = gains.get(key, 0) + node.gain
        ordered = sorted(gains.items(), key=lambda item: (-item[1], item[0]))
        return tuple((party, column, gain) for (party, column), gain in ordered)


def tree_margins(tree: Sequence[TreeNode], rows: int, sides: Sides) -> Whole:
    """What a tree adds to each row's margin."""
    total, at = np.zeros(rows, np.int64), {0: np.arange(rows)}
    for place, node in enumerate(tree):
        here = at.pop(place)
        if isinstance(node, TreeLeaf):
            total[here] = node.weight
        else:
            yes = sides(node.party, node.cut)[here]
            at[node.yes], at[node.no] = here[yes], here[~yes]
    return total


def probability(margins: Whole) -> npt.NDArray[np.float64]:
    """The logistic function of margins."""
    return np.asarray(1 / (1 + np.exp(-margins.astype(np.float64) / UNIT)))
