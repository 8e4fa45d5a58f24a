"""`match-salted-hash`: by salted hashes, a recipe of its own, so that it runs only where every scope names it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from placet.catalogue.match import MatchingParameters, aligns, reads
from placet.catalogue.spec import CONSUMER, RecipeSpec, Role
from placet.core.lawful import Tells
from placet.core.purposes import Operation


class SaltedHashParameters(MatchingParameters):
    """With the protocol of the intersection."""

    psi: Annotated[Literal["salted-hash"], Field(description="the protocol")]


def tells(parameters: SaltedHashParameters) -> Tells:
    """More than the matches: hashes of identifiers that one can guess are no secret."""
    guesses = "; who received salted hashes can guess at the other's whole list"
    return Tells("matches", within=parameters.receivers, shows=parameters.shows, more=guesses)


SPEC = RecipeSpec(
    name="match-salted-hash",
    version=1,
    does="The same as match by salted hashes: fast, and no secret from a receiver who can guess identifiers.",
    operations=Operation.PSI,
    engines=("embedded",),
    on_withdrawal="drop",
    roles=(
        Role(
            "provider",
            "as receiver the matches while the job runs, and everybody in the consumer's list whose identifier it can "
            "guess",
            alias="accounts",
            persons=True,
            output=True,
        ),
        Role(
            CONSUMER,
            "the matches, after the release or, as receiver, while the job runs; as receiver everybody in the "
            "provider's consented rows whose identifier it can guess",
            alias="customers",
        ),
    ),
    parameters=SaltedHashParameters,
    reads=reads,
    aligns=aligns,
    tells=tells,
)
