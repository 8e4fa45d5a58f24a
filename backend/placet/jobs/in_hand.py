"""What a process has in memory of one job."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from placet.jobs.link import Link
from placet.jobs.records import Phase

RETRY, LONGEST_REST = 0.5, 8.0
"""Seconds after which a look that went wrong is repeated: a peer, the vault or the chain may have come by then. Twice
as many each time that it goes wrong again, up to the longest rest: what is refused may be so until the deadline."""
FIRST_REST, LONGEST_WAIT = 2.0, 30.0
"""Seconds after which those are asked again whose people decide about a plan, at first and at the most: who has decided
says so."""


@dataclass
class JobInHand:
    """What this process has in memory of one job, by attempt where it is of one. All of it may be lost at any time.

    `advanced`: did something happen since the last look ended, so that the next may have something to do? `again`: was
    another look asked for while one was under way? `told`: ends of attempts here of which the consumer knows;
    `computed_in`: the newest deep block when one was first seen computed. `now` is the chain's time at the last look;
    `ended_seen` which ended consents of an input's offer were looked through, by attempt and input
    (`Index.ended_mark`); `dead_since` when another party's own consent was first seen dead; `said` the last details of
    each status. After so many `failures` in a row no look begins before `rest_until`, by the loop's clock, unless
    something happened here. `deep_since` is `Index.taken_back` when the opening was last seen deep. `engine_wanted`:
    was a spare engine asked for? Those whose people decide about the plan are asked at `ask_at`, and `ask_rest` seconds
    later again.
    """

    look: asyncio.Task[None] | None = None
    advanced: bool = False
    again: bool = False
    told: set[tuple[int, Phase]] = field(default_factory=set)
    computed_in: dict[int, int] = field(default_factory=dict)
    now: int = 0
    links: dict[int, Link] = field(default_factory=dict)
    running: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    ended_seen: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    dead_since: int | None = None
    deep_since: int | None = None
    said: dict[str, dict[str, object]] = field(default_factory=dict)
    failures: int = 0
    rest_until: float = 0.0
    engine_wanted: bool = False
    ask_at: float = 0.0
    ask_rest: float = FIRST_REST

    def rest(self, now: float) -> float:
        """One look more went wrong; the seconds to rest."""
        seconds = min(RETRY * 2.0 ** min(self.failures, 16), LONGEST_REST)
        self.failures, self.rest_until = self.failures + 1, now + seconds
        return seconds
