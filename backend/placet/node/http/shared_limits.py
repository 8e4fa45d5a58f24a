"""Limits that several processes of one institution keep together, over their database.

What is reserved while the vault judges stands there until it is counted or given back: a limit of consents is never
exceeded. Requests of a client are counted by each process in memory, and once a second the processes tell each other of
those who ask for much: a client has its limit at all of them together, give or take a second's requests. An address
stands in the database as an HMAC that means nothing without the node's secret, is another one every minute, and goes
after two.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import sqlalchemy as sa

from placet.node.http.limits import MINUTE, Budget, ClientRates, SubjectKey, TooOften
from placet.node.state import counters, insert, now, reservations

SHARE = 16
"""A client is told of once it has used up a sixteenth of its limit at one process: who stays below that at each can't
exceed it at as many."""
MOST_TOLD = 2_000
"""Clients that a process tells of at a time."""
RESERVED_SECONDS = 180
"""Longer than the vault is waited for."""
_LOCK = 0x706C7265


class SharedRates(ClientRates):
    """`ClientRates`, with what other processes had counted by the last `exchange`."""

    def __init__(self, engine: sa.Engine, secret: SubjectKey) -> None:
        super().__init__()
        self._engine = engine
        self._secret = secret
        self._window = 0
        self._heavy: dict[tuple[str, str], int] = {}
        self._sent: dict[tuple[str, str], int] = {}
        self._others: dict[tuple[str, str], int] = {}

    def exchange(self) -> None:
        """Tell the others what was counted here since, and hear what they counted. For a thread that may wait."""
        with self._lock:
            self._turn(self._clock() // MINUTE)
            window, own = self._window, dict(self._heavy)
        names = {f"client:{self._secret.client(window, *one)}": one for one in own}
        if not names:
            return
        entries = [
            {"key": name, "window": window, "count": fresh, "expiry": (window + 2) * MINUTE}
            for name, one in sorted(names.items())
            if (fresh := own[one] - self._sent.get(one, 0))
        ]
        total = sa.select(counters.c.key, counters.c.count)
        total = total.where(counters.c.key.in_(names), counters.c.window == window)
        with self._engine.begin() as connection:
            if entries:
                added = insert(connection, counters)
                larger = counters.c.count + added.excluded["count"]
                added = added.on_conflict_do_update(index_elements=["key", "window"], set_={"count": larger})
                connection.execute(added, entries)
            totals = {names[key]: count for key, count in connection.execute(total)}
        with self._lock:
            if self._window == window:
                self._sent = own
                self._others = {one: total - own[one] for one, total in totals.items()}

    def _clock(self) -> int:
        return int(time.time())  # a window is the same one at every process

    def _count(self, window: int, what: str, client: str, allowed: int) -> int:
        count = super()._count(window, what, client, allowed)
        one = (what, client)
        with self._lock:
            self._turn(window)
            if count * SHARE >= allowed and (one in self._heavy or len(self._heavy) < MOST_TOLD):
                self._heavy[one] = count
            return count + self._others.get(one, 0)

    def _turn(self, window: int) -> None:
        if window != self._window:
            self._window = window
            self._heavy, self._sent, self._others = {}, {}, {}


class SharedReservations:
    """`Reservations` of several processes; `holder` is this one. A limit counts what any of them has reserved."""

    def __init__(self, engine: sa.Engine, holder: str) -> None:
        self._engine = engine
        self._holder = holder

    def reserve(
        self, now: int, many: Sequence[Sequence[Budget]], used: Callable[[], Mapping[str, int]]
    ) -> list[TooOften | None]:
        """As `Reservations.reserve`; `used` is asked while no other process reserves."""
        keys = {budget.key for budgets in many for budget in budgets}
        amount = sa.func.sum(reservations.c.count)
        query = sa.select(reservations.c.key, amount).where(reservations.c.key.in_(keys), reservations.c.expiry >= now)
        with self._engine.begin() as connection:
            _alone(connection)
            rows = connection.execute(query.group_by(reservations.c.key)).all()
            taken = Counter({key: int(count) for key, count in rows})
            taken.update(used())
            outcomes: list[TooOften | None] = []
            fresh: Counter[str] = Counter()
            for budgets in many:
                full = next((b for b in budgets if taken[b.key] + fresh[b.key] >= b.allowed), None)
                if full is None:
                    fresh.update(budget.key for budget in budgets)
                    outcomes.append(None)
                else:
                    outcomes.append(TooOften(full.what, full.allowed, full.seconds, full.seconds - now % full.seconds))
            self._add(connection, fresh, now + RESERVED_SECONDS)
        return outcomes

    @contextlib.contextmanager
    def settle(self, many: Iterable[Sequence[Budget]]) -> Iterator[None]:
        """As `Reservations.settle`. What is counted within the block counts twice until it has ended, and never not."""
        try:
            yield
        finally:
            spent = Counter(budget.key for budgets in many for budget in budgets)
            if spent:
                with self._engine.begin() as connection:
                    _alone(connection)
                    self._add(connection, Counter({key: -count for key, count in spent.items()}), None)
                    used_up = (reservations.c.holder == self._holder) & (reservations.c.count <= 0)
                    connection.execute(sa.delete(reservations).where(used_up | (reservations.c.expiry < now())))

    def _add(self, connection: sa.Connection, counts: Mapping[str, int], expiry: int | None) -> None:
        """In one order of keys, so that nobody waits for somebody who waits for him."""
        entries = [
            {"holder": self._holder, "key": key, "count": counts[key], "expiry": expiry or 0} for key in sorted(counts)
        ]
        if not entries:
            return
        added = insert(connection, reservations)
        changes: dict[str, sa.ColumnElement[int]] = {"count": reservations.c.count + added.excluded["count"]}
        if expiry is not None:
            changes["expiry"] = added.excluded["expiry"]
        added = added.on_conflict_do_update(index_elements=["holder", "key"], set_=changes)
        connection.execute(added, entries)


def _alone(connection: sa.Connection) -> None:
    """No other process reserves or gives back while this transaction lasts."""
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
