"""Whatever is killed, and when: the job ends completed, or with a refund; never stuck, never paid twice; and what was
killed starts clean. Killed with SIGKILL at a moment that its own database shows."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator

import pytest
from consortium import wait

from follow import TIMES, ended_everywhere, reached, settled_once, until
from live import Town
from placet.chain.client import JobStatus
from placet.core.values import from_hex

QUICK = [
    ("consumer-node", "consumer", "opening"),
    ("north-node", "north", "step"),
    ("north-node", "north", "computed"),
    ("north-vault", "north", "computing"),
]
PHASES = ("agreed", "computing", "step", "computed", "recorded", "released")
ALL = [
    *(("consumer-node", "consumer", phase) for phase in ("agreed", "opening", "computing", "step", "computed")),
    *(("consumer-node", "consumer", phase) for phase in ("recorded", "sealed")),
    *(("south-node", "south", phase) for phase in PHASES),
    *(("south-vault", "south", phase) for phase in PHASES),
    *(("consumer-vault", "consumer", phase) for phase in ("agreed", "opening", "computing", "computed")),
]


@contextlib.contextmanager
def watched_log(town: Town, name: str) -> Iterator[None]:
    """No process may die of, or stumble over, a mistake of its own."""
    file = town.made.folder / f"{name}.log"
    start = file.stat().st_size
    yield
    told = file.read_bytes()[start:].decode(errors="replace")
    assert "Traceback" not in told and "unforeseen" not in told, told[-4000:]


def restart(town: Town, process: str) -> None:
    who, _, what = process.partition("-")
    (town.made.start_node if what == "node" else town.made.start_vault)(who)
    town.made.wait_healthy(who)


def crash(town: Town, process: str, who: str, status: str) -> str:
    """Run a job, kill `process` when `who` notes `status`, start it again a second later; the job's id."""
    made = town.made
    job = made.begin(made.request(**TIMES))
    until(lambda: reached(made.members[who].folder, job, status))
    made.kill(process)
    try:
        time.sleep(1)
    finally:
        restart(town, process)
    return job


def audit(town: Town, job: str) -> str:
    answer = town.made.run(
        *("audit", job, "--url", town.made.chain.url, "--deployment", "deployment.json", "--trust", "trust.json"),
        *("--key", "auditor.json", "--json"),
    )
    return str(json.loads(answer)["verdict"])


@pytest.mark.parametrize(("process", "who", "status"), QUICK)
def test_a_killed_process_leaves_a_job_that_ends(town: Town, process: str, who: str, status: str) -> None:
    """Killed at a phase; the parties agree on a new attempt where one was lost, and the audit is intact."""
    with watched_log(town, process), settled_once(town) as jobs:
        jobs.append(crash(town, process, who, status))
        assert ended_everywhere(town, jobs[0]) == "completed"
    assert town.done(jobs[0]).totals == town.expected()
    assert audit(town, jobs[0]) == "intact"


@pytest.mark.slow
@pytest.mark.parametrize(("process", "who", "status"), ALL)
def test_every_process_killed_at_every_phase(town: Town, process: str, who: str, status: str) -> None:
    """The whole matrix."""
    with watched_log(town, process), settled_once(town) as jobs:
        jobs.append(crash(town, process, who, status))
    if ended_everywhere(town, jobs[0]) == "completed":
        assert town.done(jobs[0]).totals == town.expected()
        assert audit(town, jobs[0]) == "intact"


def test_a_provider_that_never_comes_back_costs_nobody_anything(town: Town) -> None:
    """A node is killed while it computes and stays away until it is aborted, as it learns later."""
    made = town.made
    times = {"open_seconds": 10, "deadline_seconds": 10, "settle_seconds": 24}
    with settled_once(town) as jobs:
        jobs.append(made.begin(made.request(**times)))
        until(lambda: reached(made.members["fund"].folder, jobs[0], "computing"))
        made.kill("fund-node")
        try:
            wait(lambda: town.ask("consumer", f"/v1/jobs/{jobs[0]}").json()["ended"] is not None, "end", None, 60)
        finally:
            restart(town, "fund-node")
        assert ended_everywhere(town, jobs[0]) == "aborted"


def test_the_consumer_never_comes_back_and_a_provider_ends_the_job(town: Town) -> None:
    """Nobody coordinates any more: after the deadline a provider's node aborts, and the sponsor has its money back."""
    made = town.made
    times = {"open_seconds": 10, "deadline_seconds": 10, "settle_seconds": 24}
    with settled_once(town) as jobs:
        jobs.append(made.begin(made.request(**times)))
        until(lambda: reached(made.members["consumer"].folder, jobs[0], "computing"))
        made.kill("consumer-node")
        try:
            aborted = JobStatus.ABORTED
            wait(lambda: town.chain.job(from_hex(jobs[0])).status is aborted, "abort by a provider", None, 90)
        finally:
            restart(town, "consumer-node")
        assert ended_everywhere(town, jobs[0]) == "aborted"


def test_the_chain_endpoint_is_lost_and_comes_back(town: Town) -> None:
    """The chain answers nobody while the parties compute; afterwards the same job goes on to its end."""
    made = town.made
    with settled_once(town) as jobs:
        jobs.append(made.begin(made.request(**TIMES)))
        until(lambda: reached(made.members["north"].folder, jobs[0], "computing"))
        os.kill(made.chain.pid, signal.SIGSTOP)
        try:
            time.sleep(8)
        finally:
            os.kill(made.chain.pid, signal.SIGCONT)
        assert ended_everywhere(town, jobs[0]) == "completed"
    assert town.done(jobs[0]).totals == town.expected()


@pytest.mark.parametrize("who", ["north", "consumer"])
def test_an_attempt_cut_short_by_a_restart_is_in_the_trail_of_the_next(town: Town, who: str) -> None:
    """What was sent before the kill was signed for: the evidence of both attempts stands, and the audit knows both."""
    job = crash(town, f"{who}-node", who, "step")
    assert ended_everywhere(town, job) == "completed"
    assert town.chain.job(from_hex(job)).attempt >= 2 or town.done(job).totals == town.expected()
    assert audit(town, job) == "intact"
