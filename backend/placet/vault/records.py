"""What the vault remembers besides the tables: offers it serves, consents, batches; lawful sets and matches."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.dialects import sqlite

from placet.core.at_rest import AtRest, context
from placet.core.consent import CompactConsent
from placet.core.enrolment import AnyEnrolment, EnrolmentOpening
from placet.core.enrolment_batch import BatchName, EnrolmentBatch, Enrolments
from placet.core.erasure import own_consent
from placet.core.errors import InputError, NotFoundError, StateError
from placet.core.ids import BatchRoot, ConsentId, DatasetId, OfferId
from placet.core.offers import Offer, Scope
from placet.core.values import Bytes32, Signature, Value, parse, to_hex
from placet.vault.candidates import Candidate, Candidates
from placet.vault.database import BATCHES, CONSENTS, ENROLMENTS, ERASED, OFFERS, SEEN, forget
from placet.vault.matches import Matches
from placet.vault.responses import OWNERS_PAGE
from placet.vault.sets import LawfulSets

_MANY = 500


_WITH_BATCH = sa.select(CONSENTS, sa.func.length(BATCHES.c.leaves).label("size")).join_from(
    CONSENTS,
    BATCHES,
    (BATCHES.c.offer == CONSENTS.c.offer) & (BATCHES.c.root == CONSENTS.c.batch),
    isouter=True,
)


_INSERT = (
    "INSERT OR IGNORE INTO consents (consent, offer, sealed, owner, batch) "
    "SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM erased WHERE consent = ?1)"
)
"""Given to SQLite as it is: a million rows take half a minute less. An erased one is left out."""


def _consent_context(offer: OfferId, consent: ConsentId) -> bytes:
    """`context("consent", consent, offer)` in hex, written out: a million rows are sealed under one each."""
    return f'["consent","0x{consent.hex()}","0x{offer.hex()}"]'.encode()


def _owner_context(owner: bytes) -> bytes:
    """`context("owner", owner)` in the same way."""
    return f'["owner","0x{owner.hex()}"]'.encode()


def _unknown(consent: ConsentId) -> NotFoundError:
    return NotFoundError("no such consent in the vault", found=to_hex(consent), code="consent.unknown")


class ConsentRecord(Value):
    """An accepted consent with all that belongs to it; the last three are None for a named consent.

    `subject` is the keyed tag of the row's subject.
    """

    consent: CompactConsent
    signature: Signature
    enrolment: AnyEnrolment | None
    opening: EnrolmentOpening | None
    subject: Bytes32 | None


class NewRecord(NamedTuple):
    """A record to be stored, as JSON, under its consent's id and, by a tag, its owner's key."""

    consent: ConsentId
    owner: bytes
    text: bytes


class _Window(BaseModel):
    not_before: int
    not_after: int
    first_opening: int
    uses: int


class _Known(BaseModel):
    """A `ConsentRecord` as the vault sealed it, less what lawfulness does not ask for."""

    consent: _Window
    subject: Bytes32 | None


def _candidate(consent: ConsentId, record: _Known | ConsentRecord) -> Candidate:
    window = record.consent
    return Candidate(
        consent,
        window.not_before,
        window.not_after,
        window.first_opening,
        window.first_opening + window.uses,
        record.subject,
    )


class OfferBinding(Value):
    """An offer that this vault serves, its opened scope, and the local table it speaks of."""

    offer: Offer
    scope: Scope
    dataset: str


@dataclass(frozen=True)
class FoundRecord:
    """A record, the offer that it is of, the root of the batch that it is in, and how many leaves that has."""

    id: ConsentId
    offer: OfferId
    batch: BatchRoot | None
    leaves: int
    record: ConsentRecord


class Records:
    """Bulk reads and writes; every method is one transaction. One caller at a time, one process a database."""

    def __init__(self, engine: sa.Engine, sealer: AtRest) -> None:
        self._engine = engine
        self._sealer = sealer
        self.matches = Matches(engine, sealer)
        self.sets = LawfulSets(engine, sealer)
        self._candidates: dict[OfferId, Candidates] = {}
        self._fresh: dict[OfferId, list[Candidate]] = {}
        self._tag_owners()

    def _tag_owners(self) -> None:
        """Of consents that came in before owners were found by their key. One that can't be opened is nobody's."""
        c = CONSENTS.c
        untagged = sa.select(c.consent, c.offer, c.sealed).where(c.owner.is_(None)).limit(_MANY)
        while True:
            with self._engine.begin() as connection:
                rows = connection.execute(untagged).all()
                for row in rows:
                    record = self._readable(OfferId(row.offer), ConsentId(row.consent), row.sealed)
                    tag = b"" if record is None else self._owner(record.consent.owner)
                    connection.execute(sa.update(CONSENTS).where(c.consent == row.consent).values(owner=tag))
            if len(rows) < _MANY:
                return

    def _owner(self, owner: bytes) -> bytes:
        return self._sealer.tag(_owner_context(owner))

    def bind(self, bound: OfferBinding) -> None:
        """Remember an offer; again is nothing new."""
        offer = bound.offer.id
        sealed = self._sealer.seal(bound.model_dump_json().encode(), context("offer", to_hex(offer)))
        statement = sqlite.insert(OFFERS).values(offer=offer, dataset=bound.dataset, sealed=sealed)
        with self._engine.begin() as connection:
            connection.execute(statement.on_conflict_do_nothing())

    def bound(self, offer: OfferId) -> OfferBinding:
        """NotFoundError for an offer that no accepted consent spoke of."""
        with self._engine.connect() as connection:
            sealed = connection.execute(sa.select(OFFERS.c.sealed).where(OFFERS.c.offer == offer)).scalar()
        if sealed is None:
            raise NotFoundError("the vault knows no consent to this offer", found=to_hex(offer))
        return parse(OfferBinding, self._sealer.open(sealed, context("offer", to_hex(offer))))

    def asks_matches(self, bound: OfferBinding) -> bool:
        """Does any offer of the same table to the same consumer demand a smallest change?"""
        with self._engine.connect() as connection:
            query = sa.select(OFFERS.c.offer).where(OFFERS.c.dataset == bound.dataset)
            offers = [OfferId(bytes(offer)) for offer in connection.execute(query).scalars()]
        return any(
            other.scope.smallest_change is not None
            and (other.offer.dataset, other.offer.consumer) == (bound.offer.dataset, bound.offer.consumer)
            for other in map(self.bound, offers)
        )

    def add(self, offer: OfferId, accepted: Mapping[ConsentId, ConsentRecord]) -> None:
        """Store accepted consents by id, none of which `is_erased`; those already here stay as they are."""
        if accepted:
            with self._engine.begin() as connection:
                records = [
                    NewRecord(consent, record.consent.owner, record.model_dump_json().encode())
                    for consent, record in accepted.items()
                ]
                self._insert(connection, offer, records, None)
            if offer in self._candidates:
                fresh = [_candidate(consent, record) for consent, record in accepted.items()]
                self._fresh.setdefault(offer, []).extend(fresh)

    def add_batch(
        self,
        offer: OfferId,
        root: BatchRoot,
        parts: Iterable[Sequence[NewRecord]],
        enrolments: Mapping[BatchName, Enrolments],
    ) -> None:
        """Store a batch's consents and leaves, and those batches of enrolments that `parts` has made known by its end,
        in one transaction: nothing of it if `parts` raises. Erased ones stay erased. StateError
        `enrolments.namespace` where the vault has one of them under another kind of identifier: it could show an
        auditor that one alone."""
        leaves = bytearray()
        with self._engine.begin() as connection:
            for records in parts:
                self._insert(connection, offer, records, root)
                leaves += b"".join(record.consent for record in records)
            statement = sqlite.insert(BATCHES).values(offer=offer, root=root, leaves=bytes(leaves))
            connection.execute(statement.on_conflict_do_nothing())
            for (enroller, enrolled), one in enrolments.items():
                signed, leaves_of = one.batch.model_dump_json(), one.joined
                row = sqlite.insert(ENROLMENTS).values(
                    enroller=enroller, root=enrolled, signed=signed, leaves=leaves_of
                )
                connection.execute(row.on_conflict_do_nothing())
                _demand_same_kind(connection, one.batch)
        self._candidates.pop(offer, None)
        self._fresh.pop(offer, None)

    def _insert(
        self,
        connection: sa.Connection,
        offer: OfferId,
        records: Sequence[NewRecord],
        batch: BatchRoot | None,
    ) -> None:
        seal, tag = self._sealer.seal, self._owner
        values = [
            (consent, offer, seal(text, _consent_context(offer, consent)), tag(owner), batch)
            for consent, owner, text in records
        ]
        connection.exec_driver_sql(_INSERT, values)

    def candidates(self, offer: OfferId) -> Candidates:
        """All accepted consents of an offer. Opened once, then kept in memory."""
        if offer not in self._candidates:
            c = CONSENTS.c
            query = sa.select(c.consent, c.sealed).where(c.offer == offer).execution_options(yield_per=_MANY)
            with self._engine.connect() as connection:
                rows = connection.execute(query)
                self._candidates[offer] = Candidates(self._candidate(offer, row[0], row[1]) for row in rows)
        if fresh := self._fresh.pop(offer, None):
            self._candidates[offer] = self._candidates[offer].with_(fresh)
        return self._candidates[offer]

    def _candidate(self, offer: OfferId, consent: ConsentId, sealed: bytes) -> Candidate:
        return _candidate(consent, parse(_Known, self._sealer.open(sealed, _consent_context(offer, consent))))

    def records(self, offer: OfferId, consents: Sequence[ConsentId]) -> dict[ConsentId, ConsentRecord]:
        """The records of these consents by id; NotFoundError if one was erased or never accepted."""
        sealed: dict[bytes, bytes] = {}
        c = CONSENTS.c
        with self._engine.connect() as connection:
            for start in range(0, len(consents), _MANY):
                part = consents[start : start + _MANY]
                # Not by the offer too: SQLite would take that index, and go through all of an offer for each part.
                query = sa.select(c.consent, c.offer, c.sealed).where(c.consent.in_(part))
                rows = connection.execute(query)
                sealed.update((row.consent, row.sealed) for row in rows if row.offer == offer)
        for consent in consents:
            if consent not in sealed:
                raise _unknown(consent)
        return {consent: self._open_record(offer, consent, sealed[consent]) for consent in consents}

    def of_owner(self, owner: bytes, after: ConsentId) -> list[FoundRecord]:
        """Of the consents that an owner's key gave the first thousand above `after`, ascending."""
        c = CONSENTS.c
        query = _WITH_BATCH.where(c.owner == self._owner(owner), c.consent > after)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(c.consent).limit(OWNERS_PAGE)).all()
        return [self._found(row) for row in rows]

    def one(self, consent: ConsentId, owner: bytes | None) -> FoundRecord:
        """A consent of an owner, or of whomever (None); NotFoundError. What is another's is not opened: it takes no
        longer to say no to it than to an id that nobody has."""
        query = _WITH_BATCH.where(CONSENTS.c.consent == consent)
        if owner is not None:
            query = query.where(CONSENTS.c.owner == self._owner(owner))
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise _unknown(consent)
        return self._found(row)

    def _found(self, row: sa.Row[tuple[Any, ...]]) -> FoundRecord:
        identity, offer = ConsentId(row.consent), OfferId(row.offer)
        batch = None if row.batch is None else BatchRoot(row.batch)
        return FoundRecord(
            identity, offer, batch, (row.size or 0) // 32, self._open_record(offer, identity, row.sealed)
        )

    def offer_of(self, consent: ConsentId) -> OfferId:
        """The offer that a consent speaks of; NotFoundError."""
        with self._engine.connect() as connection:
            offer = connection.execute(sa.select(CONSENTS.c.offer).where(CONSENTS.c.consent == consent)).scalar()
        if offer is None:
            raise _unknown(consent)
        return OfferId(bytes(offer))

    def consents_to(self, dataset: DatasetId) -> int:
        """How many consents there are to offers of a dataset, erased ones not counted."""
        with self._engine.connect() as connection:
            counted = sa.select(CONSENTS.c.offer, sa.func.count()).group_by(CONSENTS.c.offer)
            counts = connection.execute(counted).all()
        return sum(count for offer, count in counts if self.bound(OfferId(bytes(offer))).offer.dataset == dataset)

    def note_batch(self, offer: OfferId, root: BatchRoot, leaves: Sequence[ConsentId]) -> None:
        """Remember a batch's leaves."""
        statement = sqlite.insert(BATCHES).values(offer=offer, root=root, leaves=b"".join(leaves))
        here = (CONSENTS.c.consent == sa.bindparam("leaf")) & (CONSENTS.c.offer == offer)
        placed = sa.update(CONSENTS).where(here).values(batch=root)
        with self._engine.begin() as connection:
            connection.execute(statement.on_conflict_do_nothing())
            if leaves:
                connection.execute(placed, [{"leaf": leaf} for leaf in leaves])

    def batches(self, offer: OfferId, roots: Collection[BatchRoot]) -> Mapping[BatchRoot, bytes]:
        """The joined leaves of those of `roots` that were noted, read where they are asked for."""
        c = BATCHES.c
        with self._engine.connect() as connection:
            noted = connection.execute(sa.select(c.root).where(c.offer == offer)).scalars().all()
        return _Batches(self._engine, offer, [BatchRoot(root) for root in noted if root in roots])

    def enrolments(self, name: BatchName) -> tuple[EnrolmentBatch, bytes]:
        """A batch of enrolments that came in with consents, and its joined leaves; NotFoundError."""
        c = ENROLMENTS.c
        query = sa.select(c.signed, c.leaves).where(c.enroller == name[0], c.root == name[1])
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFoundError("the vault knows no such enrolments", found=to_hex(name[1]), code="vault.root")
        return parse(EnrolmentBatch, row.signed), bytes(row.leaves)

    def erase(self, consent: ConsentId) -> bool:
        """Delete a person's consent with signature, enrolment and opening; False if unknown. StateError for an
        institution's own. Its leaves stay in lawful sets: the row's commitment leads to a row only as long as the table
        is not imported again. Who matched in jobs, where that is kept, no longer says that the person did."""
        with self._engine.begin() as connection:
            query = sa.select(CONSENTS.c.offer, CONSENTS.c.sealed).where(CONSENTS.c.consent == consent)
            row = connection.execute(query).first()
            offer = None if row is None else OfferId(bytes(row.offer))
            if row is not None and offer is not None:
                record = self._readable(offer, consent, row.sealed)
                if record is not None and record.enrolment is None:
                    raise own_consent()
                if record is not None and record.subject is not None:
                    self.matches.forget(connection, record.subject)
                connection.execute(sa.delete(CONSENTS).where(CONSENTS.c.consent == consent))
                connection.execute(sqlite.insert(ERASED).values(consent=consent).on_conflict_do_nothing())
        if offer is not None and offer in self._candidates:
            self._candidates[offer] = self.candidates(offer).without(consent)
        forget(self._engine)  # where there is nothing too: what a kill left in the log
        return offer is not None

    def is_erased(self, consent: ConsentId) -> bool:
        """Was it here, and erased? It does not come in again: not by itself, nor in a batch, whose leaf it stays."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(ERASED).where(ERASED.c.consent == consent)).first() is not None

    def _readable(self, offer: OfferId, consent: ConsentId, sealed: bytes) -> ConsentRecord | None:
        """None for a record that can't be opened any more, which may be a person's: that is erased."""
        try:
            return self._open_record(offer, consent, sealed)
        except (StateError, InputError):
            return None

    def highest(self, what: str, number: int) -> int:
        """The largest number ever seen as `what`, `number` included."""
        statement = sqlite.insert(SEEN).values(what=what, number=number)
        larger = sa.func.max(SEEN.c.number, statement.excluded.number)
        upsert = statement.on_conflict_do_update(index_elements=["what"], set_={"number": larger})
        with self._engine.begin() as connection:
            connection.execute(upsert)
            return int(connection.execute(sa.select(SEEN.c.number).where(SEEN.c.what == what)).scalar_one())

    def _open_record(self, offer: OfferId, consent: ConsentId, sealed: bytes) -> ConsentRecord:
        return parse(ConsentRecord, self._sealer.open(sealed, _consent_context(offer, consent)))


def _demand_same_kind(connection: sa.Connection, batch: EnrolmentBatch) -> None:
    c = ENROLMENTS.c
    query = sa.select(c.signed).where(c.enroller == batch.enroller, c.root == batch.root)
    namespace = parse(EnrolmentBatch, connection.execute(query).scalar_one()).namespace
    if namespace != batch.namespace:
        raise StateError(
            "the enroller signed these enrolments under two kinds of identifier",
            expected=namespace,
            found=batch.namespace,
            remedy="have the enroller sign another batch, of fresh keys",
            code="enrolments.namespace",
        )


class _Batches(Mapping[BatchRoot, bytes]):
    """An offer's batches of these roots: each read when it is asked for."""

    def __init__(self, engine: sa.Engine, offer: OfferId, roots: Collection[BatchRoot]) -> None:
        self._engine, self._offer, self._roots = engine, offer, frozenset(roots)

    def __getitem__(self, root: BatchRoot) -> bytes:
        if root not in self._roots:
            raise KeyError(root)
        query = sa.select(BATCHES.c.leaves).where(BATCHES.c.offer == self._offer, BATCHES.c.root == root)
        with self._engine.connect() as connection:
            return bytes(connection.execute(query).scalar_one())

    def __iter__(self) -> Iterator[BatchRoot]:
        return iter(self._roots)

    def __len__(self) -> int:
        return len(self._roots)
