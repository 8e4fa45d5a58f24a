"""`model-transfer`: an institution with few labels learns from another one's model, which neither shows the other."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from placet.catalogue.modelling import absent
from placet.catalogue.spec import CONSUMER, Column, Cost, RecipeParameters, RecipeSpec, Role, SmallestGroup
from placet.core.ids import JobId
from placet.core.lawful import Aligns, ModelRef, Tells
from placet.core.purposes import Operation
from placet.core.values import Bytes32, Value
from placet.models.choices import MAX_COLUMNS

SOURCE, MODEL = "source", "model"
MAX_LABELS = 8_192
"""Rows of the target's: who has more trains a model of its own."""


class TransferredModel(Value):
    """The commitment that a model's document has, and the job that made it; without one, the source itself did."""

    commitment: Bytes32
    job: Annotated[Bytes32 | None, Field(exclude_if=absent)] = None


class ModelTransferParameters(RecipeParameters):
    """The target's table has the model's columns under the same names."""

    model: Annotated[
        TransferredModel,
        Field(
            description="{commitment, job}: the source's model by its commitment, and the job that made it where one "
            "did, else the source's own data"
        ),
    ]
    columns: Annotated[
        tuple[Column, ...],
        Field(min_length=1, max_length=MAX_COLUMNS, description="the consumer's columns that the model reads, all"),
    ]
    label: Annotated[Column, Field(description="the consumer's column of integers 0 and 1 that the model speaks of")]
    train: Annotated[
        int,
        Field(
            strict=True,
            ge=10,
            le=90,
            description="how many percent of the consumer's rows adapt the model: the others judge it",
        ),
    ] = 60
    strength: Annotated[
        int,
        Field(
            strict=True,
            ge=1,
            le=10_000,
            description="how strongly weights are held to the source's: the precision of a normal prior about each, in "
            "the loss of one row; 100 unless given",
        ),
    ] = 100
    smallest_group: Annotated[SmallestGroup, Field(le=MAX_LABELS)]
    protocol: Annotated[Literal["cheetah"], Field(description="the MPC protocol")]

    @model_validator(mode="after")
    def _own_columns(self) -> ModelTransferParameters:
        if len({*self.columns, self.label}) <= len(self.columns):
            raise ValueError("each column once, and the model does not read the label")
        return self


def reads(role: str, parameters: ModelTransferParameters) -> tuple[str, ...]:
    """The source brings its model, and no rows."""
    return () if role == SOURCE else (parameters.label, *parameters.columns)


def model(parameters: ModelTransferParameters) -> ModelRef | None:
    """Which one; None where no job made it."""
    one = parameters.model
    return None if one.job is None else ModelRef(JobId(one.job), one.commitment)


def cost(parameters: ModelTransferParameters, rows: int) -> Cost:
    """From 100 to 1,000 rows of 96 and 180 numbers: a step's sigmoids cost the same for few rows as for some hundreds,
    and then come cells and pairs of rows that validate. What trees cost besides only their shape says
    (`cost_of_trees`)."""
    pairs = (rows * (100 - parameters.train) // 100) ** 2 // 4
    cells = rows * len(parameters.columns) * 12
    return Cost(
        memory=(1_200 << 20) + 1_000 * cells + 2_000 * pairs,
        traffic=(270 << 20) + 120_000 * rows + 200 * cells + 2_000 * pairs,
        seconds=15 + rows // 50 + pairs // 10_000,
    )


def cost_of_trees(base: Cost, rows: int, cells: int, nodes: int) -> Cost:
    """Beside all else: which cells each node reads of each row, from 1,000 rows of 180 cells by 20 trees of depth 4."""
    products = rows * cells * nodes
    return Cost(base.memory + 48 * products, base.traffic + 2 * products, base.seconds + products // 1_000_000)


SPEC = RecipeSpec(
    name="model-transfer",
    version=1,
    does="The consumer, which has few labels, learns on its own rows how good another institution's model is, whether "
    "adapting it helps, and what it can do alone, each with its error. The source does not show its model, nor the "
    "consumer its rows. A linear model, a scorecard or trees; on the engine spu.",
    operations=Operation.MPC,
    engines=("spu",),
    on_withdrawal="drop",
    roles=(
        Role(
            SOURCE,
            "how many of the consumer's rows train, and how many of either label validate, or that they are too few; "
            "no row, no label, and no figure",
            alias=None,
            model=MODEL,
            output=True,
        ),
        Role(
            CONSUMER,
            "before the seal how the model prepares its columns: names, edges of bins, means, spreads and ends, and "
            "frequent categories of the source's people, and no weight; after the release, over its own rows that "
            "validate, log loss and AUC of the source's model, of that adapted and of one of its own rows alone, by "
            "how much they differ, each with its standard error, and the two numbers of recalibration: some forty "
            "rounded figures of at most 28 bits. No score, and no weight; but who makes up its rows learns from a "
            "figure about as much as from a score, so that a few jobs, or some tens, tell a model: the source's "
            "consent bounds how many there are",
            alias="rows",
            persons=True,
        ),
    ),
    parameters=ModelTransferParameters,
    reads=reads,
    aligns=lambda parameters: Aligns(),
    model=model,
    tells=lambda parameters: Tells("evaluation", parameters.smallest_group),
    cost=cost,
)
