"""What keeps transactions from the chain: refusals of the endpoint, and looks at the chain that fail."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace

from placet.chain.blocks import Head
from placet.chain.outbox import Intent, Outbox

FAILING_SECONDS = 30.0
"""For how long no look at the chain may succeed before that is told."""
REFUSED_BLOCKS, REFUSED_SECONDS = 3, 60.0
"""For how many blocks, or how long where blocks are rare, an endpoint may refuse a transaction before that is told."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Refusal:
    """What the endpoint says of a transaction that it does not take, and since which block and moment."""

    words: str
    block: int
    since: float


class SendingTrouble:
    """Of one sender. It is told of each refusal and of each look at the chain."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._refused: dict[int, _Refusal] = {}
        self._failing: tuple[float, str] | None = None
        self.seen = 0
        """The newest block that the sender has seen."""
        self.words = ""
        """What the endpoint or the database said last against going on; empty if nothing."""

    def code(self) -> str | None:
        """A code for what keeps transactions from the chain by now: `sender.refused` where the endpoint has not taken
        one for some blocks, or why no look at the chain succeeds; None if all is well."""
        now = time.monotonic()
        failing = self._failing
        if failing is not None and now - failing[0] > FAILING_SECONDS:
            return failing[1]
        return "sender.refused" if self.refused_blocks() is not None else None

    def refused_blocks(self) -> int | None:
        """For how many blocks the endpoint has refused a transaction, if that is worth telling."""
        now = time.monotonic()
        refusals = list(self._refused.values())
        blocks = max((self.seen - refusal.block for refusal in refusals), default=0)
        late = any(now - refusal.since > REFUSED_SECONDS for refusal in refusals)
        return blocks if late or blocks > REFUSED_BLOCKS else None

    def look_fails(self, words: str, code: str) -> None:
        """A look at the chain or the outbox did not succeed."""
        self.words = words
        self._failing = (self._failing[0] if self._failing else time.monotonic(), code)

    def look_succeeds(self) -> None:
        """After one or more that did not."""
        self.words, self._failing = "", None

    def block(self, number: int) -> None:
        """A block that the sender has seen."""
        self.seen = max(self.seen, number)

    def taken(self, intent: Intent) -> None:
        """The endpoint took the transaction, whatever it said before."""
        if self._refused.pop(intent.number, None) is not None:
            self._outbox.refused(intent, None)

    def refused(self, intent: Intent, words: str, head: Head) -> None:
        """The endpoint did not take the transaction at `head`, in these words."""
        self.words = words
        before = self._refused.get(intent.number, _Refusal("", head.number, time.monotonic()))
        if before.words != words:
            _log.warning("the endpoint does not take the transaction of %s: %s", intent.name, words)
            self._outbox.refused(intent, words)
        self._refused[intent.number] = replace(before, words=words)

    def ended(self, intent: Intent) -> None:
        """An intent is on its way no longer, so nobody asks who refused it."""
        self._refused.pop(intent.number, None)
