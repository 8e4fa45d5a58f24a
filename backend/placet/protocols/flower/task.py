"""What a node tells the process of an engine, and what the process says: a line of JSON, and bytes behind it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from placet.core.values import Value
from placet.models.choices import count
from placet.models.network_training import Training

FLOWER = "1.42.0"
FOLDER = "flower-"
"""Of a task's own folder, before the rest of its name."""
MAX_LINE = 64 << 10
MAX_MESSAGE = 8 << 20
"""Bytes of one message of a strategy."""
MAX_ROWS, MAX_COLUMNS = 1_000_000, 256
SECONDS = 86_400


class FlowerOrder(Value):
    """One training. Behind it: the first weights (int64), numbers (int16, thirty-seconds) and labels (bytes) of the own
    rows. `seed`: of the order in which rows are taken; `alone`: the own rows are trained on by themselves, too;
    `version`: Placet's."""

    version: Annotated[str, Field(max_length=40)]
    seconds: Annotated[int, Field(ge=1, le=SECONDS)]
    training: Training
    width: Annotated[int, Field(ge=1, le=MAX_COLUMNS)]
    rows: Annotated[int, Field(ge=0, le=MAX_ROWS)]
    people: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    alone: bool = False

    @property
    def weights(self) -> int:
        """How many the network has."""
        return count(self.width, self.training.hidden)

    @property
    def size(self) -> int:
        """Bytes behind the line."""
        return 8 * self.weights + self.rows * (2 * self.width + 1)


_Sizes = Annotated[tuple[Annotated[int, Field(ge=1, le=MAX_MESSAGE)], ...], Field(max_length=4)]


class SumAsked(Value):
    """It waits for the totals of all parties' words. Behind it: messages of these sizes that passed the grid since the
    last turn, in their order, and the own words (int64)."""

    event: Literal["turn"] = "turn"
    messages: _Sizes
    words: Annotated[int, Field(ge=1)]


class Trained(Value):
    """The end. Behind it: messages as of a turn, the last weights (int64) and, where asked for, the own rows' alone."""

    event: Literal["trained"] = "trained"
    messages: _Sizes
    words: Annotated[int, Field(ge=1)]


class EngineFailed(Value):
    """The end, in words."""

    event: Literal["failed"] = "failed"
    code: Annotated[str, Field(max_length=40)]
    message: Annotated[str, Field(max_length=400)]
    found: Annotated[str | None, Field(max_length=400)] = None


EVENTS: TypeAdapter[SumAsked | Trained | EngineFailed] = TypeAdapter(
    Annotated[SumAsked | Trained | EngineFailed, Field(discriminator="event")]
)
