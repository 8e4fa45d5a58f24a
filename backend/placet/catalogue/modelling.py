"""What all recipes of joint modelling declare alike: who takes part, which columns, how rows are joined and split.

The consumer holds the label and may hold columns. Up to seven providers hold columns. Consumer and the first two
providers compute; further providers share their columns out to the first two as secret shares, and so hold no part of
what comes out but how their own columns are cut into bins. Two who compute run Cheetah, three run ABY3, of whom any two
that pool their shares see all.

Rows stand in the consumer's secret order: first those to train on, then those to validate, then those to test, in a
random order within each. So all parties know how many there are of each, and none but the consumer whose they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from placet.catalogue.spec import CONSUMER, Column, IdentifiedParameters, Role, SmallestGroup
from placet.core.errors import PlanError
from placet.core.lawful import Tells
from placet.core.offers import CLEAR_MODEL, SHARED_MODEL
from placet.core.plan import Terms
from placet.core.values import Value
from placet.models.choices import MAX_MEASURED, Bins, Levels, Missing
from placet.models.contribution import MAX_SHAPLEY, SHARE_UNIT, Division, PayoutRule

PROVIDERS = tuple(f"{place}-provider" for place in ("first", "second", "third", "fourth", "fifth", "sixth", "seventh"))
COMPUTING_PROVIDERS = PROVIDERS[:2]
MAX_FEATURES = 64
"""Of one party."""
MAX_ROWS = 100_000
"""Of the consumer's list."""
Penalty = Annotated[
    int,
    Field(
        strict=True,
        ge=1,
        le=1_000,
        description="the penalty on half a squared coefficient of a standardised column, in thousandths of a row's "
        "mean loss: 1 to 1000",
    ),
]
DataRole = Literal[
    "first-provider",
    "second-provider",
    "third-provider",
    "fourth-provider",
    "fifth-provider",
    "sixth-provider",
    "seventh-provider",
    "consumer",
]


def absent(value: object) -> bool:
    """What was not given is no part of the JSON: one meaning has one form."""
    return value is None


class Feature(Value):
    """A column that goes into the model. A number is cut into at most `bins` bins by its owner, at quantiles of its own
    rows; a category has a bin for each of its `bins` most frequent values and one for all others. A value that is
    missing has a bin of its own in either. `monotone`: the bins' weights rise, or fall, with the number."""

    column: Column
    kind: Literal["number", "category"] = "number"
    bins: Bins = 10
    monotone: Annotated[Literal["rising", "falling"] | None, Field(exclude_if=absent)] = None

    @model_validator(mode="after")
    def _ordered(self) -> Feature:
        if self.monotone is not None and self.kind != "number":
            raise ValueError("only numbers have an order")
        return self

    @property
    def width(self) -> int:
        """Cells of a row, one of them 1."""
        return self.bins + 2


class LinearFeature(Value):
    """A column that goes into the model, and how its owner prepares it. A number is winsorised at the quantiles of
    `clip` percent from either end, at `smallest_group` values at the least, and within 4 standard deviations, and
    standardised. A category has an indicator for each of its `levels` most frequent values but the first, and one for
    all others. What is `missing` has an indicator of its own and else counts as usual, or only that."""

    column: Column
    kind: Literal["number", "category"] = "number"
    levels: Levels = 10
    missing: Missing = "own"
    clip: Annotated[int | None, Field(strict=True, ge=1, le=25, exclude_if=absent)] = None

    @model_validator(mode="after")
    def _numbers(self) -> LinearFeature:
        if self.clip is not None and self.kind != "number":
            raise ValueError("only numbers are winsorised")
        return self

    @property
    def width(self) -> int:
        """Numbers of a row that it becomes."""
        return (1 if self.kind == "number" else self.levels) + int(self.missing == "own")


class Split(Value):
    """How rows are divided, in whole percents of the list, or by the values of one of the consumer's own columns: rows
    up to `train_until` train, further ones up to `validation_until` validate, all others test (`column` is of integers,
    such as a date; a group's number keeps a group's rows together)."""

    train: Annotated[int | None, Field(strict=True, ge=1, le=99, exclude_if=absent)] = None
    validation: Annotated[int | None, Field(strict=True, ge=0, le=98, exclude_if=absent)] = None
    column: Annotated[Column | None, Field(exclude_if=absent)] = None
    train_until: Annotated[int | None, Field(strict=True, exclude_if=absent)] = None
    validation_until: Annotated[int | None, Field(strict=True, exclude_if=absent)] = None

    @model_validator(mode="after")
    def _one_form(self) -> Split:
        shares = (self.train is not None, self.validation is not None)
        values = (self.column is not None, self.train_until is not None, self.validation_until is not None)
        if not (all(shares) and not any(values)) and not (all(values) and not any(shares)):
            raise ValueError("train and validation in percent, or column, train_until and validation_until")
        if (self.train or 0) + (self.validation or 0) > 99:
            raise ValueError("something is left to test on")
        if self.train_until is not None and self.train_until > (self.validation_until or 0):
            raise ValueError("train_until is not after validation_until")
        return self


class FeatureParameters(IdentifiedParameters):
    """Base of the parameters of recipes that train a model or use it. `features` has the columns by role, the
    consumer's too."""

    features: Annotated[
        dict[DataRole, Annotated[tuple[Feature, ...], Field(min_length=1, max_length=MAX_FEATURES)]],
        Field(
            min_length=1,
            description="by role, consumer and first-provider to seventh-provider: the columns that the model reads, "
            "each {column, kind: number or category, bins, monotone: rising or falling}",
        ),
    ]

    def of(self, role: str) -> tuple[Feature, ...]:
        """A role's own columns; none for one that brings none."""
        return self.features.get(role, ())  # type: ignore[call-overload,no-any-return]

    @model_validator(mode="after")
    def _own_columns(self) -> Self:
        for features in self.features.values():
            columns = [one.column for one in features]
            if len(set(columns)) < len(columns):
                raise ValueError("each column once")
            if self.identifier in columns:
                raise ValueError("the model does not read the identifier")
        return self


class TrainingParameters(FeatureParameters):
    """Base of the parameters of recipes that train a model."""

    label: Annotated[Column, Field(description="the consumer's column that is learned: integers 0 and 1")]
    split: Annotated[
        Split,
        Field(
            description="{train, validation} in percent, the rest tests; or {column, train_until, validation_until} of "
            "a column of the consumer's"
        ),
    ]
    smallest_group: Annotated[SmallestGroup, Field(le=MAX_ROWS)]
    model: Annotated[
        Literal["consumer", "shared"],
        Field(
            description="who gets the model: the consumer in clear, or each party that computes a share of it, so that "
            "none can use it alone"
        ),
    ] = "consumer"

    @model_validator(mode="after")
    def _no_label(self) -> Self:
        if self.label in (one.column for one in self.of(CONSUMER)):
            raise ValueError("the model does not read the label")
        return self


class JoinedParameters(TrainingParameters):
    """Of recipes that train on secret shares."""

    join: Annotated[
        Literal["all", "any"],
        Field(
            description="which of the consumer's rows count: those that all providers have (all), or each, where what "
            "a provider lacks is missing (any)"
        ),
    ] = "all"
    protocol: Annotated[
        Literal["cheetah", "aby3"], Field(description="the MPC protocol: cheetah where two compute, aby3 where three")
    ]


class ModellingParameters(JoinedParameters):
    """Of those that measure what each party contributed."""

    payout_rule: Annotated[
        PayoutRule | None,
        Field(
            description="how a pot is divided by what each party's columns add to the model: by shapley, for five "
            "parties with columns at the most, or leave-one-out"
        ),
    ] = None
    label_share: Annotated[
        int | None,
        Field(
            strict=True,
            ge=1,
            le=SHARE_UNIT,
            description="with a payout_rule: the consumer's part of the pot, in millionths, for the label; 0 where it "
            "is left out",
        ),
    ] = None

    @model_validator(mode="after")
    def _payable(self) -> ModellingParameters:
        if self.label_share is not None and self.payout_rule is None:
            raise ValueError("a label_share goes with a payout_rule")
        if self.payout_rule == "shapley" and len(self.features) > MAX_SHAPLEY:
            raise ValueError(f"shapley takes {MAX_SHAPLEY} parties with columns at the most")
        return self


PERMUTED = (
    "1 to 10: how often each column's values are moved to other rows among those that validate (or test, where none "
    "do), to tell by how much the AUC falls; none unless given"
)


def demand_measured(parameters: FeatureParameters, permutations: int | None) -> None:
    """ValueError for more AUCs than `MAX_MEASURED`."""
    columns = sum(map(len, parameters.features.values()))
    if columns * (permutations or 0) > MAX_MEASURED:
        raise ValueError(f"columns times permutations are {MAX_MEASURED} at the most")


def reads(role: str, parameters: TrainingParameters) -> tuple[str, ...]:
    """A role's own columns; the consumer's label, and the column by which it splits."""
    own = tuple(one.column for one in parameters.of(role))
    if role != CONSUMER:
        return (parameters.identifier, *own)
    by = () if parameters.split.column is None else (parameters.split.column,)
    return (parameters.identifier, parameters.label, *by, *own)


def tells(parameters: JoinedParameters) -> Tells:
    """Providers find their own rows in the list before anything is computed."""
    output = CLEAR_MODEL if parameters.model == CONSUMER else SHARED_MODEL
    return Tells(output, parameters.smallest_group, shows=PROVIDERS)


def pays(parameters: ModellingParameters, roles: Sequence[str]) -> Division | None:
    """The consumer holds the label."""
    if parameters.payout_rule is None:
        return None
    return Division(parameters.payout_rule, roles.index(CONSUMER), parameters.label_share or 0)


def fits(parameters: JoinedParameters, terms: Terms, parties: Sequence[bytes], consumer: bytes) -> None:
    """PlanError unless each provider brings columns, no others do, and the protocol is the one for so many."""
    demand_columns(parameters, terms)
    demand_protocol(parameters.protocol, parties)


def computing(roles: Sequence[str]) -> list[int]:
    """The parties that compute, by their numbers, in the engine's order."""
    return [party for party, role in enumerate(roles) if role in COMPUTING_PROVIDERS or role == CONSUMER]


def demand_protocol(named: str, parties: Sequence[bytes]) -> None:
    """PlanError `spu.protocol` unless it is the one for so many parties."""
    protocol = "cheetah" if len(parties) == 2 else "aby3"
    if named != protocol:
        raise PlanError(
            "no such protocol for this number of parties that compute",
            expected=f"{protocol} for {min(len(parties), 3)}",
            found=named,
            code="spu.protocol",
        )


def demand_columns(parameters: FeatureParameters, terms: Terms) -> None:
    """PlanError `plan.features` unless each provider brings columns, and no others but the consumer do."""
    expected = {role for role in terms.roles if role != CONSUMER}
    brought = set(parameters.features) - {CONSUMER}
    if brought != expected:
        raise PlanError(
            "each provider brings columns, and nobody else but the consumer",
            expected=", ".join(sorted(expected)),
            found=", ".join(sorted(brought)),
            code="plan.features",
        )


_LEARNS = (
    "how long the consumer's list is and how it is split, and, while the job runs, which of its own consented rows are "
    "in it and in which part of the split"
)
_PAID = (
    "; with a payout_rule, before the seal, how good a model is with the columns of each coalition of parties that the "
    "rule needs (the AUC on the rows that test, which are at least the smallest group of either label, else nothing)"
)


def roles(consumer_learns: str, *, paid: bool) -> tuple[Role, ...]:
    """Of two to eight parties: one to seven providers, then the consumer, all with rows of persons. `paid`: the recipe
    measures what each contributed, where a plan asks for it."""
    learns = f"{_LEARNS}{_PAID if paid else ''}; neither labels nor others' columns"
    computing = tuple(
        Role(name, learns, alias="features", persons=True, output=True, least=int(name == PROVIDERS[0]))
        for name in COMPUTING_PROVIDERS
    )
    sharing = tuple(
        Role(name, f"{learns}; it does not compute", alias="features", persons=True, output=True, least=0)
        for name in PROVIDERS[len(COMPUTING_PROVIDERS) :]
    )
    return (*computing, *sharing, Role(CONSUMER, consumer_learns, alias="labels", persons=True))
