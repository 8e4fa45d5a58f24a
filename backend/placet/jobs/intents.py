"""Brings a job's calls to the chain: once for each, and again where one was refused and is still due."""

from __future__ import annotations

import time

from placet.chain.calls import Call
from placet.chain.sender import Mined, Sender
from placet.core.errors import Reverted
from placet.jobs.context import JobContext

SECONDS = 60.0
SLOWEST = 30.0
MOST = 10_000


class Intents:
    """Names stand for what is meant, so that the same intent after a crash is the same transaction."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._not_before: dict[str, float] = {}

    async def carry(self, name: str, call: Call, account: bytes | None = None) -> Mined:
        """Until the call is mined and confirmed. A refused one is sent anew, ever more slowly, as often as it is asked
        for: ask only what the chain's state still calls for. Reverted, or ChainError if it takes long (it lives on)."""
        number, refused = next_try(self._context.sender, name)
        if refused is not None and time.monotonic() < self._not_before.get(name, 0.0):
            raise refused
        intent = f"{name}:{number}"
        self._context.sender.submit(intent, call, account or self._context.recorder.address)
        try:
            return await self._context.sender.wait(intent, SECONDS)
        except Reverted:
            self._not_before[name] = time.monotonic() + min(2.0**number, SLOWEST)
            raise


def next_try(sender: Sender, name: str) -> tuple[int, Reverted | None]:
    """The first number under which an intent was not refused, and how the contract refused it last."""
    refused = None
    for number in range(MOST):
        outcome = sender.outcome(f"{name}:{number}")
        if not isinstance(outcome, Reverted):
            return number, refused
        refused = outcome
    raise refused or Reverted("Unknown")
