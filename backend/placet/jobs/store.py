"""What a node keeps of its jobs: plans, attempts, steps, messages. Written before it is acted upon."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from placet.chain.signals import Signal
from placet.chain.tables import create
from placet.chain.threaded import Threaded, threaded
from placet.core.errors import NotFoundError
from placet.core.ids import JobId, OfferId
from placet.core.plan import Amendment, Plan, Seal, Terms
from placet.core.trail import Message, SignedMessage, Step
from placet.core.values import parse, to_hex
from placet.jobs.progress import Waits
from placet.jobs.tables import agreements, attempts, jobs, messages, metadata, moments, prepared, steps

_LARGE = 64 << 20
_PARSED = 64
GOING = "going"
"""For `JobStore.page`: jobs that have not ended."""


class Phase(StrEnum):
    """Where this party stands in an attempt."""

    RUNNING = "running"
    COMPUTED = "computed"
    FAILED = "failed"


@dataclass(frozen=True)
class JobRecord:
    """A job as this node agreed to it. `seed` is sealed (`core.at_rest`)."""

    job: JobId
    plan: Plan
    terms: Terms
    signatures: tuple[bytes, ...]
    party: int
    seed: bytes
    ended: str | None
    result: bytes | None
    created: int

    @property
    def signed(self) -> bool:
        """By all: consumer and sponsor stand among the parties."""
        return all(self.signatures[: len(self.plan.parties)])


@dataclass(frozen=True)
class Attempt:
    """This party's part of an attempt; `key` and `private` are closed, `output` is the masked output."""

    attempt: int
    phase: Phase
    why: str | None
    roots: tuple[bytes, ...]
    key: bytes | None
    output: bytes | None
    private: bytes | None


def _hexes(values: Sequence[bytes]) -> str:
    return json.dumps([to_hex(value) for value in values])


def _bytes(text: str) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(value[2:]) for value in json.loads(text))


class JobStore:
    """Synchronous; each call is one transaction. Coroutines call `threaded`, which is the same in threads.

    `told` is sent when there is something new for who follows a job; `due` when this process has written what the
    runner goes on from; `waits` is what each job waits for; `called` are jobs at which another party asked to look now.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._agreed: OrderedDict[JobId, tuple[Plan, Terms]] = OrderedDict()
        self._agreed_lock = threading.Lock()
        self._note_lock = threading.Lock()
        self.told = Signal()
        self.due = Signal()
        self.waits = Waits()
        self.called: set[JobId] = set()
        self.threaded = ThreadedJobStore(self)
        create(engine, metadata)

    def _one(self, query: sa.Select[Any]) -> sa.RowMapping | None:
        with self._engine.connect() as connection:
            return connection.execute(query).mappings().one_or_none()

    def _all(self, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        with self._engine.connect() as connection:
            return connection.execute(query).mappings().all()

    def _write(self, *statements: sa.Executable) -> None:
        with self._engine.begin() as connection:
            for statement in statements:
                connection.execute(statement)

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
                signatures=_hexes(record.signatures),
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
        self._write(sa.update(jobs).where(jobs.c.job == job).values(signatures=_hexes(signatures)))
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

    def begin(self, job: JobId, attempt: int, roots: Sequence[bytes]) -> None:
        """This party runs an attempt from now on. `roots`: all inputs' lawful roots, 32 bytes each, zero for a named
        consent. IntegrityError of the database for one that has begun already."""
        self._write(
            sa.insert(attempts).values(job=job, attempt=attempt, phase=Phase.RUNNING.value, roots=_hexes(roots))
        )

    def attempt(self, job: JobId, attempt: int) -> Attempt | None:
        """What this party has of an attempt; None if it never began it."""
        row = self._one(sa.select(attempts).where(attempts.c.job == job, attempts.c.attempt == attempt))
        return None if row is None else _attempt(row)

    def phase(self, job: JobId, attempt: int) -> Phase | None:
        """Where this party stands in an attempt, without what it keeps of it, which may be large."""
        row = self._one(sa.select(attempts.c.phase).where(attempts.c.job == job, attempts.c.attempt == attempt))
        return None if row is None else Phase(row["phase"])

    def attempts(self, job: JobId) -> list[Attempt]:
        """All that this party began, by number."""
        return [_attempt(r) for r in self._all(sa.select(attempts).where(attempts.c.job == job).order_by("attempt"))]

    def fail(self, job: JobId, attempt: int, why: str) -> None:
        """Only what is still running can fail."""
        here = (attempts.c.job == job) & (attempts.c.attempt == attempt) & (attempts.c.phase == Phase.RUNNING.value)
        self._write(sa.update(attempts).where(here).values(phase=Phase.FAILED.value, why=why[:200]))
        self.due.send()

    def computed(self, job: JobId, attempt: int) -> None:
        """Only what is still running ends well."""
        here = (attempts.c.job == job) & (attempts.c.attempt == attempt) & (attempts.c.phase == Phase.RUNNING.value)
        self._write(sa.update(attempts).where(here).values(phase=Phase.COMPUTED.value))
        self.due.send()

    def keep(self, /, job: JobId, attempt: int, **values: bytes) -> None:
        """Columns of an attempt: key, output, private."""
        here = (attempts.c.job == job) & (attempts.c.attempt == attempt)
        self._write(sa.update(attempts).where(here).values(**values))

    def add_step(self, step: Step) -> None:
        """One more step of this party's trail; a number is taken once."""
        self._write(
            sa.insert(steps).values(job=step.job, attempt=step.attempt, number=step.index, step=step.model_dump_json())
        )

    def steps(self, job: JobId, attempt: int | None = None) -> list[Step]:
        """This party's steps in their order, of one attempt or of all."""
        query = sa.select(steps.c.step).where(steps.c.job == job).order_by(steps.c.attempt, steps.c.number)
        rows = self._all(query if attempt is None else query.where(steps.c.attempt == attempt))
        return [parse(Step, row["step"], limit=_LARGE) for row in rows]

    def add_message(self, message: Message, signature: bytes, acknowledgement: bytes = b"") -> None:
        """A message of this party's or to it; its acknowledgement is empty until the receiver has given one."""
        self._write(
            sa.insert(messages).values(
                job=message.job,
                attempt=message.attempt,
                sender=message.sender,
                receiver=message.receiver,
                sequence=message.sequence,
                message=message.model_dump_json(),
                signature=signature,
                acknowledgement=acknowledgement,
            )
        )

    def acknowledge(self, message: Message, acknowledgement: bytes) -> None:
        """The receiver's signature for a message that `add_message` holds."""
        here = (
            (messages.c.job == message.job)
            & (messages.c.attempt == message.attempt)
            & (messages.c.sender == message.sender)
            & (messages.c.receiver == message.receiver)
            & (messages.c.sequence == message.sequence)
        )
        self._write(sa.update(messages).where(here).values(acknowledgement=acknowledgement))

    def heard(self, job: JobId, attempt: int, receiver: int) -> bool:
        """Was any message of an attempt taken in by `receiver`?"""
        here = (messages.c.job == job) & (messages.c.attempt == attempt) & (messages.c.receiver == receiver)
        return bool(self._all(sa.select(messages.c.sequence).where(here).limit(1)))

    def messages(self, job: JobId, *, sender: int | None = None, receiver: int | None = None) -> list[SignedMessage]:
        """In the order of attempt, peer and sequence."""
        query = sa.select(messages).where(messages.c.job == job)
        if sender is not None:
            query = query.where(messages.c.sender == sender)
        if receiver is not None:
            query = query.where(messages.c.receiver == receiver)
        order = (messages.c.attempt, messages.c.sender, messages.c.receiver, messages.c.sequence)
        return [
            SignedMessage(
                message=parse(Message, row["message"]),
                signature=bytes(row["signature"]),
                acknowledgement=bytes(row["acknowledgement"]),
            )
            for row in self._all(query.order_by(*order))
        ]

    def agree(self, kind: str, content: Amendment | Seal, signatures: Sequence[bytes]) -> None:
        """A seal or an amendment with all signatures. Two for one attempt may both be on their way: both are kept."""
        digest = content.struct_hash()
        self._write(
            sa.delete(agreements).where(agreements.c.digest == digest),
            sa.insert(agreements).values(
                job=content.job,
                attempt=content.attempt,
                kind=kind,
                digest=digest,
                content=content.model_dump_json(),
                signatures=_hexes(signatures),
            ),
        )

    def agreed(self, job: JobId, kind: str) -> list[tuple[str, tuple[bytes, ...]]]:
        """JSON text and signatures, by attempt."""
        query = sa.select(agreements).where(agreements.c.job == job, agreements.c.kind == kind).order_by("attempt")
        return [(row["content"], _bytes(row["signatures"])) for row in self._all(query)]

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
            signatures=_bytes(row["signatures"]),
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


def _moment(row: sa.RowMapping) -> dict[str, Any]:
    return {"status": row["status"], "at": row["at"], **json.loads(row["details"])}


def _unknown(job: JobId) -> NotFoundError:
    return NotFoundError("this node knows no such job", found=to_hex(job))


def _attempt(row: sa.RowMapping) -> Attempt:
    def octets(name: str) -> bytes | None:
        return None if row[name] is None else bytes(row[name])

    return Attempt(
        attempt=row["attempt"],
        phase=Phase(row["phase"]),
        why=row["why"],
        roots=_bytes(row["roots"]),
        key=octets("key"),
        output=octets("output"),
        private=octets("private"),
    )


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
