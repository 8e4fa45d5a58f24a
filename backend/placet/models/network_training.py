"""How several places train one network: what they have in common, as a plan says it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from placet.core.values import Value
from placet.models.choices import MAX_HIDDEN, MAX_UNITS

SECAGG = (
    "Flower's SecAgg+ is refused: its masks follow from seeds of 32 bits (numpy's RandomState under a key folded by "
    "XOR), and a party that goes before it shared its keys ends the round by a KeyError"
)
Thousandths = Annotated[int, Field(strict=True, ge=1, le=1000)]


def is_secagg(name: str) -> bool:
    """Does it name one of Flower's own secure aggregations?"""
    return "secagg" in name.lower()


class FedAvgStrategy(Value):
    """The next network is the mean of the parties' ones, by their rows."""

    kind: Literal["fedavg"] = "fedavg"


class FedProxStrategy(Value):
    """The same, and each party's training is held near the common network: `mu` thousandths of half the squared way."""

    kind: Literal["fedprox"]
    mu: Thousandths


class FedAdamStrategy(Value):
    """The next network is a step of Adam's towards the mean: `eta` is its length in thousandths."""

    kind: Literal["fedadam"]
    eta: Thousandths


Strategy = Annotated[FedAvgStrategy | FedProxStrategy | FedAdamStrategy, Field(discriminator="kind")]
Hidden = Annotated[
    tuple[Annotated[int, Field(strict=True, ge=1, le=MAX_UNITS)], ...], Field(min_length=1, max_length=MAX_HIDDEN)
]
Rounds = Annotated[int, Field(strict=True, ge=1, le=100)]
Epochs = Annotated[int, Field(strict=True, ge=1, le=10)]
Batch = Annotated[int, Field(strict=True, ge=8, le=4096)]


class Training(Value):
    """`hidden`: numbers between the input and the output, by layer; `rate`: of each party's own steps."""

    hidden: Hidden
    rounds: Rounds
    epochs: Epochs
    batch: Batch
    rate: Thousandths
    strategy: Strategy


def without_secagg(strategy: Any) -> Any:
    """The same; ValueError with the reason for one of Flower's own secure aggregations."""
    kind = strategy.get("kind") if isinstance(strategy, dict) else strategy
    if isinstance(kind, str) and is_secagg(kind):
        raise ValueError(f"{SECAGG}; every strategy here is under our own secure sums")
    return strategy
