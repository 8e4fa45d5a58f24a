"""What each job waits for now, in this process's memory, for who follows it: the one place that keeps and words it.

Moments (`JobStore.note`) tell what happened and stay. Between two of them a follower hears what is waited for, since
when, and how many rows are done: `Waits.event`. All of it may be lost at any time.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from placet.core.ids import JobId

PROGRESS = "progress"
"""The status of what is no moment."""
CHAIN, PARTIES, PEOPLE, STAKES, STEPS, VAULT = "chain", "parties", "people", "stakes", "steps", "vault"
"""Topics of `Waits.set`."""
PROPOSALS = JobId(bytes(32))
"""Stands for all plans that are not agreed, and so no jobs, yet."""
Scarce = Literal["engine", "vault"]
"""What a party may lack at home, as its peers are told."""
SCARCE_WORDS: dict[Scarce, str] = {
    "engine": "waits for a free port of its engine (engine.busy)",
    "vault": "waits for its own vault",
}


@dataclass
class Wait:
    """One thing that a job waits for, in words, since when (`time.monotonic`). `rows`: done and all, where they are
    counted; `why`: what is known of the reason."""

    what: str
    lacks: Scarce | None = None
    since: float = field(default_factory=time.monotonic)
    rows: tuple[int, int] | None = None
    why: str | None = None

    def count(self, stage: str, done: int, of: int) -> None:
        """A protocol's `Progress`."""
        self.rows = (done, of)

    def to_json(self) -> dict[str, Any]:
        entry: dict[str, Any] = {"for": self.what, "seconds": round(time.monotonic() - self.since)}
        if self.rows is not None:
            entry["rows"] = list(self.rows)
        if self.why is not None:
            entry["why"] = self.why
        return entry


def blocks_more(what: str, number: int) -> str:
    """In words, that something on chain is not deep yet."""
    return f"{what} to be deep: {number} more block{'' if number == 1 else 's'}"


class Waits:
    """By job; used on the node's event loop alone."""

    def __init__(self) -> None:
        self._waits: dict[JobId, dict[object, Wait]] = defaultdict(dict)
        self._numbers = itertools.count()

    @contextlib.contextmanager
    def waiting(self, job: JobId, what: str, lacks: Scarce | None = None) -> Iterator[Wait]:
        """While the block runs, the job waits for this."""
        key, wait = next(self._numbers), Wait(what, lacks)
        self._waits[job][key] = wait
        try:
            yield wait
        finally:
            self._drop(job, key)

    def set(self, job: JobId, topic: str, *whats: str, lacks: Scarce | None = None) -> None:
        """What the job waits for of one topic, until that is set again; what it waited for already it still does."""
        waits = self._waits.get(job, {}).items()
        before = {wait.what: wait for key, wait in waits if isinstance(key, tuple) and key[0] == topic}
        for what in before:
            self._drop(job, (topic, what))
        for what in whats:
            self._waits[job][topic, what] = before.get(what) or Wait(what, lacks)

    def _drop(self, job: JobId, key: object) -> None:
        waits = self._waits.get(job, {})
        waits.pop(key, None)
        if not waits:
            self._waits.pop(job, None)

    def forget(self, job: JobId) -> None:
        """The job has ended."""
        self._waits.pop(job, None)

    def lacks(self, job: JobId) -> Scarce | None:
        """What this party lacks at home to go on with a job."""
        return next((wait.lacks for wait in self._all(job) if wait.lacks is not None), None)

    def of(self, job: JobId) -> list[dict[str, Any]]:
        """What is waited for, the longest wait first."""
        return [wait.to_json() for wait in sorted(self._all(job), key=lambda wait: wait.since)]

    def event(self, job: JobId, last: str) -> dict[str, Any]:
        """What a follower hears where nothing happens; `last` is the last thing that did."""
        return {"status": PROGRESS, "at": round(time.time(), 3), "after": last, "waits": self.of(job)}

    def _all(self, job: JobId) -> list[Wait]:
        return [*self._waits.get(job, {}).values()]
