"""What the recipes that count by circuit PSI what two parties share declare alike: protocols, and engines for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from placet.catalogue.spec import IdentifiedParameters, SmallestGroup, demand_protocol
from placet.core.garbling import MAX_GARBLINGS
from placet.core.plan import Terms

MAX_ROWS = 1_000_000
EMBEDDED, GARBLED = "embedded", "garbled"
GARBLER = "provider"
"""The role that garbles."""
_BY_ENGINE = {EMBEDDED: (GARBLED,), "spu": ("cheetah",)}
ENGINES = tuple(_BY_ENGINE)


class CircuitParameters(IdentifiedParameters):
    """How many are in both is counted; nothing comes out below the smallest group."""

    smallest_group: Annotated[SmallestGroup, Field(le=MAX_ROWS)]
    protocol: Annotated[
        Literal["cheetah", "garbled"],
        Field(description="how tags are compared: garbled (a garbled circuit) on the engine embedded, cheetah on spu"),
    ]
    covert: Annotated[
        int | None,
        Field(
            ge=2,
            le=MAX_GARBLINGS,
            strict=True,
            description="with garbled: how many garblings the provider commits to; all but one are opened, so that "
            "one that garbles another circuit is caught with probability 1 - 1/covert, by a proof for anybody. Left "
            "out, none is opened",
        ),
    ] = None

    @property
    def garblings(self) -> int:
        """That the garbler makes."""
        return self.covert or 1

    @model_validator(mode="after")
    def _covers_garblings(self) -> CircuitParameters:
        if self.covert is not None and self.protocol != GARBLED:
            raise ValueError("covert without garbled: nothing is garbled")
        return self


def fits(parameters: CircuitParameters, terms: Terms, parties: Sequence[bytes], consumer: bytes) -> None:
    """PlanError for a protocol that the engine does not have."""
    demand_protocol(_BY_ENGINE, terms.engine, parameters.protocol)
