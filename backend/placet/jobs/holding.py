"""Which plans wait for a person of this institution before its node signs them: the rule of its policy, and no more.

What people agreed to once is not asked again: an opening of a standing plan that is agreed is signed by the node.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from placet.catalogue.specs import NAMES
from placet.core.purposes import PURPOSES, purpose_id
from placet.core.values import U32, Address


def _recipe(name: str) -> str:
    if name not in NAMES:
        raise ValueError(f"no recipe of the catalogue: {', '.join(NAMES)}")
    return name


def _purpose(iri: str) -> str:
    if iri not in PURPOSES:
        raise ValueError(f"no purpose that is known here: {', '.join(PURPOSES)}")
    return iri


class HoldRule(BaseModel):
    """A plan is held where all of this holds of it that is given: its recipe, purpose or consumer is among these, this
    institution's lawful rows are more than `rows_above`. A name that nothing has would hold nothing: it is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipes: tuple[Annotated[str, AfterValidator(_recipe)], ...] | None = Field(default=None, min_length=1)
    purposes: tuple[Annotated[str, AfterValidator(_purpose)], ...] | None = Field(default=None, min_length=1)
    consumers: tuple[Address, ...] | None = Field(default=None, min_length=1)
    rows_above: U32 | None = None

    @model_validator(mode="after")
    def _says_something(self) -> HoldRule:
        if all(value is None for value in (self.recipes, self.purposes, self.consumers, self.rows_above)):
            raise ValueError('a rule names recipes, purposes, consumers or rows_above; hold = "all" holds every plan')
        return self


Rules = Annotated[tuple[HoldRule, ...], Field(min_length=1)]
Hold: TypeAlias = Annotated[
    Annotated[Literal["none", "all"], Tag("word")] | Annotated[Rules, Tag("rules")],
    Discriminator(lambda value: "word" if isinstance(value, str) else "rules"),
]


@dataclass(frozen=True)
class PlanInShort:
    """What the rules look at. `purpose`: the hash of its IRI. `rows`: this institution's lawful ones, None where that
    is not known yet, which counts as many."""

    recipe: str
    purpose: bytes
    consumer: bytes
    rows: int | None


def is_held(hold: Hold, plan: PlanInShort) -> bool:
    """Does a person decide about it?"""
    return hold == "all" or (hold != "none" and any(_matches(rule, plan) for rule in hold))


def _matches(rule: HoldRule, plan: PlanInShort) -> bool:
    return (
        (rule.recipes is None or plan.recipe in rule.recipes)
        and (rule.purposes is None or plan.purpose in map(purpose_id, rule.purposes))
        and (rule.consumers is None or plan.consumer in rule.consumers)
        and (rule.rows_above is None or plan.rows is None or plan.rows > rule.rows_above)
    )
