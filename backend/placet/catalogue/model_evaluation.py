"""`model-evaluation`: how good a provider's score is, over those of a consumer's customers whose labels it knows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from placet.catalogue.spec import (
    CONSUMER,
    AmountDecimals,
    Column,
    IdentifiedParameters,
    RecipeSpec,
    Role,
    SmallestGroup,
    by_identifier,
    scale,
)
from placet.core.errors import PlanError
from placet.core.lawful import Tells
from placet.core.plan import Terms
from placet.core.purposes import Operation
from placet.core.values import Whole
from placet.models.bands import equal_edges

PROVIDER = "provider"
MAX_ROWS = 100_000
"""Of the consumer's list."""
MAX_BANDS, MAX_THRESHOLDS, MAX_GROUPS = 128, 16, 16
PROTOCOLS = {2: "cheetah", 3: "aby3"}
"""By the number of parties, who all compute."""


class ModelEvaluationParameters(IdentifiedParameters):
    """Scores, edges and thresholds count in the score's smallest unit."""

    score: Annotated[
        Column,
        Field(
            description="the provider's column of integers that is judged; of two providers each has a part, and the "
            "score is their sum"
        ),
    ]
    decimals: AmountDecimals = None
    range: Annotated[
        tuple[Whole, Whole] | None,
        Field(
            description="with bands: the lowest and the highest score, as strings; scores outside count in the first "
            "and the last band"
        ),
    ] = None
    bands: Annotated[
        int | None,
        Field(
            strict=True, ge=2, le=MAX_BANDS, description="with range: in how many bands, equally wide, scores are told"
        ),
    ] = None
    edges: Annotated[
        tuple[Whole, ...] | None,
        Field(
            min_length=1,
            max_length=MAX_BANDS - 1,
            description="instead of range and bands: ascending scores at which a new band begins, as strings",
        ),
    ] = None
    label: Annotated[Column, Field(description="the consumer's column of integers 0 and 1; high scores stand for 1")]
    thresholds: Annotated[
        tuple[Whole, ...] | None,
        Field(
            min_length=1,
            max_length=MAX_THRESHOLDS,
            description="ascending scores, as strings: who reaches one is taken for a 1; each is an edge of the bands",
        ),
    ] = None
    group: Annotated[
        Column | None, Field(description="the consumer's column that says in which group a customer is")
    ] = None
    groups: Annotated[
        tuple[Annotated[str, Field(max_length=200)], ...] | None,
        Field(
            min_length=2,
            max_length=MAX_GROUPS,
            description="with group: the names of 2 to 16 groups, which are compared at thresholds; a customer of "
            "another one, or of a group with too few, counts in nothing",
        ),
    ] = None
    scale: Annotated[
        Whole | None,
        Field(
            ge=1,
            description="the score that stands for the probability 1, as a string, where scores are probabilities: "
            "tells calibration and Brier score, by each band's mean score",
        ),
    ] = None
    reference: Annotated[
        tuple[Annotated[int, Field(strict=True, ge=0, le=2**31)], ...] | None,
        Field(
            min_length=2,
            max_length=MAX_BANDS + MAX_THRESHOLDS,
            description="how many people each band had at training: tells the population stability index",
        ),
    ] = None
    auc: Annotated[
        Literal["exact"] | None,
        Field(description="the AUC by ranks instead of bands; without groups"),
    ] = None
    smallest_group: Annotated[SmallestGroup, Field(le=MAX_ROWS)]
    protocol: Annotated[
        Literal["cheetah", "aby3"], Field(description="the MPC protocol: cheetah with one provider, aby3 with two")
    ]

    @model_validator(mode="after")
    def _bands(self) -> ModelEvaluationParameters:
        equal = (self.range is not None, self.bands is not None)
        if not (all(equal) and self.edges is None) and not (self.edges is not None and not any(equal)):
            raise ValueError("range and bands, or edges")
        if self.range is not None and self.range[1] - self.range[0] < (self.bands or 0):
            raise ValueError("a range whose bands are one wide at the least")
        for edges in (self.edges or (), self.thresholds or ()):
            if any(left >= right for left, right in itertools.pairwise(edges)):
                raise ValueError("strictly ascending edges and thresholds")
        if self.reference is not None and len(self.reference) != len(self.all_edges) + 1:
            raise ValueError("a reference with a number for each band, those that begin at thresholds too")
        return self

    @model_validator(mode="after")
    def _columns(self) -> ModelEvaluationParameters:
        own = (self.identifier, self.label, *(() if self.group is None else (self.group,)))
        if len(set(own)) < len(own) or self.identifier == self.score:
            raise ValueError("identifier, score, label and group are columns of their own")
        if len({self.group is None, self.groups is None}) > 1 or (self.groups is not None and self.thresholds is None):
            raise ValueError("group, groups and thresholds, or no groups")
        if self.groups is not None and len(set(self.groups)) < len(self.groups):
            raise ValueError("each group once")
        if self.auc is not None and self.groups is not None:
            raise ValueError("an exact AUC is without groups")
        return self

    @property
    def all_edges(self) -> tuple[int, ...]:
        """Where a band begins, the first excepted: thresholds among them."""
        edges = self.edges or ()
        if self.range is not None and self.bands is not None:
            edges = equal_edges(*self.range, self.bands)
        return tuple(sorted({*edges, *(self.thresholds or ())}))


def reads(role: str, parameters: ModelEvaluationParameters) -> tuple[str, ...]:
    """Providers' rows have the score, the consumer's the label."""
    if role != CONSUMER:
        return (parameters.identifier, parameters.score)
    return (parameters.identifier, parameters.label, *(() if parameters.group is None else (parameters.group,)))


def tells(parameters: ModelEvaluationParameters) -> Tells:
    """One provider sees first which of its rows count; of two, rows count that both have, which neither sees. Ranks
    and sums of scores change with every single score: no smallest gap holds but one of 1."""
    alone = parameters.protocol == PROTOCOLS[2]
    shows = (PROVIDER,) if alone else ()
    every = () if parameters.auc is None and parameters.scale is None else (1,)
    return Tells("evaluation", parameters.smallest_group, edges=(*parameters.all_edges, *every), shows=shows)


def fits(parameters: ModelEvaluationParameters, terms: Terms, parties: Sequence[bytes], consumer: bytes) -> None:
    """PlanError unless the protocol is the one for so many."""
    expected = PROTOCOLS[len(parties)]
    if parameters.protocol != expected:
        raise PlanError(
            "no such protocol for this number of providers",
            expected=f"{expected} for {len(parties) - 1}",
            found=parameters.protocol,
            code="spu.protocol",
        )


SPEC = RecipeSpec(
    name="model-evaluation",
    version=1,
    does="The consumer learns how good a provider's score is over those of its customers whose labels it knows: AUC, "
    "KS, gains, calibration and more by bands of the score, and no single score; on the engine spu.",
    operations=Operation.PSI | Operation.MPC,
    engines=("spu",),
    on_withdrawal="drop",
    roles=(
        Role(
            PROVIDER,
            "how long the consumer's list is, and, while the job runs, which of its own consented rows are in it; no "
            "label, and no figure",
            alias="accounts",
            persons=True,
            output=True,
            most=2,
        ),
        Role(
            CONSUMER,
            "after the release how many of either label have scores in which band, and in which group at which "
            "threshold, never fewer than the smallest group, and what follows from that; or that they are too few; how "
            "many consented rows each provider has",
            alias="customers",
        ),
    ),
    parameters=ModelEvaluationParameters,
    reads=reads,
    aligns=by_identifier,
    amounts=lambda role, parameters: () if role == CONSUMER else ((parameters.score, scale(parameters.decimals)),),
    tells=tells,
    fits=fits,
)
