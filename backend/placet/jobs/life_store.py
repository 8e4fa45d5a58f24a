"""Until when a node keeps results, and that it deleted them."""

from __future__ import annotations

import sqlalchemy as sa

from placet.core.deletion import SignedDeletion
from placet.core.ids import JobId
from placet.core.values import parse
from placet.jobs.records import JobTables
from placet.jobs.tables import attempts, jobs, lives


class LifeStore(JobTables):
    """By job. What has no data life is not here."""

    def keep_until(self, job: JobId, at: int) -> None:
        """Keep the job's result until then (Unix seconds). Said once: another time later changes nothing."""
        known = sa.select(sa.literal(job), sa.literal(at)).where(~sa.exists().where(lives.c.job == job))
        self._write(sa.insert(lives).from_select(["job", "keep_until"], known))

    def overdue(self, now: int) -> list[tuple[JobId, int]]:
        """Jobs whose result is still here and was to be kept until a time before `now`, with that time."""
        query = sa.select(lives).where(lives.c.keep_until < now, lives.c.deletion.is_(None)).order_by("keep_until")
        return [(JobId(bytes(row["job"])), row["keep_until"]) for row in self._all(query)]

    def delete_result(self, job: JobId, deletion: SignedDeletion | None = None) -> None:
        """All that this database holds of a job's result: the opened one, masked parts, which the keys on chain open,
        and what was kept to itself. In the same transaction, what this party signed of it."""
        record = [] if deletion is None else [_deleted(job, deletion)]
        self._write(
            sa.update(jobs).where(jobs.c.job == job).values(result=None),
            sa.update(attempts).where(attempts.c.job == job).values(output=None, private=None),
            *record,
        )
        self.told.send()

    def replace_result(self, job: JobId, closed: bytes, left: bytes) -> bool:
        """Put what is `left` in place of the result `closed`, and drop masked parts, which the keys on chain open;
        whether that was the job's result still."""
        there = sa.update(jobs).where(jobs.c.job == job, jobs.c.result == closed).values(result=left)
        with self._engine.begin() as connection:
            if connection.execute(there).rowcount != 1:
                return False
            connection.execute(sa.update(attempts).where(attempts.c.job == job).values(output=None))
        return True

    def deletion(self, job: JobId) -> SignedDeletion | None:
        """None where nothing was deleted under a data life."""
        row = self._one(sa.select(lives.c.deletion).where(lives.c.job == job))
        return None if row is None or row["deletion"] is None else parse(SignedDeletion, row["deletion"])


def _deleted(job: JobId, deletion: SignedDeletion) -> sa.Update:
    return sa.update(lives).where(lives.c.job == job).values(deletion=deletion.model_dump_json())
