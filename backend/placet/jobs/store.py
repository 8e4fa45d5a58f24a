"""What a node keeps of its jobs: plans, attempts, steps, messages. Written before it is acted upon."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from placet.chain.tables import create
from placet.chain.threaded import Threaded, threaded
from placet.core.errors import NotFoundError
from placet.core.ids import JobId, OfferId
from placet.core.plan import Plan, Terms
from placet.core.values import parse, to_hex
from placet.jobs.attempt_store import AttemptStore
from placet.jobs.life_store import LifeStore
from placet.jobs.moment_store import MomentStore
from placet.jobs.progress import Waits
from placet.jobs.records import JobRecord, hexes, octets_of
from placet.jobs.tables import attempts, jobs, metadata, moments, prepared

_PARSED = 64
GOING = "going"
"""For `JobStore.page`: jobs that have not ended."""


class JobStore(AttemptStore, MomentStore, LifeStore):
    """Synchronous; each call is one transaction. Coroutines call `threaded`, which is the same in threads.

    `waits` is what each job waits for; `called` are jobs at which another party asked to look now.
    """

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine)
        self._agreed: OrderedDict[JobId, tuple[Plan, Terms]] = OrderedDict()
        self._agreed_lock = threading.Lock()
        self.waits = Waits()
        self.called: set[JobId] = set()
        self.threaded = ThreadedJobStore(self)
        create(engine, metadata)

    def add(self, record: JobRecord, *beside: sa.Executable) -> None:
        """A newly agreed job; what this party prepared for it is used up. `beside`: what the same transaction
        writes."""
        mine = record.plan.parties[record.party].seed
        self._write(
            sa.delete(prepared).where(prepared.c.commitment == mine),
            sa.insert(jobs).values(
                job=record.job,
                plan=record.plan.model_dump_json(),
                terms=record.terms.model_dump_json(),
                signatures=hexes(record.signatures),
                party=record.party,
                seed=record.seed,
                created=record.created,
            ),
            *beside,
        )
        self.due.send()

    def find(self, job: JobId) -> JobRecord | None:
        """A job that this node has agreed to; None for another."""
        row = self._one(sa.select(jobs).where(jobs.c.job == job))
        return None if row is None else self._record(row)

    def job(self, job: JobId) -> JobRecord:
        """NotFoundError if this node has not agreed to such a job."""
        record = self.find(job)
        if record is None:
            raise _unknown(job)
        return record

    def all(self, *, going: bool = False) -> list[JobRecord]:
        """All jobs, newest first; `going`: those that have not ended."""
        query = sa.select(jobs).order_by(jobs.c.created.desc(), jobs.c.job)
        return [self._record(row) for row in self._all(query.where(jobs.c.ended.is_(None)) if going else query)]

    def outcomes(self) -> dict[str | None, int]:
        """How many jobs ended how; None: those that go on."""
        query = sa.select(jobs.c.ended, sa.func.count().label("number")).group_by(jobs.c.ended)
        return {row["ended"]: row["number"] for row in self._all(query)}

    def page(self, after: JobId | None, size: int, ended: str | None = None) -> list[JobRecord]:
        """Newest first, after a job or from the start; those alone that `ended` so, or are `GOING`. NotFoundError for a
        job that this node does not know."""
        query = sa.select(jobs).order_by(jobs.c.created.desc(), jobs.c.job).limit(size)
        if ended is not None:
            query = query.where(jobs.c.ended.is_(None) if ended == GOING else jobs.c.ended == ended)
        if after is not None:
            last = self.job(after)
            same = sa.and_(jobs.c.created == last.created, jobs.c.job > last.job)
            query = query.where(sa.or_(jobs.c.created < last.created, same))
        return [self._record(row) for row in self._all(query)]

    def progress(self, job: JobId) -> tuple[str, int]:
        """The last thing that happened to a job, and its latest attempt here (0 before the first)."""
        last = sa.select(moments.c.status).where(moments.c.job == job).order_by(moments.c.id.desc()).limit(1)
        latest = sa.select(sa.func.max(attempts.c.attempt)).where(attempts.c.job == job)
        with self._engine.connect() as connection:
            status = connection.execute(last).scalar()
            return "agreed" if status is None else str(status), int(connection.execute(latest).scalar() or 0)

    def why(self, job: JobId) -> str | None:
        """Why a job ended without a result: the code, and the words of whoever refused it. None where nothing says."""
        endings = moments.c.status.in_(("refused", "abort-reason"))
        last = sa.select(moments.c.details).where(moments.c.job == job, endings).order_by(moments.c.id.desc()).limit(1)
        row = self._one(last)
        details = {} if row is None else json.loads(row["details"])
        said = (details.get(name) for name in ("code", "why", "reason"))
        return ": ".join(str(word) for word in said if word) or None

    def signed(self, job: JobId, signatures: Sequence[bytes]) -> None:
        """All signatures under a plan, in the order of its signers, in place of this party's alone."""
        self._write(sa.update(jobs).where(jobs.c.job == job).values(signatures=hexes(signatures)))
        self.due.send()

    def end(self, job: JobId, how: str) -> None:
        """How a job ended here, for ever: a status of the ledger in lower case, `refused` or `expired`. What attempts
        kept to themselves goes with it: rows and places of persons among it, of which the result has been made."""
        self._write(
            sa.update(jobs).where(jobs.c.job == job).values(ended=how),
            sa.update(attempts).where(attempts.c.job == job).values(private=None),
        )
        self.told.send()

    def keep_result(self, job: JobId, closed: bytes) -> None:
        """The opened result, sealed for this database by `core.at_rest`."""
        self._write(sa.update(jobs).where(jobs.c.job == job).values(result=closed))

    def prepare(self, commitment: bytes, seed: bytes, inputs: Sequence[tuple[OfferId, bytes]], at: int) -> None:
        """Remember what was offered to a sponsor, by the offer and the root of each input; what was offered a day ago
        is forgotten."""
        offers, roots = (b"".join(one[place] for one in inputs) for place in (0, 1))
        values = {"commitment": commitment, "seed": seed, "offer": offers, "root": roots, "created": at}
        self._write(sa.delete(prepared).where(prepared.c.created < at - 86_400), sa.insert(prepared).values(values))

    def prepared(self, commitment: bytes) -> sa.RowMapping | None:
        """What `prepare` keeps under a seed commitment (32 bytes): seed, and the joined offers and roots. None if it is
        used or old."""
        return self._one(sa.select(prepared).where(prepared.c.commitment == commitment))

    def follow(self, job: JobId, after: int = 0) -> tuple[str | None, list[tuple[int, dict[str, Any]]]]:
        """How the job ended (None while it goes), and `moments`. NotFoundError."""
        row = self._one(sa.select(jobs.c.ended).where(jobs.c.job == job))
        if row is None:
            raise _unknown(job)
        return row["ended"], self.moments(job, after)

    def _record(self, row: sa.RowMapping) -> JobRecord:
        job = JobId(bytes(row["job"]))
        plan, terms = self._plan(job, row)
        return JobRecord(
            job=job,
            plan=plan,
            terms=terms,
            signatures=octets_of(row["signatures"]),
            party=row["party"],
            seed=bytes(row["seed"]),
            ended=row["ended"],
            result=None if row["result"] is None else bytes(row["result"]),
            created=row["created"],
        )

    def _plan(self, job: JobId, row: sa.RowMapping) -> tuple[Plan, Terms]:
        """Plan and terms never change once written: those of the last jobs are parsed once."""
        with self._agreed_lock:
            agreed = self._agreed.pop(job, None)
        if agreed is None:
            agreed = parse(Plan, row["plan"]), parse(Terms, row["terms"])
        with self._agreed_lock:
            self._agreed[job] = agreed
            while len(self._agreed) > _PARSED:
                self._agreed.popitem(last=False)
        return agreed


def _unknown(job: JobId) -> NotFoundError:
    return NotFoundError("this node knows no such job", found=to_hex(job))


class ThreadedJobStore(Threaded[JobStore]):
    """The same for coroutines."""

    add = threaded(JobStore.add)
    find = threaded(JobStore.find)
    job = threaded(JobStore.job)
    all = threaded(JobStore.all)
    outcomes = threaded(JobStore.outcomes)
    page = threaded(JobStore.page)
    progress = threaded(JobStore.progress)
    why = threaded(JobStore.why)
    signed = threaded(JobStore.signed)
    end = threaded(JobStore.end)
    keep_result = threaded(JobStore.keep_result)
    prepare = threaded(JobStore.prepare)
    prepared = threaded(JobStore.prepared)
    begin = threaded(JobStore.begin)
    attempt = threaded(JobStore.attempt)
    phase = threaded(JobStore.phase)
    attempts = threaded(JobStore.attempts)
    fail = threaded(JobStore.fail)
    computed = threaded(JobStore.computed)
    keep = threaded(JobStore.keep)
    keep_sample = threaded(JobStore.keep_sample)
    sample = threaded(JobStore.sample)
    add_step = threaded(JobStore.add_step)
    steps = threaded(JobStore.steps)
    add_message = threaded(JobStore.add_message)
    acknowledge = threaded(JobStore.acknowledge)
    heard = threaded(JobStore.heard)
    messages = threaded(JobStore.messages)
    agree = threaded(JobStore.agree)
    agreed = threaded(JobStore.agreed)
    note = threaded(JobStore.note)
    moments = threaded(JobStore.moments)
    all_moments = threaded(JobStore.all_moments)
    last_moment = threaded(JobStore.last_moment)
    follow = threaded(JobStore.follow)
    keep_until = threaded(JobStore.keep_until)
    overdue = threaded(JobStore.overdue)
    delete_result = threaded(JobStore.delete_result)
    replace_result = threaded(JobStore.replace_result)
    deletion = threaded(JobStore.deletion)
