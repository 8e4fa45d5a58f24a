"""What a node forgets of a consent for good. The vault has its own half."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from placet.chain.storage import overwrite_deleted
from placet.core.enrolment import NO_ENROLMENT
from placet.core.erasure import own_consent
from placet.core.errors import StateError
from placet.core.ids import ConsentId
from placet.jobs import kept_payloads
from placet.node.config import NodeSettings
from placet.node.consents import proof_tags, uses
from placet.node.consents.admission import owners_budget
from placet.node.consents.models import ConsentStatus
from placet.node.state import consents, counters, nonces, withdrawals
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


def erase(engine: sa.Engine, consent: ConsentId) -> bool:
    """Forget a consent with its owner's key, salt, signature, uses, tag and withdrawal; False if there was none.

    StateError while the relay still needs it, and for an institution's own, which is of no person. Its id stays among
    its batch's leaves: a number that leads to nobody. What was sent to the chain for it alone (a withdrawal, a grant)
    stays in the outbox as it does on chain.
    """
    with engine.begin() as connection:
        row = _unneeded(connection, consent)
        connection.execute(sa.delete(withdrawals).where(withdrawals.c.consent == consent))
        uses.forget(connection, consent)
        proof_tags.forget(connection, consent)
        erased = connection.execute(sa.delete(consents).where(consents.c.id == consent)).rowcount == 1
        if row is not None:
            _forget_key(connection, bytes(row["owner"]))
    overwrite_deleted(engine)
    return erased


def demand_unneeded(engine: sa.Engine, consent: ConsentId) -> None:
    """StateError where `erase` would raise it."""
    with engine.begin() as connection:
        _unneeded(connection, consent)


def _unneeded(connection: sa.Connection, consent: ConsentId) -> sa.RowMapping | None:
    row = connection.execute(sa.select(consents).where(consents.c.id == consent)).mappings().first()
    open_ = sa.select(withdrawals).where(withdrawals.c.consent == consent, withdrawals.c.state == "written")
    if row is not None and bytes(row["enrolment"]) == NO_ENROLMENT:
        raise own_consent()
    if row is not None and row["status"] in (ConsentStatus.PENDING, ConsentStatus.ANCHORING):
        raise StateError("the consent is on its way to the chain", remedy="erase it once it is given")
    if connection.execute(open_).first() is not None:
        raise StateError("the consent's withdrawal is on its way to the chain", remedy="erase it afterwards")
    return row


def _forget_key(connection: sa.Connection, owner: bytes) -> None:
    """What is kept by an owner's key alone, unless another consent has that key: with its nonces gone, whoever saw one
    of its signed requests could send it again, and read what is left."""
    left = sa.select(consents.c.id).where(consents.c.owner == owner).limit(1)
    if connection.execute(left).first() is None:
        connection.execute(sa.delete(nonces).where(nonces.c.signer == owner))
        connection.execute(sa.delete(counters).where(counters.c.key == owners_budget(owner)))
