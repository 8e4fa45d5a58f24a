"""What a node forgets of a consent for good. The vault has its own half."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from placet.chain.threaded import ask_chain
from placet.core.enrolment import NO_ENROLMENT
from placet.core.errors import StateError
from placet.core.ids import ConsentId
from placet.jobs import kept_payloads
from placet.node.config import NodeSettings
from placet.node.consents import lookup, proof_tags, queries, uses
from placet.node.consents.admission import owners_budget
from placet.node.consents.models import ConsentStatus
from placet.node.service import Node
from placet.node.state import consents, counters, nonces, overwrite_deleted, withdrawals
from placet.vault.client import VaultClient


async def erase_everywhere(settings: NodeSettings, engine: sa.Engine, vault: VaultClient, consent: ConsentId) -> bool:
    """`erase`, here and in the vault, and what was kept for replays of the jobs that used it. Whichever half is not
    there says so before the other is touched; what a kill leaves over goes the next time."""
    await vault.datasets()
    received = settings.received
    await asyncio.to_thread(lambda: kept_payloads.forget(received, uses.jobs_of(engine, consent)))
    here = await asyncio.to_thread(erase, engine, consent)
    there = await vault.erase(consent)
    # Whoever gave it a tag in between had found it in the vault.
    await asyncio.to_thread(proof_tags.drop, engine, consent)
    return here or there


async def erase_for_owner(node: Node, consent: ConsentId, owner: bytes, client: str) -> bool:
    """As `erase_everywhere`, for the owner himself, at the address `client`. NotFoundError for another's; StateError
    unless the chain says that
    it is over. Of one that expired or is used up the audit of a job demands the record, and one that a running job has
    used up could leave that job without it: both can be withdrawn first."""
    row = await lookup.row_of(node, consent, owner, client)
    status = await ask_chain(queries.status_of, node, row)
    if status not in _ENDED:
        raise StateError(
            "the consent has not ended", expected=" or ".join(_ENDED), found=status, remedy="withdraw it first"
        )
    return await erase_everywhere(node.settings, node.engine, node.vault, consent)


_ENDED = (ConsentStatus.WITHDRAWN, ConsentStatus.REVOKED, ConsentStatus.REFUSED)


def erase(engine: sa.Engine, consent: ConsentId) -> bool:
    """Forget a consent with its owner's key, salt, signature, uses, tag and withdrawal; False if there was none.

    StateError while the relay still needs it, and for an institution's own, which is of no person. Its id stays among
    its batch's leaves: a number that leads to nobody. What was sent to the chain for it alone (a withdrawal, a grant)
    stays in the outbox as it does on chain.
    """
    with engine.begin() as connection:
        row = connection.execute(sa.select(consents).where(consents.c.id == consent)).mappings().first()
        open_ = sa.select(withdrawals).where(withdrawals.c.consent == consent, withdrawals.c.state == "written")
        if row is not None and bytes(row["enrolment"]) == NO_ENROLMENT:
            from placet.vault.records import own_consent  # with it comes all that keeps them, numpy too

            raise own_consent()
        if row is not None and row["status"] in (ConsentStatus.PENDING, ConsentStatus.ANCHORING):
            raise StateError("the consent is on its way to the chain", remedy="erase it once it is given")
        if connection.execute(open_).first() is not None:
            raise StateError("the consent's withdrawal is on its way to the chain", remedy="erase it afterwards")
        connection.execute(sa.delete(withdrawals).where(withdrawals.c.consent == consent))
        uses.forget(connection, consent)
        proof_tags.forget(connection, consent)
        erased = connection.execute(sa.delete(consents).where(consents.c.id == consent)).rowcount == 1
        if row is not None:
            _forget_key(connection, bytes(row["owner"]))
    overwrite_deleted(engine)
    return erased


def _forget_key(connection: sa.Connection, owner: bytes) -> None:
    """What is kept by an owner's key alone, unless another consent has that key: with its nonces gone, whoever saw one
    of its signed requests could send it again, and read what is left."""
    left = sa.select(consents.c.id).where(consents.c.owner == owner).limit(1)
    if connection.execute(left).first() is None:
        connection.execute(sa.delete(nonces).where(nonces.c.signer == owner))
        connection.execute(sa.delete(counters).where(counters.c.key == owners_budget(owner)))
