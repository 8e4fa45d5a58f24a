"""Admission in groups: consents that arrive while a group is being admitted are admitted together, as the next one.

A group costs one look at the database, one call to the vault and two commits, whatever its size; a vault's look at the
chain and a commit's wait for the disk take far longer than the checks of one consent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from placet.core.ids import OfferId
from placet.node.consents import models

MOST = 256


@dataclass(frozen=True)
class QueuedSubmission:
    """A submission that its owner signed. `key`: with a key of his own, so that no contract has to be asked."""

    submission: models.ConsentSubmission
    key: bool


Outcome = models.ConsentAccepted | Exception
AdmitGroup = Callable[[Sequence[QueuedSubmission]], Awaitable[Sequence[Outcome]]]
"""Admits a group; for each entry, in order, the answer or why it is refused."""
_Waiting = tuple[QueuedSubmission, asyncio.Future[models.ConsentAccepted]]


class AdmissionQueue:
    """Groups entries by offer; one group an offer at a time, of at most `MOST` entries."""

    def __init__(self) -> None:
        self._waiting: dict[OfferId, list[_Waiting]] = {}
        self._admitting: dict[OfferId, asyncio.Task[None]] = {}

    async def admit(self, entry: QueuedSubmission, admit_group: AdmitGroup) -> models.ConsentAccepted:
        """The answer, once the entry's group is admitted; raises why this entry is refused."""
        done: asyncio.Future[models.ConsentAccepted] = asyncio.get_running_loop().create_future()
        offer = entry.submission.consent.offer.id
        self._waiting.setdefault(offer, []).append((entry, done))
        if offer not in self._admitting:
            self._admitting[offer] = asyncio.create_task(self._run(offer, admit_group))
        return await done

    async def _run(self, offer: OfferId, admit_group: AdmitGroup) -> None:
        group: list[_Waiting] = []
        try:
            while group := self._waiting.pop(offer, []):
                if len(group) > MOST:
                    self._waiting[offer] = group[MOST:]
                    group = group[:MOST]
                outcomes: Sequence[Outcome]
                try:
                    outcomes = await admit_group([entry for entry, _ in group])
                except Exception as error:  # a fault: each request answers for itself, and the next group may do well
                    outcomes = [error] * len(group)
                for (_, done), outcome in zip(group, outcomes, strict=True):
                    if done.done():
                        continue
                    if isinstance(outcome, Exception):
                        done.set_exception(outcome)
                    else:
                        done.set_result(outcome)
        finally:
            del self._admitting[offer]
            for _, done in (*group, *self._waiting.pop(offer, [])):
                done.cancel()
