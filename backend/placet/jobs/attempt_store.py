"""What a node keeps of attempts: where each stands, its steps and messages, and what all parties signed of it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from placet.core.ids import JobId
from placet.core.plan import Amendment, Seal
from placet.core.trail import Message, SignedMessage, Step
from placet.core.values import parse
from placet.jobs.records import Attempt, JobTables, Phase, hexes, octets_of
from placet.jobs.tables import agreements, attempts, messages, samples, steps

_LARGE = 64 << 20


class AttemptStore(JobTables):
    """By job and attempt."""

    def begin(self, job: JobId, attempt: int, roots: Sequence[bytes]) -> None:
        """This party runs an attempt from now on. `roots`: all inputs' lawful roots, 32 bytes each, zero for a named
        consent. IntegrityError of the database for one that has begun already."""
        self._write(sa.insert(attempts).values(job=job, attempt=attempt, phase=Phase.RUNNING.value, roots=hexes(roots)))

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

    def keep_sample(self, job: JobId, attempt: int, sealed: bytes, until: int, now: int) -> None:
        """What the random audit of an attempt will ask for, until that time (Unix seconds); what is over goes."""
        values = {"job": job, "attempt": attempt, "sealed": sealed, "until": until}
        self._write(
            sa.delete(samples).where(
                (samples.c.until < now) | ((samples.c.job == job) & (samples.c.attempt == attempt))
            ),
            sa.insert(samples).values(**values),
        )

    def sample(self, job: JobId, attempt: int) -> bytes | None:
        """What `keep_sample` kept."""
        row = self._one(sa.select(samples.c.sealed).where(samples.c.job == job, samples.c.attempt == attempt))
        return None if row is None else bytes(row["sealed"])

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
                signatures=hexes(signatures),
            ),
        )

    def agreed(self, job: JobId, kind: str) -> list[tuple[str, tuple[bytes, ...]]]:
        """JSON text and signatures, by attempt."""
        query = sa.select(agreements).where(agreements.c.job == job, agreements.c.kind == kind).order_by("attempt")
        return [(row["content"], octets_of(row["signatures"])) for row in self._all(query)]


def _attempt(row: sa.RowMapping) -> Attempt:
    def octets(name: str) -> bytes | None:
        return None if row[name] is None else bytes(row[name])

    return Attempt(
        attempt=row["attempt"],
        phase=Phase(row["phase"]),
        why=row["why"],
        roots=octets_of(row["roots"]),
        key=octets("key"),
        output=octets("output"),
        private=octets("private"),
    )
