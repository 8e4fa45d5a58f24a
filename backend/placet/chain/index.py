"""Follows the contracts' events into tables, and forgets what a reorganisation takes back.

The tables hold raw logs; answers are decoded from them. Every answer may be asked as of a block (`at`), for instance
the last one that is confirmed. `sync` keeps the hashes of the blocks where it stopped, so that it finds the last one
that is still on the chain and reads on from there. A checkpoint stands only above blocks of which the endpoint has
shown every event (`logs`); what is stored is taken back only where the chain shows another block in its place, never
because a machine behind the endpoint does not know a block yet.

A new process reads the newest blocks once more, and compares each offer's withdrawals with the head that the contract
keeps of them: an index that has missed something reads everything anew.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator, Sequence
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
    delete,
    func,
    insert,
    select,
)

from placet.chain import events
from placet.chain.blocks import BlockHeader, Head
from placet.chain.blooms import LogFilter
from placet.chain.client import Chain
from placet.chain.events import Event
from placet.chain.logs import Log, Moved
from placet.chain.rpc import PAUSE
from placet.chain.tables import create
from placet.core.errors import ChainError
from placet.core.ids import BatchRoot, ConsentId, JobId, OfferId
from placet.core.withdrawal import FIRST_EPOCH, withdrawal_head

CHECKPOINTS = 256
SKIP_SECONDS = 10.0
"""How long blocks may go unread because their headers say that they hold nothing of ours."""
REREAD = 128
"""Blocks that a new process reads once more."""
RECHECKED = 20_000
"""Withdrawals of one offer up to which a new process compares them with the contract's head of them."""
BEHIND_SECONDS = 60.0
"""How long the endpoint may tell of heads before the last block that was read."""
_ATTEMPTS = 5
_AT_ONCE = 16
_BEHIND_ATTEMPTS = 2

log = logging.getLogger(__name__)
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
        self._filter = LogFilter(self._contracts)
        self._skipped: Head | None = None
        self._read_at = float("-inf")
        self._behind_since: float | None = None
        self._checked = False
        self._taken_back = 0
        create(engine, metadata)
        with engine.connect() as connection:
            self._newest = int(connection.execute(select(func.max(logs.c.block))).scalar() or -1)

    def sync(self, head: Head | None = None) -> int:
        """Read up to the chain's latest block (`head`, where that was just asked for) and return the last one read.
        ChainError if the endpoint does not show all of it, or reorganises faster than it can be read."""
        with self._syncing:
            self._skipped = None
            for _ in range(_ATTEMPTS):
                head = head or self._chain.head()
                try:
                    return self._catch_up(head)
                except Moved:
                    head = None
        raise ChainError("the chain changes faster than it can be read", remedy="try again", code="chain.moving")

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
                and not self._filter.may_hold(header.bloom)
                and header.head.number > self._newest + self._chain.deployment.confirmations
                and time.monotonic() < self._read_at + SKIP_SECONDS
            )
            if empty:
                self._skipped = header.head
            return empty
        finally:
            self._syncing.release()

    def latest(self) -> int:
        """The last block that is indexed; before the first `sync` the one before the deployment's."""
        with self._engine.connect() as connection:
            block = connection.execute(select(func.max(checkpoints.c.block))).scalar()
        return self._before_all if block is None else int(block)

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

    def given(self, consent: ConsentId, at: int | None = None) -> events.ConsentGiven | None:
        """The event of a consent that was granted by itself, or None."""
        grants = self._events(events.ConsentGiven, at, logs.c.consent == consent)
        return grants[0] if grants else None

    def given_to(self, offer: OfferId, at: int | None = None) -> list[events.ConsentGiven]:
        """The events of all consents to an offer that were granted by themselves, in order."""
        return self._events(events.ConsentGiven, at, logs.c.offer == offer)

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

    def ended_mark(self, offer: OfferId) -> tuple[int, int]:
        """Is another one as soon as other consents of an offer have ended, as far as is indexed: how many they are, and
        how often a reorganisation has taken events back since this index was made."""
        names = (events.ConsentWithdrawn.__name__, events.ConsentRevoked.__name__)
        query = select(func.count()).select_from(logs).where(logs.c.offer == offer, logs.c.name.in_(names))
        with self._engine.connect() as connection:
            return self._taken_back, int(connection.execute(query).scalar_one())

    def jobs(self, at: int | None = None) -> list[JobId]:
        """The ids of all opened or cancelled jobs, in order."""
        begun = logs.c.name.in_((events.JobOpened.__name__, events.JobCancelled.__name__))
        query = select(logs.c.job).where(begun, *_until(at)).order_by(logs.c.block, logs.c.log_index)
        with self._engine.connect() as connection:
            return list(dict.fromkeys(JobId(bytes(job)) for job in connection.execute(query).scalars()))

    def claims(self) -> list[events.Claimed]:
        """All that the escrow has paid out, to anybody, in order."""
        return self._events(events.Claimed, None)

    def job_events(self, job: JobId, at: int | None = None) -> list[Event]:
        """Everything that the contracts tell of a job, in order."""
        return self._decoded(logs.c.job == job, *_until(at))

    def _ends(self, offer: OfferId, at: int | None) -> list[Ended]:
        """All ends and all later proofs of an offer, in order."""
        later = self._events(events.WithdrawalProven, at, logs.c.offer == offer)
        return sorted((*self._ended(offer, at), *later), key=lambda event: (event.block, event.log_index))

    def _ended(self, offer: OfferId, at: int | None) -> list[events.ConsentWithdrawn | events.ConsentRevoked]:
        withdrawn = self._events(events.ConsentWithdrawn, at, logs.c.offer == offer)
        revoked = self._events(events.ConsentRevoked, at, logs.c.offer == offer)
        return sorted((*withdrawn, *revoked), key=lambda event: (event.block, event.log_index))

    def _events(self, kind: type[E], at: int | None, *conditions: ColumnElement[bool]) -> list[E]:
        events_ = self._decoded(logs.c.name == kind.__name__, *conditions, *_until(at))
        return [event for event in events_ if isinstance(event, kind)]

    def _decoded(self, *conditions: ColumnElement[bool]) -> list[Event]:
        query = select(logs.c.log).where(*conditions).order_by(logs.c.block, logs.c.log_index)
        with self._engine.connect() as connection:
            rows = connection.execute(query).scalars().all()
        decoded = (events.decode(json.loads(row), self._contracts) for row in rows)
        return [event for event in decoded if event is not None]

    # Following the chain.

    @property
    def _before_all(self) -> int:
        return max(self._chain.deployment.block - 1, -1)

    def _catch_up(self, head: Head) -> int:
        tip, self._tip = self._tip, None
        newest = self.latest()
        if tip is None or tip.number != newest or (tip != head and head.number <= newest):
            start, parent = self._common(head)
        else:  # the usual case: nothing new, or blocks on top of the last one that was read
            start, parent = tip.number + 1, tip.hash
        if start > head.number and newest > head.number:
            self._tip = tip
            return self._behind(head, newest)
        self._read(start, parent, head)
        if not self._checked and not self._agrees(head):
            if self._chain.hashes((head.number,)) != [head.hash]:
                raise Moved
            log.warning("the index had missed a withdrawal: it reads the chain anew")
            self._read(self._before_all + 1, None, head)
            if not self._agrees(head):
                raise ChainError(
                    "the endpoint's events and its state tell different stories",
                    expected="each offer's withdrawals to make up the head that the contract keeps",
                    remedy="use another endpoint",
                    code="chain.incomplete",
                )
        self._tip, self._read_at = head, time.monotonic()
        self._behind_since, self._checked = None, True
        return head.number

    def _behind(self, head: Head, newest: int) -> int:
        """The endpoint tells of an earlier head: a machine that lags. What is known stays known."""
        for _ in range(_BEHIND_ATTEMPTS):
            time.sleep(PAUSE)
            head = self._chain.head()
            if head.number >= newest:
                return self._catch_up(head)
        now = time.monotonic()
        self._behind_since = self._behind_since or now
        if now - self._behind_since > BEHIND_SECONDS:
            raise ChainError(
                "the endpoint is behind what it has shown before",
                expected=f"block {newest} or later",
                found=f"block {head.number}",
                remedy="wait until it has caught up, or use another",
                code="chain.behind",
            )
        return newest

    def _common(self, head: Head) -> tuple[int, bytes | None]:
        """The first block to read, and the hash before it where that is known: from the newest checkpoint that is
        still on the chain, or from an earlier one where this process has not read anything yet."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(checkpoints).order_by(checkpoints.c.block.desc())).all()
        known = [(int(block), bytes(hash_)) for block, hash_ in rows if block <= head.number]
        if rows and not known:
            return head.number + 1, None
        shown = zip(known, self._shown(known, head), strict=False)
        place = next((i for i, ((_, stored), hash_) in enumerate(shown) if stored == hash_), None)
        if place == 0 and len(known) < len(rows):
            return head.number + 1, None  # nothing on the chain contradicts what was read beyond this head
        if place is not None and not self._checked:
            oldest = known[place][0] - REREAD
            place = next((i for i, (block, _) in enumerate(known) if block <= oldest), None)
        return (self._before_all + 1, None) if place is None else (known[place][0] + 1, known[place][1])

    def _shown(self, known: Sequence[tuple[int, bytes]], head: Head) -> Iterator[bytes]:
        """What the chain has at these blocks. ChainError where the endpoint does not know one."""
        for start in range(0, len(known), _AT_ONCE):
            numbers = [block for block, _ in known[start : start + _AT_ONCE]]
            for number, hash_ in zip(numbers, self._chain.hashes(numbers), strict=True):
                if hash_ is None and number != head.number:
                    raise ChainError(
                        "the endpoint does not show a block that it has shown before",
                        expected=f"block {number}",
                        code="chain.behind",
                    )
                yield head.hash if hash_ is None or number == head.number else hash_

    def _read(self, start: int, parent: bytes | None, head: Head) -> None:
        """Index [start, head] in place of what is stored there and beyond. ChainError or Moved with nothing wrong
        stored: each piece is one transaction."""
        first = start
        for blocks in self._chain.logs.blocks(start, head, parent):
            rows = self._chain.logs.logs(blocks)
            last = blocks[-1].header.head
            with self._engine.begin() as connection:
                taken = connection.execute(delete(logs).where(logs.c.block.between(first, last.number))).rowcount
                connection.execute(delete(checkpoints).where(checkpoints.c.block >= first))
                if last == head:
                    taken += connection.execute(delete(logs).where(logs.c.block > head.number)).rowcount
                for log_ in rows:
                    _store(connection, log_)
                connection.execute(insert(checkpoints).values(block=last.number, hash=last.hash))
                _prune(connection)
            self._taken_back += taken > 0
            first = last.number + 1
            if rows:
                self._newest = rows[-1][1].block

    def _agrees(self, head: Head) -> bool:
        """Do each offer's withdrawals make up the heads that the contract keeps of them?"""
        ended = logs.c.name.in_((events.ConsentWithdrawn.__name__, events.ConsentRevoked.__name__))
        counted = select(logs.c.offer, func.count()).where(ended, logs.c.block <= head.number).group_by(logs.c.offer)
        with self._engine.connect() as connection:
            counts = {bytes(offer): int(count) for offer, count in connection.execute(counted)}
        offers = [event.offer for event in self.offers(head.number) if counts.get(event.offer, 0) <= RECHECKED]
        for offer, expected in zip(offers, self._chain.withdrawal_heads(offers, block=head.number), strict=True):
            heads = self.heads(offer, head.number) if offer in counts else (FIRST_EPOCH, FIRST_EPOCH)
            if heads != expected:
                return False
        return True


def _until(at: int | None) -> tuple[ColumnElement[bool], ...]:
    return () if at is None else (logs.c.block <= at,)


def _store(connection: Connection, log_: Log) -> None:
    raw, event = log_
    connection.execute(
        insert(logs).values(
            block=event.block,
            log_index=event.log_index,
            name=type(event).__name__,
            offer=getattr(event, "offer", None),
            consent=getattr(event, "consent", None),
            job=getattr(event, "job", None),
            log=json.dumps({name: raw[name] for name in events.LOG_FIELDS if raw.get(name) is not None}),
        )
    )


def _prune(connection: Connection) -> None:
    """Checkpoints are for reorganisations: the newest ones suffice, and a deeper one reads from the start."""
    newest = select(checkpoints.c.block).order_by(checkpoints.c.block.desc()).limit(CHECKPOINTS)
    oldest = connection.execute(select(func.min(newest.subquery().c.block))).scalar()
    connection.execute(delete(checkpoints).where(checkpoints.c.block < oldest))
