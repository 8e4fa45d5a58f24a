"""`asset-view`: a consumer learns each of its customers' total over two or more providers, or its level alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from placet.catalogue.spec import (
    CONSUMER,
    AmountDecimals,
    Column,
    IdentifiedParameters,
    RecipeSpec,
    Role,
    by_identifier,
    scale,
)
from placet.core.errors import PlanError
from placet.core.lawful import Tells
from placet.core.plan import Terms
from placet.core.purposes import Operation
from placet.core.values import Whole

MAX_EDGES = 64
MAX_ROWS = 1_000_000
"""Of a party."""


def _no_number(value: object) -> object:
    """0 equals false, and would be another form of it."""
    if value is not None and value is not False:
        raise ValueError("false, or left out")
    return value


class AssetViewParameters(IdentifiedParameters):
    """Edges and bound are decimal strings in the column's smallest unit."""

    value: Annotated[Column, Field(description="the column of integers that is added up")]
    decimals: AmountDecimals = None
    edges: Annotated[
        tuple[Whole, ...] | None,
        Field(
            min_length=1,
            max_length=MAX_EDGES,
            description="levels instead of totals, on the engine spu: ascending edges in the smallest unit, as "
            "strings; multiples of the offers' smallest gap",
        ),
    ] = None
    bound: Annotated[
        Whole | None, Field(ge=1, description="with edges: the largest absolute value that a row may have")
    ] = None
    protocol: Annotated[
        Literal["cheetah", "aby3"] | None, Field(description="with edges: by the number of providers, two or three")
    ] = None

    verified: Annotated[
        Literal[False] | None,
        BeforeValidator(_no_number),
        Field(
            description="false: totals are not held against commitments of the providers, which costs less; then a "
            "provider may release a wrong sum unseen. Left out, they are proven",
        ),
    ] = None

    @property
    def verifies(self) -> bool:
        """Are the providers' sums held against commitments? Levels are not."""
        return self.edges is None and self.verified is None

    @model_validator(mode="after")
    def _consistent(self) -> AssetViewParameters:
        if self.identifier == self.value:
            raise ValueError("identifiers are not added up")
        if len({self.edges is None, self.bound is None, self.protocol is None}) > 1:
            raise ValueError("edges, bound and protocol, or none of them")
        if self.edges is not None and self.bound is not None:
            if self.verified is not None:
                raise ValueError("edges without verified: levels are not")
            if any(left >= right for left, right in zip(self.edges, self.edges[1:], strict=False)):
                raise ValueError("strictly ascending edges")
            if self.bound < max(map(abs, self.edges)):
                raise ValueError("a bound that is at least the largest edge")
        return self


def reads(role: str, parameters: AssetViewParameters) -> tuple[str, ...]:
    """The consumer's list has identifiers alone."""
    return (parameters.identifier,) if role == CONSUMER else (parameters.identifier, parameters.value)


def amounts(role: str, parameters: AssetViewParameters) -> tuple[tuple[str, int], ...]:
    """All providers' values are added up, so all count the same unit."""
    return () if role == CONSUMER else ((parameters.value, scale(parameters.decimals)),)


def tells(parameters: AssetViewParameters) -> Tells:
    """The bound counts as an edge: values beyond it count as it. Each provider places its own rows first."""
    if parameters.edges is None or parameters.bound is None:
        return Tells("total", shows=("provider",))
    return Tells("level", edges=(*parameters.edges, parameters.bound), shows=("provider",))


def samples(role: str, parameters: AssetViewParameters) -> str | None:
    """Providers commit to their values where the sums are verified."""
    return None if role == CONSUMER or not parameters.verifies else parameters.value


def fits(parameters: AssetViewParameters, terms: Terms, parties: Sequence[bytes], consumer: bytes) -> None:
    """Totals are added on the embedded engine; levels need comparisons, which it can't do safely."""
    expected = "embedded" if parameters.edges is None else "spu"
    if terms.engine != expected:
        what = "totals are added" if parameters.edges is None else "levels are compared"
        raise PlanError(f"{what} on another engine", expected=expected, found=terms.engine, code="plan.engine")
    by_number = {2: "cheetah", 3: "aby3"}.get(len(parties) - 1)
    if parameters.protocol is not None and parameters.protocol != by_number:
        raise PlanError(
            "no such protocol for this number of providers",
            expected="cheetah for two, aby3 for three",
            found=f"{parameters.protocol} for {len(parties) - 1}",
            code="spu.protocol",
        )


SPEC = RecipeSpec(
    name="asset-view",
    version=1,
    does="The consumer learns the total of each of its customers over two or more providers.",
    operations=Operation.PSI | Operation.MPC,
    engines=("embedded", "spu"),
    on_withdrawal="drop",
    roles=(
        Role(
            "provider",
            "how long the consumer's list is, and, while the job runs, which of its own consented rows are in it; no "
            "total",
            alias="accounts",
            persons=True,
            output=True,
            least=2,
            most=15,
        ),
        Role(
            CONSUMER,
            "after the release each customer's total, or its level alone, not who contributed to it; that a total is "
            "the sum of what the providers committed to before; how many consented rows each provider has",
            alias="customers",
        ),
    ),
    parameters=AssetViewParameters,
    reads=reads,
    aligns=by_identifier,
    amounts=amounts,
    tells=tells,
    fits=fits,
    samples=samples,
)
