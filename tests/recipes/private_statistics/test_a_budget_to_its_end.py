"""Noisy answers between real processes: an offer's privacy budget is spent on chain until nothing is left."""

from __future__ import annotations

import json

import pytest

from exploring import BUDGET, COUNT, MEAN, asked, audited_with_noise, exploring
from live import LiveConsortium
from placet.chain.client import Chain
from placet.core.values import from_hex


@pytest.fixture(scope="module")
def explored(consortium: LiveConsortium) -> LiveConsortium:
    return exploring(consortium, "north")


def drawn_again(explored: LiveConsortium, job: str) -> None:
    """The job is intact, and so is the noise that the provider opens to the auditor; to the consumer it opens none."""
    report = audited_with_noise(explored, job, "north")
    checks = {one["name"]: (one["status"], one["looked_at"]) for one in report["results"]}
    assert report["verdict"] == "intact" and checks["budget.drawn"] == ("passed", 3), report
    consumers = explored.consumer.get(f"/v1/jobs/{job}/trail")["evidence"]["terms"]["consumer_key"]
    refusal = explored.ask("north", f"/v1/jobs/{job}/noise", method="POST", body={"auditor": consumers})
    assert refusal.json()["code"] == "noise.consumer"
    refusal = explored.ask("consumer", f"/v1/jobs/{job}/noise", method="POST", body={"auditor": "0x" + "ab" * 32})
    assert refusal.json()["code"] == "noise.none"


@pytest.mark.slow  # the contract's tests of budgets, and `model/` against them
def test_a_budget_is_spent_to_its_end_and_no_further(explored: LiveConsortium) -> None:
    chain, offer = Chain(explored.made.chain.url, explored.deployment), from_hex(explored.made.offers["north"])
    dataset = chain.offer(offer).offer.dataset
    before = chain.dataset(dataset).spent
    job = explored.made.begin(asked(explored, "north", COUNT, MEAN))
    assert explored.made.ended(job) == "completed"
    count, mean = explored.consumer.get(f"/v1/jobs/{job}/result")["report"]["answers"]
    balances = explored.balances["north"]
    deviation = float(count["deviation"])
    assert abs(count["people"] - len(balances)) < 8 * deviation
    exact = sum(min(value, 10_000_000) for value in balances.values())
    assert abs(int(mean["sum"]) - exact) < 8 * float(mean["sum_deviation"])
    assert chain.offer(offer).spent == chain.dataset(dataset).spent - before == 240_000_000
    drawn_again(explored, job)
    words = ("catalogue", "--config", "consumer/node.toml", "--search", "ACCOUNTS", "--json")
    [accounts] = [
        one
        for one in json.loads(explored.made.run(*words))
        if any(entry["id"] == explored.made.offers["north"] for entry in one["offers"])
    ]
    [entry] = [entry for entry in accounts["offers"] if entry["id"] == explored.made.offers["north"]]
    assert (accounts["name"], entry["left"], entry["bounds"]) == ("accounts", 160_000_000, {"balance": [0, 10_000_000]})
    assert accounts["left"] == chain.dataset(dataset).budget - chain.dataset(dataset).spent

    for greedy, code in (
        (asked(explored, "north", COUNT, MEAN), "consent.budget"),
        (asked(explored, "north", MEAN | {"bounds": [0, 5], "budget": 100}), "consent.bounds"),
    ):
        refusal = explored.ask("consumer", "/v1/jobs", method="POST", body=greedy)
        assert refusal.json()["code"] == code
    assert explored.made.ended(explored.made.begin(asked(explored, "north", MEAN))) == "completed"
    assert chain.offer(offer).spent == BUDGET
    refusal = explored.ask("consumer", "/v1/jobs", method="POST", body=asked(explored, "north", COUNT | {"budget": 1}))
    assert refusal.json()["code"] == "consent.budget"
