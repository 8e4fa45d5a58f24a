"""A model's card: what it is, whose data and consents are in it, how good it is, and what it is not for.

After Mitchell et al., "Model cards for model reporting", FAT* 2019. Each holder writes its own: what all parties know
is the plan's and the chain's, so the audit checks it; metrics are known to the job's consumer alone, and are its word.
The holder registers the card's hash with the model (`DatasetRegistry.registerModel`), before anybody uses that, and
keeps the document. Who has withdrawn since is no part of it: the chain says that every day anew.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, JsonValue, model_validator

from placet.core.hashing import document_bytes, document_hash
from placet.core.ids import JobId, OfferId
from placet.core.offers import CLEAR_MODEL, SHARED_MODEL, TREE_MODEL
from placet.core.plan import MAX_INPUTS, MAX_PARTIES
from placet.core.values import U32, Address, Bytes24, Bytes32, Name, Text, Value

MAX_CARD = 256 << 10
"""Bytes of a card at the most."""
Held = Literal["shared", "clear"]


def held_as(output: str | None) -> Held | None:
    """How a model is held that comes out of a job, by the output that scopes have; None for what is no model."""
    if output == SHARED_MODEL:
        return "shared"
    return "clear" if output in (CLEAR_MODEL, TREE_MODEL) else None


class CardInput(Value):
    """What a party brought: the offer, its rows' lawful root (of a named consent that one's id) and the offer's epoch
    as the seal names it; `columns` are those that the job read."""

    institution: Address
    role: Name
    offer: OfferId
    root: Bytes32
    epoch: Bytes24
    columns: tuple[Text, ...]


class ModelCard(Value):
    """`parties` in the plan's order; `holders` have a part each, or, of a model in clear, the whole. `commitment` is
    the model's. `parameters` are the recipe's, `results` what the job told its consumer of the model, in that one's
    card alone. `limits` are sentences."""

    type: Literal["placet.model-card"] = "placet.model-card"
    version: Literal[1] = 1
    job: JobId
    commitment: Bytes32
    holder: Address
    held: Held
    holders: Annotated[tuple[Address, ...], Field(min_length=1, max_length=MAX_PARTIES)]
    recipe: Name
    recipe_version: U32
    engine: Name
    purpose: Text
    consumer: Address
    parties: Annotated[tuple[Address, ...], Field(min_length=1, max_length=MAX_PARTIES)]
    data: Annotated[tuple[CardInput, ...], Field(max_length=MAX_PARTIES * MAX_INPUTS)]
    parameters: dict[str, JsonValue]
    results: dict[str, JsonValue] | None = None
    limits: tuple[Text, ...]

    @model_validator(mode="after")
    def _small(self) -> ModelCard:
        if len(document_bytes(self)) > MAX_CARD:
            raise ValueError(f"a card of more than {MAX_CARD} bytes")
        return self

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the document, which `placet model card` writes byte for byte."""
        return document_hash(self)


def limits(how: Held, purpose: str, group: int, *, results: bool) -> tuple[str, ...]:
    """What a reader must not think of a model. `group`: the smallest one of which anything in it is; `results`: the
    card has some."""
    word = purpose.rpartition("#")[2] or purpose
    whose = (
        "Its consumer has it in clear: what it does with it, and to whom it hands it on, no chain shows."
        if how == "clear"
        else "No holder can use its part alone. Those that compute and pool their parts have the model in clear."
    )
    return (
        f"It was made under consents for {word} to one consumer: it is for no other purpose, and not for people of "
        "another kind than those whose rows trained it.",
        whose,
        "Who withdrew after the job's seal is in it still: nothing is unlearned. The chain counts them, and no job "
        "opens with the model once they are more than its offer tolerates.",
        "Nobody's rows, identifiers or consents are in it. Edges of bins are cut at values of its owner's own rows, "
        f"and weights are learned from at least {group} people together; to erase a person changes neither.",
        "The results are the consumer's word; the job's trail commits to what they were opened from."
        if results
        else "How good it is was told to its consumer alone: see the consumer's card.",
    )
