"""Where a consent is looked up for its owner: in this node's database, which has what came over its API, and in the
vault, which also has what came in batch files.

Keys are free, so that anybody may ask for any id. What is no consent of his is asked of the vault whether this node has
it or not: the answer, and the time that it takes, are the same. Such questions have two connections to the vault of
their own, and are counted by the address that they come from: they keep no job and no admission waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

import sqlalchemy as sa

from placet.core.errors import NotFoundError, StateError
from placet.core.ids import ConsentId
from placet.node.consents import queries
from placet.node.consents.models import ConsentStatus
from placet.node.consents.queries import Row
from placet.node.service import Node
from placet.node.state import consents, reading
from placet.vault.responses import OWNERS_PAGE, KeptConsent

MAX_PROVEN = 65_536
"""Leaves of the largest batch out of which a proof is made here."""
_A_MINUTE = 600
_PATIENCE = 20.0
_NONE = ConsentId(bytes(32))
T = TypeVar("T")


async def row_of(node: Node, consent: ConsentId, owner: bytes | None, client: str) -> Row:
    """A consent for its owner, or for the institution (None). NotFoundError, the same for somebody else's."""
    row = await asyncio.to_thread(queries.find, node, consent)
    if row is not None and owner in (None, bytes(row["owner"])):
        return row
    node.clients.take("lookups", client, _A_MINUTE)
    try:
        record = await _answered(node.lookups.consent(consent, owner))
    except NotFoundError:
        raise queries.unknown() from None
    return (await _rows(node, [record]))[0]


async def rows_of(node: Node, owner: bytes, after: ConsentId | None, client: str) -> tuple[Sequence[Row], bool]:
    """An owner's consents above `after`, ascending by id; and whether there may be more."""
    node.clients.take("lookups", client, _A_MINUTE)
    first = after or _NONE
    own = await asyncio.to_thread(_own_rows, node, owner, first)
    records = await _answered(node.lookups.consents_of(owner, first))
    full = [
        ids[-1] for ids in ([bytes(row["id"]) for row in own], [one.id for one in records]) if len(ids) == OWNERS_PAGE
    ]
    known = {bytes(row["id"]) for row in own}
    strange = await _rows(node, [one for one in records if one.id not in known])
    rows = sorted((*own, *strange), key=lambda row: bytes(row["id"]))
    return [row for row in rows if not full or bytes(row["id"]) <= min(full)], bool(full)


async def _answered(question: Awaitable[T]) -> T:
    """StateError `vault.unreachable` where others' questions, or a busy vault, keep it waiting too long."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await question
    except TimeoutError:
        raise StateError(
            "the vault has no time for this question", remedy="try again later", code="vault.unreachable"
        ) from None


def _own_rows(node: Node, owner: bytes, after: ConsentId) -> Sequence[Row]:
    query = sa.select(consents).where(consents.c.owner == owner, consents.c.id > after)
    with reading(node.engine) as connection:
        return connection.execute(query.order_by(consents.c.id).limit(OWNERS_PAGE)).mappings().all()


async def _rows(node: Node, records: Sequence[KeptConsent]) -> list[Row]:
    leaves: dict[bytes, bytes | None] = {}
    for one in records:
        if one.batch is not None and one.batch not in leaves:
            small = one.leaves <= MAX_PROVEN
            leaves[one.batch] = (await _answered(node.lookups.batch(one.offer, one.batch))).joined if small else None
    return await asyncio.to_thread(lambda: [_row(node, one, leaves.get(one.batch or b"")) for one in records])


def _row(node: Node, one: KeptConsent, leaves: bytes | None) -> Row:
    """As the node's table would have it, less `batch`: `root` tells of its batch, and `leaves`, joined, where a proof
    can be made out of them."""
    block = None if one.batch is None else node.index.batches(one.offer).get(one.batch)
    return {
        "id": one.id,
        "offer": one.offer,
        **{name: getattr(one.consent, name) for name in type(one.consent).model_fields},
        "signature": one.signature,
        "status": (ConsentStatus.PENDING if block is None else ConsentStatus.GIVEN).value,
        "batch": None,
        "root": one.batch,
        "leaves": leaves,
        "block": block,
        "error": None,
    }
