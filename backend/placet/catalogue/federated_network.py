"""`federated-network`: one small neural network of rows that several institutions have of the same kind."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from placet.catalogue.pooled_model import (
    MAX_MEMBERS,
    MAX_POOLED_WIDTH,
    MEMBER,
    PooledCategory,
    PooledNumber,
    TrainPercent,
    demand_each_once,
    read_by_all,
)
from placet.catalogue.spec import CONSUMER, Column, RecipeParameters, RecipeSpec, Role, SmallestGroup
from placet.core.lawful import Aligns, Tells
from placet.core.offers import CLEAR_MODEL
from placet.core.purposes import Operation
from placet.models.choices import count
from placet.models.network_training import (
    Batch,
    Epochs,
    FedAvgStrategy,
    Hidden,
    Rounds,
    Strategy,
    Thousandths,
    Training,
    without_secagg,
)

MAX_NETWORK = 20_000
"""Weights and biases."""
NetworkFeature = Annotated[PooledNumber | PooledCategory, Field(discriminator="kind")]


class FederatedNetworkParameters(RecipeParameters):
    """The same columns at every party."""

    label: Annotated[Column, Field(description="the column that is learned, at every party: integers 0 and 1")]
    features: Annotated[
        tuple[NetworkFeature, ...],
        Field(
            min_length=1,
            max_length=MAX_POOLED_WIDTH,
            description="the columns that the network reads, at every party, as of pooled-model: {kind: number, "
            "column, bounds, missing: own or usual} or {kind: category, column, values, missing}",
        ),
    ]
    train: TrainPercent
    smallest_group: SmallestGroup
    hidden: Annotated[
        Hidden, Field(description="numbers in each layer between input and output: 1 to 3 layers of up to 64")
    ] = (16,)
    rounds: Annotated[Rounds, Field(description="how often all parties' training is added up: 1 to 100")] = 10
    epochs: Annotated[
        Epochs, Field(description="how often each party goes through its own rows in a round: 1 to 10")
    ] = 1
    batch: Annotated[Batch, Field(description="rows of a party's own step: 8 to 4096")] = 256
    rate: Annotated[
        Thousandths, Field(description="of each party's own steps, in thousandths: 1 to 1000; momentum is 0.9")
    ] = 50
    strategy: Annotated[
        Strategy,
        Field(
            description="how the next network follows from the mean of all rows, by Flower: {kind: fedavg}, {kind: "
            "fedprox, mu} or {kind: fedadam, eta}, both in thousandths"
        ),
    ] = FedAvgStrategy()

    @field_validator("strategy", mode="before")
    @classmethod
    def _ours(cls, strategy: Any) -> Any:
        return without_secagg(strategy)

    @model_validator(mode="after")
    def _fits(self) -> FederatedNetworkParameters:
        demand_each_once(read_by_all(self.label, self.features))
        if self.width > MAX_POOLED_WIDTH or count(self.width, self.hidden) > MAX_NETWORK:
            raise ValueError(f"at most {MAX_POOLED_WIDTH} numbers of a row, and {MAX_NETWORK} weights")
        return self

    @property
    def width(self) -> int:
        """Numbers of a row."""
        return sum(feature.width for feature in self.features)

    @property
    def training(self) -> Training:
        """What the engine is told."""
        return Training(
            hidden=self.hidden,
            rounds=self.rounds,
            epochs=self.epochs,
            batch=self.batch,
            rate=self.rate,
            strategy=self.strategy,
        )


_LEARNS = (
    "inside the protocol, before the seal, the sums over all parties' rows: each column's mean and spread, how many "
    "people have each indicator, train, test and have label 1, people and positives by bands of the score, each only "
    "where at least two parties have the smallest group in it, and which have; and after each round the network "
    "that is the mean of all rows' training, and the mean loss. Nobody's rows or labels, and no other party's own "
    "training, unless all the others pool what they know. A network may remember single rows: no noise is added"
)

SPEC = RecipeSpec(
    name="federated-network",
    version=1,
    does="Three to eight institutions that have the same columns of different people train one small neural network: "
    "each trains on its own rows in a process of its own, and only sums over all of them are ever opened. One of "
    "Flower's strategies says how the next network follows from a sum. The consumer, which is one of them, gets the "
    "network and how good it is on rows that it was not trained on.",
    operations=Operation.FL,
    engines=("flower",),
    on_withdrawal="drop",
    roles=(
        Role(MEMBER, _LEARNS, alias="rows", persons=True, output=True, least=2, most=MAX_MEMBERS - 1),
        Role(CONSUMER, _LEARNS, alias="rows", persons=True),
    ),
    parameters=FederatedNetworkParameters,
    reads=lambda _, parameters: read_by_all(parameters.label, parameters.features),
    aligns=lambda parameters: Aligns(),
    tells=lambda parameters: Tells(CLEAR_MODEL, parameters.smallest_group, within=(MEMBER, CONSUMER)),
)
