"""Takes a group of consents to one offer in: counts them, has the vault check and store them, puts them into the queue
for the chain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import sqlalchemy as sa

from placet.core.consent import CompactConsent
from placet.core.errors import PlacetError, StateError
from placet.core.values import to_hex
from placet.node import models
from placet.node.intake import Entry
from placet.node.limits import DAY, MINUTE, Budget, TooOften, spend
from placet.node.models import ConsentStatus
from placet.node.service import Node
from placet.node.state import consents, insert_new, now
from placet.vault.admission import Submission


async def take_in(node: Node, group: Sequence[Entry]) -> list[PlacetError | None]:
    """For each consent, in order, why it is refused or None."""
    offer = group[0].submission.consent.offer
    refusals = await asyncio.to_thread(_reserve, node, group)
    passed = [entry for entry, refusal in zip(group, refusals, strict=True) if refusal is None]
    try:
        outcomes = await node.vault.accept_many(offer, node.scopes.of(offer), [_compact(e.submission) for e in passed])
    except PlacetError as error:
        outcomes = [error] * len(passed)
    told = iter([_refusal(entry, outcome) for entry, outcome in zip(passed, outcomes, strict=True)])
    refusals = [next(told) if refusal is None else refusal for refusal in refusals]
    taken = [entry for entry, refusal in zip(group, refusals, strict=True) if refusal is None]
    await asyncio.to_thread(_store, node, taken)
    return refusals


def _refusal(entry: Entry, outcome: bytes | PlacetError) -> PlacetError | None:
    expected = entry.submission.consent.id
    if isinstance(outcome, PlacetError):
        return outcome
    if outcome != expected:
        return StateError("the vault took another consent", expected=to_hex(expected), found=to_hex(outcome))
    return None


def _compact(submission: models.Submission) -> Submission:
    given = submission.enrolment
    return Submission(
        consent=CompactConsent.of(submission.consent),
        signature=submission.signature,
        enrolment=None if given is None else given.enrolment(),
        opening=None if given is None else given.opening,
    )


def _reserve(node: Node, group: Sequence[Entry]) -> list[PlacetError | None]:
    """Keys are free, so what counts is the enrolled person, and the total. Who is refused uses up nothing."""
    limits = node.settings.limits
    refusals: list[PlacetError | None] = []
    with node.engine.begin() as connection:
        waiting = (
            sa.select(sa.func.count()).select_from(consents).where(consents.c.status == ConsentStatus.PENDING.value)
        )
        room = limits.consents_pending - connection.execute(waiting).scalar_one()
        for entry in group:
            try:
                if room <= 0:
                    raise TooOften("consents waiting for the chain", limits.consents_pending, MINUTE, MINUTE)
                with connection.begin_nested():
                    spend(connection, now(), *_budgets(node, entry.submission))
            except TooOften as error:
                refusals.append(error)
            else:
                refusals.append(None)
                room -= 1
    return refusals


def _budgets(node: Node, submission: models.Submission) -> list[Budget]:
    limits, consent = node.settings.limits, submission.consent
    budgets = [
        Budget("consents", "consents in total", limits.consents_per_minute, MINUTE),
        Budget(owners_budget(consent.owner), "consents of one key", limits.consents_per_owner_day, DAY),
    ]
    if submission.enrolment is not None:
        name = node.subjects.name(consent.offer.id, submission.enrolment.opening.subject)
        budgets.append(Budget(f"subject:{name}", "consents of one person", limits.consents_per_subject_day, DAY))
    return budgets


def owners_budget(owner: bytes) -> str:
    """The counter under which a key's consents are limited."""
    return f"owner:{owner.hex()[:80]}"


def _store(node: Node, group: Sequence[Entry]) -> None:
    with node.engine.begin() as connection:
        for entry in group:
            consent = entry.submission.consent
            row = {
                "id": consent.id,
                "offer": consent.offer.id,
                "owner": consent.owner,
                "not_before": consent.not_before,
                "not_after": consent.not_after,
                "first_opening": consent.first_opening,
                "uses": consent.uses,
                "enrolment": consent.details.enrolment,
                "salt": consent.details.salt,
                "signature": entry.submission.signature,
                "route": entry.route,
                "status": ConsentStatus.PENDING.value,
                "attempts": 0,
                "retry_at": 0,
                "created": now(),
            }
            insert_new(connection, consents, row)
