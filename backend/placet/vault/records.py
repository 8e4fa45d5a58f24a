"""What the vault remembers besides the tables: offers it serves, consents, batches, lawful sets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from placet.core.consent import CompactConsent, Enrolment, EnrolmentOpening, Offer, Scope
from placet.core.errors import NotFoundError, StateError
from placet.core.values import Bytes32, Signature, Value, parse, to_hex
from placet.vault.database import BATCHES, CONSENTS, LAWFUL, OFFERS, SEEN, forget
from placet.vault.sealing import Sealer

_LEAF = 96
_MANY = 500


class Record(Value):
    """An accepted consent with all that belongs to it; the last three are None for a named consent.

    `subject` is the keyed tag of the row's subject.
    """

    consent: CompactConsent
    signature: Signature
    enrolment: Enrolment | None
    opening: EnrolmentOpening | None
    subject: Bytes32 | None


class Bound(Value):
    """An offer that this vault serves, its opened scope, and the local table it speaks of."""

    offer: Offer
    scope: Scope
    dataset: str


@dataclass(frozen=True)
class Candidate:
    """What lawfulness needs to know of an accepted consent; `subject` is a keyed tag."""

    consent: bytes
    not_before: int
    not_after: int
    first_opening: int
    opens_before: int
    subject: bytes | None

    @classmethod
    def of(cls, consent: bytes, record: Record) -> Candidate:
        compact = record.consent
        return cls(
            consent=consent,
            not_before=compact.not_before,
            not_after=compact.not_after,
            first_opening=compact.first_opening,
            opens_before=compact.first_opening + compact.uses,
            subject=record.subject,
        )


@dataclass(frozen=True)
class RowLeaf:
    """A leaf of a lawful set: consent id, row commitment, the root of the batch that holds the consent."""

    consent: bytes
    row: bytes
    batch: bytes


@dataclass(frozen=True)
class StoredSet:
    """A lawful set that this vault computed. Fewer `leaves` than `count`: some were erased since."""

    offer: bytes
    root: bytes
    count: int
    leaves: tuple[RowLeaf, ...]


class Records:
    """Bulk reads and writes; every method is one transaction. One caller at a time, one process a database."""

    def __init__(self, engine: sa.Engine, sealer: Sealer) -> None:
        self._engine = engine
        self._sealer = sealer
        self._candidates: dict[bytes, dict[bytes, Candidate]] = {}

    def bind(self, bound: Bound) -> None:
        """Remember an offer; again is nothing new."""
        offer = bound.offer.id
        sealed = self._sealer.seal(bound.model_dump_json().encode(), "offer", to_hex(offer))
        statement = sqlite.insert(OFFERS).values(offer=offer, dataset=bound.dataset, sealed=sealed)
        with self._engine.begin() as connection:
            connection.execute(statement.on_conflict_do_nothing())

    def bound(self, offer: bytes) -> Bound:
        """NotFoundError for an offer that no accepted consent spoke of."""
        with self._engine.connect() as connection:
            sealed = connection.execute(sa.select(OFFERS.c.sealed).where(OFFERS.c.offer == offer)).scalar()
        if sealed is None:
            raise NotFoundError("the vault knows no consent to this offer", found=to_hex(offer))
        return parse(Bound, self._sealer.open(sealed, "offer", to_hex(offer)))

    def add(self, offer: bytes, accepted: Mapping[bytes, Record]) -> None:
        """Store accepted consents by id; those already here stay as they are."""
        if accepted:
            with self._engine.begin() as connection:
                self._insert(connection, offer, accepted)
            if offer in self._candidates:
                fresh = {consent: Candidate.of(consent, record) for consent, record in accepted.items()}
                self._candidates[offer] = fresh | self._candidates[offer]

    def add_batch(self, offer: bytes, root: bytes, parts: Iterable[Mapping[bytes, Record]]) -> None:
        """Store a batch's consents and leaves in one transaction: nothing of it if `parts` raises."""
        leaves = bytearray()
        with self._engine.begin() as connection:
            for accepted in parts:
                self._insert(connection, offer, accepted)
                leaves += b"".join(accepted)
            statement = sqlite.insert(BATCHES).values(offer=offer, root=root, leaves=bytes(leaves))
            connection.execute(statement.on_conflict_do_nothing())
        self._candidates.pop(offer, None)

    def _insert(self, connection: sa.Connection, offer: bytes, accepted: Mapping[bytes, Record]) -> None:
        values = [
            {"consent": consent, "offer": offer, "sealed": self._seal_record(offer, consent, record)}
            for consent, record in accepted.items()
        ]
        connection.execute(sqlite.insert(CONSENTS).on_conflict_do_nothing(), values)

    def candidates(self, offer: bytes) -> dict[bytes, Candidate]:
        """All accepted consents of an offer by id. Opened once, then kept in memory without anything personal."""
        if offer not in self._candidates:
            with self._engine.connect() as connection:
                c = CONSENTS.c
                found = connection.execute(sa.select(c.consent, c.sealed).where(c.offer == offer)).all()
            self._candidates[offer] = {
                row.consent: Candidate.of(row.consent, self._open_record(offer, row.consent, row.sealed))
                for row in found
            }
        return self._candidates[offer]

    def records(self, offer: bytes, consents: Sequence[bytes]) -> dict[bytes, Record]:
        """The records of these consents by id; NotFoundError if one was erased or never accepted."""
        sealed: dict[bytes, bytes] = {}
        c = CONSENTS.c
        with self._engine.connect() as connection:
            for start in range(0, len(consents), _MANY):
                part = consents[start : start + _MANY]
                chosen = sa.select(c.consent, c.sealed).where(c.offer == offer, c.consent.in_(part))
                sealed.update((row.consent, row.sealed) for row in connection.execute(chosen))
        for consent in consents:
            if consent not in sealed:
                raise NotFoundError("no such consent in the vault", found=to_hex(consent), code="consent.unknown")
        return {consent: self._open_record(offer, consent, sealed[consent]) for consent in consents}

    def offer_of(self, consent: bytes) -> bytes:
        """The offer that a consent speaks of; NotFoundError."""
        with self._engine.connect() as connection:
            offer = connection.execute(sa.select(CONSENTS.c.offer).where(CONSENTS.c.consent == consent)).scalar()
        if offer is None:
            raise NotFoundError("no such consent in the vault", found=to_hex(consent), code="consent.unknown")
        return bytes(offer)

    def note_batch(self, offer: bytes, root: bytes, leaves: Sequence[bytes]) -> None:
        """Remember a batch's leaves."""
        statement = sqlite.insert(BATCHES).values(offer=offer, root=root, leaves=b"".join(leaves))
        with self._engine.begin() as connection:
            connection.execute(statement.on_conflict_do_nothing())

    def batches(self, offer: bytes, roots: Collection[bytes]) -> dict[bytes, list[bytes]]:
        """The leaves of those of `roots` that were noted."""
        c = BATCHES.c
        with self._engine.connect() as connection:
            found = connection.execute(sa.select(c.root, c.leaves).where(c.offer == offer)).all()
        return {row.root: _split(row.leaves, 32) for row in found if row.root in roots}

    def save_set(self, offer: bytes, root: bytes, leaves: Sequence[RowLeaf]) -> None:
        """Remember a lawful set under its root."""
        statement = sqlite.insert(LAWFUL).values(
            offer=offer, root=root, count=len(leaves), sealed=self._seal_set(offer, root, leaves)
        )
        fresh = {"sealed": statement.excluded.sealed, "count": statement.excluded["count"]}
        with self._engine.begin() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["offer", "root"], set_=fresh))

    def stored_set(self, offer: bytes, root: bytes) -> StoredSet:
        """NotFoundError for a root that this vault never computed for this offer."""
        c = LAWFUL.c
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.select(c["count"], c.sealed).where(c.offer == offer, c.root == root)
            ).one_or_none()
        if row is None:
            raise NotFoundError("this vault never computed such a lawful set", found=to_hex(root), code="vault.root")
        return StoredSet(offer, root, row[0], self._open_set(offer, root, row[1]))

    def erase(self, consent: bytes) -> bool:
        """Delete a consent with signature, enrolment, opening, and its leaf in every lawful set; False if unknown."""
        with self._engine.begin() as connection:
            offer = connection.execute(sa.select(CONSENTS.c.offer).where(CONSENTS.c.consent == consent)).scalar()
            if offer is None:
                return False
            connection.execute(sa.delete(CONSENTS).where(CONSENTS.c.consent == consent))
            sets = connection.execute(sa.select(LAWFUL.c.root, LAWFUL.c.sealed).where(LAWFUL.c.offer == offer)).all()
            for root, sealed in sets:
                leaves = self._open_set(offer, root, sealed)
                left = [leaf for leaf in leaves if leaf.consent != consent]
                if len(left) < len(leaves):
                    chosen = sa.update(LAWFUL).where(LAWFUL.c.offer == offer, LAWFUL.c.root == root)
                    connection.execute(chosen.values(sealed=self._seal_set(offer, root, left)))
        self._candidates.get(offer, {}).pop(consent, None)
        forget(self._engine)
        return True

    def highest(self, what: str, number: int) -> int:
        """The largest number ever seen as `what`, `number` included."""
        statement = sqlite.insert(SEEN).values(what=what, number=number)
        larger = sa.func.max(SEEN.c.number, statement.excluded.number)
        upsert = statement.on_conflict_do_update(index_elements=["what"], set_={"number": larger})
        with self._engine.begin() as connection:
            connection.execute(upsert)
            return int(connection.execute(sa.select(SEEN.c.number).where(SEEN.c.what == what)).scalar_one())

    def _seal_record(self, offer: bytes, consent: bytes, record: Record) -> bytes:
        return self._sealer.seal(record.model_dump_json().encode(), "consent", to_hex(consent), to_hex(offer))

    def _open_record(self, offer: bytes, consent: bytes, sealed: bytes) -> Record:
        return parse(Record, self._sealer.open(sealed, "consent", to_hex(consent), to_hex(offer)))

    def _seal_set(self, offer: bytes, root: bytes, leaves: Sequence[RowLeaf]) -> bytes:
        plain = b"".join(part for leaf in leaves for part in (leaf.consent, leaf.row, leaf.batch))
        return self._sealer.seal(plain, "lawful", to_hex(offer), to_hex(root))

    def _open_set(self, offer: bytes, root: bytes, sealed: bytes) -> tuple[RowLeaf, ...]:
        plain = self._sealer.open(sealed, "lawful", to_hex(offer), to_hex(root))
        if len(plain) % _LEAF:
            raise StateError("a stored lawful set is damaged", found=f"{len(plain)} bytes", code="vault.tampered")
        return tuple(RowLeaf(leaf[:32], leaf[32:64], leaf[64:]) for leaf in _split(plain, _LEAF))


def _split(joined: bytes, size: int) -> list[bytes]:
    return [joined[i : i + size] for i in range(0, len(joined), size)]
