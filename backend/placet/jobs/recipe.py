"""Recipes: what every party runs, and how the consumer puts the parts together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import JsonValue

from placet.core.errors import DataError, PlanError
from placet.core.plan import Plan, Terms
from placet.jobs.party_run import PartyRun

Run = Callable[[PartyRun], Awaitable[None]]
Combine = Callable[[Mapping[int, bytes], bytes, Path], dict[str, Any]]
Check = Callable[[Plan, Terms], None]
Reads = Callable[[str, Mapping[str, JsonValue]], Collection[str]]
Open = Callable[[bytes, Mapping[int, bytes], bytes], dict[str, Any]]


def _unfit(code: str) -> bool:
    """What stands in the rows does not fit: another attempt over the same table ends the same."""
    return code == DataError.code


@dataclass(frozen=True)
class Recipe:
    """`run` is the same function at every party. `combine` makes the result of the parts by party and of what the
    consumer kept to itself, with a folder for engines: a JSON object, its `rows` one object a person. `check` refuses a
    plan that the recipe can't run (PlanError). `reads` names the columns that a role's rows must have for these
    parameters; of parameters that `check` would refuse it names what it can, or is a PlanError. `final` says of a
    failure's code that another attempt would end the same. `providers` are the roles of its providers, in the plan's
    order, where it tells them apart. `open` is for recipes of which each party that kept
    something private gets a result of its own: that, the release keys by party, and the party's HPKE secret."""

    name: str
    version: int
    operations: int
    on_withdrawal: Literal["drop", "abort"]
    run: Run
    combine: Combine
    check: Check
    reads: Reads
    final: Callable[[str], bool] = _unfit
    providers: tuple[str, ...] = ()
    open: Open | None = None

    def roles(self, providers: int) -> tuple[str, ...]:
        """The roles of so many providers; PlanError where the recipe takes another number of them."""
        if not self.providers:
            return ("provider",) * providers
        if providers != len(self.providers):
            raise PlanError(f"{self.name} takes other providers", expected=len(self.providers), found=providers)
        return self.providers


_RECIPES: dict[str, Recipe] = {}


def demand_pair(plan: Plan, terms: Terms) -> None:
    """PlanError unless one provider with an input and an output meets the consumer with its list and no output."""
    fits = (
        terms.roles == ("provider", "consumer")
        and plan.parties[1].signer == plan.consumer
        and all(len(p.inputs) == 1 for p in plan.parties)
        and [p.output for p in plan.parties] == [True, False]
        and terms.inputs == ("accounts", "customers")
    )
    if not fits:
        raise PlanError(f"not a plan for {terms.recipe}", expected="one provider and the consumer, one input each")


def register(recipe: Recipe) -> Recipe:
    """Make a recipe known by its name."""
    _RECIPES[recipe.name] = recipe
    return recipe


def recipe(name: str) -> Recipe:
    """PlanError for a recipe that this version does not have."""
    if name not in _RECIPES:
        raise PlanError("unknown recipe", expected=", ".join(sorted(_RECIPES)), found=name)
    return _RECIPES[name]
