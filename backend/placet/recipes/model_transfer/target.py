"""What the target brings, all worked out at home: its rows as the source's model reads them, and what it can do
alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from placet.catalogue.model_transfer import MAX_LABELS, ModelTransferParameters
from placet.core.errors import LimitError
from placet.core.values import Value
from placet.models.preparing import UNIT
from placet.models.source import ModelShape
from placet.models.transfer import STEPS, basis_of, clipped, map_fit, wins
from placet.protocols.mpc.numbers import Integers
from placet.protocols.mpc.transfer import MAX_PAIRS, MAX_TRAIN, MAX_VALIDATION, TransferJudge, fine
from placet.protocols.spu.transferring import BASIS, DESIGN, LABELS, OWN, PULL, WINS
from placet.recipes.blocks.features import labels_of
from placet.vault.rows import Rows

ALONE_STEPS = 60
"""A model that begins at nothing goes further than one that begins at a source."""
Places = Sequence[int]


class Sizes(Value):
    """How many rows train, and how many of either label validate: all that the source is told of the target's rows.
    None where they are too few: then not even how many there are."""

    enough: bool
    train: Annotated[int, Field(strict=True, ge=0, le=MAX_TRAIN)] = 0
    positives: Annotated[int, Field(strict=True, ge=0, le=MAX_VALIDATION)] = 0
    negatives: Annotated[int, Field(strict=True, ge=0, le=MAX_VALIDATION)] = 0

    def large(self, smallest: int) -> bool:
        """Does each hold the smallest group, and are there no more pairs to compare than an engine takes?"""
        enough = min(self.train, self.positives, self.negatives) >= max(smallest, 2)
        return enough and self.positives * self.negatives <= MAX_PAIRS


@dataclass(frozen=True)
class LabelledRows:
    """The target's rows by their numbers: those that train, and of those that validate the ones of either label."""

    labels: Integers
    train: list[int]
    positives: list[int]
    negatives: list[int]

    @classmethod
    def of(cls, rows: Rows, parameters: ModelTransferParameters, order: Places, train: int) -> LabelledRows:
        """`order`: of the rows, of which the first `train` ones train. DataError for what is no label."""
        labels = labels_of(rows, parameters.label)
        judged = order[train:]
        return cls(
            labels,
            list(order[:train]),
            [row for row in judged if labels[row] == 1],
            [row for row in judged if labels[row] == 0],
        )

    def sizes(self, smallest: int) -> Sizes:
        """Of rows that train both labels have to be there as often, too. LimitError `transfer.list` for more rows than
        are compared."""
        trained = int(self.labels[self.train].sum())
        pairs = len(self.positives) * len(self.negatives)
        if max(len(self.train), len(self.positives), len(self.negatives)) > MAX_TRAIN or pairs > MAX_PAIRS:
            raise LimitError(
                "more labels than a transfer takes",
                expected=f"at most {MAX_TRAIN} that train, {MAX_PAIRS} pairs of either label that validate",
                found=f"{len(self.train)}, {pairs}",
                remedy=f"consents of at most {MAX_LABELS} persons; or train a model of your own: you have the labels",
                code="transfer.list",
            )
        sizes = Sizes(enough=True, train=len(self.train), positives=len(self.positives), negatives=len(self.negatives))
        both = min(trained, len(self.train) - trained) >= smallest
        return sizes if both and sizes.large(smallest) else Sizes(enough=False)

    @property
    def all(self) -> list[int]:
        """As the program has them."""
        return [*self.train, *self.positives, *self.negatives]


def program_of(shape: ModelShape, sizes: Sizes) -> TransferJudge:
    """The same at both: all of it is public."""
    return TransferJudge(
        width=shape.width,
        rank=min(sizes.train, shape.width + 1),
        train=sizes.train,
        positives=sizes.positives,
        negatives=sizes.negatives,
        steps=STEPS,
        trees=shape.trees,
    )


def brought_of(
    rows: Rows, shape: ModelShape, labelled: LabelledRows, program: TransferJudge, strength: int
) -> dict[str, Integers]:
    """The target's arrays, by name. DataError for a value that a column can't have."""
    numbers = shape.design({one: [rows.columns[one][row] for row in labelled.all] for one in shape.names})
    labels = labelled.labels[labelled.train]
    basis = basis_of(numbers / UNIT, program.train, strength)
    alone = map_fit(basis, np.zeros(program.rows), labels.astype(np.float64), ALONE_STEPS)
    own = fine(clipped(alone[program.train :]))
    return {
        DESIGN: numbers if program.trees is None else numbers // UNIT,
        BASIS: fine(basis.rows),
        PULL: fine(basis.pull),
        LABELS: labels,
        OWN: own,
        WINS: np.concatenate(wins(own, program.positives)),
    }
