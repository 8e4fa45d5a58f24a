"""The lawful sets that were signed for, sealed, each with the jobs that it was signed for.

A set is evidence of every job that was opened with it, and stays. What was signed for a plan alone goes once that plan
can't be opened any more: whoever proposes plans without end, and opens none, leaves nothing here after `openBy`.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from placet.core.at_rest import AtRest, context
from placet.core.errors import NotFoundError, StateError
from placet.core.ids import JobId, OfferId
from placet.core.values import to_hex
from placet.vault.database import LAWFUL, SIGNED, forget
from placet.vault.leaves import LEAF, StoredSet
from placet.vault.responses import SetToSign


class LawfulSets:
    """The sets of one vault. One caller at a time."""

    def __init__(self, engine: sa.Engine, sealer: AtRest) -> None:
        self._engine = engine
        self._sealer = sealer
        self._last: StoredSet | None = None

    def keep(self, kept: StoredSet, signed: SetToSign, *, fresh: bool) -> None:
        """Remember a set and what it is signed for; one that is not `fresh` is here already. The last one stays in
        memory, opened: its job's warrant asks for it next."""
        offer = kept.offer
        values = {"offer": offer, "root": signed.root, "job": signed.job, "open_by": signed.open_by}
        use = sqlite.insert(SIGNED).values(**values)
        later = {"open_by": use.excluded.open_by}  # an amendment's job is open, whatever its plan said
        with self._engine.begin() as connection:
            connection.execute(
                use.on_conflict_do_update(
                    index_elements=["offer", "root", "job"], set_=later, where=SIGNED.c.open_by.is_not(None)
                )
            )
            if fresh:
                sealed = self._sealer.seal(kept.packed, _context(offer, signed.root))
                statement = sqlite.insert(LAWFUL).values(offer=offer, root=signed.root, sealed=sealed)
                newer = {"sealed": statement.excluded.sealed}
                connection.execute(statement.on_conflict_do_update(index_elements=["offer", "root"], set_=newer))
        self._last = kept

    def overdue(self, now: int) -> bool:
        """Is any set signed for a plan that must have been opened before `now`, a block's time?"""
        query = sa.select(SIGNED.c.job).where(SIGNED.c.open_by < now).limit(1)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def drop(self, now: int, opened: Callable[[JobId], bool]) -> bool:
        """Delete what was signed for plans alone that can't be opened after `now`, the time of a block that stays; did
        any set go?"""
        c, gone = SIGNED.c, False
        with self._engine.begin() as connection:
            for row in connection.execute(sa.select(SIGNED).where(c.open_by < now)).all():
                this = (c.offer == row.offer, c.root == row.root, c.job == row.job)
                if opened(JobId(bytes(row.job))):
                    connection.execute(sa.update(SIGNED).where(*this).values(open_by=None))
                    continue
                connection.execute(sa.delete(SIGNED).where(*this))
                if connection.execute(sa.select(c.job).where(*this[:2]).limit(1)).first() is None:
                    same = (LAWFUL.c.offer == row.offer, LAWFUL.c.root == row.root)
                    connection.execute(sa.delete(LAWFUL).where(*same))
                    gone = True
        if gone:
            self._last = None
            forget(self._engine)
        return gone

    def stored(self, offer: OfferId, root: bytes) -> StoredSet:
        """NotFoundError for a root that this vault never signed for this offer, or that no plan holds any more."""
        last = self._last
        if last is not None and (last.offer, last.root) == (offer, root):
            return last
        return StoredSet(offer, root, self.packed(offer, root))

    def packed(self, offer: OfferId, root: bytes) -> bytes:
        """The same as its packed leaves."""
        c = LAWFUL.c
        with self._engine.connect() as connection:
            sealed = connection.execute(sa.select(c.sealed).where(c.offer == offer, c.root == root)).scalar()
        if sealed is None:
            raise NotFoundError("this vault keeps no such lawful set", found=to_hex(root), code="vault.root")
        plain = self._sealer.open(sealed, _context(offer, root))
        if len(plain) % LEAF:
            raise StateError("a stored lawful set is damaged", found=f"{len(plain)} bytes", code="vault.tampered")
        return plain


def _context(offer: OfferId, root: bytes) -> bytes:
    return context("lawful", to_hex(offer), to_hex(root))
