"""`model-score`: a consumer's applicants scored by a model that its makers keep as shares: a scorecard, a linear model,
or trees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from placet.catalogue.modelling import (
    COMPUTING_PROVIDERS,
    MAX_FEATURES,
    MAX_ROWS,
    PROVIDERS,
    DataRole,
    Feature,
    FeatureParameters,
    LinearFeature,
    absent,
    demand_columns,
    demand_protocol,
)
from placet.catalogue.spec import CONSUMER, Cost, RecipeSpec, Role, by_identifier
from placet.core.errors import PlanError
from placet.core.ids import JobId
from placet.core.lawful import ModelRef, Tells
from placet.core.plan import Terms
from placet.core.purposes import Operation
from placet.core.values import Bytes32, Value
from placet.models.choices import MAX_DEPTH, MAX_REASONS, MAX_TREES, MAX_WIDTH, Reasons

MODEL = "model"
_LEARNS = (
    "how long the consumer's list of applicants is, and, while the job runs, which of its own consented rows are in "
    "it; neither scores nor others' columns, nor the model"
)
Kind = Literal["scorecard", "linear", "trees"]
_TOLD = {"score": "explained-score", "decision": "explained-decision"}
"""What comes out with reasons, as offers say it."""


class PlannedModel(Value):
    """The job that made it, and the commitment to all of its parts."""

    job: Bytes32
    commitment: Bytes32


class SessionBounds(Value):
    """How long the parties' engines may stay linked for jobs alike, and how many rows they score over one link."""

    seconds: Annotated[int, Field(strict=True, ge=60, le=86_400)]
    scores: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class ModelScoreParameters(FeatureParameters):
    """The columns are those that the model was trained on, by the same roles. Trees are scored where `trees` and
    `depth` are given, a linear model where columns are prepared and not cut."""

    features: Annotated[  # type: ignore[assignment]
        dict[
            DataRole,
            Annotated[tuple[Feature, ...], Field(min_length=1, max_length=MAX_FEATURES)]
            | Annotated[tuple[LinearFeature, ...], Field(min_length=1, max_length=MAX_FEATURES)],
        ],
        Field(
            min_length=1,
            description="by role, consumer and first-provider to seventh-provider: the columns that the model reads, "
            "each as its training declared it: {column, kind, bins, monotone}, of a linear model {column, kind, "
            "levels, missing, clip}",
        ),
    ]
    protocol: Annotated[
        Literal["cheetah", "aby3"], Field(description="the MPC protocol: cheetah where two compute, aby3 where three")
    ]
    model: Annotated[
        PlannedModel,
        Field(description="{job, commitment}: the job that made the model, and the commitment to all of its parts"),
    ]
    output: Annotated[
        Literal["score", "band", "decision"],
        Field(description="what comes out of each applicant, as the offers say: score, band or decision (yes or no)"),
    ]
    edges: Annotated[
        tuple[Annotated[int, Field(strict=True, ge=-(2**31), le=2**31)], ...] | None,
        Field(
            min_length=1,
            max_length=63,
            description="with band: the scores at which a band begins, ascending; with decision: the one from which it "
            "is yes",
        ),
    ] = None
    trees: Annotated[
        int | None, Field(strict=True, ge=1, le=MAX_TREES, exclude_if=absent, description="of trees how many")
    ] = None
    depth: Annotated[
        int | None,
        Field(
            strict=True,
            ge=1,
            le=MAX_DEPTH,
            exclude_if=absent,
            description="of trees the cuts from a root to a leaf, as in training",
        ),
    ] = None
    higher: Annotated[
        Literal["positive", "negative"] | None,
        Field(
            exclude_if=absent,
            description="of trees and linear models what a higher score speaks for: positive (label 1, or a larger "
            "number) unless given, or negative; a scorecard has it in its scale",
        ),
    ] = None
    session: Annotated[
        SessionBounds | None,
        Field(
            exclude_if=absent,
            description="{seconds, scores}: the engines' link stays open for the next job of the same plan, model and "
            "parties, so long and for so many rows at the most; none unless given",
        ),
    ] = None

    reasons: Annotated[
        Reasons | None,
        Field(
            exclude_if=absent,
            description="{most, against}, with a score or where the decision is no, not of trees: which columns, 1 to "
            f"{MAX_REASONS} at the most, cost an applicant most of the score, against best (the column's best bin, or "
            "its better end, if not given) or neutral (a bin that speaks for neither label; of a linear model the mean "
            "or most frequent value)",
        ),
    ] = None

    @model_validator(mode="after")
    def _cut(self) -> ModelScoreParameters:
        edges = self.edges or ()
        if list(edges) != sorted(set(edges)):
            raise ValueError("edges ascend")
        if {"score": bool(edges), "band": not edges, "decision": len(edges) != 1}[self.output]:
            raise ValueError("no edges for a score, one for a decision, one or more for bands")
        if self.reasons is not None and self.output not in _TOLD:
            raise ValueError("reasons go with a score or a decision")
        return self

    @model_validator(mode="after")
    def _one_kind(self) -> ModelScoreParameters:
        linear = [isinstance(one, LinearFeature) for features in self.features.values() for one in features]
        if any(linear) and not all(linear):
            raise ValueError("columns of one kind of model: cut into bins all, or prepared all")
        if all(linear) and self.width > MAX_WIDTH:
            raise ValueError(f"at most {MAX_WIDTH} numbers of a row, as in training")
        if (self.trees is None) is not (self.depth is None) or (any(linear) and self.trees is not None):
            raise ValueError("trees and depth, both or neither, and of columns that are cut")
        if self.trees is not None and self.reasons is not None:
            raise ValueError("no reasons of trees: what a column adds depends on the others")
        if self.kind == "scorecard" and self.higher is not None:
            raise ValueError("no higher of a scorecard: its scale has it")
        return self

    @property
    def kind(self) -> Kind:
        """Of model."""
        if self.trees is not None:
            return "trees"
        first = next(iter(self.features.values()))
        return "linear" if isinstance(first[0], LinearFeature) else "scorecard"

    @property
    def label(self) -> Literal[0, 1]:
        """The one that a higher score speaks for."""
        return 0 if self.higher == "negative" else 1

    @property
    def width(self) -> int:
        """Numbers of a row that all columns become."""
        return sum(one.width for features in self.features.values() for one in features)


def reads(role: str, parameters: ModelScoreParameters) -> tuple[str, ...]:
    """A role's own columns."""
    own = tuple(one.column for one in parameters.of(role))
    return (parameters.identifier, *own)


def tells(parameters: ModelScoreParameters) -> Tells:
    """Providers find their own rows in the list before anything is computed."""
    output = parameters.output if parameters.reasons is None else _TOLD[parameters.output]
    return Tells(output, edges=parameters.edges or (), shows=PROVIDERS)


def model(parameters: ModelScoreParameters) -> ModelRef:
    """Which one."""
    return ModelRef(JobId(parameters.model.job), parameters.model.commitment)


def fits(parameters: ModelScoreParameters, terms: Terms, parties: Sequence[bytes], consumer: bytes) -> None:
    """PlanError unless each provider brings columns, no others do, and the protocol is the one for so many; of
    trees aby3, by which they grow."""
    demand_columns(parameters, terms)
    demand_protocol(parameters.protocol, parties)
    if parameters.trees is not None and parameters.protocol == "cheetah":
        raise PlanError(
            "two parties keep no trees",
            expected="aby3, for three parties and more",
            found=parameters.protocol,
            code="spu.protocol",
        )


def _roles() -> tuple[Role, ...]:
    computing = tuple(
        Role(name, _LEARNS, alias="features", persons=True, model=MODEL, output=True, least=int(name == PROVIDERS[0]))
        for name in COMPUTING_PROVIDERS
    )
    sharing = tuple(
        Role(
            name,
            f"{_LEARNS}; it does not compute",
            alias="features",
            persons=True,
            model=MODEL,
            output=True,
            least=0,
        )
        for name in PROVIDERS[len(COMPUTING_PROVIDERS) :]
    )
    learns = (
        "after the release, of each applicant that consented, the score, or its band, or yes or no, as the offers say, "
        "and where they say so which columns, at the most four, cost the applicant most, the dearest first, not how "
        "much nor which bin; how many consented rows each provider has; not what the model is made of, nor, without "
        "reasons, which columns a provider lacks"
    )
    return (*computing, *sharing, Role(CONSUMER, learns, alias="applicants", persons=True, model=MODEL))


def cost(parameters: ModelScoreParameters, rows: int) -> Cost:
    """From 10,000 applicants by ABY3 and 3,000 by Cheetah, with 23 columns of 10 bins: it grows with the cells, with
    scores that are compared with an edge or rounded, where there are reasons with all columns' losses, which are
    sorted, and with all leaves of trees (10,000 applicants, 24 columns of 16 bins, 20 trees of depth 4)."""
    columns = [feature for features in parameters.features.values() for feature in features]
    cells = rows * parameters.width
    compared = rows * (len(parameters.edges or ()) or int(parameters.kind != "scorecard"))
    leaves = rows * (parameters.trees or 0) << (parameters.depth or 0)
    lost = 0 if parameters.reasons is None else rows * len(columns)
    if parameters.protocol == "cheetah":
        traffic = (40 << 20) + 12 * cells + 1_750 * compared + 900 * lost
        memory = ((500 if not lost else 850) << 20) + 750 * cells
        return Cost(memory, traffic, seconds=6 + cells // 300_000 + compared // 1_000 + lost // 10_000)
    traffic = (1 << 20) + 34 * cells + 120 * compared + 900 * lost + 60 * leaves
    seconds = 5 + (cells + leaves) // 1_000_000 + (compared + lost) // 50_000
    return Cost((330 << 20) + 100 * cells + 20 * leaves, traffic, seconds)


SPEC = RecipeSpec(
    name="model-score",
    version=1,
    does="The consumer learns its applicants' scores, or less of them, by a scorecard, linear model or trees of which "
    f"each party that made it keeps a part, so that none can score alone; of up to {MAX_ROWS:,} applicants; on the "
    "engine spu.",
    operations=Operation.PSI | Operation.MPC,
    engines=("spu",),
    on_withdrawal="drop",
    roles=_roles(),
    parameters=ModelScoreParameters,
    reads=reads,
    aligns=by_identifier,
    model=model,
    tells=tells,
    fits=fits,
    cost=cost,
)
