"""`value-of-data`: what a provider's columns are worth against a consumer's label, with noise, under a budget."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from placet.catalogue.circuit_psi import MAX_ROWS
from placet.catalogue.overlap import PROVIDER
from placet.catalogue.private_statistics import NOISY, Axis
from placet.catalogue.spec import CONSUMER, Column, IdentifiedParameters, RecipeSpec, Role, SmallestGroup, by_identifier
from placet.core.lawful import Tells
from placet.core.privacy import GaussianRelease, variance_for
from placet.core.purposes import Operation
from placet.core.values import NanoRho

MAX_COLUMNS, MAX_CELLS, MAX_OWN_BANDS = 32, 512, 10
LABELS = 2


class ValueOfDataParameters(IdentifiedParameters):
    """Each column of the provider's has a cell for each of its groups and, last, one for missing values; `own` is cut
    alike."""

    label: Annotated[Column, Field(description="the consumer's column with the label: integers 0 and 1")]
    columns: Annotated[
        tuple[Axis, ...],
        Field(
            min_length=1,
            max_length=MAX_COLUMNS,
            description="the provider's columns that are judged, each {column, edges} of integers, a new group at each "
            "edge, or {column, values} of texts, one group for each and one for all others",
        ),
    ]
    own: Annotated[
        Axis | None,
        Field(
            description="where given, the consumer's own score in bands, {column, edges}: what each column adds to it "
            "is told too"
        ),
    ] = None
    smallest_group: Annotated[SmallestGroup, Field(le=MAX_ROWS)]
    budget: Annotated[
        NanoRho,
        Field(
            ge=1,
            description="what the job spends of the provider's privacy budget, in nano-rho, an equal part on each "
            "column: more is nearer",
        ),
    ]
    protocol: Annotated[Literal["cheetah"], Field(description="the MPC protocol")]

    @model_validator(mode="after")
    def _fits(self) -> ValueOfDataParameters:
        names = [self.identifier, *(axis.column for axis in self.columns)]
        if len(set(names)) < len(names):
            raise ValueError("each of the provider's columns once, and not the identifier")
        if self.cells > MAX_CELLS:
            raise ValueError(f"at most {MAX_CELLS} cells of all columns, missing values are one of each")
        own = self.own
        if own is not None and (own.values or own.size > MAX_OWN_BANDS or own.column in (self.identifier, self.label)):
            raise ValueError(f"the own score is another column, in {MAX_OWN_BANDS} bands at the most, by edges")
        if self.label == self.identifier:
            raise ValueError("a label is another column than the identifier")
        return self

    @property
    def cells(self) -> int:
        """Of all columns."""
        return sum(axis.size + 1 for axis in self.columns)

    @property
    def bands(self) -> int:
        """Of the consumer's own score, with one of who has none; 1 without a score."""
        return 1 if self.own is None else self.own.size + 1

    @property
    def release(self) -> GaussianRelease:
        """The counts that either party adds its noise to: a row is in one cell of each column, with one label and one
        band of the score."""
        changes = len(self.columns)
        return GaussianRelease("counts", LABELS * self.bands * self.cells, changes, variance_for(changes, self.budget))

    @property
    def variance(self) -> int:
        """Of either party's noise on each count."""
        return self.release.variance


def reads(role: str, parameters: ValueOfDataParameters) -> tuple[str, ...]:
    if role == PROVIDER:
        return (parameters.identifier, *(axis.column for axis in parameters.columns))
    own = () if parameters.own is None else (parameters.own.column,)
    return (parameters.identifier, parameters.label, *own)


SPEC = RecipeSpec(
    name="value-of-data",
    version=1,
    does="The consumer learns what each of a provider's columns is worth against a label of its own over the customers "
    "that both have: information value, AUC, KS, correlation, and what it adds to an own score. It does so from counts "
    "with noise, so that they look nearly the same whoever's row is left out; the opening spends the offer's and the "
    "dataset's privacy budget on chain; on the engine spu.",
    operations=Operation.PSI | Operation.MPC | Operation.DP,
    engines=("spu",),
    on_withdrawal="drop",
    roles=(
        Role(
            PROVIDER,
            "about how long the consumer's list is (rounded up, to within an eighth); nobody's label or score, not who "
            "matched, nor how many: were it to see the result, the consumer's own noise is still on it",
            alias="accounts",
            persons=True,
            output=True,
        ),
        Role(
            CONSUMER,
            "after the release the noisy counts of customers with and without the label by column and group, of each "
            "band of its own score apart, where they don't look too small, and not who they are; about how many "
            "consented rows the provider has (rounded up, to within an eighth)",
            alias="customers",
        ),
    ),
    parameters=ValueOfDataParameters,
    reads=reads,
    aligns=by_identifier,
    spends=lambda role, parameters: parameters.budget if role == PROVIDER else 0,
    noise=lambda _, parameters: ((parameters.release,),),
    masked=True,
    tells=lambda parameters: Tells(NOISY, parameters.smallest_group),
)
