"""`match`: a consumer learns which of its customers a provider has among its consented rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from placet.alignment import Rules, parse_rules
from placet.catalogue.spec import CONSUMER, KIND, Column, RecipeParameters, RecipeSpec, Role, demand_protocol
from placet.core.lawful import Aligns, Tells
from placet.core.namespace import Namespace
from placet.core.plan import Terms
from placet.core.purposes import Operation

Receiver = Literal["provider", "consumer", "both"]
_RECEIVERS: dict[Receiver, tuple[str, ...]] = {
    "provider": ("provider",),
    "consumer": (CONSUMER,),
    "both": ("provider", CONSUMER),
}
_BY_ENGINE = {"embedded": ("ecdh", "fhe"), "spu": ("ecdh", "kkrt", "rr22")}


class MatchingParameters(RecipeParameters):
    """What all recipes that match take."""

    identifier: Annotated[
        Column,
        Field(description="the column that names a customer in the result, and, without alignment, what is matched"),
    ]
    namespace: Annotated[Namespace | None, Field(description=f"where rows are matched by the identifier: {KIND}")] = (
        None
    )
    alignment: Annotated[
        Rules | None,
        Field(description="rules by which identifiers of several columns are written alike, tried in rounds"),
    ] = None
    receiver: Annotated[Receiver, Field(description="who learns the matches inside the protocol")]

    @model_validator(mode="after")
    def _kind_where_compared(self) -> MatchingParameters:
        if (self.namespace is not None) != (self.identifier in self.compared):
            raise ValueError("a namespace where rows are matched by the identifier, and nowhere else")
        return self

    @property
    def receivers(self) -> tuple[str, ...]:
        """The roles that learn the matches inside the protocol."""
        return _RECEIVERS[self.receiver]

    @property
    def shows(self) -> tuple[str, ...]:
        """The roles that see their matches before anybody else learns of any: a provider that receives alone, in one
        round. In several the sizes of the later ones tell the consumer how many matched in the earlier."""
        return ("provider",) if self.receiver == "provider" and len(self.rules.keys) == 1 else ()

    @property
    def rules(self) -> Rules:
        """How identifiers are written: as they are, where one column names a person."""
        if self.alignment is not None:
            return self.alignment
        key = {"kind": "text", "column": self.identifier, "width": "keep", "case": "keep"}
        return parse_rules({"keys": [key], "smallest": 2})

    @property
    def compared(self) -> tuple[str, ...]:
        """The columns that the rules take, each once."""
        return tuple(dict.fromkeys(key.column for key in self.rules.keys))


class MatchParameters(MatchingParameters):
    """With the protocol of the intersection."""

    psi: Annotated[
        Literal["ecdh", "kkrt", "rr22", "fhe"],
        Field(
            description="the protocol; kkrt (oblivious transfer) and rr22 on the engine spu, fhe for a consumer's "
            "short list against a large set"
        ),
    ]
    list_length: Annotated[
        int | None,
        Field(
            strict=True,
            ge=1,
            le=1024,
            description="of fhe, how many customers the consumer's list may have at most, which bounds its guesses",
        ),
    ] = None

    @model_validator(mode="after")
    def _one_short_list(self) -> MatchParameters:
        if (self.psi == "fhe") != (self.list_length is not None):
            raise ValueError("a list_length with fhe, and nowhere else")
        if self.psi == "fhe" and self.receiver != "consumer":
            raise ValueError("fhe tells the consumer alone")
        return self


def reads(role: str, parameters: MatchingParameters) -> tuple[str, ...]:
    """Both sides write their identifiers from the same columns; the consumer names its customers too."""
    columns = parameters.compared
    return tuple(dict.fromkeys((parameters.identifier, *columns))) if role == CONSUMER else columns


def aligns(parameters: MatchingParameters) -> Aligns:
    """By the identifier if the rules take it, and by the values of the other columns that they take."""
    identifier = parameters.identifier if parameters.namespace is not None else None
    values = tuple(column for column in parameters.compared if column != parameters.identifier)
    return Aligns(identifier, parameters.namespace, values)


def tells(parameters: MatchingParameters) -> Tells:
    """The matches, to the receivers inside the protocol."""
    return Tells("matches", within=parameters.receivers, shows=parameters.shows)


def fits(parameters: MatchParameters, terms: Terms, parties: Sequence[bytes], consumer: bytes) -> None:
    """PlanError for a protocol that the engine does not have."""
    demand_protocol(_BY_ENGINE, terms.engine, parameters.psi)


SPEC = RecipeSpec(
    name="match",
    version=1,
    does="The consumer learns which of its customers a provider has among its consented rows.",
    operations=Operation.PSI,
    engines=("embedded", "spu"),
    on_withdrawal="drop",
    roles=(
        Role(
            "provider",
            "how long the consumer's list is, with fhe only how long it may be, and, as receiver, the matches while "
            "the job runs",
            alias="accounts",
            persons=True,
            output=True,
        ),
        Role(
            CONSUMER,
            "the matches, after the release or, as receiver, while the job runs; how many consented rows the provider "
            "has, with fhe roughly",
            alias="customers",
        ),
    ),
    parameters=MatchParameters,
    reads=reads,
    aligns=aligns,
    tells=tells,
    fits=fits,
)
