"""What a node forgets of a consent for good. The vault has its own half."""

from __future__ import annotations

import sqlalchemy as sa

from placet.core.enrolment import NO_ENROLMENT
from placet.core.errors import StateError
from placet.core.ids import ConsentId
from placet.node.consents import uses
from placet.node.consents.admission import owners_budget
from placet.node.consents.models import ConsentStatus
from placet.node.state import consents, counters, nonces, overwrite_deleted, withdrawals
from placet.vault.records import own_consent


def erase(engine: sa.Engine, consent: ConsentId) -> bool:
    """Forget a consent with its owner's key, salt, signature, uses and withdrawal; False if there was none.

    StateError while the relay still needs it, and for an institution's own, which is of no person. Its id stays among
    its batch's leaves: a number that leads to nobody. What was sent to the chain for it alone (a withdrawal, a grant)
    stays in the outbox as it does on chain.
    """
    with engine.begin() as connection:
        row = connection.execute(sa.select(consents).where(consents.c.id == consent)).mappings().first()
        open_ = sa.select(withdrawals).where(withdrawals.c.consent == consent, withdrawals.c.state == "written")
        if row is not None and bytes(row["enrolment"]) == NO_ENROLMENT:
            raise own_consent()
        if row is not None and row["status"] in (ConsentStatus.PENDING, ConsentStatus.ANCHORING):
            raise StateError("the consent is on its way to the chain", remedy="erase it once it is given")
        if connection.execute(open_).first() is not None:
            raise StateError("the consent's withdrawal is on its way to the chain", remedy="erase it afterwards")
        connection.execute(sa.delete(withdrawals).where(withdrawals.c.consent == consent))
        uses.forget(connection, consent)
        erased = connection.execute(sa.delete(consents).where(consents.c.id == consent)).rowcount == 1
        if row is not None:
            owner = bytes(row["owner"])
            connection.execute(sa.delete(nonces).where(nonces.c.signer == owner))
            connection.execute(sa.delete(counters).where(counters.c.key == owners_budget(owner)))
    overwrite_deleted(engine)
    return erased
