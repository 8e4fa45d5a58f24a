"""The way of a consent into the vault. What arrives while the vault is busy goes in together with one call."""

from __future__ import annotations

import asyncio

from placet.core.consent import CompactConsent, Offer, Scope
from placet.core.errors import PlacetError, StateError
from placet.core.values import to_hex
from placet.node import models
from placet.vault.admission import Submission
from placet.vault.client import VaultClient

_MOST = 256


class Intake:
    """Groups submissions by offer; at most one call to the vault an offer at a time, of at most `_MOST` consents."""

    def __init__(self, vault: VaultClient) -> None:
        self._vault = vault
        self._waiting: dict[bytes, list[tuple[models.Submission, asyncio.Future[None]]]] = {}
        self._flushing: dict[bytes, asyncio.Task[None]] = {}

    async def accept(self, scope: Scope, submission: models.Submission) -> None:
        """Until the vault has stored the consent; ConsentError, SignatureError or StateError if it has not."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        offer = submission.consent.offer
        self._waiting.setdefault(offer.id, []).append((submission, done))
        if offer.id not in self._flushing:
            self._flushing[offer.id] = asyncio.create_task(self._flush(offer, scope))
        await done

    async def _flush(self, offer: Offer, scope: Scope) -> None:
        try:
            while waiting := self._waiting.pop(offer.id, []):
                if len(waiting) > _MOST:
                    self._waiting[offer.id] = waiting[_MOST:]
                await self._hand_over(offer, scope, waiting[:_MOST])
        finally:
            del self._flushing[offer.id]
            for _, done in self._waiting.pop(offer.id, []):
                done.cancel()

    async def _hand_over(
        self, offer: Offer, scope: Scope, group: list[tuple[models.Submission, asyncio.Future[None]]]
    ) -> None:
        try:
            outcomes = await self._vault.accept_many(offer, scope, [_compact(submission) for submission, _ in group])
        except PlacetError as error:
            outcomes = [error] * len(group)
        for (submission, done), outcome in zip(group, outcomes, strict=True):
            if done.done():
                continue
            if isinstance(outcome, PlacetError):
                done.set_exception(outcome)
            elif outcome != submission.consent.id:
                expected, found = to_hex(submission.consent.id), to_hex(outcome)
                done.set_exception(StateError("the vault took another consent", expected=expected, found=found))
            else:
                done.set_result(None)


def _compact(submission: models.Submission) -> Submission:
    given = submission.enrolment
    return Submission(
        consent=CompactConsent.of(submission.consent),
        signature=submission.signature,
        enrolment=None if given is None else given.enrolment(),
        opening=None if given is None else given.opening,
    )
