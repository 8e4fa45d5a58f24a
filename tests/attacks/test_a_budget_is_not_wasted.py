"""A job in which nobody began costs nobody's privacy budget; one in which somebody did is not paid back."""

from __future__ import annotations

import pytest
from tests.attacks.liars import over, rogue

from exploring import COUNT, asked, exploring
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
