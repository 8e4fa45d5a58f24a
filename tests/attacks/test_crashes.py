"""Whatever is killed, and when: the job ends completed, or with a refund; never stuck, never paid twice; and what was
killed starts clean. Killed with SIGKILL at a moment that its own database shows.

Where it is `held_up`, Fund House computes nothing meanwhile, so that no job ends before the kill.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.attacks.liars import notebook, over, rogue

from follow import TIMES, ended_everywhere, paused, reached, settled_once, until
from live import BLOCK_TIME, PROVIDERS, LiveConsortium, live
from placet.chain import local
from placet.chain.local import free_port
from placet.chain.states import JobStatus
from placet.core.errors import PeerError
from placet.core.values import from_hex
from placet.jobs.records import Phase
from placet.sandbox import founding
from placet.sandbox.consortium import wait

TRIES = 20
PHASES = ("agreed", "computing", "step", "computed", "sealed", "released")
ALL = [
    *(("consumer-node", "consumer", phase) for phase in ("agreed", "opening", *PHASES[1:-1])),
    *(("south-node", "south", phase) for phase in PHASES),
    *(("south-vault", "south", phase) for phase in PHASES),
    *(("consumer-vault", "consumer", phase) for phase in ("agreed", "opening", *PHASES[1:-1])),
]
GOING = {JobStatus.NONE, JobStatus.OPEN, JobStatus.SEALED}


@contextlib.contextmanager
def watched_log(consortium: LiveConsortium, name: str) -> Iterator[None]:
    """No process may die of, or stumble over, a mistake of its own."""
    file = consortium.made.folder / f"{name}.log"
    start = file.stat().st_size
    yield
    told = file.read_bytes()[start:].decode(errors="replace")
    assert "Traceback" not in told and "unforeseen" not in told, told[-4000:]


def restart(consortium: LiveConsortium, process: str) -> None:
    who, _, what = process.partition("-")
    (consortium.made.start_node if what == "node" else consortium.made.start_vault)(who)
    consortium.made.wait_healthy(who)


def at(consortium: LiveConsortium, job: str, who: str, status: str) -> bool:
    """Has `who` noted that status? `sealed` is the chain's own: notes are made a confirmation later."""
    if status == "sealed":
        return consortium.chain.job(from_hex(job)).status not in (JobStatus.NONE, JobStatus.OPEN)
    return reached(consortium.made.members[who].folder, job, status)


@contextlib.contextmanager
def held_up(consortium: LiveConsortium) -> Iterator[None]:
    """Fund House takes no part in any computation within, and does afterwards."""
    idle = consortium.made.folder / "idle"
    with rogue(consortium, "fund", "idle"):
        idle.touch()
        try:
            yield
        finally:
            idle.unlink()


def crash(consortium: LiveConsortium, job: str, process: str, who: str, status: str) -> bool:
    """Kill `process` at that moment of `who`, and start it again; whether the job was still going then."""
    until(lambda: at(consortium, job, who, status))
    consortium.made.kill(process)
    try:
        return status == "released" or consortium.chain.job(from_hex(job)).status in GOING
    finally:
        restart(consortium, process)


def test_killed_processes_leave_a_job_that_ends(consortium: LiveConsortium) -> None:
    """The consumer's node while it opens the job, and then a provider's vault while rows are asked for: the parties
    agree on a new attempt where one was lost, and the audit is intact."""
    with (
        watched_log(consortium, "consumer-node"),
        watched_log(consortium, "north-vault"),
        settled_once(consortium) as jobs,
    ):
        with held_up(consortium):
            jobs.append(consortium.made.begin(consortium.made.request(**TIMES)))
            assert crash(consortium, jobs[0], "consumer-node", "consumer", "opening")
            assert crash(consortium, jobs[0], "north-vault", "north", "computing")
        assert ended_everywhere(consortium, jobs[0]) == "completed"
    assert consortium.done(jobs[0]).totals == consortium.expected()
    assert consortium.audited(jobs[0])["verdict"] == "intact"


@pytest.mark.slow
@pytest.mark.parametrize(("process", "who", "status"), ALL)
def test_every_process_killed_at_every_phase(consortium: LiveConsortium, process: str, who: str, status: str) -> None:
    """The whole matrix. A job that had ended before the kill shows nothing, and another one is tried."""
    for _ in range(TRIES):
        with watched_log(consortium, process), settled_once(consortium) as jobs:
            jobs.append(consortium.made.begin(consortium.made.request(**TIMES)))
            in_time = crash(consortium, jobs[0], process, who, status)
        if in_time:
            break
    assert in_time
    if ended_everywhere(consortium, jobs[0]) == "completed":
        assert consortium.done(jobs[0]).totals == consortium.expected()
        assert consortium.audited(jobs[0])["verdict"] == "intact"


@pytest.mark.slow  # by default a job without a seal is aborted: test_no_trail_no_result
def test_a_provider_that_never_comes_back_costs_nobody_anything(consortium: LiveConsortium) -> None:
    """A node is killed once the job is open and stays away until it is aborted, as it learns later."""
    made = consortium.made
    with settled_once(consortium) as jobs:
        with held_up(consortium):
            jobs.append(made.begin(made.request(**TIMES)))
            until(lambda: consortium.chain.job(from_hex(jobs[0])).status is JobStatus.OPEN)
            made.kill("fund-node")
            over(consortium, jobs[0], "deadline")
            wait(lambda: consortium.ask("consumer", f"/v1/jobs/{jobs[0]}").json()["ended"] is not None, "end")
            made.start_node("fund")
        assert ended_everywhere(consortium, jobs[0]) == "aborted"


@pytest.mark.slow  # by default jobs/test_link: each party aborts what is overdue, in its turn
def test_the_consumer_never_comes_back_and_a_provider_ends_the_job(consortium: LiveConsortium) -> None:
    """Nobody coordinates any more: after the deadline a provider's node aborts, and the sponsor has its money back."""
    made, aborted = consortium.made, JobStatus.ABORTED
    with settled_once(consortium) as jobs:
        with held_up(consortium):
            jobs.append(made.begin(made.request(**TIMES)))
            until(lambda: reached(made.members["consumer"].folder, jobs[0], "computing"))
            made.kill("consumer-node")
            try:
                over(consortium, jobs[0], "deadline")
                wait(lambda: consortium.chain.job(from_hex(jobs[0])).status is aborted, "abort by a provider")
            finally:
                restart(consortium, "consumer-node")
        assert ended_everywhere(consortium, jobs[0]) == "aborted"


def test_the_chain_endpoint_is_lost_and_comes_back(consortium: LiveConsortium) -> None:
    """The chain answers nobody while the parties compute; afterwards the same job goes on to its end."""
    made = consortium.made
    with settled_once(consortium) as jobs:
        jobs.append(made.begin(made.request(**TIMES)))
        until(lambda: reached(made.members["north"].folder, jobs[0], "computing"))
        os.kill(made.chain.pid, signal.SIGSTOP)
        try:
            time.sleep(8)
        finally:
            os.kill(made.chain.pid, signal.SIGCONT)
        assert ended_everywhere(consortium, jobs[0]) == "completed"
    assert consortium.done(jobs[0]).totals == consortium.expected()


@pytest.mark.slow
@pytest.mark.parametrize("process", ["consumer-node", "north-node", "south-node", "north-vault"])
def test_a_process_killed_during_an_amendment(consortium: LiveConsortium, process: str) -> None:
    """A withdrawal has ended the first attempt, and the second is not on chain yet."""
    made = consortium.made
    given = consortium.give(
        "north",
        next(s for s in consortium.silent if s in consortium.balances["north"] and not consortium.of(s, "north")),
    )
    with watched_log(consortium, process), settled_once(consortium) as jobs:
        jobs.append(made.begin(made.request(**TIMES)))
        job = from_hex(jobs[0])
        until(lambda: reached(made.members["north"].folder, jobs[0], "computing"))
        with paused(consortium, "fund-node"):
            consortium.withdraw(given)
            until(lambda: _failed(consortium, "north", job))
            assert consortium.chain.job(job).attempt == 1
            made.kill(process)
        try:
            time.sleep(1)
        finally:
            restart(consortium, process)
        assert ended_everywhere(consortium, jobs[0]) == "completed"
    assert consortium.chain.job(job).attempt >= 2
    assert consortium.done(jobs[0]).totals == consortium.expected()
    assert consortium.audited(jobs[0])["verdict"] == "intact"


def _failed(consortium: LiveConsortium, who: str, job: bytes) -> bool:
    attempt = notebook(consortium, who).attempt(job, 1)
    return attempt is not None and attempt.phase is Phase.FAILED


@pytest.mark.slow
def test_the_enrolling_service_is_killed_while_a_job_runs(consortium: LiveConsortium) -> None:
    """Jobs do without it; whoever wants to consent meanwhile is told, and can once it runs again."""
    made = consortium.made
    who = next(s for s in consortium.silent if s in consortium.balances["fund"] and not consortium.of(s, "fund"))
    with watched_log(consortium, "enroller"), settled_once(consortium) as jobs:
        jobs.append(made.begin(made.request(**TIMES)))
        until(lambda: reached(made.members["north"].folder, jobs[0], "computing"))
        made.kill("enroller")
        try:
            with pytest.raises(PeerError):
                consortium.give("fund", who)
            assert ended_everywhere(consortium, jobs[0]) == "completed"
            assert consortium.done(jobs[0]).totals == consortium.expected()
        finally:
            made.start("enroller", "identity", "--config", "registry/identity.toml")
            until(lambda: _answers(f"{made.enroller}/healthz"))
    consortium.give("fund", who)
    assert consortium.job().totals == consortium.expected()


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(url, trust_env=False, timeout=2).status_code == 200
    return False


class KeptChain:
    """`placet chain up` in the place of a chain that lives as long as its process."""

    def __init__(self, folder: Path, block_time: float) -> None:
        self._folder, self._port, self._block_time = folder, free_port(), block_time
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> KeptChain:
        local.up(self._folder, port=self._port, block_time=self._block_time)
        return self

    def __exit__(self, *_: object) -> None:
        local.down(self._folder)

    def kill_once_kept(self) -> int:
        """SIGKILL after the state of now has reached the disk; the block that it has at least."""
        now = local.status(self._folder)
        assert now.running is not None and now.block is not None
        asked = time.time_ns()
        until(lambda: self._written_since(asked))
        os.kill(now.running.pid, signal.SIGKILL)
        return now.block

    def _written_since(self, moment: int) -> bool:
        state = self._folder / "state.json"
        if not state.exists() or state.stat().st_mtime_ns < moment:
            return False
        with contextlib.suppress(ValueError):
            return bool(json.loads(state.read_bytes()))
        return False


@pytest.mark.slow
def test_the_chain_is_killed_and_started_again_from_its_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain of this test's own, killed while a job runs. Institutions stand still until the state of that moment is
    on disk: what a chain loses with its last seconds is a reorganisation, and tested as one."""
    chain = KeptChain(tmp_path / "chain", BLOCK_TIME)
    monkeypatch.setattr(founding, "LocalChain", lambda *, block_time: chain)
    (tmp_path / "consortium").mkdir()
    with live(tmp_path / "consortium") as consortium:
        with settled_once(consortium) as jobs:
            jobs.append(consortium.made.begin(consortium.made.request(**TIMES)))
            until(lambda: reached(consortium.made.members["north"].folder, jobs[0], "computing"))
            with contextlib.ExitStack() as still:
                for process in consortium.made.processes:
                    still.enter_context(paused(consortium, process))
                last = chain.kill_once_kept()
                chain.__enter__()
                assert consortium.chain.head().number >= last
            assert ended_everywhere(consortium, jobs[0]) == "completed"
        assert consortium.done(jobs[0]).totals == consortium.expected()
        assert consortium.audited(jobs[0])["verdict"] == "intact"


@pytest.mark.slow
def test_an_attempt_cut_short_by_a_restart_is_in_the_trail_of_the_next(consortium: LiveConsortium) -> None:
    """What was sent before the kill was signed for: both attempts are in the evidence, each with the steps that its
    party made in it, and the audit knows both."""
    made, killed = consortium.made, ("north", "consumer")
    with held_up(consortium):
        job = made.begin(made.request(**TIMES))
        for who in killed:
            until(lambda who=who: reached(made.members[who].folder, job, "step"))
        for who in killed:
            made.kill(f"{who}-node")
        for who in killed:
            restart(consortium, f"{who}-node")
    assert ended_everywhere(consortium, job) == "completed"
    assert consortium.done(job).totals == consortium.expected()
    last = consortium.chain.job(from_hex(job)).attempt
    assert last >= 2
    for who in killed:
        assert [consortium.chain.trail(from_hex(job), attempt, party(who))[1] > 0 for attempt in (1, last)] == [
            True,
            True,
        ]
    assert consortium.audited(job)["verdict"] == "intact"


def party(who: str) -> int:
    return (*PROVIDERS, "consumer").index(who)
