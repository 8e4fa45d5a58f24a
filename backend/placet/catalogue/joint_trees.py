"""`joint-trees`: boosted trees over the consumer's labels and columns and those of one to seven providers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from placet.catalogue.modelling import (
    PERMUTED,
    PROVIDERS,
    TrainingParameters,
    absent,
    demand_columns,
    demand_measured,
    reads,
)
from placet.catalogue.spec import CONSUMER, Cost, RecipeSpec, Role, by_identifier
from placet.core.errors import PlanError
from placet.core.lawful import Tells
from placet.core.offers import CLEAR_MODEL, SHARED_MODEL, TREE_MODEL
from placet.core.plan import Terms
from placet.core.purposes import Operation
from placet.models.choices import MAX_DEPTH, MAX_TREES, Permutations

EMBEDDED, OKAMOTO_UCHIYAMA = "embedded", "okamoto-uchiyama"
"""Engines by what sums are encrypted with: Paillier, and Okamoto and Uchiyama's scheme, which costs a third and asks
for more assumptions (`protocols.mpc.okamoto`)."""
SHARES = "spu"
"""The engine on which trees grow wholly on shares."""

_LEARNS = (
    "how long the consumer's list is and how it is split, and, while the job runs, which of its own consented rows are "
    "in it; which rows of the list each tree puts together, and so which may have like labels, unless the plan is "
    "blind; neither labels nor others' columns, as long as the encryption holds: on the engine okamoto-uchiyama that "
    "asks for more than Paillier, that p-subgroups and exponents of 256 bits don't show"
)


_ON_SHARES = (
    "on the engine spu, where trees grow on shares, of all that only the list's length, its split and which of its own "
    "rows are in it"
)


class JointTreesParameters(TrainingParameters):
    """Where sums are encrypted all of the consumer's rows count. A column that is `monotone`: the score rises, or
    falls, with its number; what is missing has no place in that order."""

    join: Annotated[
        Literal["all", "any"],
        Field(
            description="which of the consumer's rows count: each, where what a provider lacks is missing (any), or "
            "those that all providers have (all), on the engine spu alone"
        ),
    ] = "any"
    trees: Annotated[
        int,
        Field(
            strict=True,
            ge=1,
            le=MAX_TREES,
            description="how many; by encrypted sums the first is cut at the consumer's columns",
        ),
    ] = 20
    depth: Annotated[int, Field(strict=True, ge=1, le=MAX_DEPTH, description="cuts from a tree's root to a leaf")] = 4
    rate: Annotated[
        int, Field(strict=True, ge=1, le=100, description="how much of its correction a tree makes, in percent")
    ] = 30
    nodes: Annotated[
        Literal["open", "blind"],
        Field(
            description="whether providers are told which rows are in which node (open) or not (blind); a blind one "
            "can't hold a node's sums to the smallest group, so offers that promise one refuse the plan",
        ),
    ] = "open"
    permutations: Annotated[Permutations | None, Field(exclude_if=absent, description=PERMUTED)] = None
    protocol: Annotated[
        Literal["aby3", "cheetah"] | None,
        Field(
            exclude_if=absent,
            description="aby3, on the engine spu, which three parties and more need: trees grow wholly on shares",
        ),
    ] = None

    @property
    def blind(self) -> bool:
        """Providers are not told which rows are in which node."""
        return self.nodes == "blind"

    @model_validator(mode="after")
    def _for_the_engine(self) -> JointTreesParameters:
        if self.join == "all" and self.protocol is None:
            raise ValueError(
                "join: all on shares alone: by encrypted sums the consumer would learn of each row who has it"
            )
        demand_measured(self, self.permutations)
        if self.permutations is not None and self.protocol is not None:
            raise ValueError("no permutations on shares: every tree would be walked once more for each column")
        if CONSUMER not in self.features and self.protocol is None:
            raise ValueError("columns of the consumer: the first tree is cut at these alone")
        if self.blind and self.protocol is not None:
            raise ValueError("open nodes: on shares nobody sees any")
        if self.model != CONSUMER and self.protocol is None:
            raise ValueError("a model that stays shared grows on shares: engine spu, protocol aby3")
        return self


def tells(parameters: JointTreesParameters) -> Tells:
    """Each provider finds its own rows in the list before anything is computed; the consumer learns its rows' scores
    while trees grow, unless they grow on shares. Who does not know a node's rows can't count them: a blind plan
    promises no smallest group."""
    if parameters.protocol is not None:
        output = CLEAR_MODEL if parameters.model == CONSUMER else SHARED_MODEL
        return Tells(output, parameters.smallest_group, shows=PROVIDERS)
    return Tells(
        TREE_MODEL,
        1 if parameters.blind else parameters.smallest_group,
        within=(CONSUMER,),
        shows=PROVIDERS,
        more=", of its own rows: their scores, and on which side of each cut they are",
    )


def fits(parameters: JointTreesParameters, terms: Terms, parties: Sequence[bytes], consumer: bytes) -> None:
    """PlanError unless each provider brings columns, and no others but the consumer do; on the engine spu, and there
    alone, the protocol is aby3, for three parties and more."""
    demand_columns(parameters, terms)
    if (terms.engine == SHARES) != (parameters.protocol is not None):
        raise PlanError(
            "trees grow on shares by a protocol that the plan names, and by none otherwise",
            expected=f"protocol aby3 with engine {SHARES}",
            found=f"protocol {parameters.protocol} with engine {terms.engine}",
            code="plan.engine",
        )
    if parameters.protocol == "cheetah" or (parameters.protocol and len(parties) < 3):
        raise PlanError(
            "trees do not grow on shares of two parties: Cheetah takes minutes a tree",
            expected="aby3, for three parties and more",
            found=f"{parameters.protocol}, {len(parties)} parties",
            remedy="engine embedded, where sums are encrypted by Paillier; or the recipe joint-scorecard",
            code="spu.protocol",
        )


def shares_cost(parameters: JointTreesParameters, rows: int) -> Cost:
    """On the engine spu, of one party that computes."""
    features = [feature for own in parameters.features.values() for feature in own]
    cells = rows * sum(feature.bins + 2 for feature in features)
    trees, lines = parameters.trees, rows << parameters.depth
    bound = any(feature.monotone for feature in features)
    compared = bound * 2 * sum(feature.bins for feature in features) << parameters.depth
    traffic = (10 << 20) + 12 * cells + trees * ((5 << 20) + 1100 * rows + 15 * lines + 3000 * compared)
    seconds = 15 + cells // 1_000_000 + trees * (1 + bound + cells // 5_000_000 + lines // 150_000)
    return Cost(memory=(450 << 20) + 80 * cells + 300 * lines, traffic=traffic, seconds=seconds)


def cost(parameters: JointTreesParameters, rows: int) -> Cost | None:
    """None where sums are encrypted."""
    return None if parameters.protocol is None else shares_cost(parameters, rows)


SPEC = RecipeSpec(
    name="joint-trees",
    version=1,
    does="The consumer learns a model of boosted trees over its own columns and those of one to seven providers, and "
    "how good it is on rows that it was not made from.",
    operations=Operation.PSI | Operation.FL | Operation.HE,
    instead=((SHARES, Operation.PSI | Operation.MPC | Operation.FL),),
    engines=(EMBEDDED, OKAMOTO_UCHIYAMA, SHARES),
    on_withdrawal="drop",
    roles=(
        *(
            Role(
                name,
                f"{_LEARNS}; {_ON_SHARES}",
                alias="features",
                persons=True,
                output=True,
                least=int(name == PROVIDERS[0]),
            )
            for name in PROVIDERS
        ),
        Role(
            CONSUMER,
            "while the job runs the score of each of its rows, and on which side of each cut in a provider's columns "
            "they are, but not what is cut; of each cut that was possible whether the score is to rise or fall with "
            "its column, how many of a node's rows are on its left, and sums of their gradients: over no fewer rows "
            "than the smallest group, and so is the difference of any two of a column in a tree, unless the plan is "
            "blind; if it encrypted other numbers than gradients, which nobody else can see, it would read single "
            "rows too; with permutations on which side of every cut each row is that is judged by them, whatever "
            "nodes it came to; after the release the model in clear, and so what was cut; how many consented rows "
            "each provider has; on the engine spu nothing while the job runs but that number, and after the release "
            "the model in clear with each leaf's rows, never fewer than the smallest group, and how good it is by up "
            "to 64 bands of the score; with join: all how many rows trained it, and how many of either label; with "
            "model: shared only how many and how good it is",
            alias="labels",
            persons=True,
        ),
    ),
    parameters=JointTreesParameters,
    reads=reads,
    aligns=by_identifier,
    tells=tells,
    fits=fits,
    cost=cost,
)
