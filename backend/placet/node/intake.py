"""The way of consents into node and vault: what arrives while a group is taken in goes in together, as the next one.

A group costs one call to the vault and two commits, whatever its size; a vault's look at the chain and a commit's wait
for the disk take far longer than the checks of one consent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from placet.core.errors import PlacetError
from placet.node import models

MOST = 256


@dataclass(frozen=True)
class Entry:
    """A submission that all checks without a vault have passed, and its route to the chain: batch or grant."""

    submission: models.Submission
    route: str


Take = Callable[[Sequence[Entry]], Awaitable[Sequence[PlacetError | None]]]
"""Takes a group in; for each entry, in order, why it is refused or None."""
_Waiting = tuple[Entry, asyncio.Future[None]]


class Intake:
    """Groups entries by offer; one group an offer at a time, of at most `MOST` entries."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, list[_Waiting]] = {}
        self._taking: dict[bytes, asyncio.Task[None]] = {}

    async def enter(self, entry: Entry, take: Take) -> None:
        """Until the entry's group is taken in; raises why this entry is refused."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        offer = entry.submission.consent.offer.id
        self._waiting.setdefault(offer, []).append((entry, done))
        if offer not in self._taking:
            self._taking[offer] = asyncio.create_task(self._run(offer, take))
        await done

    async def _run(self, offer: bytes, take: Take) -> None:
        group: list[_Waiting] = []
        try:
            while group := self._waiting.pop(offer, []):
                if len(group) > MOST:
                    self._waiting[offer] = group[MOST:]
                    group = group[:MOST]
                refusals: Sequence[Exception | None]
                try:
                    refusals = await take([entry for entry, _ in group])
                except Exception as error:  # a fault: each request answers for itself, and the next group may do well
                    refusals = [error] * len(group)
                for (_, done), refusal in zip(group, refusals, strict=True):
                    if done.done():
                        continue
                    if refusal is None:
                        done.set_result(None)
                    else:
                        done.set_exception(refusal)
        finally:
            del self._taking[offer]
            for _, done in (*group, *self._waiting.pop(offer, [])):
                done.cancel()
