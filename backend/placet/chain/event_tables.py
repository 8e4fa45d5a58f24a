"""The contracts' events as a database has them: raw logs, from which every answer is decoded. Every answer may be asked
as of a block (`at`), for instance the last one that is confirmed. `placet.chain.index` fills the tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    insert,
    select,
)

from placet.chain import event_logs, events
from placet.chain.events import Event
from placet.chain.logs import Log
from placet.core.ids import BatchRoot, ConsentId, JobId, OfferId
from placet.core.withdrawal import FIRST_EPOCH, withdrawal_head

metadata = MetaData()
checkpoints = Table(
    "index_read",
    metadata,
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
)
logs = Table(
    "index_events",
    metadata,
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("log_index", Integer, primary_key=True, autoincrement=False),
    Column("name", String(40), nullable=False, index=True),
    Column("offer", LargeBinary(32), index=True),
    Column("consent", LargeBinary(32), index=True),
    Column("job", LargeBinary(32), index=True),
    Column("log", Text, nullable=False),
)

E = TypeVar("E", bound=Event)
Ended: TypeAlias = events.ConsentWithdrawn | events.ConsentRevoked | events.WithdrawalProven
_ENDS = tuple(kind.__name__ for kind in (events.ConsentWithdrawn, events.ConsentRevoked, events.WithdrawalProven))


@dataclass(frozen=True)
class DeadConsent:
    """A consent that has ended: how, in which block, whether it stands in the epoch, its place among the ends
    of its offer."""

    kind: Literal["withdrawn", "revoked"]
    block: int
    proven: bool
    order: int


class EventTables:
    """One deployment's events in one database, of which somebody else takes care that they are all there."""

    def __init__(self, engine: Engine, contracts: Mapping[bytes, str]) -> None:
        """`contracts`: names by address."""
        self._engine = engine
        self._contracts = contracts

    def datasets(self, at: int | None = None) -> list[events.DatasetRegistered]:
        """All datasets, in order."""
        return self._events(events.DatasetRegistered, at)

    def models(self, at: int | None = None) -> list[events.ModelRegistered]:
        """All parts of models, in order."""
        return self._events(events.ModelRegistered, at)

    def offers(self, at: int | None = None) -> list[events.OfferMade]:
        """All offers, in order."""
        return self._events(events.OfferMade, at)

    def batches(self, offer: OfferId, at: int | None = None) -> dict[BatchRoot, int]:
        """An offer's anchored roots and their blocks, in order."""
        anchored = self._events(events.BatchAnchored, at, logs.c.offer == offer)
        return {event.root: event.block for event in anchored}

    def anchored(self, offer: OfferId, root: BatchRoot, at: int | None = None) -> events.BatchAnchored | None:
        """The event that anchored a batch under an offer, or None."""
        anchored = self._events(events.BatchAnchored, at, logs.c.offer == offer)
        return next((event for event in anchored if event.root == root), None)

    def end(self, consent: ConsentId, at: int | None = None) -> events.ConsentWithdrawn | events.ConsentRevoked | None:
        """The event that ended a consent, or None: it ends once."""
        here = logs.c.consent == consent
        withdrawn = self._events(events.ConsentWithdrawn, at, here)
        return withdrawn[0] if withdrawn else next(iter(self._events(events.ConsentRevoked, at, here)), None)

    def given(self, consent: ConsentId, at: int | None = None) -> events.ConsentGiven | None:
        """The event of a consent that was granted by itself, or None."""
        grants = self._events(events.ConsentGiven, at, logs.c.consent == consent)
        return grants[0] if grants else None

    def given_to(self, offer: OfferId, at: int | None = None) -> list[events.ConsentGiven]:
        """The events of all consents to an offer that were granted by themselves, in order."""
        return self._events(events.ConsentGiven, at, logs.c.offer == offer)

    def withdrawal_list(self, offer: OfferId, at: int | None = None) -> list[ConsentId]:
        """All ended consents of an offer, in order."""
        return [event.consent for event in _without_proofs(self._ends(offer, at))]

    def dead(self, offer: OfferId, at: int | None = None) -> dict[ConsentId, DeadConsent]:
        """All ended consents of an offer by id."""
        ends = self._ends(offer, at)
        proven = {event.consent for event in ends if isinstance(event, events.WithdrawalProven)}
        return {
            event.consent: DeadConsent(
                "withdrawn" if isinstance(event, events.ConsentWithdrawn) else "revoked",
                event.block,
                event.proven or event.consent in proven,
                order,
            )
            for order, event in enumerate(_without_proofs(ends))
        }

    def heads(self, offer: OfferId, at: int | None = None) -> tuple[bytes, bytes]:
        """An offer's epoch, and the head of its list of unproven ends, as the events lead to them. Where the contract
        holds others at that block, events are missing here."""
        proven = unproven = FIRST_EPOCH
        for event in self._ends(offer, at):
            if isinstance(event, events.WithdrawalProven) or event.proven:
                proven = withdrawal_head(proven, event.consent)
            else:
                unproven = withdrawal_head(unproven, event.consent)
        return proven, unproven

    def proven_ends(self, offer: OfferId, at: int | None = None) -> list[Ended]:
        """The events that changed an offer's epoch, in order."""
        ends = self._ends(offer, at)
        return [event for event in ends if isinstance(event, events.WithdrawalProven) or event.proven]

    def jobs(self, at: int | None = None) -> list[JobId]:
        """The ids of all opened or cancelled jobs, in order."""
        begun = logs.c.name.in_((events.JobOpened.__name__, events.JobCancelled.__name__))
        query = select(logs.c.job).where(begun, *_until(at)).order_by(logs.c.block, logs.c.log_index)
        with self._engine.connect() as connection:
            return list(dict.fromkeys(JobId(bytes(job)) for job in connection.execute(query).scalars()))

    def claims(self) -> list[events.Claimed]:
        """All that the escrow has paid out, to anybody, in order; what stakes were paid out is not among it."""
        escrow = [address for address, name in self._contracts.items() if name == "RewardEscrow"]
        query = select(logs.c.log).where(logs.c.name == events.Claimed.__name__)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(logs.c.block, logs.c.log_index)).scalars().all()
        decoded = (event_logs.decode(json.loads(row), dict.fromkeys(escrow, "RewardEscrow")) for row in rows)
        return [event for event in decoded if isinstance(event, events.Claimed)]

    def job_events(self, job: JobId, at: int | None = None, kinds: Sequence[type[Event]] = ()) -> list[Event]:
        """Everything that the contracts tell of a job, in order; of these kinds alone, where some are named."""
        named = [logs.c.name.in_([kind.__name__ for kind in kinds])] if kinds else []
        return self._decoded(logs.c.job == job, *named, *_until(at))

    def opened(self, job: JobId, at: int | None = None) -> events.JobOpened | None:
        """The event of a job's opening, or None."""
        return next(iter(self._events(events.JobOpened, at, logs.c.job == job)), None)

    def _ends(self, offer: OfferId, at: int | None) -> list[Ended]:
        """All ends and all later proofs of an offer, in order."""
        decoded = self._decoded(logs.c.offer == offer, logs.c.name.in_(_ENDS), *_until(at))
        return [event for event in decoded if isinstance(event, Ended)]

    def _events(self, kind: type[E], at: int | None, *conditions: ColumnElement[bool]) -> list[E]:
        events_ = self._decoded(logs.c.name == kind.__name__, *conditions, *_until(at))
        return [event for event in events_ if isinstance(event, kind)]

    def _decoded(self, *conditions: ColumnElement[bool]) -> list[Event]:
        query = select(logs.c.log).where(*conditions).order_by(logs.c.block, logs.c.log_index)
        with self._engine.connect() as connection:
            rows = connection.execute(query).scalars().all()
        decoded = (event_logs.decode(json.loads(row), self._contracts) for row in rows)
        return [event for event in decoded if event is not None]


def _without_proofs(ends: Sequence[Ended]) -> list[events.ConsentWithdrawn | events.ConsentRevoked]:
    return [event for event in ends if not isinstance(event, events.WithdrawalProven)]


def _until(at: int | None) -> tuple[ColumnElement[bool], ...]:
    return () if at is None else (logs.c.block <= at,)


def store(connection: Connection, log_: Log) -> None:
    """Add an event."""
    raw, event = log_
    connection.execute(
        insert(logs).values(
            block=event.block,
            log_index=event.log_index,
            name=type(event).__name__,
            offer=getattr(event, "offer", None),
            consent=getattr(event, "consent", None),
            job=getattr(event, "job", None),
            log=json.dumps({name: raw[name] for name in event_logs.LOG_FIELDS if raw.get(name) is not None}),
        )
    )
