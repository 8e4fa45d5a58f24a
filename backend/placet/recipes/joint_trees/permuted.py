"""What each column is worth to trees whose rows the consumer knows by their sides: how far the AUC falls when the
column's values stand in other rows (`models.permuting`). The consumer computes it alone, once it has all parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from placet.models.boosting import Own
from placet.models.permuting import falls, judged_rows, turns
from placet.models.trees import Marks, TreeModel, TreePart, Whole
from placet.recipes.blocks.split import RowParts
from placet.recipes.joint_trees.judging import placements


@dataclass(frozen=True)
class JudgedSides:
    """Of the rows that are judged: labels, and by party and cut on which side they are; the consumer's own cuts
    first."""

    labels: Whole
    sides: tuple[tuple[Marks, ...], ...]

    @classmethod
    def of(cls, labels: Whole, own: Own, others: Sequence[Sequence[Marks]], parts: RowParts) -> JudgedSides:
        rows = judged_rows(parts.train, parts.validation)
        mine = tuple(own.sides(cut)[rows] for cut in range(len(own.cuts)))
        return cls(labels[rows], (mine, *map(tuple, others)))

    def to_json(self) -> dict[str, Any]:
        """As the consumer keeps it."""
        packed = [[np.packbits(cut).tobytes().hex() for cut in cuts] for cuts in self.sides]
        return {"labels": self.labels.tolist(), "sides": packed}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> JudgedSides:
        labels = np.array(state["labels"], dtype=np.int64)

        def read(packed: str) -> Marks:
            bits = np.unpackbits(np.frombuffer(bytes.fromhex(packed), dtype=np.uint8), count=len(labels))
            return np.asarray(bits, dtype=np.bool_)

        return cls(labels, tuple(tuple(map(read, cuts)) for cuts in state["sides"]))

    def falls(self, model: TreeModel, parts: Sequence[TreePart], permutations: int) -> dict[tuple[int, int], str]:
        """By party and number of its column, of those that a tree is cut at; empty where fewer than two have either
        label."""
        positives = int(self.labels.sum())
        if min(positives, len(self.labels) - positives) < 2:
            return {}
        whole, ways = self._margins(model, {}), turns(len(self.labels), permutations)
        worth = {}
        for party, part in enumerate(parts):
            for column in sorted({cut.column for cut in part.cuts}):
                cuts = {(party, number) for number, cut in enumerate(part.cuts) if cut.column == column}
                others = (self._margins(model, dict.fromkeys(cuts, step)) for (step,) in ways)
                worth[party, column] = f"{falls(self._area, whole, others):.4f}"
        return worth

    def _margins(self, model: TreeModel, steps: dict[tuple[int, int], int]) -> Whole:
        """With the sides of some cuts moved on."""
        return model.margins(
            len(self.labels), lambda party, cut: np.roll(self.sides[party][cut], steps.get((party, cut), 0))
        )

    def _area(self, margins: Whole) -> float:
        return placements(self.labels, margins)[0]
