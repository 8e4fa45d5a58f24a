"""Erasures as owners ask for them and see them: of all their consents here, told to all who hold them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from placet.chain.threaded import ask_chain
from placet.core.enrolment import NO_ENROLMENT
from placet.core.erasure import RecordRetention, SignedErasure, own_consent
from placet.core.errors import NotFoundError, PlacetError, StateError
from placet.core.ids import ConsentId, OfferId
from placet.core.times import UnixTime
from placet.core.values import parse, to_hex
from placet.node.consents import erasing, erasure, lookup, queries
from placet.node.consents.models import ConsentStatus, Named
from placet.node.service import Node
from placet.node.state import erasure_notices as notices
from placet.node.state import erasures, insert_new, now, reading

ENDED = (ConsentStatus.WITHDRAWN, ConsentStatus.REVOKED, ConsentStatus.REFUSED)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class ToldHolder(_Answer):
    """Another institution that had a part in a job with the consent; no `erasure` until it has answered. `waits` is
    why not, by the code of the error of the last time that it was asked: it is asked again. Null before that."""

    institution: Named
    erasure: SignedErasure | None
    waits: str | None


class ErasureResponse(_Answer):
    """How far the erasure of a consent is. `asked`, `retain_until` in Unix seconds: until then the law has this
    institution keep the record, for `reason`; null where nothing is kept. `erasure` is this institution's receipt,
    whose hash the chain holds in `block`."""

    consent: ConsentId
    state: Literal["asked", "told", "erased", "anchored"]
    asked: UnixTime
    retain_until: UnixTime | None
    reason: str | None
    erasure: SignedErasure | None
    block: int | None
    holders: list[ToldHolder]


class OwnersErasures(_Answer):
    erasures: list[ErasureResponse]


async def ask(node: Node, owner: bytes, client: str) -> OwnersErasures:
    """Set the erasure of all consents of an owner going; the same again changes nothing. StateError
    while one of them has not ended: of one that expired or is used up the audit of a job demands the record, and one
    that a running job has used up could leave that job without it: each can be withdrawn first."""
    cursor: ConsentId | None = None
    while True:
        rows, more = await lookup.rows_of(node, owner, cursor, client)
        for row in rows:
            await _demand_ended(node, row)
        for row in rows:
            await _note(node, row, await _retention(node, OfferId(row["offer"])))
        if not more:
            break
        cursor = ConsentId(rows[-1]["id"])
    for consent in await asyncio.to_thread(_going, node, owner):
        try:
            await erasing.carry_on(node, consent)
        except PlacetError:  # the loop tries again
            continue
    node.erasing.send()
    return await of_owner(node, owner)


async def erase(node: Node, row: queries.Row) -> bool:
    """The same of one consent; whether anything was erased here now. StateError unless it has ended."""
    await _demand_ended(node, row)
    consent = ConsentId(row["id"])
    await asyncio.to_thread(erasure.demand_unneeded, node.engine, consent)
    await _note(node, row, await _retention(node, OfferId(row["offer"])))
    was_here = await erasing.carry_on(node, consent)
    node.erasing.send()
    return was_here


async def erase_for_institution(node: Node, consent: ConsentId) -> bool:
    """The same, whatever has become of the consent, and whatever the settings retain: the institution answers for it.
    An erasure is anchored only once the chain says that the consent has ended."""
    try:
        row = await lookup.row_of(node, consent, None, "institution")
    except NotFoundError:  # what a kill left over goes too
        return await erasure.erase_everywhere(node.settings, node.engine, node.vault, consent)
    await asyncio.to_thread(erasure.demand_unneeded, node.engine, consent)
    await _note(node, row, None)
    return await erasing.carry_on(node, consent)


async def of_owner(node: Node, owner: bytes) -> OwnersErasures:
    """What an owner's erasures have come to. By his key alone: nothing else here leads to him any more."""
    return await asyncio.to_thread(_answer, node, owner)


async def _demand_ended(node: Node, row: queries.Row) -> None:
    status = await ask_chain(queries.status_of, node, row)
    if status not in ENDED:
        raise StateError(
            "a consent has not ended",
            expected=" or ".join(ENDED),
            found=f"{to_hex(bytes(row['id']))}: {status}",
            remedy="withdraw it first",
        )


async def _note(node: Node, row: queries.Row, retention: RecordRetention | None) -> None:
    if bytes(row["enrolment"]) == NO_ENROLMENT:
        raise own_consent()
    at = now()
    values = {
        "consent": bytes(row["id"]),
        "owner": node.subjects.owner(bytes(row["owner"])),
        "offer": bytes(row["offer"]),
        "asked": at,
        "due": 0 if retention is None else at + retention.days * 86_400,
        "reason": None if retention is None else retention.reason,
        "state": erasing.ASKED,
        "attempts": 0,
        "retry_at": 0,
    }
    await asyncio.to_thread(_insert, node, values)


def _insert(node: Node, values: dict[str, object]) -> None:
    with node.engine.begin() as connection:
        insert_new(connection, erasures, values)


async def _retention(node: Node, offer: OfferId) -> RecordRetention | None:
    """What the settings say of the table that the offer is of."""
    if not any(words.retain for words in node.settings.datasets.values()):
        return None
    dataset = node.offer(offer).dataset
    name = next((info.name for info in await node.tables() if info.dataset == dataset), None)
    words = None if name is None else node.settings.datasets.get(name)
    return None if words is None else words.retain


def _going(node: Node, owner: bytes) -> Sequence[ConsentId]:
    mine = erasures.c.owner == node.subjects.owner(owner)
    going = sa.select(erasures.c.consent).where(mine, erasures.c.state.in_((erasing.ASKED, erasing.TOLD)))
    with reading(node.engine) as connection:
        return [ConsentId(consent) for consent in connection.execute(going).scalars()]


def _answer(node: Node, owner: bytes) -> OwnersErasures:
    mine = sa.select(erasures).where(erasures.c.owner == node.subjects.owner(owner)).order_by(erasures.c.consent)
    with reading(node.engine) as connection:
        rows = connection.execute(mine).mappings().all()
        ids = [row["consent"] for row in rows]
        rows_of_notices = connection.execute(
            sa.select(notices).where(notices.c.consent.in_(ids)).order_by(notices.c.holder)
        )
        by_consent: dict[bytes, list[ToldHolder]] = {}
        for one in rows_of_notices.mappings():
            holder = bytes(one["holder"])
            institution = Named(address=holder, name=node.trust.name_or_address(holder))
            entry = ToldHolder(institution=institution, erasure=_receipt(one["receipt"]), waits=one["error"])
            by_consent.setdefault(bytes(one["consent"]), []).append(entry)
    return OwnersErasures(
        erasures=[
            ErasureResponse(
                consent=ConsentId(row["consent"]),
                state=row["state"],
                asked=row["asked"],
                retain_until=row["due"] or None,
                reason=row["reason"],
                erasure=_receipt(row["receipt"]),
                block=row["block"],
                holders=by_consent.get(bytes(row["consent"]), []),
            )
            for row in rows
        ]
    )


def _receipt(text: str | None) -> SignedErasure | None:
    return None if text is None else parse(SignedErasure, text)
