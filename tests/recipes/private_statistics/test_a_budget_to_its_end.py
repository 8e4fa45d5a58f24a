"""Noisy answers between real processes: an offer's privacy budget is spent on chain until nothing is left."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from live import LASTING, LiveConsortium
from placet.chain.client import Chain
from placet.core.values import from_hex

BUDGET = 50_000_000
COUNT = {"ask": "count", "column": "balance", "budget": 10_000_000}
MEAN = {"ask": "mean", "column": "balance", "bounds": [0, 10_000_000], "budget": 20_000_000}


@pytest.fixture(scope="module")
def explored(consortium: LiveConsortium) -> LiveConsortium:
    """North's accounts under an offer for noisy numbers alone; a consumer that brings nothing."""
    made = consortium.made
    answer = made.run(
        *("offer", "make", "--config", "north/node.toml", "--dataset", "accounts", "--purpose", "CreditChecking"),
        *("--consumer", made.members["consumer"].address, "--operations", "DP", "--output", "noisy-statistics"),
        *("--recipes", "private-statistics", "--columns", "balance", "--smallest-group", 3, "--json"),
        *("--parties", ",".join((made.members["north"].address, made.members["consumer"].address))),
        *("--budget", BUDGET, "--bounds", "balance=0..10000000"),
    )
    offers = made.offers | {"north": json.loads(answer)["offer"]}
    explored = replace(consortium, made=replace(made, offers=offers), given=[])
    explored.give_many([("north", who, 1000, LASTING) for who in sorted(explored.balances["north"])])
    return explored


def asked(explored: LiveConsortium, *questions: dict[str, Any]) -> dict[str, Any]:
    made = explored.made
    provider = {"address": made.members["north"].address, "offer": made.offers["north"], "reward": "5"}
    request = made.request(
        recipe="private-statistics",
        parameters={"questions": list(questions), "smallest_group": 3},
        providers=[provider],
    )
    return {name: value for name, value in request.items() if name != "own"}


def test_a_budget_is_spent_to_its_end_and_no_further(explored: LiveConsortium) -> None:
    chain, offer = Chain(explored.made.chain.url, explored.deployment), from_hex(explored.made.offers["north"])
    dataset = chain.offer(offer).offer.dataset
    before = chain.dataset(dataset).spent
    job = explored.made.begin(asked(explored, COUNT, MEAN))
    assert explored.made.ended(job) == "completed"
    count, mean = explored.consumer.get(f"/v1/jobs/{job}/result")["report"]["answers"]
    balances = explored.balances["north"]
    deviation = float(count["deviation"])
    assert abs(count["people"] - len(balances)) < 8 * deviation
    exact = sum(min(value, 10_000_000) for value in balances.values())
    assert abs(int(mean["sum"]) - exact) < 8 * float(mean["sum_deviation"])
    assert chain.offer(offer).spent == chain.dataset(dataset).spent - before == 30_000_000
    assert explored.audited(job)["verdict"] == "intact"

    for greedy, code in ((asked(explored, COUNT, MEAN), "consent.budget"), (_other_bounds(explored), "consent.bounds")):
        refusal = explored.ask("consumer", "/v1/jobs", method="POST", body=greedy)
        assert refusal.json()["code"] == code
    assert explored.made.ended(explored.made.begin(asked(explored, MEAN))) == "completed"
    assert chain.offer(offer).spent == BUDGET
    refusal = explored.ask("consumer", "/v1/jobs", method="POST", body=asked(explored, COUNT | {"budget": 1}))
    assert refusal.json()["code"] == "consent.budget"


def _other_bounds(explored: LiveConsortium) -> dict[str, Any]:
    return asked(explored, MEAN | {"bounds": [0, 5], "budget": 100})
