"""Follow a job of the live consortium: when a node notes a status, how it ends everywhere, that it was paid once."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy as sa

from live import PROVIDERS, LiveConsortium
from placet.chain.events import Event, Funded, JobCompleted, JobOpened, KeyReleased, StepsRecorded
from placet.chain.index import Index
from placet.core.values import from_hex
from placet.sandbox.consortium import REWARD, wait

TIMES = {"open_seconds": 120, "deadline_seconds": 240, "settle_seconds": 300}
"""For a request: long enough for a few attempts on a busy machine. Who waits for one of these lets time pass."""


def reached(folder: Path, job: str, status: str) -> bool:
    """Has the node in `folder` noted that status, or the job's end?"""
    with contextlib.closing(sqlite3.connect(f"file:{folder / 'state.db'}?mode=ro", uri=True, timeout=60)) as database:
        rows = database.execute("SELECT status FROM job_moments WHERE job = ?", (from_hex(job),)).fetchall()
    return bool({status, "completed", "aborted", "closed", "expired", "cancelled"} & {row[0] for row in rows})


def until(ready: Callable[[], bool], seconds: float = 180) -> None:
    """Often, for what passes quickly."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "the phase was never reached"
        time.sleep(0.02)


def purses(consortium: LiveConsortium) -> Counter[str]:
    """What each has and may claim as of one block: who has been paid claims in a transaction of its own, later."""
    token, chain, block = from_hex(consortium.made.token), consortium.chain, consortium.chain.head().number
    addresses = {who: from_hex(member.address) for who, member in consortium.made.members.items()}
    return Counter(
        {
            who: chain.balance_of(token, address, block=block) + chain.owed(token, address, block=block)
            for who, address in addresses.items()
        }
    )


def ended_everywhere(consortium: LiveConsortium, job: str, seconds: float = 330) -> str:
    """How the job ended; all its parties must say the same. One that can't say it now is asked again."""

    said: set[str | None] = set()

    def ended() -> bool:
        answers = [consortium.ask(who, f"/v1/jobs/{job}") for who in consortium.made.members]
        said.clear()
        said.update(one.json()["ended"] if one.is_success else None for one in answers)
        return None not in said

    wait(ended, f"end of {job} at every party", None, seconds)
    (how,) = said
    assert how is not None
    return how


@contextlib.contextmanager
def settled_once(consortium: LiveConsortium) -> Iterator[list[str]]:
    """Around one job (put its id into the list): ends everywhere alike, paid once in full or not at all."""
    before, jobs = purses(consortium), list[str]()
    yield jobs
    (job,) = jobs
    how = ended_everywhere(consortium, job)
    paid = how == "completed"
    for who in PROVIDERS:
        assert purses(consortium)[who] - before[who] == REWARD * paid, (who, how)
    assert before["consumer"] - purses(consortium)["consumer"] == REWARD * len(PROVIDERS) * paid, how
    assert consortium.chain.escrow(from_hex(job)).left == 0
    told = followed(consortium).job_events(from_hex(job))
    once = Counter(type(event) for event in told)
    assert once[JobOpened] <= 1 and once[JobCompleted] == paid and once[Funded] <= 1
    assert all(n == 1 for n in Counter(e.party for e in told if isinstance(e, KeyReleased)).values())
    steps = Counter((e.party, e.attempt, e.from_) for e in told if isinstance(e, StepsRecorded))
    assert all(n == 1 for n in steps.values())


def followed(consortium: LiveConsortium) -> Index:
    """All that the chain tells."""
    index = Index(sa.create_engine("sqlite://", poolclass=sa.StaticPool), consortium.chain)
    index.sync()
    return index


def events(consortium: LiveConsortium, job: str) -> list[Event]:
    """All that the chain tells of a job."""
    return followed(consortium).job_events(from_hex(job))


@contextlib.contextmanager
def paused(consortium: LiveConsortium, process: str) -> Iterator[None]:
    """A process is there and does nothing."""
    pid = consortium.made.processes[process].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
