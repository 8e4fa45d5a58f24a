"""How many consents there are and how their number moves, for the institution: counts, and nobody behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from pydantic import BaseModel, Field

from placet.core.ids import ConsentId, OfferId
from placet.node.block_days import DAY
from placet.node.consents.models import ConsentStatus
from placet.node.service import Node
from placet.node.state import consents, now, reading, withdrawals

_AT_ONCE = 500
"""Ids in one question to the database."""


class ConsentNumbers(BaseModel):
    """Of the consents to an offer that came to this node one by one: on their way to the chain, such that the next job
    may use, and over (withdrawn, revoked, expired, used up). `batches`: how many batches the chain has of the offer,
    those that were brought in files among them, whose consents the vault knows and this node does not count."""

    coming: int
    current: int
    ended: int
    batches: int


class Day(BaseModel):
    """A day in UTC: consents that this node took on, less those that the contract refused, and consents to its offers
    that the chain says were withdrawn or revoked."""

    day: str = Field(pattern=r"^\d{4}-\d\d-\d\d$")
    given: int
    ended: int


class Timeline(BaseModel):
    """Every day, oldest first; the last is today."""

    days: list[Day]


def of_offer(node: Node, offer: OfferId, *, personal: bool) -> ConsentNumbers:
    """Reads the database and the index, and the chain for the number of openings. Consents to what is the institution's
    own (not `personal`) are the chain's, one by one."""
    if not personal:
        named, standing = len(node.index.given_to(offer)), len(standing_consents(node, offer))
        return ConsentNumbers(coming=0, current=standing, ended=named - standing, batches=0)
    here = consents.c.offer == offer
    withdrawing = sa.select(withdrawals.c.consent).where(withdrawals.c.state != "refused")
    live = (
        here
        & (consents.c.status == ConsentStatus.GIVEN)
        & (consents.c.not_after >= now())
        & (consents.c.first_opening + consents.c.uses > node.openings(offer))
        & consents.c.id.not_in(withdrawing)
    )
    count = sa.select(sa.func.count()).select_from(consents)
    with reading(node.engine) as connection:
        statuses = sa.select(consents.c.status, sa.func.count()).where(here).group_by(consents.c.status)
        by_status: Mapping[str, int] = {row[0]: row[1] for row in connection.execute(statuses)}
        current = connection.execute(count.where(live)).scalar_one()
        dead: list[ConsentId] = [*node.ended(offer)]
        for start in range(0, len(dead), _AT_ONCE):
            some = consents.c.id.in_(dead[start : start + _AT_ONCE])
            current -= connection.execute(count.where(live & some)).scalar_one()
    given = by_status.get(ConsentStatus.GIVEN, 0)
    coming = by_status.get(ConsentStatus.PENDING, 0) + by_status.get(ConsentStatus.ANCHORING, 0)
    return ConsentNumbers(coming=coming, current=current, ended=given - current, batches=len(node.index.batches(offer)))


def standing_consents(node: Node, offer: OfferId) -> list[ConsentId]:
    """The consents to an offer, named on chain, that the next job may use, in the order in which they were given."""
    dead, openings, at = node.ended(offer), node.openings(offer), node.chain.now()
    return [
        one.consent
        for one in node.index.given_to(offer)
        if one.consent not in dead
        and one.not_before <= at < one.not_after
        and one.first_opening <= openings < one.first_opening + one.uses
    ]


def last_consent(node: Node, offer: OfferId) -> ConsentId | None:
    """The last of them."""
    return next(reversed(standing_consents(node, offer)), None)


def timeline(node: Node, days: int) -> Timeline:
    """The last so many days. Asks the chain for the times of a few blocks."""
    today = datetime.fromtimestamp(now(), UTC).date()
    listed = [today - timedelta(days=back) for back in reversed(range(days))]
    first = int(datetime.combine(listed[0], datetime.min.time(), UTC).timestamp())
    number = consents.c.created // DAY
    taken = (consents.c.created >= first) & (consents.c.status != ConsentStatus.REFUSED)
    with reading(node.engine) as connection:
        rows = connection.execute(sa.select(number, sa.func.count()).where(taken).group_by(number)).all()
    given = {int(row[0]): row[1] for row in rows}
    ended = _ended(node)
    numbers = [int(datetime.combine(day, datetime.min.time(), UTC).timestamp()) // DAY for day in listed]
    return Timeline(
        days=[
            Day(day=day.isoformat(), given=given.get(at, 0), ended=ended.get(at, 0))
            for day, at in zip(listed, numbers, strict=True)
        ]
    )


def _ended(node: Node) -> Mapping[int, int]:
    """By day since 1970, how many consents to own offers have ended."""
    own = [event.offer for event in node.offers().values() if event.provider == node.address]
    blocks = Counter(dead.block for offer in own for dead in node.ended(offer).values())
    days = node.block_days.of(sorted(blocks))
    ended: Counter[int] = Counter()
    for block, number in blocks.items():
        ended[days[block]] += number
    return ended
