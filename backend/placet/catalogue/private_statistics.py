"""`private-statistics`: what a provider's rows are like, with noise, under a privacy budget that the chain keeps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from placet.catalogue.spec import CONSUMER, Column, RecipeParameters, RecipeSpec, Role, SmallestGroup, scale
from placet.core.lawful import Aligns, Tells
from placet.core.offers import Bounds, Decimals
from placet.core.privacy import Choice, GaussianRelease, variance_for
from placet.core.purposes import Operation
from placet.core.values import NanoRho, Text, Value

PROVIDER = "provider"
NOISY = "noisy-statistics"
MAX_QUESTIONS, MAX_BANDS = 16, 64
QUANTILE_BANDS = 256
"""Equally wide bands between the bounds, of which quantiles are read."""
_Budget = Annotated[NanoRho, Field(ge=1, description="nano-rho")]
_Decimals = Annotated[Decimals | None, Field(exclude_if=lambda decimals: decimals is None)]


class Axis(Value):
    """A column in groups: of integers, a new one at each of `edges`; of texts, one for each of `values` and one for all
    others. Which groups there are follows from the question alone, never from the rows."""

    column: Column
    edges: Annotated[tuple[int, ...], Field(max_length=MAX_BANDS - 1, exclude_if=lambda value: not value)] = ()
    values: Annotated[tuple[Text, ...], Field(max_length=MAX_BANDS - 1, exclude_if=lambda value: not value)] = ()

    @model_validator(mode="after")
    def _groups(self) -> Axis:
        if bool(self.edges) == bool(self.values):
            raise ValueError("a column has edges or values")
        if any(left >= right for left, right in itertools.pairwise(self.edges)):
            raise ValueError("strictly ascending edges")
        if len(set(self.values)) < len(self.values):
            raise ValueError("each value once")
        return self

    @property
    def size(self) -> int:
        return len(self.edges) + len(self.values) + 1


class CountQuestion(Value):
    """How many people have a value in a column."""

    ask: Literal["count"] = "count"
    column: Column
    budget: _Budget


class MeanQuestion(Value):
    """How many people there are, the sum of a column over them and their mean; half of the budget for each of the two
    that are released. A value outside of `bounds`, in the column's smallest unit, counts as the nearer one."""

    ask: Literal["mean"] = "mean"
    column: Column
    decimals: _Decimals = None
    bounds: Bounds
    budget: Annotated[_Budget, Field(ge=2)]


class HistogramQuestion(Value):
    """How many people are in each group of a column."""

    ask: Literal["histogram"] = "histogram"
    axis: Axis
    budget: _Budget


class TableQuestion(Value):
    """How many people are in each pair of groups of two columns."""

    ask: Literal["table"] = "table"
    axes: tuple[Axis, Axis]
    budget: _Budget

    @model_validator(mode="after")
    def _two(self) -> TableQuestion:
        if self.axes[0].column == self.axes[1].column:
            raise ValueError("two columns")
        return self


class QuantilesQuestion(Value):
    """The values that part the people into `parts` equal groups, of 256 bands between the bounds."""

    ask: Literal["quantiles"] = "quantiles"
    column: Column
    decimals: _Decimals = None
    bounds: Bounds
    parts: Annotated[int, Field(strict=True, ge=2, le=100)]
    budget: _Budget


Question = Annotated[
    CountQuestion | MeanQuestion | HistogramQuestion | TableQuestion | QuantilesQuestion, Field(discriminator="ask")
]


class PrivateStatisticsParameters(RecipeParameters):
    questions: Annotated[
        tuple[Question, ...],
        Field(
            min_length=1,
            max_length=MAX_QUESTIONS,
            description="what is asked, each with the part of the privacy budget that it spends, in nano-rho: "
            "{ask: count, column}, {ask: mean, column, bounds}, {ask: histogram, axis}, {ask: table, axes}, "
            "{ask: quantiles, column, bounds, parts}; an axis is a column with edges of integers or values of "
            "texts; bounds are the offer's own, in the column's smallest unit",
        ),
    ]
    smallest_group: SmallestGroup


def released(number: int, question: Question) -> tuple[GaussianRelease, ...]:
    """What a question, the so-manyth of a job, releases."""
    ask = f"{number}.{question.ask}"
    match question:
        case MeanQuestion(bounds=(low, high), budget=budget):
            most = max(abs(low), abs(high)) ** 2
            return (
                GaussianRelease(f"{ask}.people", 1, 1, variance_for(1, budget // 2)),
                GaussianRelease(f"{ask}.sum", 1, most, variance_for(most, budget - budget // 2)),
            )
    return (GaussianRelease(ask, size_of(question), 1, variance_for(1, question.budget)),)


def size_of(question: Question) -> int:
    """How many numbers a question releases."""
    match question:
        case HistogramQuestion(axis=axis):
            return axis.size
        case TableQuestion(axes=(rows, columns)):
            return rows.size * columns.size
        case QuantilesQuestion():
            return QUANTILE_BANDS
        case MeanQuestion():
            return 2
    return 1


def reads(role: str, parameters: PrivateStatisticsParameters) -> tuple[str, ...]:
    if role == CONSUMER:
        return ()
    columns: list[str] = []
    for question in parameters.questions:
        match question:
            case (
                CountQuestion(column=column)
                | MeanQuestion(column=column)
                | QuantilesQuestion(column=column)
                | HistogramQuestion(axis=Axis(column=column))
            ):
                columns.append(column)
            case TableQuestion(axes=axes):
                columns += [axis.column for axis in axes]
    return tuple(dict.fromkeys(columns))


def noise(role: str, parameters: PrivateStatisticsParameters) -> tuple[Choice, ...]:
    """What the provider adds its noise to."""
    if role == CONSUMER:
        return ()
    return tuple((one,) for number, question in enumerate(parameters.questions) for one in released(number, question))


def _measured(parameters: PrivateStatisticsParameters) -> Iterator[MeanQuestion | QuantilesQuestion]:
    return (question for question in parameters.questions if isinstance(question, MeanQuestion | QuantilesQuestion))


SPEC = RecipeSpec(
    name="private-statistics",
    version=1,
    does="The consumer learns counts, sums, means, quantiles and tables of a provider's consented rows, each with "
    "noise, so that they look nearly the same whoever's row is left out; the opening spends the offer's and the "
    "dataset's privacy budget on chain.",
    operations=Operation.DP,
    engines=("embedded",),
    on_withdrawal="drop",
    roles=(
        Role(
            PROVIDER,
            "what is asked; it knows its own rows and the noise that it adds, as its committed randomness has it",
            alias="accounts",
            persons=True,
            output=True,
        ),
        Role(
            CONSUMER,
            "after the release the noisy numbers, and nothing of a group that looks smaller than the smallest one; "
            "that the provider has the columns",
            alias=None,
        ),
    ),
    parameters=PrivateStatisticsParameters,
    reads=reads,
    aligns=lambda parameters: Aligns(),
    amounts=lambda role, parameters: (
        ()
        if role == CONSUMER
        else tuple(dict.fromkeys((one.column, scale(one.decimals)) for one in _measured(parameters)))
    ),
    bounds=lambda role, parameters: (
        () if role == CONSUMER else tuple(dict.fromkeys((one.column, one.bounds) for one in _measured(parameters)))
    ),
    spends=lambda role, parameters: 0 if role == CONSUMER else sum(one.budget for one in parameters.questions),
    noise=noise,
    masked=True,
    tells=lambda parameters: Tells(NOISY, parameters.smallest_group),
)
