"""A job in which nobody began costs nobody's privacy budget; one in which somebody did is not paid back. What was paid
for is noise that nobody chose."""

from __future__ import annotations

import pytest
from tests.attacks.liars import over, rogue

from exploring import COUNT, asked, audited_with_noise, exploring
from follow import TIMES
from live import LiveConsortium
from placet.chain.client import Chain
from placet.chain.states import JobStatus
from placet.core.values import from_hex
from placet.sandbox.consortium import wait


@pytest.mark.slow
def test_a_job_that_nobody_began_gives_its_budget_back(consortium: LiveConsortium) -> None:
    """The provider computes nothing; after the deadline the job is aborted, and its own node takes the budget back."""
    explored = exploring(consortium, "fund")
    chain, offer = Chain(explored.made.chain.url, explored.deployment), from_hex(explored.made.offers["fund"])
    with rogue(explored, "fund", "idle"):
        idle = explored.made.folder / "idle"
        idle.touch()
        try:
            job = explored.made.begin(asked(explored, "fund", COUNT, **TIMES))
            wait(lambda: chain.job(from_hex(job)).status is JobStatus.OPEN, "opening")
            assert chain.offer(offer).spent == COUNT["budget"]
            over(explored, job, "deadline")
            assert explored.made.ended(job) == "aborted"
        finally:
            idle.unlink()
        wait(lambda: chain.offer(offer).spent == 0, "refund")
    assert chain.dataset(chain.offer(offer).offer.dataset).spent == 0


@pytest.mark.slow
def test_a_provider_that_chose_its_noise_is_named_once_it_opens_it(consortium: LiveConsortium) -> None:
    """A node that adds none at all; its operator opens what it should have added. (In pure Python:
    tests/audit/test_budget.py.)"""
    explored = exploring(consortium, "south")
    made, name = explored.made, explored.made.members["south"].name
    with rogue(explored, "south", "chosen-noise"):
        job = made.begin(asked(explored, "south", COUNT))
        assert made.ended(job) == "completed"
        told = explored.consumer.get(f"/v1/jobs/{job}/result")["report"]["answers"][0]["people"]
        assert told == len(explored.balances["south"]), "the exact number came out"
        assert explored.audited(job)["verdict"] == "intact", "and nobody sees it who is not shown the noise"
        report = audited_with_noise(explored, job, "south")
    assert (report["verdict"], report["named"]) == ("tampered", [name])
    assert [one["name"] for one in report["results"] if one["status"] == "failed"] == ["budget.drawn"]
