"""Follows the contracts' events into tables, and forgets what a reorganisation takes back.

`sync` keeps the hashes of the blocks where it stopped, so that it finds the last one that is still on the chain and
reads on from there. A checkpoint stands only above blocks of which the endpoint has shown every event (`logs`); what is
stored is taken back only where the chain shows another block in its place, never because a machine behind the endpoint
does not know a block yet.

A new process reads the newest blocks once more, and compares each offer's withdrawals with the head that the contract
keeps of them: an index that has missed something reads everything anew.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Hashable, Iterator, Sequence

from sqlalchemy import Connection, Engine, delete, func, insert, select

from placet.chain import event_types, events
from placet.chain.blocks import BlockHeader, Head
from placet.chain.blooms import LogFilter
from placet.chain.client import Chain
from placet.chain.event_tables import EventTables, checkpoints, logs, metadata, store
from placet.chain.logs import Moved
from placet.chain.rpc import PAUSE
from placet.chain.tables import create
from placet.core.errors import ChainError
from placet.core.ids import OfferId
from placet.core.withdrawal import FIRST_EPOCH

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


class Index(EventTables):
    """One deployment's events in one database. `sync` first, then ask."""

    def __init__(self, engine: Engine, chain: Chain) -> None:
        super().__init__(engine, event_types.addresses(chain.deployment))
        self._chain = chain
        self._syncing = threading.Lock()
        self._tip: Head | None = None
        self._filter = LogFilter(self._contracts)
        self._skipped: Head | None = None
        self._read_at = float("-inf")
        self._behind_since: float | None = None
        self._checked = False
        self._final = -1
        self._taken_back = 0
        self._read_last: Head | None = None
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
                and self._newest <= self._confirmed(header.head.number)
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

    @property
    def counts(self) -> int:
        """The last block that counts for good, by the last `sync`; 0 where none does."""
        return max(self._final, 0)

    @property
    def taken_back(self) -> int:
        """How often events that were stored have been read anew, here or by another process, since a reorganisation may
        have taken them back; by the last `sync`."""
        return self._taken_back

    def mark(self, head: Head, last: int) -> Hashable:
        """Is another one as soon as something else may be indexed; `head` and `last` are of the last `sync`."""
        return head.hash, last

    def ended_mark(self, offer: OfferId) -> tuple[int, int]:
        """Is another one as soon as other consents of an offer have ended, as far as is indexed: how many they are, and
        how often a reorganisation has taken events back since this index was made."""
        names = (events.ConsentWithdrawn.__name__, events.ConsentRevoked.__name__)
        query = select(func.count()).select_from(logs).where(logs.c.offer == offer, logs.c.name.in_(names))
        with self._engine.connect() as connection:
            return self._taken_back, int(connection.execute(query).scalar_one())

    # Following the chain.

    def _confirmed(self, head: int) -> int:
        """The last block below a head that counts for good, as far as it is known without asking."""
        deployment = self._chain.deployment
        return head - deployment.confirmations - 1 if deployment.finality == "blocks" else self._final

    @property
    def _before_all(self) -> int:
        return max(self._chain.deployment.block - 1, -1)

    def _catch_up(self, head: Head) -> int:
        tip, self._tip = self._tip, None
        newest = self.latest()
        if self._read_last is not None and not self._stands(self._read_last):
            self._taken_back, self._read_last = self._taken_back + 1, None
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
        self._tip = self._read_last = head
        self._read_at = time.monotonic()
        self._final = self._chain.confirmed(head.number)
        self._behind_since, self._checked = None, True
        return head.number

    def _stands(self, read: Head) -> bool:
        """Is what was read up to there in this database still? Another process that follows the same chain may have
        taken it back. A checkpoint that is pruned counts as taken back."""
        query = select(checkpoints.c.hash).where(checkpoints.c.block == read.number)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar() == read.hash

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
                    store(connection, log_)
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


def _prune(connection: Connection) -> None:
    """Checkpoints are for reorganisations: the newest ones suffice, and a deeper one reads from the start."""
    newest = select(checkpoints.c.block).order_by(checkpoints.c.block.desc()).limit(CHECKPOINTS).subquery()
    oldest = select(func.min(newest.c.block)).scalar_subquery()
    connection.execute(delete(checkpoints).where(checkpoints.c.block < oldest))
