"""Who matched in earlier jobs, where an offer demands a smallest change: kept sealed, as keyed tags of subjects.

A set belongs to one job of one consumer over one table. What it is for is in `core.differencing`. It goes when all
consents that its job used have ended by time, and with its table. That of an aborted job, which told nobody anything,
is held against no later one and goes as soon as the consumer's next job over the table has matches: until then nobody
looks at how the job ended. Who is erased goes from all sets, which then only know that there was somebody.

    smallest change(4) ‖ erased(4) ‖ tags, 32 bytes each, ascending
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from placet.core.at_rest import AtRest, context
from placet.core.differencing import MatchChange
from placet.core.errors import LimitError, StateError, WarrantError
from placet.core.ids import DatasetId, JobId
from placet.core.values import to_hex
from placet.vault.columns import Column32, column, find
from placet.vault.database import MATCHES, forget

KEPT = 64
"""Sets of one consumer over one table at the most."""
_HEADER = struct.Struct(">II")


@dataclass(frozen=True, slots=True)
class MatchedSet:
    """Who matched in a job, by subjects' tags, ascending. `smallest` is what its offer demands (1: nothing), `until`
    when the last of the consents that it used ends (Unix seconds)."""

    job: JobId
    tags: Column32 = field(repr=False)
    smallest: int
    until: int
    erased: int = 0

    @property
    def packed(self) -> bytes:
        return _HEADER.pack(self.smallest, self.erased) + self.tags.tobytes()

    def same(self, other: MatchedSet) -> bool:
        return not (self.erased or other.erased) and np.array_equal(self.tags, other.tags)

    def change(self, later: MatchedSet) -> MatchChange:
        """From this set to that of a later job."""
        both = int(find(self.tags, later.tags)[1].sum())
        return MatchChange(gone=len(self.tags) - both, fresh=len(later.tags) - both, erased=self.erased)

    def without(self, tag: bytes) -> MatchedSet:
        """The same, not knowing who that was. Itself where the person is not in it."""
        left = self.tags[self.tags != column(tag)]
        if len(left) == len(self.tags):
            return self
        return replace(self, tags=left, erased=self.erased + 1)


@dataclass(frozen=True, slots=True)
class JobEnd:
    """What the chain says of an earlier job, at confirmation depth: `aborted` told nobody anything; `sealed` may
    have."""

    aborted: bool
    sealed: bool


class Matches:
    """The sets of one vault. One caller at a time."""

    def __init__(self, engine: sa.Engine, sealer: AtRest) -> None:
        self._engine = engine
        self._sealer = sealer

    def admit(self, dataset: DatasetId, consumer: bytes, later: MatchedSet, end_of: Callable[[JobId], JobEnd]) -> None:
        """Keep who matches in a job, if it differs from every earlier one of the consumer in nobody, or in as many
        people as either's offer demands. WarrantError `warrant.change` otherwise, without a number; StateError
        `vault.tampered` where a set can't be read; LimitError `warrant.changes` where there are too many. All or
        nothing, so that a vault killed at any point has either answered for the set that it keeps or keeps none."""
        with self._engine.begin() as connection:
            count, alike = 0, None
            for earlier in self._earlier(connection, dataset, consumer, later.job):
                end = end_of(earlier.job)
                if end.aborted:
                    connection.execute(sa.delete(MATCHES).where(MATCHES.c.job == earlier.job))
                    continue
                if earlier.change(later).too_small(max(earlier.smallest, later.smallest)):
                    raise WarrantError(
                        "the matches differ from an earlier job's of this consumer in too few people",
                        expected="the same people, or as many others as the offer demands",
                        remedy="another list, or the same as before",
                        code="warrant.change",
                    )
                count += 1
                if end.sealed and earlier.same(later):
                    alike = earlier
            if alike is not None:  # it stands for both
                smallest, until = max(alike.smallest, later.smallest), max(alike.until, later.until)
                own = (MATCHES.c.job == later.job, MATCHES.c.dataset == dataset)
                connection.execute(sa.delete(MATCHES).where(*own))
                self._put(connection, dataset, consumer, replace(alike, smallest=smallest, until=until))
            elif count >= KEPT:
                raise LimitError(
                    "too many different jobs of this consumer over one table",
                    expected=f"at most {KEPT} while the consents that they used last",
                    remedy="the same list as before, or other consents",
                    code="warrant.changes",
                )
            else:
                self._put(connection, dataset, consumer, later)

    def expire(self, now: int) -> None:
        """Delete the sets of which all consents have ended by `now`, a block's time."""
        over = MATCHES.c.until < now
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(MATCHES.c.job).where(over).limit(1)).first()
        if row is not None:
            with self._engine.begin() as connection:
                connection.execute(sa.delete(MATCHES).where(over))
            forget(self._engine)

    def forget(self, connection: sa.Connection, tag: bytes) -> None:
        """Take a person out of all sets; a tag is of one table. A set that can't be read any more stays, and lets no
        job pass."""
        for row in self._rows(connection):
            try:
                known = self._open(row)
            except StateError:
                continue
            if (left := known.without(tag)) is not known:
                self._put(connection, DatasetId(bytes(row.dataset)), bytes(row.consumer), left)

    def _earlier(
        self, connection: sa.Connection, dataset: DatasetId, consumer: bytes, job: JobId
    ) -> Iterator[MatchedSet]:
        """All but the job's own: of its attempts no more than one is ever sealed."""
        c = MATCHES.c
        for row in self._rows(connection, c.dataset == dataset, c.consumer == consumer, c.job != job):
            yield self._open(row)

    def _rows(self, connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> Iterator[sa.Row[Any]]:
        """One in memory at a time: each may have tens of megabytes."""
        c = MATCHES.c
        for key in connection.execute(sa.select(c.job, c.dataset).where(*conditions)).all():
            here = (c.job == key.job, c.dataset == key.dataset)
            yield connection.execute(sa.select(MATCHES).where(*here)).one()

    def _put(self, connection: sa.Connection, dataset: DatasetId, consumer: bytes, entry: MatchedSet) -> None:
        sealed = self._sealer.seal(entry.packed, _context(dataset, consumer, entry.job))
        values = {
            "job": entry.job,
            "dataset": dataset,
            "consumer": consumer,
            "until": entry.until,
            "sealed": sealed,
        }
        statement = sqlite.insert(MATCHES).values(**values)
        changed = {"until": statement.excluded.until, "sealed": statement.excluded.sealed}
        connection.execute(statement.on_conflict_do_update(index_elements=["job", "dataset"], set_=changed))

    def _open(self, row: sa.Row[Any]) -> MatchedSet:
        job, dataset = JobId(bytes(row.job)), DatasetId(bytes(row.dataset))
        plain = self._sealer.open(row.sealed, _context(dataset, bytes(row.consumer), job))
        smallest, erased = _HEADER.unpack_from(plain)
        return MatchedSet(job, column(plain[_HEADER.size :]), smallest, row.until, erased)


def _context(dataset: DatasetId, consumer: bytes, job: JobId) -> bytes:
    return context("matches", to_hex(dataset), to_hex(consumer), to_hex(job))
