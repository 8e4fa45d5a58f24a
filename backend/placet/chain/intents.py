"""Send an intent again under the next number: the one rule by which a call is brought to the chain more than once.

What is meant has a name (`open:<job>`), and its tries are the outbox's intents `<name>:0`, `<name>:1`, …

                    nothing known, or under way             ended, and still due
    name:0  ────────────────────────────▶ submit it    │   ─────────────────────▶ look at name:1, and so on

The next number is taken only when the outbox says how the last one ended. So at most one try of a name is under way,
also after a crash: whoever asks again gets the same number, and the outbox makes one transaction of it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from placet.chain.calls import Call
from placet.chain.outbox import Mined
from placet.chain.sender import Sender
from placet.chain.threaded import ask_store
from placet.core.errors import Reverted, StateError

SECONDS = 60.0
"""How long a try is waited for."""
SLOWEST = 30.0
MOST = 10_000

Outcome: TypeAlias = Mined | Reverted
REFUSED: tuple[type[Outcome], ...] = (Reverted,)
"""An intent whose effect lasts: it is due again only where the contract refused it."""
UNDONE: tuple[type[Outcome], ...] = (Reverted, Mined)
"""An intent whose effect was taken back since (an allowance, a setting): due again however its last try ended."""


class IntentOutcomes(Protocol):
    """Says how an intent ended; None while it is on its way, or unknown. A `Sender` or an `Outbox`."""

    def outcome(self, intent: str) -> Outcome | None: ...


@dataclass(frozen=True)
class Try:
    """The try of a name that may be submitted now, and how the one before it ended (None for the first)."""

    intent: str
    number: int
    last: Outcome | None


def numbered(name: str, number: int) -> str:
    """The outbox's intent of one try."""
    return f"{name}:{number}"


def next_try(outcomes: IntentOutcomes, name: str, again: tuple[type[Outcome], ...] = REFUSED, most: int = MOST) -> Try:
    """The first try that did not end in a way after which the intent is due again. After `most` of them the last
    refusal, or StateError."""
    last: Outcome | None = None
    for number in range(most):
        intent = numbered(name, number)
        outcome = outcomes.outcome(intent)
        if not isinstance(outcome, again):
            return Try(intent, number, last)
        last = outcome
    if isinstance(last, Reverted):
        raise last
    raise StateError("what was sent is undone again and again", found=name, expected=f"at most {most} tries")


class Intents:
    """Brings calls to the chain: once for each, and again where one was refused and is still due."""

    def __init__(self, sender: Sender, account: bytes) -> None:
        """`account`: whose transactions they are where nothing else is said."""
        self._sender = sender
        self._account = account
        self._not_before: dict[str, float] = {}

    async def carry(self, name: str, call: Call, account: bytes | None = None) -> Mined:
        """Until the call is mined and confirmed. A refused one is sent anew, ever more slowly, as often as it is asked
        for: ask only what the chain's state still calls for. Reverted, or ChainError if it takes long (it lives on)."""
        due = await ask_store(next_try, self._sender, name)
        if isinstance(due.last, Reverted) and time.monotonic() < self._not_before.get(name, 0.0):
            raise due.last
        await ask_store(self._sender.submit, due.intent, call, account or self._account)
        try:
            return await self._sender.wait(due.intent, SECONDS)
        except Reverted:
            self._not_before[name] = time.monotonic() + min(2.0**due.number, SLOWEST)
            raise
