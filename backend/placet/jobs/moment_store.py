"""What happened to a job, for who follows it."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import sqlalchemy as sa

from placet.core.ids import JobId
from placet.core.values import to_hex
from placet.jobs.records import JobTables
from placet.jobs.tables import moments


class MomentStore(JobTables):
    """By job, and of all jobs in one order."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine)
        self._note_lock = threading.Lock()

    def note(self, /, job: JobId, status: str, **details: object) -> None:
        """Something that a person following the job wants to know, with this machine's time in Unix seconds."""
        values = {"job": job, "status": status, "details": json.dumps(details)}
        with self._note_lock:  # so that times are in the order of numbers
            self._write(sa.insert(moments).values(at=round(time.time(), 3), **values))
        self.told.send()

    def moments(self, job: JobId, after: int = 0) -> list[tuple[int, dict[str, Any]]]:
        """(id, event) after a given id."""
        query = sa.select(moments).where(moments.c.job == job, moments.c.id > after).order_by(moments.c.id)
        return [(row["id"], _moment(row)) for row in self._all(query)]

    def all_moments(self, after: int, most: int) -> list[tuple[int, dict[str, Any]]]:
        """(id, event) of any job after a given id, the event with its `job`; `most` at a time."""
        query = sa.select(moments).where(moments.c.id > after).order_by(moments.c.id).limit(most)
        return [(row["id"], {"job": to_hex(bytes(row["job"])), **_moment(row)}) for row in self._all(query)]

    def last_moment(self) -> int:
        """The number of the newest moment of all jobs, 0 before the first."""
        with self._engine.connect() as connection:
            return int(connection.execute(sa.select(sa.func.max(moments.c.id))).scalar() or 0)


def _moment(row: sa.RowMapping) -> dict[str, Any]:
    return {"status": row["status"], "at": row["at"], **json.loads(row["details"])}
