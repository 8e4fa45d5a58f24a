"""The recipe `asset-view` by its parts: which plans it runs, what each side reads, what levels tell."""

from __future__ import annotations

from typing import Any

import pytest

from declaring import CUSTOMER, declaring
from placet.catalogue.asset_view import SPEC
from placet.catalogue.declared import declared
from placet.core.errors import PlanError
from placet.core.plan import Plan, Terms
from placet.recipes.asset_view.run import ASSET_VIEW

TOTALS: dict[str, Any] = {**CUSTOMER, "value": "balance"}
LEVELS = TOTALS | {"edges": ["0", "1", "500000", "5000000"], "bound": "5000000", "protocol": "aby3"}


def check(plan: Plan, terms: Terms) -> None:
    """What every party demands before it signs."""
    ASSET_VIEW.demand(declared(plan, terms))


def test_plans_that_fit() -> None:
    for number in (3, 4, 16):
        check(*declaring("asset-view", TOTALS, "embedded", number))
    check(*declaring("asset-view", LEVELS, "spu", 4))
    check(*declaring("asset-view", LEVELS | {"protocol": "cheetah"}, "spu", 3))
    check(*declaring("asset-view", LEVELS | {"edges": ["5000000"]}, "spu", 4))


@pytest.mark.parametrize(
    ("changes", "engine", "providers", "code", "words"),
    [
        ({}, "embedded", 3, "plan.engine", "levels are compared on another engine"),
        ({"protocol": "semi2k"}, "spu", 3, "plan.parameters", "no such value of protocol"),
        ({"protocol": "cheetah"}, "spu", 3, "spu.protocol", "number of providers"),
        ({"protocol": "aby3"}, "spu", 4, "spu.protocol", "number of providers"),
        ({"edges": ["5", "1"]}, "spu", 3, "plan.parameters", "do not go together"),
        ({"edges": ["1", "1"]}, "spu", 3, "plan.parameters", "do not go together"),
        ({"edges": ["0", "5000001"]}, "spu", 3, "plan.parameters", "do not go together"),
        ({"edges": ["-5000001", "0"]}, "spu", 3, "plan.parameters", "do not go together"),
        ({"edges": []}, "spu", 3, "plan.parameters", "no such value of edges"),
        ({"edges": "100"}, "spu", 3, "plan.parameters", "no such value of edges"),
        ({"edges": [str(edge) for edge in range(65)]}, "spu", 3, "plan.parameters", "no such value of edges"),
        *(
            ({"edges": [edge]}, "spu", 3, "plan.parameters", "no such value of edges")
            for edge in ("a", "1e2", " 100", "١٠٠", "", "1.0", 1.0, True, None)
        ),
        ({"edges": [100]}, "spu", 3, "plan.parameters", "another form"),
        ({"edges": ["+1"]}, "spu", 3, "plan.parameters", "no such value of edges"),
        ({"edges": ["01"]}, "spu", 3, "plan.parameters", "another form"),
        ({"bound": "0"}, "spu", 3, "plan.parameters", "no such value of bound"),
        ({"bound": "-5000000"}, "spu", 3, "plan.parameters", "no such value of bound"),
        ({"bound": str(2**101)}, "spu", 3, "plan.parameters", "no such value of bound"),
        ({"bound": str(2**99)}, "spu", 3, "plan.overflow", "overflow"),
        ({"value": "customer"}, "spu", 3, "plan.parameters", "do not go together"),
    ],
)
def test_plans_for_levels_that_are_refused(
    changes: dict[str, Any], engine: str, providers: int, code: str, words: str
) -> None:
    with pytest.raises(PlanError, match=words) as caught:
        check(*declaring("asset-view", LEVELS | changes, engine, providers + 1))
    assert caught.value.code == code


@pytest.mark.parametrize("left", ["edges", "bound", "protocol"])
def test_levels_take_all_of_their_parameters_and_totals_none(left: str) -> None:
    for parameters in ({k: v for k, v in LEVELS.items() if k != left}, TOTALS | {left: LEVELS[left]}):
        with pytest.raises(PlanError, match="do not go together") as caught:
            SPEC.parse(parameters)
        assert "edges, bound and protocol" in str(caught.value.expected)


def test_totals_are_added_on_the_small_engine() -> None:
    with pytest.raises(PlanError, match="totals are added") as caught:
        check(*declaring("asset-view", TOTALS, "spu", 3))
    assert caught.value.code == "plan.engine"


def test_totals_are_verified_unless_the_plan_says_no() -> None:
    check(*declaring("asset-view", TOTALS | {"verified": False}, "embedded", 3))
    assert SPEC.parse(TOTALS).verifies and not SPEC.parse(TOTALS | {"verified": False}).verifies
    assert not SPEC.parse(LEVELS).verifies
    for verified in (True, "false", 0, 1):
        with pytest.raises(PlanError, match="no such value of verified"):
            SPEC.parse(TOTALS | {"verified": verified})
    with pytest.raises(PlanError, match="do not go together"):
        SPEC.parse(LEVELS | {"verified": False})


def test_a_job_whose_sums_were_falsified_is_not_tried_again() -> None:
    for code in ("sums.share", "sums.commitments", "sums.accepted", "data", "warrant.change"):
        assert ASSET_VIEW.final(code)
    assert not ASSET_VIEW.final("peer.late")


def test_only_the_providers_have_values() -> None:
    for parameters in (TOTALS, LEVELS):
        assert SPEC.reads("provider", SPEC.parse(parameters)) == ("customer", "balance")
        assert SPEC.reads("consumer", SPEC.parse(parameters)) == ("customer",)


def test_what_it_tells() -> None:
    """The bound counts as an edge: what is beyond counts as it."""
    totals, levels = SPEC.tells(SPEC.parse(TOTALS)), SPEC.tells(SPEC.parse(LEVELS))
    assert (totals.output, totals.edges, totals.within) == ("total", (), ())
    assert (levels.output, levels.edges, levels.within) == ("level", (0, 1, 500_000, 5_000_000, 5_000_000), ())
