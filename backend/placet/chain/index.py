"""Follows the contracts' events into tables, and forgets what a reorganisation takes back.

The tables hold raw logs; answers are decoded from them. Every answer may be asked as of a block (`at`), for instance
the last one that is confirmed. `sync` keeps the hashes of the blocks where it stopped, so that it finds the last one
that is still on the chain and reads on from there.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

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
    delete,
    func,
    insert,
    select,
)

from placet.chain import events
from placet.chain.client import MAX_BLOCKS, Chain, Head
from placet.chain.events import Event
from placet.chain.heads import AddressFilter, BlockHeader
from placet.chain.tables import create
from placet.core.consent import FIRST_EPOCH, withdrawal_head
from placet.core.errors import ChainError, NotFoundError
from placet.core.ids import BatchRoot, ConsentId, JobId, OfferId

CHECKPOINTS = 256
SKIP_SECONDS = 10.0
"""How long blocks may go unread because their headers say that they hold nothing of ours."""
_ATTEMPTS = 5

metadata = MetaData()
checkpoints = Table(
    "index_checkpoints",
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


@dataclass(frozen=True)
class DeadConsent:
    """A consent that has ended: how, in which block, whether it stands in the epoch, its place among the ends
    of its offer."""

    kind: Literal["withdrawn", "revoked"]
    block: int
    proven: bool
    order: int


class Index:
    """One deployment's events in one database. `sync` first, then ask."""

    def __init__(self, engine: Engine, chain: Chain) -> None:
        self._engine = engine
        self._chain = chain
        self._contracts = events.addresses(chain.deployment)
        self._syncing = threading.Lock()
        self._tip: Head | None = None
        self._filter = AddressFilter(self._contracts)
        self._skipped: Head | None = None
        self._read_at = float("-inf")
        self._taken_back = 0
        create(engine, metadata)
        with engine.connect() as connection:
            self._newest = int(connection.execute(select(func.max(logs.c.block))).scalar() or -1)

    def sync(self, head: Head | None = None) -> int:
        """Read up to the chain's latest block (`head`, where that was just asked for) and return its number. ChainError
        if the chain can't be reached, or reorganises faster than it can be read."""
        with self._syncing:
            self._skipped = None
            head = head or self._chain.head()
            if self._follows(head):
                return head.number
            for _ in range(_ATTEMPTS):
                start = self._common()
                if self._read(start, head):
                    self._tip, self._read_at = head, time.monotonic()
                    return head.number
                head = self._chain.head()
        raise ChainError("the chain changes faster than it can be read", remedy="try again")

    def skip(self, header: BlockHeader) -> bool:
        """May this block go unread for now? Where it follows what was read or skipped, its header rules out events of
        ours, and none of ours waits to be confirmed. What was skipped is read by the next `sync`, which is due in
        `SKIP_SECONDS`: a header that lies hides nothing for longer. Waits for nobody; not while blocks are read."""
        if not self._syncing.acquire(blocking=False):
            return False
        try:
            tip = self._skipped or self._tip
            empty = (
                tip is not None
                and (header.parent, header.head.number) == (tip.hash, tip.number + 1)
                and not self._filter.may_hold(header)
                and header.head.number > self._newest + self._chain.deployment.confirmations
                and time.monotonic() < self._read_at + SKIP_SECONDS
            )
            if empty:
                self._skipped = header.head
            return empty
        finally:
            self._syncing.release()

    def _follows(self, head: Head) -> bool:
        """The usual case in few requests: nothing new, or blocks on top of the last one that was read."""
        tip, self._tip = self._tip, None
        if tip is None or self.latest() != tip.number:
            return False
        if tip != head and not (head.number > tip.number and self._read(tip.number + 1, head)):
            return False
        self._tip, self._read_at = head, time.monotonic()
        return True

    def latest(self) -> int:
        """The last block that is indexed; before the first `sync` the one before the deployment's."""
        with self._engine.connect() as connection:
            found = connection.execute(select(func.max(checkpoints.c.block))).scalar()
        return self._before_all if found is None else int(found)

    def datasets(self, at: int | None = None) -> list[events.DatasetRegistered]:
        """All datasets, in order."""
        return self._events(events.DatasetRegistered, at)

    def offers(self, at: int | None = None) -> list[events.OfferMade]:
        """All offers, in order."""
        return self._events(events.OfferMade, at)

    def batches(self, offer: OfferId, at: int | None = None) -> dict[BatchRoot, int]:
        """An offer's anchored roots and their blocks, in order."""
        anchored = self._events(events.BatchAnchored, at, logs.c.offer == offer)
        return {event.root: event.block for event in anchored}

    def given(self, consent: ConsentId, at: int | None = None) -> events.ConsentGiven | None:
        """The event of a consent that was granted by itself, or None."""
        found = self._events(events.ConsentGiven, at, logs.c.consent == consent)
        return found[0] if found else None

    def withdrawal_list(self, offer: OfferId, at: int | None = None) -> list[ConsentId]:
        """All ended consents of an offer, in order."""
        return [event.consent for event in self._ended(offer, at)]

    def dead(self, offer: OfferId, at: int | None = None) -> dict[ConsentId, DeadConsent]:
        """All ended consents of an offer by id."""
        proven = {event.consent for event in self._events(events.WithdrawalProven, at, logs.c.offer == offer)}
        return {
            event.consent: DeadConsent(
                "withdrawn" if isinstance(event, events.ConsentWithdrawn) else "revoked",
                event.block,
                event.proven or event.consent in proven,
                order,
            )
            for order, event in enumerate(self._ended(offer, at))
        }

    def heads(self, offer: OfferId, at: int | None = None) -> tuple[bytes, bytes]:
        """An offer's epoch, and the head of its list of unproven ends, as the events lead to them. Where the contract
        holds others at that block, events are missing here."""
        later = self._events(events.WithdrawalProven, at, logs.c.offer == offer)
        proven = unproven = FIRST_EPOCH
        for event in sorted((*self._ended(offer, at), *later), key=lambda event: (event.block, event.log_index)):
            if isinstance(event, events.WithdrawalProven) or event.proven:
                proven = withdrawal_head(proven, event.consent)
            else:
                unproven = withdrawal_head(unproven, event.consent)
        return proven, unproven

    def ended_mark(self, offer: OfferId) -> tuple[int, int]:
        """Is another one as soon as other consents of an offer have ended, as far as is indexed: how many they are, and
        how often a reorganisation has taken events back since this index was made."""
        names = (events.ConsentWithdrawn.__name__, events.ConsentRevoked.__name__)
        chosen = select(func.count()).select_from(logs).where(logs.c.offer == offer, logs.c.name.in_(names))
        with self._engine.connect() as connection:
            return self._taken_back, int(connection.execute(chosen).scalar_one())

    def jobs(self, at: int | None = None) -> list[JobId]:
        """The ids of all opened or cancelled jobs, in order."""
        begun = logs.c.name.in_((events.JobOpened.__name__, events.JobCancelled.__name__))
        chosen = select(logs.c.job).where(begun, *_until(at)).order_by(logs.c.block, logs.c.log_index)
        with self._engine.connect() as connection:
            return list(dict.fromkeys(JobId(bytes(job)) for job in connection.execute(chosen).scalars()))

    def job_events(self, job: JobId, at: int | None = None) -> list[Event]:
        """Everything that the contracts tell of a job, in order."""
        return self._decoded(logs.c.job == job, *_until(at))

    def _ended(self, offer: OfferId, at: int | None) -> list[events.ConsentWithdrawn | events.ConsentRevoked]:
        withdrawn = self._events(events.ConsentWithdrawn, at, logs.c.offer == offer)
        revoked = self._events(events.ConsentRevoked, at, logs.c.offer == offer)
        return sorted((*withdrawn, *revoked), key=lambda event: (event.block, event.log_index))

    def _events(self, kind: type[E], at: int | None, *conditions: ColumnElement[bool]) -> list[E]:
        found = self._decoded(logs.c.name == kind.__name__, *conditions, *_until(at))
        return [event for event in found if isinstance(event, kind)]

    def _decoded(self, *conditions: ColumnElement[bool]) -> list[Event]:
        chosen = select(logs.c.log).where(*conditions).order_by(logs.c.block, logs.c.log_index)
        with self._engine.connect() as connection:
            rows = connection.execute(chosen).scalars().all()
        decoded = (events.decode(json.loads(row), self._contracts) for row in rows)
        return [event for event in decoded if event is not None]

    # Following the chain.

    @property
    def _before_all(self) -> int:
        return max(self._chain.deployment.block - 1, -1)

    def _common(self) -> int:
        """Roll back to the last checkpoint that is still on the chain, and return the first block to read."""
        with self._engine.connect() as connection:
            known = connection.execute(select(checkpoints).order_by(checkpoints.c.block.desc())).all()
        for block, hash_ in known:
            if self._hash(block) == bytes(hash_):
                break
        else:
            block = self._before_all
        if known and known[0][0] > block:
            self._taken_back += 1
            with self._engine.begin() as connection:
                connection.execute(delete(logs).where(logs.c.block > block))
                connection.execute(delete(checkpoints).where(checkpoints.c.block > block))
        return int(block) + 1

    def _hash(self, block: int) -> bytes | None:
        try:
            return self._chain.block(block).hash
        except NotFoundError:
            return None

    def _read(self, start: int, head: Head) -> bool:
        """Index [start, head]; False if the chain was reorganised meanwhile, with nothing wrong stored."""
        for first in range(start, head.number + 1, MAX_BLOCKS):
            end = min(first + MAX_BLOCKS - 1, head.number)
            last = head.hash if end == head.number else self._hash(end)
            found = self._chain.logs(first, end, [])
            if last is None or not self._stays(end, last, first - 1):
                return False
            times = {block: self._chain.block(block).timestamp for block in _untimed(found)}
            with self._engine.begin() as connection:
                for log, event in found:
                    _store(connection, log, event, times)
                connection.execute(insert(checkpoints).values(block=end, hash=last))
                _prune(connection)
            if found:
                self._newest = found[-1][1].block
        return True

    def _stays(self, end: int, last: bytes, before: int) -> bool:
        """Is a range's last block still this one, and the checkpoint on which the range is put still on the chain?"""
        with self._engine.connect() as connection:
            known = connection.execute(select(checkpoints.c.hash).where(checkpoints.c.block == before)).scalar()
        if known is None:
            return self._hash(end) == last
        return self._chain.hashes((end, before)) == [last, bytes(known)]


def _until(at: int | None) -> tuple[ColumnElement[bool], ...]:
    return () if at is None else (logs.c.block <= at,)


def _untimed(found: Sequence[tuple[dict[str, Any], Event]]) -> set[int]:
    return {event.block for _, event in found if event.timestamp is None}


def _store(connection: Connection, log: dict[str, Any], event: Event, times: dict[int, int]) -> None:
    kept = {name: log[name] for name in events.LOG_FIELDS if log.get(name) is not None}
    if event.timestamp is None:
        kept["blockTimestamp"] = hex(times[event.block])
    connection.execute(
        insert(logs).values(
            block=event.block,
            log_index=event.log_index,
            name=type(event).__name__,
            offer=getattr(event, "offer", None),
            consent=getattr(event, "consent", None),
            job=getattr(event, "job", None),
            log=json.dumps(kept),
        )
    )


def _prune(connection: Connection) -> None:
    """Checkpoints are for reorganisations: the newest ones suffice, and a deeper one reads from the start."""
    kept = select(checkpoints.c.block).order_by(checkpoints.c.block.desc()).limit(CHECKPOINTS)
    oldest = connection.execute(select(func.min(kept.subquery().c.block))).scalar()
    connection.execute(delete(checkpoints).where(checkpoints.c.block < oldest))
