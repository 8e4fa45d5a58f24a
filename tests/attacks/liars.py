"""Attacks on the live consortium: a member's node that lies, calls under stolen keys, stakes, what the auditor
says."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import sqlalchemy as sa

from live import PROVIDERS, LiveConsortium
from placet.chain.calls import Call
from placet.chain.sender import Sender
from placet.core.errors import Reverted
from placet.core.signatures import Key
from placet.core.values import from_hex
from placet.jobs.store import JobStore
from placet.sandbox import program
from placet.sandbox.forking import ForkRequest

ROGUE = Path(__file__).with_name("rogue.py")
STAKE = 500
"""What each provider of the consortium puts up."""


@contextlib.contextmanager
def rogue(consortium: LiveConsortium, who: str, mode: str) -> Iterator[None]:
    """Replace a member's node by one that lies; afterwards its honest node runs again."""
    made = consortium.made
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


def send(consortium: LiveConsortium, key: Key, call: Call) -> Reverted | None:
    """Send a call with somebody's key; why it was refused, or None."""
    sender = Sender(sa.create_engine("sqlite://", poolclass=sa.StaticPool), consortium.chain, [key])
    sender.submit("attack", call, key.address)
    end = time.monotonic() + 180
    while (outcome := sender.outcome("attack")) is None:
        assert time.monotonic() < end, "the chain never answered"
        sender.step()
        time.sleep(0.05)
    return outcome if isinstance(outcome, Reverted) else None


def notebook(consortium: LiveConsortium, who: str) -> JobStore:
    """What a member's node keeps of its jobs."""
    return JobStore(sa.create_engine(f"sqlite:///{consortium.made.members[who].folder / 'state.db'}"))


def over(consortium: LiveConsortium, job: str, limit: str) -> None:
    """Let time pass until a job's `open_by`, `deadline` or `settle_by` is over."""
    consortium.pass_time(getattr(notebook(consortium, "consumer").job(from_hex(job)).plan, limit))


@contextlib.contextmanager
def staking(consortium: LiveConsortium, *, most: int = STAKE, who: Sequence[str] = PROVIDERS) -> Iterator[None]:
    """These providers put up stakes; afterwards their policy is as before."""
    made, before = consortium.made, {}
    for one in who:
        settings = made.members[one].folder / "node.toml"
        before[one] = settings.read_text()
        settings.write_text(f'{before[one]}\n[[policy.stakes]]\ntoken = "{made.token}"\nmost = {most}\n')
        _restarted(consortium, one)
    try:
        yield
    finally:
        for one, text in before.items():
            (made.members[one].folder / "node.toml").write_text(text)
            _restarted(consortium, one)


def _restarted(consortium: LiveConsortium, who: str) -> None:
    consortium.made.kill(f"{who}-node")
    consortium.made.start_node(who)
    consortium.made.wait_healthy(who)
