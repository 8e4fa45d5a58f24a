"""The names of covered garblings in a trail, and the complaint of a party whose garbler cheated.

Parties write these names, and an audit looks for them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from placet.core.values import U32, Octets, Value

COMMITTED, CHOICE = "garbled.committed", "garbled.choice"
MAX_GARBLINGS = 8
SEED_BYTES = 16
Seed = Annotated[Octets, Field(min_length=SEED_BYTES, max_length=SEED_BYTES)]


class GarblingComplaint(Value):
    """The certificate that `accused` garbled something else than the circuit, in garbling `index` of an attempt:
    `payload`, the message in which it committed to its garblings, `answers`, its message in the base transfers, and
    what makes that garbling again: the evaluator's `choice` and seeds."""

    attempt: U32
    accused: U32
    about: Literal["garbling"]
    index: Annotated[int, Field(ge=0, lt=MAX_GARBLINGS, strict=True)]
    choice: Annotated[int, Field(ge=0, lt=MAX_GARBLINGS, strict=True)]
    choosing_seed: Seed
    own_seed: Seed
    answers: Annotated[Octets, Field(max_length=32 * MAX_GARBLINGS)]
    payload: Annotated[Octets, Field(max_length=8 + 32 * (2 + 3 * MAX_GARBLINGS))]


def counting_context(job: bytes, attempt: int) -> bytes:
    """What binds a circuit PSI to its attempt."""
    return job + attempt.to_bytes(4, "big") + b"statistics"
