"""Attacks on the live town: a member's node that lies, calls under stolen keys, what the auditor says."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from live import Town
from placet.chain.calls import Call
from placet.chain.sender import Sender
from placet.core.errors import Reverted
from placet.core.signatures import Key
from placet.core.values import from_hex
from placet.jobs.store import JobStore
from placet.sandbox import program
from placet.sandbox.forking import ForkRequest

ROGUE = Path(__file__).with_name("rogue.py")


@contextlib.contextmanager
def rogue(town: Town, who: str, mode: str) -> Iterator[None]:
    """Replace a member's node by one that lies; afterwards its honest node runs again."""
    made = town.made
    made.kill(f"{who}-node")
    request = ForkRequest([mode, "node", "--config", f"{who}/node.toml"], str(made.folder), made._env(), str(ROGUE))
    log = made.folder / f"{who}-node.log"
    made.processes[f"{who}-node"] = program.start(request, Path(os.devnull), log, log)
    made.wait_healthy(who)
    try:
        yield
    finally:
        made.kill(f"{who}-node")
        made.start_node(who)
        made.wait_healthy(who)


def send(town: Town, key: Key, call: Call) -> Reverted | None:
    """Send a call with somebody's key; why it was refused, or None."""
    sender = Sender(sa.create_engine("sqlite://", poolclass=sa.StaticPool), town.chain, [key])
    sender.submit("attack", call, key.address)
    end = time.monotonic() + 180
    while (outcome := sender.outcome("attack")) is None:
        assert time.monotonic() < end, "the chain never answered"
        sender.step()
        time.sleep(0.05)
    return outcome if isinstance(outcome, Reverted) else None


def audit(town: Town, *words: object) -> dict[str, Any]:
    """The auditor's answer, whatever the verdict."""
    files = ("--deployment", "deployment.json", "--trust", "trust.json")
    done = program.run(["audit", *words, *files, "--json"], town.made.folder, town.made._env(), seconds=120)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def audit_live(town: Town, job: str, *words: object) -> dict[str, Any]:
    """The same, from the chain and the parties, under the auditor's key."""
    return audit(town, job, "--url", town.made.chain.url, "--key", "auditor.json", *words)


def notebook(town: Town, who: str) -> JobStore:
    """What a member's node keeps of its jobs."""
    return JobStore(sa.create_engine(f"sqlite:///{town.made.members[who].folder / 'state.db'}"))


def over(town: Town, job: str, limit: str) -> None:
    """Let time pass until a job's `open_by`, `deadline` or `settle_by` is over."""
    town.pass_time(getattr(notebook(town, "consumer").job(from_hex(job)).plan, limit))
