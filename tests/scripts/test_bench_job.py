"""`scripts/bench job` measures a job."""

from __future__ import annotations

import time

import pytest
from benchmarks import job

from live import LiveConsortium

NOTES = {
    "north": {"computing": 14.0, "computed": 20.0, "released": 30.0, "completed": 33.0},
    "consumer": {"opening": 12.5, "computing": 15.0, "computed": 22.0, "sealed": 24.0, "completed": 32.0},
}


def test_parts_follow_each_other() -> None:
    assert job.split(10.0, 12.0, NOTES) == {
        "wall_seconds": 22.0,
        "agree_seconds": 2.0,
        "compute_seconds": 8.0,
        "trail_seconds": 2.0,
        "chain_seconds": 10.0,
        "share_chain_and_trail": 0.545,
    }


@pytest.mark.parametrize("change", [{"failed-attempt": 16.0}, {"completed": None}])
def test_only_one_attempt_to_completion_counts(change: dict[str, float | None]) -> None:
    noted = {name: at for name, at in {**NOTES["north"], **change}.items() if at is not None}
    with pytest.raises(RuntimeError, match="at north"):
        job.split(10.0, 12.0, {**NOTES, "north": noted})


@pytest.mark.slow
def test_a_job_is_measured(consortium: LiveConsortium) -> None:
    expected = consortium.expected(deadline=int(time.time()) + job.SECONDS)
    figures = job.run(consortium.made)
    rows = consortium.consumer.get(f"/v1/jobs/{figures.pop('job')}/result")["rows"]
    assert {row["customer"]: int(row["total"]) for row in rows} == expected
    assert {*figures, "rows"} == set(job.NOTES)
    assert min(figures.values()) > 0
    parts = ("agree_seconds", "compute_seconds", "trail_seconds", "chain_seconds")
    assert sum(figures[part] for part in parts) == pytest.approx(figures["wall_seconds"], abs=0.05)
    assert figures["gas"] > 21_000 * len(consortium.made.members)
