"""What an opening may differ in from its standing plan, and what it may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from declaring import declaring, vectors
from placet.core.errors import PlanError
from placet.core.plan import OpeningRef, Plan, Terms
from placet.core.standing import StandingPlan, demand_opening, fixed_of
from placet.core.values import parse

PLAN, TERMS = declaring("match", vectors("match")[0]["parameters"], vectors("match")[0]["engine"], 2)
STANDING = StandingPlan(
    fixed=fixed_of(PLAN, TERMS), openings=3, not_before=100, not_after=PLAN.open_by + 500, salt=b"s" * 32
)


def opening(number: int = 0, **changes: Any) -> tuple[Plan, Terms]:
    """A plan under the standing one; `changes` of its terms, its own fields, or (`first`) its first party's."""
    first = changes.pop("first", {})
    of_terms = {name: changes.pop(name) for name in list(changes) if name in Terms.model_fields}
    reference = OpeningRef(plan=STANDING.hash, number=number)
    terms = TERMS.model_copy(update={"block": 77, "standing": reference} | of_terms)
    parties = (PLAN.parties[0].model_copy(update=first), *PLAN.parties[1:])
    return PLAN.model_copy(update={"terms": terms.hash, "parties": parties} | changes), terms


def changed_input(**changes: Any) -> dict[str, Any]:
    return {"inputs": (PLAN.parties[0].inputs[0].model_copy(update=changes), *PLAN.parties[0].inputs[1:])}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"number": 2},
        {"block": 78},
        {"salt": b"x" * 32, "deadline": PLAN.deadline + 1, "settle_by": PLAN.settle_by + 1},
        {"first": {"seed": b"x" * 32, "recorder": b"x" * 20, "payee": b"x" * 20}},
        {"first": changed_input(lawful_root=b"x" * 32, epoch=b"x" * 24, opens_before=7)},
    ],
)
def test_what_is_of_an_opening_alone(changes: dict[str, Any]) -> None:
    demand_opening(STANDING, *opening(**changes), at=200)


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 3},
        {"number": 2**32 - 1},
        {"parameters": TERMS.parameters | {"namespace": "urn:other"}},
        {"engine": "other"},
        {"consumer_key": b"x" * 32},
        {"on_withdrawal": "abort" if TERMS.on_withdrawal == "drop" else "drop"},
        {"purpose": b"x" * 32},
        {"operations": PLAN.operations + 1},
        {"consumer": b"x" * 20},
        {"sponsor": b"x" * 20},
        {"pot": 1},
        {"token": b"x" * 20},
        {"first": {"signer": b"x" * 20}},
        {"first": {"reward": 1}},
        {"first": {"output": not PLAN.parties[0].output}},
        {"first": changed_input(offer=b"x" * 32)},
        {"first": changed_input(consent=b"x" * 32)},
        {"open_by": STANDING.not_after + 1},
        {"standing": OpeningRef(plan=b"x" * 32, number=0)},
        {"standing": None},
    ],
)
def test_what_no_opening_changes(changes: dict[str, Any]) -> None:
    with pytest.raises(PlanError) as caught:
        demand_opening(STANDING, *opening(**changes), at=200)
    assert caught.value.code == "plan.standing"


def test_its_window() -> None:
    demand_opening(STANDING, *opening(), at=100)
    demand_opening(STANDING, *opening(), at=STANDING.not_after)
    for at in (99, STANDING.not_after + 1):
        with pytest.raises(PlanError) as caught:
            demand_opening(STANDING, *opening(), at=at)
        assert caught.value.code == "plan.standing"


def test_one_and_true_are_different_parameters() -> None:
    flagged = TERMS.model_copy(update={"parameters": TERMS.parameters | {"flag": True}})
    standing = STANDING.model_copy(update={"fixed": fixed_of(PLAN, flagged)})
    changes = {"parameters": TERMS.parameters | {"flag": 1}, "standing": OpeningRef(plan=standing.hash, number=0)}
    with pytest.raises(PlanError):
        demand_opening(standing, *opening(**changes), at=200)


@pytest.mark.parametrize(
    "changes", [{"openings": 0}, {"not_before": STANDING.not_after + 1}, {"fixed": {"terms": {"block": 1}}}]
)
def test_what_is_no_standing_plan(changes: dict[str, Any]) -> None:
    values = STANDING.to_json()
    if "fixed" in changes:
        values["fixed"]["terms"] |= changes.pop("fixed")["terms"]
    with pytest.raises(ValidationError):
        StandingPlan.model_validate(values | changes)


def test_terms_without_a_standing_plan_say_nothing_of_one() -> None:
    """So that the terms of any other job are what they were."""
    assert "standing" not in TERMS.to_json()
    _, terms = opening(2)
    assert terms.to_json()["standing"]["number"] == 2
    assert parse(Terms, terms.model_dump_json()) == terms
    assert parse(StandingPlan, STANDING.model_dump_json()).hash == STANDING.hash


def test_every_field_counts_in_what_is_signed() -> None:
    from placet.core.eip712 import job_domain

    domain = job_domain(1, b"l" * 20)
    others: list[Callable[[StandingPlan], dict[str, Any]]] = [
        lambda one: {"openings": one.openings + 1},
        lambda one: {"not_before": one.not_before + 1},
        lambda one: {"not_after": one.not_after + 1},
        lambda one: {"salt": b"t" * 32},
        lambda one: {"fixed": one.fixed.model_copy(update={"pot": 1})},
    ]
    digests = {STANDING.model_copy(update=change(STANDING)).digest(domain) for change in others}
    assert len(digests | {STANDING.digest(domain), STANDING.digest(job_domain(2, b"l" * 20))}) == len(others) + 2
