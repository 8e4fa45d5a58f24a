"""Tags of owners who want to prove anonymously that a consent of theirs lives: one a consent, once and for all.

A second tag for a consent would be a second leaf, and a second nullifier a job.
"""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from placet.chain.storage import overwrite_deleted
from placet.chain.threaded import ask_chain
from placet.core.consent_trees import KeptTag, ProofTag
from placet.core.errors import NotFoundError, StateError
from placet.core.ids import ConsentId, OfferId
from placet.node.consents import lookup, models, queries
from placet.node.consents.models import ConsentStatus
from placet.node.service import Node
from placet.node.state import insert_new, now, proof_tags, reading

PAGE = 1_000


async def accept(node: Node, consent: ConsentId, owner: bytes, given: models.TagSubmission, client: str) -> None:
    """Keep the tag of a consent that lives, for its owner at the address `client`. The same again changes nothing.

    NotFoundError for another's consent, SignatureError, StateError `state.tag` for another tag than before, and
    StateError where the consent is not given."""
    row = await lookup.row_of(node, consent, owner, client)
    signed = ProofTag(consent=consent, tag=given.tag)
    digest = signed.digest(node.deployment.consents)
    signature = await node.signers.normal(client, "the tag", owner, digest, given.signature)
    status = await ask_chain(queries.status_of, node, row)
    if status is not ConsentStatus.GIVEN:
        raise StateError("only a consent that is given has a tag", expected=ConsentStatus.GIVEN, found=status)
    taken = ("offer", "owner", "not_before", "not_after", "first_opening", "uses")
    entry = {"consent": consent, "tag": signed.tag, "signature": signature, "created": now()}
    await asyncio.to_thread(_keep, node, entry | {name: row[name] for name in taken})
    try:
        await lookup.row_of(node, consent, owner, client)
    except NotFoundError:  # erased in the meantime: nothing of it stays
        await asyncio.to_thread(drop, node.engine, consent)
        raise


def drop(engine: sa.Engine, consent: ConsentId) -> None:
    """`forget` by itself, for a tag that came while its consent was erased."""
    with engine.begin() as connection:
        forget(connection, consent)
    overwrite_deleted(engine)


def _keep(node: Node, entry: dict[str, object]) -> None:
    first = sa.select(proof_tags.c.tag).where(proof_tags.c.consent == entry["consent"])
    with node.engine.begin() as connection:
        insert_new(connection, proof_tags, entry)
        tag = bytes(connection.execute(first).scalar_one())
    if tag != entry["tag"]:
        raise StateError(
            "the consent has another tag already, for ever",
            expected="the one that its own key gives",
            found="another",
            code="state.tag",
        )


def live(node: Node, offer: OfferId, cursor: ConsentId | None) -> models.ProofTags:
    """A page of the tags whose consents the next job on an offer may use, ascending by consent, with the heads of ended
    consents that it saw. What ended after these is left out as well: who publishes under them is refused."""
    epoch, unproven = node.index.heads(offer)
    dead, openings, at = node.index.dead(offer), node.chain.offer(offer).openings, node.chain.now()
    here = (proof_tags.c.offer == offer) & (proof_tags.c.consent > (cursor or b""))
    query = sa.select(proof_tags).where(here).order_by(proof_tags.c.consent).limit(PAGE)
    with reading(node.engine) as connection:
        rows = connection.execute(query).mappings().all()
    page = [_kept(row) for row in rows]
    return models.ProofTags(
        epoch=epoch,
        unproven=unproven,
        tags=[
            one
            for one in page
            if one.signed.consent not in dead
            and one.not_before <= at <= one.not_after
            and one.first_opening <= openings < one.opens_before
        ],
        cursor=page[-1].signed.consent if len(rows) == PAGE else None,
    )


def _kept(row: sa.RowMapping) -> KeptTag:
    return KeptTag(
        signed=ProofTag(consent=ConsentId(row["consent"]), tag=row["tag"]),
        owner=row["owner"],
        not_before=row["not_before"],
        not_after=row["not_after"],
        first_opening=row["first_opening"],
        opens_before=row["first_opening"] + row["uses"],
        signature=row["signature"],
    )


def of_consent(node: Node, consent: ConsentId) -> bytes | None:
    """The tag that is kept of a consent."""
    with reading(node.engine) as connection:
        tag = connection.execute(sa.select(proof_tags.c.tag).where(proof_tags.c.consent == consent)).scalar()
    return None if tag is None else bytes(tag)


def forget(connection: sa.Connection, consent: ConsentId) -> None:
    """Take a consent's tag away: the next tree is without it."""
    connection.execute(sa.delete(proof_tags).where(proof_tags.c.consent == consent))
